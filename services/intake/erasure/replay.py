"""Erasures are applied again to a database that may be older than they are, before anything of it is read."""

import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from services.intake.erasure.actions import AT_ONCE, emptied
from services.intake.report.status import Status
from services.intake.report.submission import Facts
from services.intake.stored import Change, Store, StoredReport
from shared import metrics
from shared.aggregates import Save, change
from shared.events import FACTS, Event, ReportErased, decode
from shared.ids import case_id_of
from shared.kafka.records import Record
from shared.problems import Malformed, Unavailable

log = logging.getLogger(__name__)

SUBJECT = b"report/"


class ReplayBarrier:
    """The store behind a door that stays shut until open() is called; before, every read and write raises Unavailable.

    To store a new report takes no door: it is newer than every erasure that will be replayed. To compare one with what
    is stored takes it, because the answer tells whether somebody knows the words.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open = False

    @property
    def is_open(self) -> bool:
        """Whether the erasures are in the database."""
        return self._open

    def open(self) -> None:
        """Let everybody in, for as long as the process lives."""
        self._open = True

    async def load(self, report_ids: Iterable[str]) -> dict[str, StoredReport]:
        """See services.intake.store.ReportStore."""
        return await self._inside().load(report_ids)

    async def load_by_case(self, case_ids: Iterable[str]) -> dict[str, StoredReport]:
        """See services.intake.store.ReportStore."""
        return await self._inside().load_by_case(case_ids)

    async def find_by_receipt(self, receipt_hash: bytes) -> StoredReport | None:
        """See services.intake.store.ReportStore."""
        return await self._inside().find_by_receipt(receipt_hash)

    async def save(self, changes: Sequence[Change]) -> set[str]:
        """See services.intake.store.ReportStore."""
        return await self._inside().save(changes)

    async def save_accesses(self, saves: Sequence[Save]) -> None:
        """See services.intake.store.ReportStore. Takes no door: what was read is new, too."""
        await self._store.save_accesses(saves)

    def _inside(self) -> Store:
        if not self._open:
            raise Unavailable("erasures are being replayed")
        return self._store


class ReplayStore(Protocol):
    """What a replay needs of the store."""

    async def load(self, report_ids: Iterable[str]) -> dict[str, StoredReport]: ...

    async def erased_among(self, report_ids: Collection[str]) -> set[str]: ...

    async def save(self, changes: Sequence[Change]) -> set[str]: ...


class Replay:
    """Brings a database up to the topic `erasures`, which remembers longer than any backup; then opens the door."""

    def __init__(
        self, read: Callable[[], AsyncIterator[Sequence[Record]]], store: ReplayStore, barrier: ReplayBarrier
    ) -> None:
        """`read` gives the records of the topic, in batches, from its beginning to its end."""
        self._read = read
        self._store = store
        self._barrier = barrier

    async def run(self) -> None:
        """Apply every erasure that the database does not show, then open; once a process.

        Raises Unavailable; then the door stays shut, and it may be run again.
        """
        if self._barrier.is_open:
            return
        applied = 0
        async for records in self._read():
            applied += await self._apply(_by_report(records))
        if applied:
            log.warning("a restored database was brought up to its erasures", extra={"count": applied})
        self._barrier.open()

    async def _apply(self, records: Mapping[str, Record]) -> int:
        shown = await self._store.erased_among(records.keys())
        missing = _erasures_in([record for report_id, record in records.items() if report_id not in shown])
        ids = list(missing)
        for start in range(0, len(ids), AT_ONCE):
            await self._apply_batch({i: missing[i] for i in ids[start : start + AT_ONCE]})
        metrics.REPLAYED_ERASURES.inc(len(ids))
        return len(ids)

    async def _apply_batch(self, erasures: Mapping[str, Event]) -> None:
        async def decide(report_id: str, report: StoredReport | None) -> Change | None:
            event = erasures[report_id]
            return _again(report, event) if report is None or report.vault else None

        await change(self._store, erasures, decide)


def _by_report(records: Sequence[Record]) -> dict[str, Record]:
    """The records by the report that their header names; of a report that is named twice the first.

    Nearly all of them are in the database already, and need not be read any further.
    """
    found: dict[str, Record] = {}
    for record in records:
        subject = next((value for name, value in record.headers if name == "ce_subject" and value), b"")
        found.setdefault(subject.removeprefix(SUBJECT).decode("utf-8", "replace"), record)
    return found


def _erasures_in(records: Sequence[Record]) -> dict[str, Event]:
    found: dict[str, Event] = {}
    for record in records:
        try:
            event = decode(FACTS, record.header_texts(), record.key, record.value or b"")
        except Malformed as error:
            # Intake alone writes here; whatever this is, waiting for ever would not mend it.
            log.error("an erasure cannot be read", extra={"offset": record.offset, "reason": error.code})
            continue
        if event is not None and isinstance(event.fact, ReportErased):
            found[event.fact.report_id] = event
    return found


def _again(report: StoredReport | None, event: Event) -> Change:
    """The erasure as the event tells it, and no second event.

    A report that is not there is younger than the backup. It leaves its erasure as a mark, so that it does not come
    back when it is sent again.
    """
    fact = event.fact
    assert isinstance(fact, ReportErased)  # noqa: S101  # the caller has sorted them
    unknown = StoredReport(
        id=fact.report_id,
        case_id=case_id_of(fact.report_id),
        received_at=event.time,
        facts=Facts(),
        content_digest="",
        vault=None,
        status=Status(updated_at=event.time),
    )
    return Change(report, emptied(report or unknown, fact, event.time), [], [event.id])
