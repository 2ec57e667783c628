"""The scorecards' projection as a part of audit."""

from services.audit.scorecard.projection import Projection, SealedRecord
from services.audit.scorecard.store import MongoRows
from shared.parts import Part

REST = 1.0
"""Seconds of rest for each second of work, so that a long way to catch up leaves the record its time."""


def build(record: SealedRecord, rows: MongoRows, origin: str, *, seconds: float) -> Part:
    """Follows the seals, with a look every `seconds` at most."""
    projection = Projection(record, rows, origin, rest=REST, every=min(seconds, 1.0))
    return Part(prepare=[rows.prepare], tasks=[projection.run])
