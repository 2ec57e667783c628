"""The wiring of audit, and nothing else."""

from pathlib import Path
from typing import Protocol

from fastapi import APIRouter, FastAPI

from services.audit import consumer
from services.audit.actions import Recorder
from services.audit.pages import make_audit_pages
from services.audit.paths import HOME
from services.audit.queries import Explorer, QueryStore
from services.audit.reads import ReadRecorder
from services.audit.routes import make_routes
from services.audit.scorecard.part import build as build_scorecards
from services.audit.scorecard.store import MongoRows
from services.audit.seals.notary import Notary
from services.audit.seals.part import build as build_seals
from services.audit.settings import AuditSettings
from services.audit.store import MongoRecord
from services.audit.tlog.note import NoteSigner, SigningKey
from services.audit.withholding import PartyStore, Withholding
from services.audit.writer import LogWriter
from shared.access.access_log import AccessStore
from shared.access.roster import RosterStore
from shared.access.service_tokens import ServiceSigner
from shared.access_control import AccessControl, SignIn
from shared.aggregates import OUTBOX_INDEX
from shared.clients.roster import RosterClient
from shared.http import make_http
from shared.i18n.messages import SHARED_MESSAGES, Messages
from shared.ids import new_id
from shared.parties import Parties, follow_parties
from shared.parts import Part, assemble
from shared.people_names import PeopleNames
from shared.policy import load_policy
from shared.policy.baseline import word_folders
from shared.runtime import Runtime
from shared.web.gate import Gate
from shared.web.pages import Pages, make_asset_router, make_pages

HERE = Path(__file__).parent
STATIC = HERE / "static"


class RecordStore(QueryStore, PartyStore, Protocol):
    """What the HTTP side needs of the store."""


def build_app(settings: AuditSettings, *, copies: RosterStore | None = None) -> FastAPI:
    """The application of audit; nothing is connected before it starts. Tests hand in another copy of the roster."""
    runtime = Runtime("audit", settings)
    notary = make_notary(settings)
    record, reads = MongoRecord(runtime.database), runtime.aggregates("reads")
    writer = LogWriter(record, settings.log_origin, new_id())
    consumer.consume(runtime, lambda rewind: Recorder(writer, rewind), pause=settings.record_pause)
    http = make_http(settings.triage_url)
    signer = ServiceSigner("audit", settings.service_keys_file, settings.service_peers_file)
    access_control = AccessControl(runtime, copies=copies)
    pages = load_pages(settings.policy_dir, PeopleNames(access_control.roster.known))
    parties, parties_part = follow_parties(runtime)
    way = SignIn(settings, pages, HOME, settings.audit_url, RosterClient(http, signer).sign_in)
    flow, sign_in = access_control.open_sign_in(way)
    gate = access_control.gate
    parts = [
        Part(
            make_routers(settings, record, parties, reads, gate, pages),
            indexes=[(reads.collection, [OUTBOX_INDEX])],
            prepare=[record.prepare],
        ),
        build_seals(runtime, writer, record, notary, seconds=settings.seal_seconds),
        build_scorecards(
            settings,
            record,
            MongoRows(runtime.database),
            runtime.aggregates("shown"),
            load_policy(settings.policy_dir),
            gate,
            pages,
        ),
        sign_in,
        access_control.part,
        parties_part,
        Part(stops=[http.aclose]),
    ]
    return assemble(runtime, gate, parts, flow.error_page)


def load_pages(policy_dir: Path | None = None, people: PeopleNames | None = None) -> Pages:
    """The templates and messages of the explorer and the scorecards, with the names of people; those of the baseline
    stand with the policy.
    """
    messages = Messages.load([SHARED_MESSAGES, *word_folders(policy_dir), HERE / "i18n"])
    given = {"person_name": (people or PeopleNames(dict)).of}
    return make_pages(HERE / "templates", messages, home=HOME, static_dir=STATIC, given=given)


def make_notary(settings: AuditSettings) -> Notary:
    """The notary that signs the checkpoints of this deployment."""
    return Notary(NoteSigner.of(SigningKey(settings.log_origin, settings.signing_key)), settings.log_origin)


def make_routers(
    settings: AuditSettings, record: RecordStore, parties: Parties, reads: AccessStore, gate: Gate, pages: Pages
) -> list[APIRouter]:
    """The HTTP side over any store."""
    explorer = Explorer(record, make_notary(settings), Withholding(record, parties, settings.record_decoys))
    read_recorder = ReadRecorder(reads)
    verifier = SigningKey(settings.log_origin, settings.signing_key).verifier
    return [
        make_routes(explorer, read_recorder, gate, verifier),
        make_audit_pages(explorer, read_recorder, gate, pages),
        make_asset_router(gate, STATIC),
    ]
