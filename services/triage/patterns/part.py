"""Patterns as a part of triage."""

from services.triage.patterns.breaches import BREACH_INDEX, TOLD_INDEX
from services.triage.patterns.store import MARK_INDEXES, MongoMarks
from shared.mongo import Collection
from shared.parts import Part


def build(marks: MongoMarks, cases: Collection) -> Part:
    """What finds similar cases and missed deadlines is looked up by indexes."""
    return Part(indexes=[(marks.collection, MARK_INDEXES), (cases, [BREACH_INDEX, TOLD_INDEX])])
