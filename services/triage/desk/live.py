"""Open pages of the desk learn that their cases change, and who else looks at them.

Each replica asks the store once a moment for the versions of all cases that are open at it, and for how often something
has changed among the cases of the handling bodies of which queues are open; and once in a while who looks at a case. So
many pages cost two small reads, and what happens to other cases costs nothing.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from services.triage.stored import Version
from shared.problems import Unavailable
from shared.times import now

log = logging.getLogger(__name__)

LOOK_EVERY = 0.3
"""Seconds between two looks at the versions."""
TELL_EVERY = 5.0
"""Seconds between two looks at who looks."""
LOOKS_FOR = timedelta(seconds=15)
"""How long a person counts as looking without word of the page."""
READS_FOR = timedelta(minutes=1)
"""How long a person counts as looking once the page is shown, where no script gives word of it."""
MOST_OPEN = 500
"""So many pages are told anything by one replica at a time."""
MOST_OF_PERSON = 20
LIFE = 30.0
"""Seconds until a page has to ask anew, and passes the gate again: a right that ended ends the page's hearing."""


class Changes(Protocol):
    """Where it is known what has changed (services.triage.stored.CaseStore). Raises Unavailable."""

    async def versions(self, ids: Collection[str], /) -> dict[str, Version]: ...

    async def moves(self, bodies: Collection[str], /) -> dict[str, int]: ...


class Lookers(Protocol):
    """Where all replicas keep who looks: services.triage.desk.lookers.MongoLookers, or memory. Raises Unavailable."""

    async def look(self, looks: Collection[tuple[str, str]], until: datetime) -> None:
        """Note that these people look at these cases: (case id, reference), until then (UTC-aware)."""
        ...

    async def looking(self, ids: Collection[str], at: datetime) -> dict[str, frozenset[str]]:
        """Who looks at each of these cases at that time (UTC-aware), by the id of the case."""
        ...


@dataclass(eq=False)
class OpenPage:
    """A page that is open: whose it is (a reference), and what it shows.

    `seen`: which version of the one case that is looked at, by its id; or `bodies`: the cases of these handling bodies,
    of which none is looked at. `pause`: it is told something once in so many seconds, however often it is woken.
    """

    person: str
    seen: dict[str, int] = field(default_factory=dict)
    bodies: Collection[str] = ()
    pause: float = 0.0
    moves: Mapping[str, int] = field(default_factory=dict)
    changed: dict[str, Version] = field(default_factory=dict)
    others: frozenset[str] | None = None
    told: frozenset[str] | None = None
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class Live:
    """Tells open pages of this replica what happens to their cases. It works while a page is open."""

    def __init__(
        self,
        cases: Changes,
        lookers: Lookers,
        life: float = LIFE,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`life`: seconds for which a page is told anything; with 0, only how things stand."""
        self._cases = cases
        self._lookers = lookers
        self._clock = clock
        self._pages: set[OpenPage] = set()
        self._looking: asyncio.Task[None] | None = None
        self.life = life

    def is_full(self, person: str) -> bool:
        """Whether so many pages are open, of everybody or of this person (a reference), that no further one is told."""
        return len(self._pages) >= MOST_OPEN or sum(p.person == person for p in self._pages) >= MOST_OF_PERSON

    async def looking(self, case_id: str, person: str) -> frozenset[str]:
        """Who else looks at a case (references), as its page is shown to this person, who looks at it from now on.

        Nobody, while that is not known.
        """
        at = self._clock()
        try:
            noted = self._lookers.look([(case_id, person)], at + READS_FOR)
            _, looking = await asyncio.gather(noted, self._lookers.looking([case_id], at))
            return looking.get(case_id, frozenset()) - {person}
        except Unavailable as error:
            log.warning("it is not known who looks", extra={"reason": str(error)})
            return frozenset()

    @asynccontextmanager
    async def open(self, page: OpenPage) -> AsyncIterator[None]:
        """Wake the page when there is something to tell, as long as it is open."""
        self._pages.add(page)
        try:
            await self._look([page])
            await self._tell([page])
            if self._looking is None and self.life:
                self._looking = asyncio.create_task(self._run())
            yield
        finally:
            self._pages.discard(page)

    async def _run(self) -> None:
        beats = round(TELL_EVERY / LOOK_EVERY)
        beat = 0
        try:
            while self._pages:
                await asyncio.sleep(LOOK_EVERY)
                beat = (beat + 1) % beats
                try:
                    await self._look(self._pages)
                    if beat == 0:
                        await self._tell(self._pages)
                except Unavailable as error:
                    log.warning("open pages hear nothing", extra={"reason": str(error)})
        finally:
            # However it ends, the next page that opens begins it anew.
            self._looking = None

    async def stop(self) -> None:
        """End what looks for the pages."""
        if self._looking:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _look(self, pages: Iterable[OpenPage]) -> None:
        pages = list(pages)
        ids, bodies = {one for page in pages for one in page.seen}, {one for page in pages for one in page.bodies}
        latest = await self._cases.versions(ids) if ids else {}
        moves = await self._cases.moves(bodies) if bodies else {}
        for page in pages:
            theirs = {body: moves[body] for body in page.bodies if body in moves}
            if theirs != page.moves:
                page.moves = theirs
                page.woken.set()
            moved = {i: latest[i] for i, seq in page.seen.items() if i in latest and latest[i].seq > seq}
            if moved:
                page.seen |= {i: version.seq for i, version in moved.items()}
                page.changed |= moved
                page.woken.set()

    async def _tell(self, pages: Iterable[OpenPage]) -> None:
        """Say who looks at the page of one case. A list of cases is no look at any of them."""
        alone = {page: next(iter(page.seen)) for page in pages if page.seen}
        at = self._clock()
        if not alone:
            return
        await self._lookers.look({(case_id, page.person) for page, case_id in alone.items()}, at + LOOKS_FOR)
        looking = await self._lookers.looking(set(alone.values()), at)
        for page, case_id in alone.items():
            page.others = looking.get(case_id, frozenset()) - {page.person}
            if page.others != page.told:
                page.woken.set()
