"""How often something has changed among the cases of each handling body, so that open queues need not look for it."""

import asyncio
from collections.abc import Collection, Iterable

from shared.mongo import Collection as Documents
from shared.mongo import UpdateOne, reaching, write_unordered
from shared.problems import Unavailable

REST = 0.2
"""Seconds from one write to the next: a flood of changes is no flood of writes."""


class MongoMoves:
    """A number for each body in a collection, which all replicas count up. A replica that dies may leave some out."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._bodies: set[str] = set()
        self._writing: asyncio.Task[None] | None = None

    def note(self, bodies: Iterable[str]) -> None:
        """Count that something has changed among the cases of these bodies. Nobody waits for it."""
        self._bodies.update(bodies)
        if self._bodies and self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._bodies:
                bodies, self._bodies = self._bodies, set()
                writes = [UpdateOne({"_id": body}, {"$inc": {"moves": 1}}, upsert=True) for body in sorted(bodies)]
                try:
                    with reaching():
                        await write_unordered(self._documents, writes)
                except Unavailable:
                    self._bodies |= bodies
                await asyncio.sleep(REST)
        finally:
            # However it ends, the next change begins it anew.
            self._writing = None

    async def of(self, bodies: Collection[str]) -> dict[str, int]:
        """How often something has changed among the cases of each of these bodies, as far as it ever has.

        Raises Unavailable.
        """
        found = self._documents.find({"_id": {"$in": sorted(bodies)}})
        with reaching():
            return {document["_id"]: document["moves"] async for document in found}

    async def stop(self) -> None:
        """End what writes."""
        if self._writing:
            self._writing.cancel()
            await asyncio.wait([self._writing])
