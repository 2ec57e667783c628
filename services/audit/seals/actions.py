"""Sealing: every few seconds the checkpoints of the logs that grew go into the seal log, and on to `audit.seals`."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from services.audit.author import AUDIT, SOURCE
from services.audit.record.leaf import Leaf, Place, read_seal, write_seal
from services.audit.record.log import SEALS, DamagedError, Head
from services.audit.seals.notary import Notary
from services.audit.writer import DisplacedError, LogWriter
from shared.aggregates import Save
from shared.events import CheckpointSealed, Draft, stamp
from shared.problems import Unavailable
from shared.times import now, parse_rfc3339, rfc3339

log = logging.getLogger(__name__)

MOST_ANNOUNCED = 100


class SealStore(Protocol):
    """What sealing needs of the record's store."""

    async def heads(self, logs: Sequence[str] | None = None) -> list[Head]:
        """The heads of these logs, or of all."""

    async def leaves(self, log: str, start: int, end: int) -> list[bytes]:
        """The entries `start` to `end` of a log."""


class Announcements(Protocol):
    """What sealing needs of the store of announcements (services.audit.seals.store)."""

    async def announced(self) -> int:
        """How many entries of the seal log are announced."""

    async def save(self, saves: Sequence[Save]) -> set[str]:
        """Store new stretches with their events; returns the ids of those that are stored already."""


class Sealer:
    """Adds the checkpoints of changed logs to the seal log, and announces them."""

    def __init__(
        self,
        writer: LogWriter,
        store: SealStore,
        notary: Notary,
        announcements: Announcements,
        *,
        seconds: float,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._writer = writer
        self._store = store
        self._notary = notary
        self._announcements = announcements
        self._clock = clock
        self._seconds = seconds

    async def run(self) -> None:
        """Seal every few seconds, until cancelled. One replica wins each time, and the others adopt what it wrote."""
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self.seal()
            except Unavailable as error:
                log.warning("sealing waits", extra={"reason": str(error)})
            except DamagedError as error:
                log.error("the seal log cannot go on", extra={"log": SEALS, "reason": str(error)})

    async def seal(self) -> int:
        """Seal every log that grew since its last seal; returns how many, or 0 if another replica was faster.

        Raises DamagedError or Unavailable.
        """
        at = self._clock()
        try:
            # The head of the seal log is read first, so that no seal is older than the one before it.
            head = (await self._writer.states([SEALS], at))[SEALS].head
            leaves: list[Leaf] = []
            for changed in await self._store.heads():
                origin = self._writer.origin_of(changed.log)
                if changed.log != SEALS and changed.size > head.sealed.get(origin, 0):
                    entry = write_seal(rfc3339(at), origin, self._notary.sign(changed).note)
                    leaves.append(Leaf(Place(SEALS, 0, head.size + len(leaves), 0), entry))
            if leaves:
                head = (await self._writer.append({SEALS: leaves}, at))[SEALS]
            await self._announce(head.size)
        except DisplacedError:
            self._writer.forget([SEALS])
            return 0
        return len(leaves)

    async def _announce(self, size: int) -> None:
        """Announce the seal log up to this size. The name of a stretch is its start, so none is announced twice."""
        while (start := await self._announcements.announced()) < size:
            stop = min(size, start + MOST_ANNOUNCED)
            entries = await self._store.leaves(SEALS, start, stop)
            # If another replica has stored this stretch, the next look finds where that one ends.
            await self._announcements.save([_announcement(start, stop, entries)])


def _announcement(start: int, stop: int, entries: Sequence[bytes]) -> Save:
    name = f"seal/{start}"
    drafts: list[Draft] = []
    for entry in entries:
        seal = read_seal(entry)
        sealed_at = parse_rfc3339(seal.at)
        fact = CheckpointSealed(origin=seal.origin, size=seal.size, root=seal.root, sealed_at=sealed_at)
        drafts.append(Draft(fact, AUDIT, sealed_at, name))
    events = stamp(drafts, source=SOURCE, subject=name, case_id=name, last_seq=0, trace=None)
    keyed = [replace(e, case_id=e.fact.origin) for e in events if isinstance(e.fact, CheckpointSealed)]
    return Save(name, None, {"end": stop}, keyed, [name])
