"""Before anything is read of a database, the erasures that are younger than it are applied to it again."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from typing import Protocol

from services.intake.erasure.actions import KnownPeople, emptied, forgotten, shut_out_of
from services.intake.report.status import Status
from services.intake.report.submission import Facts
from services.intake.stored import Change, Store, StoredReport, tell_parties
from shared.aggregates import change
from shared.events import Event, ReportErased
from shared.ids import case_id_of
from shared.kafka.erasures import ErasureReplay, report_named_by
from shared.kafka.records import Record
from shared.problems import Unavailable


class ReplayBarrier:
    """The store behind a barrier. Until open() is called, every read and write raises Unavailable.

    A new report is stored without passing the barrier, because it is newer than every erasure that will be replayed. To
    compare a report with a stored one is to pass it, because the answer tells whether the sender knows the words.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open = False

    @property
    def is_open(self) -> bool:
        """Whether the database shows every erasure."""
        return self._open

    def open(self) -> None:
        """Let all reads and writes pass, for as long as the process lives."""
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

    async def find_by_respondent(self, receipt_hash: bytes) -> StoredReport | None:
        """See services.intake.store.ReportStore."""
        return await self._inside().find_by_respondent(receipt_hash)

    async def save(self, changes: Sequence[Change]) -> set[str]:
        """See services.intake.store.ReportStore."""
        return await self._inside().save(changes)

    async def save_together(self, changes: Sequence[Change]) -> bool:
        """See services.intake.store.ReportStore."""
        return await self._inside().save_together(changes)

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
    """Brings the database up to the topic `erasures`, then opens the barrier."""

    def __init__(
        self,
        read: Callable[[], AsyncIterator[Sequence[Record]]],
        store: ReplayStore,
        barrier: ReplayBarrier,
        people: KnownPeople,
    ) -> None:
        """`read` gives the records of the topic from its beginning to its end."""
        self._store = store
        self._people = people
        self._barrier = barrier
        self._replay = ErasureReplay(read, name_of=report_named_by, standing=self._standing, erase=self._erase)

    async def run(self) -> None:
        """Apply every erasure that the database does not show, then open; once a process.

        Raises Unavailable; then the barrier stays shut, and it may be run again.
        """
        await self._replay.run()
        self._barrier.open()

    async def _standing(self, report_ids: Collection[str]) -> set[str]:
        return set(report_ids) - await self._store.erased_among(report_ids)

    async def _erase(self, events: Sequence[Event]) -> int:
        erasures = {event.fact.report_id: event for event in events if isinstance(event.fact, ReportErased)}

        async def decide(report_id: str, report: StoredReport | None) -> Change | None:
            if report is not None and report.vault is None:
                return None
            shut_out = await shut_out_of(report, self._people) if report else ()
            return _again(report, erasures[report_id], shut_out)

        return len(await change(self._store, erasures, decide))


def _again(report: StoredReport | None, event: Event, shut_out: tuple[str, ...]) -> Change:
    """The erasure as the event tells it, and no second event of it.

    A restored report may have told its pseudonyms again, from a restored outbox, so they are taken back once more. A
    report that is not there is younger than the backup. It leaves its erasure as a mark, so that it does not come back
    when it is sent again.
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
    after = emptied(report or unknown, fact, event.time, shut_out)
    # The time is that of the erasure, so a service that knows of it already keeps what it has.
    told = forgotten(report, shut_out, event.time, event.id) if report else None
    events = [tell_parties(report, told, None)] if report and told else []
    return Change(report, after, events, [event.id])
