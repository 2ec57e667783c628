"""Reports in MongoDB: one document each, with its vault, its status and its outbox; and one document per access."""

from collections.abc import Iterable, Sequence

from shared.mongo import Collection, Document, IndexModel
from shared.outbox import OUTBOX_INDEX, Aggregates, Save

REPORT_INDEXES = (
    OUTBOX_INDEX,
    IndexModel([("case_id", 1)], name="case_id", unique=True),
    # Sparse, because a report that came over Kafka has no receipt.
    IndexModel([("receipt", 1)], name="receipt", unique=True, sparse=True),
)
ACCESS_INDEXES = (OUTBOX_INDEX,)


class ReportStore:
    """What intake keeps. Every write is durable (majority, journal) when it returns."""

    def __init__(self, reports: Aggregates, accesses: Aggregates) -> None:
        self._reports = reports
        self._accesses = accesses

    @property
    def indexes(self) -> Sequence[tuple[Collection, Sequence[IndexModel]]]:
        """The indexes that must exist."""
        return ((self._reports.collection, REPORT_INDEXES), (self._accesses.collection, ACCESS_INDEXES))

    async def load(self, report_ids: Iterable[str]) -> dict[str, Document]:
        """The reports by id; unknown ones are missing from the answer."""
        return await self._reports.load(report_ids)

    async def load_by_case(self, case_ids: Iterable[str]) -> dict[str, Document]:
        """The reports by the id of their case; unknown ones are missing from the answer."""
        found = self._reports.collection.find({"case_id": {"$in": list(case_ids)}})
        return {document["case_id"]: document async for document in found}

    async def find_by_receipt(self, receipt_hash: bytes) -> Document | None:
        """The report that this receipt opens."""
        return await self._reports.collection.find_one({"receipt": receipt_hash})

    async def save(self, saves: Sequence[Save]) -> set[str]:
        """Write all changes; returns the ids that exist already or have changed meanwhile."""
        return await self._reports.save(saves)

    async def save_accesses(self, saves: Sequence[Save]) -> None:
        """Write the record of reads; their ids are new, so nothing can be lost."""
        await self._accesses.save(saves)
