"""Intake without Kafka and MongoDB: a store in memory that passes the real one's suite, and the HTTP side on it."""

import asyncio
import copy
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
from fastapi import FastAPI

from services.intake.actions import Submissions
from services.intake.erasure.actions import Erasing
from services.intake.erasure.routes import make_erasure_router
from services.intake.group_commit import GroupCommit
from services.intake.hints import Hints
from services.intake.imports import ImportedPeople
from services.intake.mailbox.actions import Mailbox
from services.intake.mailbox.further import FurtherReports
from services.intake.mailbox.pages import FollowUpPage, make_follow_up_router
from services.intake.mailbox.progress import Progress
from services.intake.mailbox.respondent_page import RespondentPage
from services.intake.mailbox.respondents import Respondents
from services.intake.mailbox.routes import make_mailbox_router
from services.intake.mailbox.statements import Statements
from services.intake.mailbox.words import StoredWords
from services.intake.mentions import Mentions, Naming
from services.intake.outcomes.actions import Outcomes
from services.intake.outcomes.routes import make_outcome_router
from services.intake.outcomes.store import StoredRefusal
from services.intake.pages import ReportForm, load_pages, make_page_router
from services.intake.report.sealed import SealedSections, WrappedKey
from services.intake.report.status import Status
from services.intake.report.submission import Facts
from services.intake.routes import make_router
from services.intake.settings import EXIT_URL
from services.intake.store import outline_of, report_of, save_of
from services.intake.stored import Change, ReportOutline, Secrets, StoredReport
from services.intake.terms.routes import make_terms_router
from services.intake.vault.cipher import Vault
from services.intake.vault.identity import Identities
from services.intake.vault.names import NameKeySource
from services.intake.vault.reads import VaultReader
from services.intake.vault.routes import make_vault_router
from shared.access.access_log import AccessLog, AccessStore
from shared.access.roster import Roster
from shared.access.service_tokens import ServiceVerifier
from shared.aggregates import Save, count_numbered, told_last
from shared.events import Actor, CaseFact, Draft, Event, Fact, Message, stamp
from shared.ids import case_id_of, new_id
from shared.kafka.asyncapi import describe_service
from shared.lifecycle import Lifecycle
from shared.mongo import Document
from shared.policy import load_policy
from shared.problems import Unavailable
from shared.sign_in.attempts import Registration
from shared.sign_in.openid import OpenId
from shared.succession import Succession
from shared.web.app import make_app
from shared.web.gate import Gate
from shared.web.pages import make_asset_router
from tests.stand_ins.oidc import CLIENT, OidcStandIn
from tests.support.people import COPIES, Refusals, gate_of
from tests.support.service_keys import PEERS_FILE, call_of

POLICY = load_policy()
FORM_KEY = b"t" * 32
SECRETS = Secrets(b"p" * 32, b"n" * 32)
IDENTITY_KEY = b"i" * 32
START = datetime(2026, 11, 24, 12, tzinfo=UTC)
RESPONDER = Actor("responder:1", "responder")


class MemoryStore:
    """Keeps what ReportStore keeps, by the same rules; `away` is raised instead, while it is set."""

    def __init__(self) -> None:
        self.reports: dict[str, Document] = {}
        self.accesses: dict[str, Document] = {}
        self.saved: list[int] = []
        self.away: Exception | None = None

    async def load(self, report_ids: Iterable[str]) -> dict[str, StoredReport]:
        self._reach()
        return {i: report_of(copy.deepcopy(self.reports[i])) for i in report_ids if i in self.reports}

    async def load_by_case(self, case_ids: Iterable[str]) -> dict[str, StoredReport]:
        self._reach()
        wanted = set(case_ids)
        return {d["case_id"]: report_of(copy.deepcopy(d)) for d in self.reports.values() if d["case_id"] in wanted}

    async def find_by_receipt(self, receipt_hash: bytes) -> StoredReport | None:
        self._reach()
        found = (d for d in self.reports.values() if d.get("receipt") == receipt_hash)
        return next((report_of(copy.deepcopy(document)) for document in found), None)

    async def find_by_respondent(self, receipt_hash: bytes) -> StoredReport | None:
        self._reach()
        found = (d for d in self.reports.values() if any(o["receipt"] == receipt_hash for o in d.get("doors", ())))
        return next((report_of(copy.deepcopy(document)) for document in found), None)

    async def save(self, changes: Sequence[Change]) -> set[str]:
        self._reach()
        self.saved.append(len(changes))
        return {change.id for change in changes if not self._write(self.reports, save_of(change))}

    async def save_together(self, changes: Sequence[Change]) -> bool:
        self._reach()
        before = copy.deepcopy(self.reports)
        if all(self._write(self.reports, save_of(change)) for change in changes):
            return True
        self.reports = before
        return False

    async def save_accesses(self, saves: Sequence[Save]) -> set[str]:
        self._reach()
        return {save.id for save in saves if not self._write(self.accesses, save)}

    async def erased_among(self, report_ids: Collection[str]) -> set[str]:
        self._reach()
        return {i for i in report_ids if i in self.reports and self.reports[i]["vault"] is None}

    async def closed_before(
        self, still_since: datetime, after: tuple[datetime, str] | None, limit: int
    ) -> list[ReportOutline]:
        self._reach()
        found = [
            d
            for d in self._standing()
            if d["status"]["state"] == "closed"
            and d["status"]["updated_at"] <= still_since
            and (after is None or (d["status"]["updated_at"], d["_id"]) > after)
        ]
        found.sort(key=lambda d: (d["status"]["updated_at"], d["_id"]))
        return [outline_of(copy.deepcopy(document)) for document in found[:limit]]

    async def count_undecided(self, received_before: datetime) -> int:
        self._reach()
        undecided = (d for d in self._standing() if d["status"]["outcome"] is None)
        return sum(d["received_at"] < received_before for d in undecided)

    def _standing(self) -> list[Document]:
        return [d for d in self.reports.values() if d.get("vault") is not None]

    def events(self) -> list[Fact]:
        """Every fact written to an outbox, report by report."""
        return [e.fact for d in (*self.reports.values(), *self.accesses.values()) for e in d["outbox"]]

    def _reach(self) -> None:
        if self.away:
            raise self.away

    def _write(self, collection: dict[str, Document], save: Save) -> bool:
        stored = collection.get(save.id)
        events, causes, told_at = list(save.events), list(save.causes), told_last(save.events)
        fields = {name: _as_stored(value) for name, value in save.fields.items()}
        if save.base is None:
            unique = ("case_id", "receipt") if collection is self.reports else ()
            taken = any(d.get(n) == fields[n] for n in unique if n in fields for d in collection.values())
            if stored is not None or taken:
                return False
            new = {"_id": save.id, "version": 1, "seq": count_numbered(events), "applied": causes, "outbox": events}
            new |= {"told_at": told_at} if told_at else {}
            collection[save.id] = new | fields
            return True
        if stored is None or stored["version"] != save.base["version"]:
            return stored is not None and set(causes) <= set(stored["applied"])
        for name, value in fields.items():
            *path, last = name.split(".")
            place = stored
            for part in path:
                place = place[part]
            place[last] = value
        for name, added in save.more.items():
            stored.setdefault(name, []).extend(_as_stored(added))
        stored["version"] += 1
        stored["seq"] += count_numbered(events)
        stored["applied"] += causes
        stored["outbox"] += events
        if told_at:
            stored["told_at"] = max(told_at, stored.get("told_at", told_at))
        return True


def _as_stored(value: Any) -> Any:
    """As it comes back from MongoDB: lists for tuples, plain dictionaries for mappings."""
    if isinstance(value, dict):
        return {name: _as_stored(part) for name, part in value.items()}
    return [_as_stored(part) for part in value] if isinstance(value, (list, tuple)) else value


@dataclass
class _Accesses:
    """The accesses that a store keeps."""

    store: MemoryStore

    async def save(self, saves: Sequence[Save]) -> set[str]:
        return await self.store.save_accesses(saves)


@dataclass
class MemoryTicketUses:
    """Uses of tickets, as MongoTicketUses counts them."""

    used: dict[str, int] = field(default_factory=dict)

    async def use(self, ticket: str, count: int, most: int, until: datetime) -> bool:
        if self.used.get(ticket, 0) + count > most:
            return False
        self.used[ticket] = self.used.get(ticket, 0) + count
        return True


@dataclass
class MemoryPublisher:
    """Keeps what is published, and has the topics that a test says."""

    there: set[str] = field(default_factory=set)
    messages: list[Message] = field(default_factory=list)
    away: bool = False

    async def topics(self) -> frozenset[str]:
        self._reach()
        return frozenset(self.there)

    async def publish(self, messages: Sequence[Message]) -> None:
        self._reach()
        self.messages += messages

    def _reach(self) -> None:
        if self.away:
            raise Unavailable("kafka")


@dataclass
class MemoryRefusals:
    """Keeps what MongoRefusals keeps."""

    kept: dict[str, StoredRefusal] = field(default_factory=dict)

    async def keep(self, refusals: Sequence[StoredRefusal]) -> None:
        self.kept.update({refusal.id: refusal for refusal in refusals})

    async def find(self, refusal_id: str) -> StoredRefusal | None:
        return self.kept.get(refusal_id)


class DirectCommit:
    """Stores each report at once."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def commit(self, change: Change) -> bool:
        return not await self._store.save([change])


@dataclass
class Clock:
    """A clock that tests set."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, **span: float) -> None:
        """Let time pass."""
        self.at += timedelta(**span)


class _NothingRunning:
    """Stands where the lifecycle is: nothing is started in these tests."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def live(self) -> None: ...

    def ready(self) -> dict[str, str]:
        return {}


@dataclass
class Rig:
    """Intake on a store in memory, with everything a test may want to reach."""

    store: MemoryStore = field(default_factory=MemoryStore)
    clock: Clock = field(default_factory=Clock)
    vault: Vault = field(default_factory=lambda: Vault(b"m" * 32))
    commits: GroupCommit | None = None
    exit_url: str = EXIT_URL
    accesses: AccessStore | None = None

    def __post_init__(self) -> None:
        commits = self.commits or DirectCommit(self.store)
        self.succession = Succession()
        self.roster = roster = Roster(COPIES)
        self.mentions = Mentions(roster, self.vault, SECRETS.pseudonyms, self.succession)
        self.submissions = Submissions(
            self.store, commits, self.vault, POLICY, SECRETS, self.mentions, self.succession, self.clock
        )
        self.further = FurtherReports(self.submissions, self.vault, roster)
        words = StoredWords(self.vault)
        self.mailbox = Mailbox(self.store, words, SECRETS, self.mentions, self.further, POLICY, self.clock)
        self.progress = Progress(self.store, words, self.mentions, self.further, self.clock)
        self.respondents = Respondents(self.store, words, SECRETS, self.mentions, POLICY, self.clock)
        self.statements = Statements(self.store, words, SECRETS, self.mentions, self.further, self.clock)
        self.access_log = AccessLog("intake", self.accesses or _Accesses(self.store))
        self.identities = Identities(POLICY, self.roster)
        self.reader = VaultReader(
            self.store, self.vault, self.mentions, self.access_log, self.identities, SECRETS.pepper, self.clock
        )
        self.erasing = Erasing(self.store, roster, self.succession, self.clock)
        naming, pages = Naming(self.store, self.mentions, self.clock), load_pages()
        imports = ImportedPeople(self.store, self.submissions, self.mentions)
        follow_up = FollowUpPage(self.mailbox, RespondentPage(self.respondents, pages, POLICY), pages, POLICY)
        form = ReportForm(self.submissions, POLICY, pages, self.clock)
        verifier = ServiceVerifier("intake", PEERS_FILE)
        self.refusals = Refusals()
        self.gate = Gate(self.refusals, roster=roster, services=lambda token: verifier.read(token).principal())
        self.provider = OidcStandIn()
        prover = OpenId(
            Registration(self.provider.issuer, "", None, "https://intake.example"),
            httpx.ASGITransport(self.provider.app),
        )
        self.keys = NameKeySource(prover, [CLIENT], IDENTITY_KEY, SECRETS.pseudonyms, roster, MemoryTicketUses())
        self.published = MemoryPublisher()
        self.outcomes = Outcomes(
            self.published, MemoryRefusals(), self.store, SECRETS.pepper, clock=self.clock, monotonic=lambda: 0
        )
        self.app: FastAPI = make_app(
            "intake",
            cast(Lifecycle, _NothingRunning()),
            gate=self.gate,
            routers=[
                make_router(self.submissions, POLICY, self.gate),
                make_terms_router(POLICY, pages, self.gate),
                make_page_router(form, self.gate, self.exit_url),
                make_asset_router(self.gate),
                make_mailbox_router(self.mailbox, self.respondents, self.statements, self.gate),
                make_follow_up_router(follow_up, self.gate),
                make_vault_router(
                    self.reader, naming, imports, Hints(self.submissions), self.gate, self.keys, roster.names_of
                ),
                make_outcome_router(self.outcomes, self.gate),
                make_erasure_router(self.erasing, self.store, self.gate, self.further.made_of),
            ],
            asyncapi=lambda: describe_service("intake"),
            error_page=pages.error,
        )

    def proof(self, **claims: Any) -> dict[str, str]:
        """The proof of a sign-in of the provider's account that happened just now, unless `claims` say otherwise."""
        return {"access_token": "access", "id_token": self.provider.token(self.provider.id_claims({}) | claims)}

    def http(self) -> httpx.AsyncClient:
        """A client of the application, without a socket."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="https://intake.example")

    async def post(self, **fields: Any) -> dict[str, str]:
        """Hand in a report and return the answer."""
        body = {"community": "enwiki", "narrative": "Something happened.", **fields}
        async with self.http() as http:
            answer = await http.post("/v1/reports", json=body)
        assert answer.status_code == 202, answer.text
        found: dict[str, str] = answer.json()
        return found


def make_report(report_id: str, **fields: Any) -> StoredReport:
    """A report that was received at START and of which nothing else is known, but what `fields` say."""
    known: dict[str, Any] = {"case_id": case_id_of(report_id), "received_at": START, "content_digest": ""}
    known |= {"vault": SealedSections(WrappedKey("m", b"k")), "status": Status(updated_at=START), "facts": Facts()}
    return StoredReport(id=report_id, **(known | fields))


def bearer(purpose: str = "review", **token: Any) -> dict[str, str]:
    """The header of one request by triage, or by another `service`; see tests.support.service_keys.call_of."""
    return call_of(purpose=purpose, **token)


def case_event(report_id: str, seq: int, fact: CaseFact, at: datetime = START) -> Event:
    """One event of a report's case, as triage would write it."""
    draft = Draft(fact, RESPONDER, at, new_id(), POLICY.version)
    case_id = case_id_of(report_id)
    stamped = stamp(
        [draft], source="hearth/triage", subject=f"case/{case_id}", case_id=case_id, last_seq=seq - 1, trace=None
    )
    return stamped[0]


@asynccontextmanager
async def committing_rig() -> AsyncIterator[Rig]:
    """A rig for a browser: reports are written in groups, and the files of pages are served."""
    store = MemoryStore()
    commits = GroupCommit(store.save)
    running = asyncio.create_task(commits.run())
    rig = Rig(store=store, commits=commits)
    rig.app.include_router(make_asset_router(gate_of()))
    yield rig
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
