"""The wiring of the triage service, and nothing else."""

from fastapi import FastAPI

from services.triage import consumer
from services.triage.actions import Intake
from services.triage.settings import TriageSettings
from services.triage.store import CASE_INDEXES, MongoCases
from shared.asyncapi import describe_service
from shared.policy import load_policy
from shared.runtime import Runtime
from shared.web.app import make_app


def build_app(settings: TriageSettings) -> FastAPI:
    """The application; opens no connection before it is started."""
    runtime = Runtime("triage", settings)
    aggregates = runtime.aggregates("cases")
    cases = MongoCases(aggregates)
    policy = load_policy(settings.policy_dir)
    consumer.consume(runtime, Intake(cases, policy))
    lifecycle = runtime.lifecycle(indexes=[(aggregates.collection, CASE_INDEXES)])
    return make_app("triage", lifecycle, routers=[], asyncapi=lambda: describe_service("triage"))
