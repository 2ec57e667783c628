"""The wiring of the audit service, and nothing else."""

from pathlib import Path

from fastapi import FastAPI

from services.audit import consumer
from services.audit.actions import BatchRecorder
from services.audit.pages import make_audit_pages
from services.audit.queries import Explorer, QueryStore
from services.audit.reads import ReadRecorder
from services.audit.routes import make_routes
from services.audit.seals.actions import Saving, Sealer
from services.audit.seals.notary import Notary
from services.audit.settings import AuditSettings
from services.audit.store import SEAL_INDEXES, MongoRecord
from services.audit.tlog.note import NoteSigner, SigningKey
from services.audit.writer import LogWriter
from shared.access.roster import RosterStore
from shared.access.service_tokens import ServiceSigner
from shared.access_control import AccessControl, SignIn
from shared.i18n.messages import SHARED_MESSAGES, Messages
from shared.ids import new_id
from shared.kafka.asyncapi import describe_service
from shared.lifecycle import Lifecycle
from shared.outbox import OUTBOX_INDEX
from shared.runtime import Runtime
from shared.sign_in.flow import SignInFlow
from shared.sign_in.pages import make_sign_in
from shared.times import now
from shared.vault_client import VaultClient, make_http
from shared.web.app import make_app
from shared.web.gate import Gate
from shared.web.pages import Pages, make_asset_router, make_pages

HERE = Path(__file__).parent
HOME = "/audit"


def build_app(settings: AuditSettings, *, copies: RosterStore | None = None) -> FastAPI:
    """The application; opens no connection before it is started. Tests hand in another copy of the roster."""
    runtime = Runtime("audit", settings)
    record = MongoRecord(runtime.database)
    writer = LogWriter(record, settings.log_origin, new_id())
    consumer.consume(runtime, lambda rewind: BatchRecorder(writer, rewind), pause=settings.record_pause)

    notary = make_notary(settings)
    seals, reads = runtime.aggregates("seals"), runtime.aggregates("reads")
    sealer = Sealer(writer, record, notary, seals, record.announced, clock=now, seconds=settings.seal_seconds)
    http = make_http(settings.intake_url)
    signer = ServiceSigner("audit", settings.service_keys_file, settings.service_peers_file)
    pages = load_pages()
    access_control = AccessControl(runtime, copies=copies)
    flow = access_control.open_sign_in(SignIn(settings, pages, HOME, settings.audit_url, VaultClient(http, signer)))
    lifecycle = runtime.lifecycle(
        indexes=[(seals.collection, SEAL_INDEXES), (reads.collection, [OUTBOX_INDEX]), *access_control.indexes],
        tasks=[sealer.run, *access_control.tasks],
        before_consuming=record.prepare,
        stops=[*access_control.stops, http.aclose],
    )
    return make_pages_and_routes(settings, lifecycle, record, reads, access_control.gate, flow)


def load_pages() -> Pages:
    """The templates and messages of the explorer."""
    return make_pages(HERE / "templates", Messages.load([SHARED_MESSAGES, HERE / "i18n"]), home=HOME)


def make_notary(settings: AuditSettings) -> Notary:
    """Who signs this deployment's checkpoints."""
    return Notary(NoteSigner.of(SigningKey(settings.log_origin, settings.signing_key)), settings.log_origin)


def make_pages_and_routes(
    settings: AuditSettings, lifecycle: Lifecycle, record: QueryStore, reads: Saving, gate: Gate, flow: SignInFlow
) -> FastAPI:
    """The HTTP side over any store."""
    explorer, read_recorder = Explorer(record, make_notary(settings)), ReadRecorder(reads)
    verifier = SigningKey(settings.log_origin, settings.signing_key).verifier
    return make_app(
        "audit",
        lifecycle,
        gate=gate,
        routers=[
            make_routes(explorer, read_recorder, gate, verifier),
            make_audit_pages(explorer, read_recorder, gate, flow.pages),
            make_sign_in(flow, gate),
            make_asset_router(gate),
        ],
        asyncapi=lambda: describe_service("audit"),
        error_page=flow.error_page,
        settings=settings,
    )
