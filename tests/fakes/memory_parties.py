"""Who is named in reports, in memory, with the same promises as shared.parties.MongoParties."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.events import Event, ReportParties
from shared.parties import Parties, PartiesEvent
from shared.problems import Unavailable


@dataclass
class MemoryParties:
    """What was told last of each case, with its number and place."""

    told: dict[str, PartiesEvent] = field(default_factory=dict)
    away: bool = False

    async def load(self, case_ids: Iterable[str]) -> dict[str, frozenset[str]]:
        self._reach()
        return {i: self.told[i].fact.names for i in case_ids if i in self.told}

    async def followed(self, case_ids: Iterable[str]) -> dict[str, str]:
        self._reach()
        return {i: first for i in case_ids if i in self.told and (first := self.told[i].fact.follows)}

    async def following(self, case_ids: Iterable[str]) -> dict[str, str]:
        self._reach()
        firsts = {i: one.fact.follows for i, one in self.told.items() if one.fact.follows}
        return {i: first for i, first in firsts.items() if first in set(case_ids)}

    async def all_following(self) -> AsyncIterator[str]:
        self._reach()
        for i in [i for i, one in self.told.items() if one.fact.follows]:
            yield i

    async def keep(self, told: Sequence[PartiesEvent]) -> None:
        self._reach()
        for one in told:
            kept = self.told.get(one.event.case_id)
            if kept is None or kept.event.time < one.event.time:
                self.told[one.event.case_id] = one

    async def places(self) -> dict[int, int]:
        self._reach()
        places: dict[int, int] = {}
        for one in self.told.values():
            places[one.partition] = max(places.get(one.partition, 0), one.offset + 1)
        return places

    async def told_from(self, places: Mapping[int, int]) -> set[str]:
        self._reach()
        return {i for i, one in self.told.items() if one.offset >= places.get(one.partition, 0)}

    async def follow(self, events: Iterable[Event]) -> None:
        """Keep what these events tell of parties."""
        first = (await self.places()).get(0, 0)
        await self.keep(
            [PartiesEvent(e, e.fact, 0, first + n) for n, e in enumerate(events) if isinstance(e.fact, ReportParties)]
        )

    def _reach(self) -> None:
        if self.away:
            raise Unavailable("mongodb: away")


def nobody_named() -> Parties:
    """Parties of reports that carry their own."""
    return Parties(MemoryParties(), patience=0.0)
