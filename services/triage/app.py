"""The wiring of the triage service, and nothing else."""

from fastapi import FastAPI

from services.triage import consumer
from services.triage.actions import CaseStore, Forgetting, Intake
from services.triage.desk import Desk, Vault
from services.triage.pages import HERE, load_pages, make_page_router
from services.triage.routes import make_router
from services.triage.settings import TriageSettings
from services.triage.store import CASE_INDEXES, MongoCases
from shared.asyncapi import describe_service
from shared.entrance import Entrance
from shared.policy import load_policy
from shared.roster import Copies
from shared.runtime import Runtime
from shared.service_tokens import ServiceSigner
from shared.vault import VaultClient, make_http
from shared.web.app import make_app
from shared.web.pages import make_asset_router


def build_app(
    settings: TriageSettings,
    *,
    cases: CaseStore | None = None,
    vault: Vault | None = None,
    copies: Copies | None = None,
) -> FastAPI:
    """The application; opens no connection before it is started. Tests hand in other stores and another vault."""
    runtime = Runtime("triage", settings)
    aggregates, entries = runtime.aggregates("cases"), runtime.aggregates("roster")
    cases = cases or MongoCases(aggregates)
    policy = load_policy(settings.policy_dir)
    http = make_http(settings.intake_url)
    signer = ServiceSigner("triage", settings.service_keys_file, settings.service_peers_file)
    vault = vault or VaultClient(http, signer)
    entrance = Entrance(runtime, entries=entries, copies=copies)

    consumer.consume(runtime, Intake(cases, policy), Forgetting(cases))
    lifecycle = runtime.lifecycle(
        indexes=[(aggregates.collection, CASE_INDEXES), *entrance.indexes],
        tasks=entrance.tasks,
        stops=[*entrance.stops, http.aclose],
    )

    pages = load_pages()
    desk = Desk(cases, vault, policy, settings.identity_key, entrance.roster)
    return make_app(
        "triage",
        lifecycle,
        gate=entrance.gate,
        routers=[
            make_router(desk, entrance.gate),
            make_page_router(desk, entrance.gate, pages),
            make_asset_router(entrance.gate, HERE / "static"),
        ],
        asyncapi=lambda: describe_service("triage"),
        error_page=door.error_page,
        settings=settings,
    )
