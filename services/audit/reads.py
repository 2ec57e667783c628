"""Each read of the record is itself recorded: durably, and before the reader sees anything."""

from datetime import datetime

from shared.access.access_log import Access, AccessLog, AccessStore
from shared.access.principal import Principal, Role
from shared.events import RecordRead
from shared.ids import derive, new_id
from shared.telemetry import current_traceparent
from shared.times import rfc3339

MOST_REMEMBERED = 10_000


class ReadRecorder:
    """Notes on `access` who read what of the record, and for which purpose."""

    def __init__(self, reads: AccessStore) -> None:
        self._log = AccessLog("audit", reads)
        self._noted: set[str] = set()

    async def note(
        self, who: Principal, query: str, results: int, purpose: str, at: datetime, case_id: str | None = None
    ) -> None:
        """Note one read; `at` is UTC-aware. Raises Unavailable if that fails: then the caller refuses the read."""
        await self._write(new_id(), who, RecordRead(query=query, results=results, purpose=purpose), at, case_id)

    async def note_once(self, who: Principal, query: str, log: str, purpose: str, at: datetime) -> None:
        """Note that a person reads the entries of a log: once for each person, log and hour. Raises Unavailable.

        With a note for each bundle, the log would grow whenever it is verified.
        """
        # Another replica that notes the same hour derives the same id.
        read_id = derive("bundles", who.ref, log, rfc3339(at)[:13])
        if read_id in self._noted:
            return
        await self._write(read_id, who, RecordRead(query=query, results=1, purpose=purpose), at, None)
        if len(self._noted) >= MOST_REMEMBERED:
            self._noted.clear()
        self._noted.add(read_id)

    async def _write(self, read_id: str, who: Principal, fact: RecordRead, at: datetime, case_id: str | None) -> None:
        actor = who.actor(Role.AUDITOR)
        await self._log.write([Access(fact, actor, at, read_id, case_id, current_traceparent())])
