"""The wiring of the triage service, and nothing else."""

from functools import partial

from fastapi import FastAPI

from services.triage import consumer
from services.triage.actions import CaseStore
from services.triage.desk.pages import make_page_router
from services.triage.desk.queue import Desk, Vault
from services.triage.desk.views import HERE, load_pages
from services.triage.paths import HOME
from services.triage.reports import DigestEraser, ReportFollower
from services.triage.roster.actions import RosterEditor, note_names
from services.triage.roster.desk import Entries, RosterDesk
from services.triage.roster.pages import make_error_page, make_roster_pages
from services.triage.roster.routes import make_roster_router
from services.triage.roster.store import MongoEntries
from services.triage.routes import make_router
from services.triage.settings import TriageSettings
from services.triage.store import CASE_INDEXES, MongoCases
from shared.access.roster import RosterStore
from shared.access.service_tokens import ServiceSigner
from shared.access_control import AccessControl, SignIn
from shared.kafka.asyncapi import describe_service
from shared.kafka.replay import read_to_end
from shared.policy import load_policy
from shared.runtime import Runtime
from shared.sign_in.pages import make_sign_in
from shared.sign_in.sessions import SessionStore
from shared.vault_client import VaultClient, make_http
from shared.web.app import make_app
from shared.web.pages import make_asset_router


def build_app(
    settings: TriageSettings,
    *,
    cases: CaseStore | None = None,
    vault: Vault | None = None,
    copies: RosterStore | None = None,
    sessions: SessionStore | None = None,
    entries: Entries | None = None,
) -> FastAPI:
    """The application; opens no connection before it is started. Tests hand in other stores and another vault."""
    runtime = Runtime("triage", settings)
    aggregates, kept = runtime.aggregates("cases"), runtime.aggregates("roster")
    cases = cases or MongoCases(aggregates)
    policy = load_policy(settings.policy_dir)
    http = make_http(settings.intake_url)
    signer = ServiceSigner("triage", settings.service_keys_file, settings.service_peers_file)
    client = VaultClient(http, signer)
    vault = vault or client
    pages = load_pages()
    entries = entries or MongoEntries(kept)
    access_control, book = AccessControl(runtime, entries=kept, copies=copies), RosterEditor(entries)
    noted = partial(note_names, access_control.roster, book)
    flow = access_control.open_sign_in(SignIn(settings, pages, HOME, settings.desk_url, client, noted, sessions))

    eraser, access = DigestEraser(cases), settings.kafka_access("triage")
    consumer.consume(runtime, ReportFollower(cases, policy), eraser)
    prefix = settings.topic_prefix
    erasures = partial(read_to_end, settings.kafka, "erasures", client="triage", prefix=prefix, access=access)
    lifecycle = runtime.lifecycle(
        indexes=[(aggregates.collection, CASE_INDEXES), *access_control.indexes],
        tasks=access_control.tasks,
        before_consuming=consumer.Replay(erasures, eraser).run,
        stops=[*access_control.stops, http.aclose],
    )

    desk = Desk(cases, vault, policy, settings.identity_key, access_control.roster)
    roster_desk = RosterDesk(book, entries, policy, flow.sessions)
    return make_app(
        "triage",
        lifecycle,
        gate=access_control.gate,
        routers=[
            make_router(desk, access_control.gate),
            make_page_router(desk, access_control.gate, pages),
            make_roster_router(roster_desk, access_control.gate),
            make_roster_pages(roster_desk, access_control.gate, pages),
            make_sign_in(flow, access_control.gate),
            make_asset_router(access_control.gate, HERE / "static"),
        ],
        asyncapi=lambda: describe_service("triage"),
        error_page=partial(make_error_page, flow),
        settings=settings,
    )
