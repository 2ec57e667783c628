"""Reports in MongoDB: one document each, with its vault, its status and its outbox."""

from collections.abc import Collection as Sized
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.intake.stored import Change, ReportOutline, StoredReport
from shared.aggregates import OUTBOX_INDEX, Aggregates, Save
from shared.documents import Codec
from shared.mongo import Collection, Document, IndexModel, reaching

STANDING: Document = {"vault.digest": {"$exists": True}}
"""Reports that have not been erased."""
CLOSED: Document = {"status.state": "closed", **STANDING}
OPEN: Document = {"status.state": {"$ne": "closed"}, **STANDING}
UNDECIDED: Document = {"status.outcome": None, **STANDING}

REPORT_INDEXES = (
    OUTBOX_INDEX,
    IndexModel([("case_id", 1)], name="case_id", unique=True),
    # Sparse, because a report that came over Kafka has no receipt.
    IndexModel([("receipt", 1)], name="receipt", unique=True, sparse=True),
    IndexModel([("doors.receipt", 1)], name="respondent", sparse=True),
    # What retention looks for, and nothing of what is erased.
    IndexModel([("status.updated_at", 1), ("_id", 1)], name="closed", partialFilterExpression=CLOSED),
    IndexModel([("received_at", 1)], name="undecided", partialFilterExpression=UNDECIDED),
    # What is searched when the roster has new names.
    IndexModel([("_id", 1), ("status.state", 1)], name="open", partialFilterExpression=STANDING),
)

_REPORTS, _OUTLINES = Codec(StoredReport), Codec(ReportOutline)
_GROWING = ("statements", "answers")
"""Fields to which a change adds entries, so that only the new entries are written."""
_OF_AGGREGATES = ("version", "seq", "outbox", "told_at")


class ReportStore:
    """What intake keeps. A write is durable (majority, journal) when it returns; an outage raises Unavailable."""

    def __init__(self, reports: Aggregates) -> None:
        self._reports = reports

    @property
    def indexes(self) -> Sequence[tuple[Collection, Sequence[IndexModel]]]:
        """The indexes that must exist."""
        return ((self._reports.collection, REPORT_INDEXES),)

    async def load(self, report_ids: Iterable[str]) -> dict[str, StoredReport]:
        """The reports by id; an unknown id is missing from the answer."""
        return {report_id: report_of(d) for report_id, d in (await self._reports.load(report_ids)).items()}

    async def load_by_case(self, case_ids: Iterable[str]) -> dict[str, StoredReport]:
        """The reports by the id of their case; an unknown id is missing from the answer."""
        found = self._reports.collection.find({"case_id": {"$in": list(case_ids)}})
        with reaching():
            return {document["case_id"]: report_of(document) async for document in found}

    async def find_by_receipt(self, receipt_hash: bytes) -> StoredReport | None:
        """The report that this receipt opens."""
        with reaching():
            document = await self._reports.collection.find_one({"receipt": receipt_hash})
        return report_of(document) if document else None

    async def find_by_respondent(self, receipt_hash: bytes) -> StoredReport | None:
        """The report of which this receipt has ever opened something to a respondent."""
        with reaching():
            document = await self._reports.collection.find_one({"doors.receipt": receipt_hash})
        return report_of(document) if document else None

    async def save(self, changes: Sequence[Change]) -> set[str]:
        """Write all changes; returns the ids of reports that exist already, or have changed meanwhile."""
        return await self._reports.save([save_of(change) for change in changes])

    async def save_together(self, changes: Sequence[Change]) -> bool:
        """Write all of these changes, or none where a report exists already or has changed. Returns whether."""
        return await self._reports.save_together([save_of(change) for change in changes])

    async def erased_among(self, report_ids: Sized[str]) -> set[str]:
        """The ids of those reports that are in the database and erased."""
        wanted = {"_id": {"$in": list(report_ids)}, "vault": None}
        with reaching():
            return {document["_id"] async for document in self._reports.collection.find(wanted, {"_id": 1})}

    async def closed_before(
        self, still_since: datetime, after: tuple[datetime, str] | None, limit: int
    ) -> list[ReportOutline]:
        """At most `limit` closed reports that are not erased and have not changed since then, the oldest change first.

        `after`: the time of the last change, and the id, of the last report of the page before.
        """
        wanted: Document = {**CLOSED, "status.updated_at": {"$lte": still_since}}
        if after:
            at, report_id = after
            wanted["$or"] = [
                {"status.updated_at": {"$gt": at}},
                {"status.updated_at": at, "_id": {"$gt": report_id}},
            ]
        found = self._reports.collection.find(wanted, {"facts": 1, "status": 1, "received_at": 1})
        with reaching():
            documents = await found.sort([("status.updated_at", 1), ("_id", 1)]).limit(limit).to_list(None)
        return [outline_of(document) for document in documents]

    async def standing_after(self, report_id: str, limit: int, *, closed: bool) -> list[StoredReport]:
        """At most `limit` reports with larger ids that are not erased, in their order. `closed`: those of closed cases,
        or all others.
        """
        found = self._reports.collection.find({"_id": {"$gt": report_id}, **(CLOSED if closed else OPEN)})
        with reaching():
            return [report_of(document) for document in await found.sort("_id", 1).limit(limit).to_list(None)]

    async def count_undecided(self, received_before: datetime) -> int:
        """How many reports came before then, are not erased, and have no decision."""
        # The case of which a merged one is a part has the decision.
        wanted = {**UNDECIDED, "received_at": {"$lt": received_before}, "status.before_merge": None}
        with reaching():
            return await self._reports.collection.count_documents(wanted)


def report_of(document: Mapping[str, Any]) -> StoredReport:
    """The report that a document holds."""
    return _REPORTS.from_document(document)


def outline_of(document: Mapping[str, Any]) -> ReportOutline:
    """What a document, or a part of it, holds beside the vault."""
    return _OUTLINES.from_document(document)


def save_of(change: Change) -> Save:
    """The write of a change: a new report as a whole, of a stored one only the fields that differ.

    So a step of a case never writes sealed data, and cannot undo what a rotation of the master key does meanwhile.
    """
    before, after = change.before, change.report
    if before is None:
        return Save(change.id, None, _as_kept(_REPORTS.to_document(after)), change.events, change.causes)
    differing, more = _REPORTS.changes(after, before)
    changed = _as_kept(differing)
    for name in _GROWING:
        if entries := changed.get(name):
            del changed[name]
            changed |= {f"{name}.{key}": entry for key, entry in entries.items() if key not in getattr(before, name)}
    if before.doors and not after.doors:
        # Of what a document can lack, doors alone come to an end.
        changed["doors"] = []
    base = {"version": before.version, "outbox": before.outbox}
    return Save(change.id, base, changed, change.events, change.causes, more)


def _as_kept(document: Document) -> Document:
    """These fields of a report, without those of the aggregate, and without what a document lacks where it is empty."""
    for name in _OF_AGGREGATES:
        document.pop(name, None)
    for name in (
        "receipt",
        "erased",
        "shut_out",
        "further",
        "remarks",
        "opened",
        "parts",
        "doors",
        "by_person",
        "sent_appeals",
    ):
        # The index of receipts is sparse: without one, there is no such field.
        if name in document and not document[name]:
            del document[name]
    if document.get("vault"):
        document["vault"] = {name: sealed for name, sealed in document["vault"].items() if sealed is not None}
    if "facts" in document and not document["facts"]["channel"]:
        document["facts"] = {}
    return document
