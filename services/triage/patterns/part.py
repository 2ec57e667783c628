"""Patterns as a part of triage."""

from services.triage.patterns.store import MARK_INDEXES, MongoMarks
from shared.parts import Part


def build(marks: MongoMarks) -> Part:
    """What finds similar cases is looked up by indexes."""
    return Part(indexes=[(marks.collection, MARK_INDEXES)])
