"""A report as intake keeps it, a change of it, and what intake's actions need of the store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from os import urandom
from typing import Any, Protocol

from services.intake.report.sealed import SealedAnswer, SealedSections, SealedStatement
from services.intake.report.status import Appeal, Status
from services.intake.report.submission import Facts
from services.intake.sources.arrival import Remark
from shared.copies import copier
from shared.events import Actor, Draft, Event, ReportParties, stamp
from shared.problems import Problem

SOURCE = "hearth/intake"
REPORTER = Actor("reporter", "reporter")
RESPONDENT = Actor("respondent", "respondent")
INTAKE = Actor("service:intake", "service")
REPLY, APPEAL = "reply", "respondent_appeal"
"""As what the words of a respondent stand among the statements of a report."""


def make_salt() -> str:
    """The random salt of a fact on a restricted topic."""
    return urandom(16).hex()


def tell_erased(report: "StoredReport", at: datetime, *, named: bool) -> ReportParties:
    """Who stays shut out of a report erased at `at` (UTC-aware). `named`: the report named people."""
    return ReportParties(report_id=report.id, shut_out=report.hidden_from, named=named, erased_at=at, salt=make_salt())


def tell_parties(report: "StoredReport", draft: Draft, trace: str | None) -> Event:
    """The event that tells who is named in a report, of a change that builds on `report`.

    It has a subject of its own, so that the events that everybody may read are numbered without gaps.
    """
    (event,) = stamp(
        [draft],
        source=SOURCE,
        subject=f"parties/{report.id}",
        case_id=report.case_id,
        last_seq=report.version,
        trace=trace,
    )
    return event


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOutline:
    """What may be known of a report without its vault. Times are UTC-aware."""

    id: str
    received_at: datetime
    facts: Facts
    status: Status


@dataclass(frozen=True, slots=True)
class ErasureMark:
    """The mark of an erasure: when (UTC-aware), why, and by which request."""

    at: datetime
    reason: str
    request_id: str


@dataclass(frozen=True, slots=True)
class RespondentDoor:
    """The hash of a receipt that opens the words of this id to a respondent, and when it was used first (UTC-aware)."""

    receipt: bytes = field(repr=False)
    told_id: str
    opened_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReport(ReportOutline):
    """A report. A report without a `vault` is erased: no words of it are left, and `erased` says since when.

    `receipt` is the hash of the receipt; a report from Kafka has none. `parties`: pseudonyms of all people the report
    names; `mentioned`: of people on the roster that its words mention, also words that came later; `noted`: of those,
    the ones that only words of handlers mention, written since this is told apart; `cleared`: of people mentioned, the
    ones that are nobody on the roster, as a handler said. `pages` and `source`: pseudonyms of the pages that it
    names, and of who sent it, which find similar reports. An erasure removes all six. `shut_out`: references of
    people on the roster in an erased report, or in the one that this one follows. `further`: references of people that
    handlers name, by the token that the case has for each; they are shut out while the case has the token among its
    recusals. `remarks`: what was odd about the submission, and did not cost it. `follows`: the case of an earlier
    report, for which the reporter was treated badly or of which this one is a part; an erasure removes it. `opened`:
    the check-ins, by what the keys of their answers begin with, at which the reporter told so, and the words, by id, by
    which a handler noted so; each became a report of its own. `parts`: the words of handlers, by id, that became
    reports of their own. `doors`: for respondents.
    `by_person`: lines that mean one account have one party token; otherwise, and before, each line has its own.
    `sent_appeals`: those of respondents of which an erasure took the words, or that came after it.
    `version`, `seq`, `outbox` and `told_at` (when it was told last who is named; UTC-aware) belong to the store; in a
    new report they are 0 or empty.
    """

    case_id: str
    content_digest: str
    vault: SealedSections | None
    parties: tuple[str, ...] = ()
    mentioned: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    source: str | None = None
    shut_out: tuple[str, ...] = ()
    further: Mapping[str, str] = field(default_factory=dict)
    statements: Mapping[str, SealedStatement] = field(default_factory=dict)
    answers: Mapping[str, SealedAnswer] = field(default_factory=dict)
    erased: ErasureMark | None = None
    receipt: bytes | None = field(default=None, repr=False)
    version: int = 0
    seq: int = 0
    outbox: tuple[Any, ...] = field(default=(), repr=False)
    told_at: datetime | None = None
    remarks: tuple[Remark, ...] = ()
    follows: str | None = None
    opened: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    doors: tuple[RespondentDoor, ...] = ()
    by_person: bool = False
    sent_appeals: tuple[Appeal, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """The pseudonyms of everybody that the report names, or its words mention."""
        return (*self.parties, *self.mentioned)

    @property
    def hidden_from(self) -> tuple[str, ...]:
        """The references of all people who are shut out by theirs, beside those that the case has by theirs."""
        return (*self.shut_out, *(self.further[token] for token in self.status.recused if token in self.further))


copy_report = copier(StoredReport)
"""A report once more, with other fields."""


@dataclass(frozen=True, slots=True)
class Change:
    """A report after a change, what it was `before` (None: a new report), and the events that tell it.

    `causes`: ids of what led to the change. A change counts as written when the store has its causes already.
    """

    before: StoredReport | None
    report: StoredReport
    events: Sequence[Event]
    causes: Sequence[str]

    @property
    def id(self) -> str:
        """The id of the report."""
        return self.report.id


def owned_key(owner: str, key: str) -> str:
    """An Idempotency-Key as one that only its owner can use."""
    return f"{owner}\x1f{key}"


def refuse_erased(report: StoredReport) -> None:
    """Raise Problem 410 for a report that is erased."""
    if report.vault is None:
        raise Problem(410, "report-erased", "This report has been erased.")


class Store(Protocol):
    """What intake's actions need of the store; tests hand in one that keeps everything in memory."""

    async def load(self, report_ids: Iterable[str]) -> dict[str, StoredReport]: ...

    async def load_by_case(self, case_ids: Iterable[str]) -> dict[str, StoredReport]: ...

    async def find_by_receipt(self, receipt_hash: bytes) -> StoredReport | None: ...

    async def find_by_respondent(self, receipt_hash: bytes) -> StoredReport | None: ...

    async def save(self, changes: Sequence[Change]) -> set[str]: ...

    async def save_together(self, changes: Sequence[Change]) -> bool: ...


@dataclass(frozen=True, slots=True)
class Secrets:
    """The keys behind receipts and pseudonyms; 32 bytes each."""

    pepper: bytes
    pseudonyms: bytes
