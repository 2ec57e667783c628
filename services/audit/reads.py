"""Reads of the record are recorded themselves: durably, and before the reader sees anything."""

from datetime import datetime

from services.audit.seals.actions import SOURCE, Saving
from shared.access.principal import Principal, Role
from shared.aggregates import Save
from shared.events import Draft, RecordRead, stamp
from shared.ids import derive, new_id
from shared.mongo import TRANSIENT
from shared.problems import Unavailable
from shared.telemetry import current_traceparent
from shared.times import rfc3339

MOST_REMEMBERED = 10_000


class ReadRecorder:
    """Notes on `access` who read what of the record, and for which purpose."""

    def __init__(self, reads: Saving) -> None:
        self._reads = reads
        self._noted: set[str] = set()

    async def note(
        self, who: Principal, query: str, results: int, purpose: str, at: datetime, case_id: str | None = None
    ) -> None:
        """Note one read. Raises Unavailable when it cannot be noted: then it must be refused."""
        await self._save(new_id(), who, RecordRead(query=query, results=results, purpose=purpose), at, case_id)

    async def note_once(self, who: Principal, query: str, log: str, purpose: str, at: datetime) -> None:
        """Note that somebody reads through a log's entries: once for each person, log and hour. Raises Unavailable.

        One note a bundle would make the log grow by being verified.
        """
        read_id = derive("bundles", who.ref, log, rfc3339(at)[:13])
        if read_id in self._noted:
            return
        await self._save(read_id, who, RecordRead(query=query, results=1, purpose=purpose), at, None)
        if len(self._noted) >= MOST_REMEMBERED:
            self._noted.clear()
        self._noted.add(read_id)

    async def _save(self, read_id: str, who: Principal, fact: RecordRead, at: datetime, case_id: str | None) -> None:
        subject = f"access/{read_id}"
        draft = Draft(fact, who.actor(Role.AUDITOR), at, read_id)
        trace = current_traceparent()
        events = stamp([draft], source=SOURCE, subject=subject, case_id=case_id or read_id, last_seq=0, trace=trace)
        try:
            # One that exists already is the same hour, noted by another replica.
            await self._reads.save([Save(subject, None, {}, events, [read_id])])
        except TRANSIENT as error:
            raise Unavailable(f"the read cannot be recorded: {type(error).__name__}") from None
