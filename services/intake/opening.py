"""A database may be older than its erasures: until they have been replayed, what it holds is not read."""

from collections.abc import Iterable, Sequence

from services.intake.stored import Store
from shared.mongo import Document
from shared.outbox import Save
from shared.problems import Unavailable


class Opening:
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

    async def load(self, report_ids: Iterable[str]) -> dict[str, Document]:
        """See services.intake.store.ReportStore."""
        return await self._inside().load(report_ids)

    async def load_by_case(self, case_ids: Iterable[str]) -> dict[str, Document]:
        """See services.intake.store.ReportStore."""
        return await self._inside().load_by_case(case_ids)

    async def find_by_receipt(self, receipt_hash: bytes) -> Document | None:
        """See services.intake.store.ReportStore."""
        return await self._inside().find_by_receipt(receipt_hash)

    async def save(self, saves: Sequence[Save]) -> set[str]:
        """See services.intake.store.ReportStore."""
        return await self._inside().save(saves)

    async def save_accesses(self, saves: Sequence[Save]) -> None:
        """See services.intake.store.ReportStore. Takes no door: what was read is new, too."""
        await self._store.save_accesses(saves)

    def _inside(self) -> Store:
        if not self._open:
            raise Unavailable("erasures are being replayed")
        return self._store
