"""The wiring of the triage service, and nothing else."""

from fastapi import FastAPI

from services.triage import consumer
from services.triage.actions import CaseStore, Forgetting, Intake
from services.triage.desk import Desk, Vault
from services.triage.pages import HERE, load_pages, make_page_router, make_sessions
from services.triage.routes import make_router
from services.triage.settings import TriageSettings
from services.triage.store import CASE_INDEXES, MongoCases
from shared.asyncapi import describe_service
from shared.policy import load_policy
from shared.runtime import Runtime
from shared.service_tokens import ServiceSigner
from shared.vault import VaultClient, make_http
from shared.web.app import make_app
from shared.web.pages import mount_assets
from shared.web.session import make_sign_in


def build_app(settings: TriageSettings, *, cases: CaseStore | None = None, vault: Vault | None = None) -> FastAPI:
    """The application; opens no connection before it is started. Tests hand in other `cases` and another `vault`."""
    runtime = Runtime("triage", settings)
    aggregates = runtime.aggregates("cases")
    cases = cases or MongoCases(aggregates)
    policy = load_policy(settings.policy_dir)
    http = make_http(settings.intake_url)
    signer = ServiceSigner("triage", settings.service_keys_file, settings.service_peers_file)
    vault = vault or VaultClient(http, signer)

    consumer.consume(runtime, Intake(cases, policy), Forgetting(cases))
    lifecycle = runtime.lifecycle(indexes=[(aggregates.collection, CASE_INDEXES)], stops=[http.aclose])

    pages = load_pages()
    sessions = make_sessions(settings.token_key, pages)
    desk = Desk(cases, vault, policy, settings.token_key)
    app = make_app(
        "triage",
        lifecycle,
        routers=[make_router(desk, sessions), make_page_router(desk, sessions), make_sign_in(sessions)],
        asyncapi=lambda: describe_service("triage"),
        error_page=sessions.error_page,
        settings=settings,
    )
    mount_assets(app, HERE / "static")
    return app
