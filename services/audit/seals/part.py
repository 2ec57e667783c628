"""Seals as a part of audit."""

from services.audit.seals.actions import Sealer, SealStore
from services.audit.seals.notary import Notary
from services.audit.seals.store import INDEXES, MongoAnnouncements
from services.audit.writer import LogWriter
from shared.parts import Part
from shared.runtime import Runtime


def build(runtime: Runtime, writer: LogWriter, record: SealStore, notary: Notary, *, seconds: float) -> Part:
    """Seals the logs that grew, every few `seconds`, and announces each seal."""
    announcements = MongoAnnouncements(runtime.aggregates("seals"))
    sealer = Sealer(writer, record, notary, announcements, seconds=seconds)
    return Part(indexes=[(announcements.collection, INDEXES)], tasks=[sealer.run])
