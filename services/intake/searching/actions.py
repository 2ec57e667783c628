"""Looks for names that came onto the roster later in the words of earlier reports, and shuts out those it finds.

One replica searches at a time. A pass goes through all reports that are not erased by their ids: first those of open
cases, in which people still act, then those of closed ones. It keeps how far it has come, and another replica goes on
from there. Names count as looked for after a pass that began when every replica looked for them in new reports. So
names are looked for at once, and once more a little later. A report that came of another one is kept from those, too,
that the words of the other one shut out of that.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from services.intake.mentions import Mentions
from services.intake.searching.store import Pass
from services.intake.stored import INTAKE, Change, Store, StoredReport
from services.intake.vault.cipher import VaultError
from shared import metrics
from shared.aggregates import change
from shared.ids import new_id
from shared.problems import Unavailable
from shared.times import now

log = logging.getLogger(__name__)

EVERY = 3.0
"""Seconds from one look at the roster for new names to the next."""
SEARCHED_AT_ONCE = 50
PAUSE = 0.05
"""Seconds between two batches, so that a report that comes meanwhile does not wait for them."""
LEASE = 60.0
SETTLED = timedelta(seconds=30)
"""After which each new report is searched for names that the roster has. A replica uses names that are FRESH seconds
old at most (shared.access.roster); the rest is for the write of the report."""


class NamesOfPeople(Protocol):
    """What a search needs of the roster (shared.access.roster.Roster)."""

    async def names_by_person(self) -> Mapping[str, frozenset[str]]:
        """The pseudonyms of each person, by reference. Raises Unavailable."""
        ...


class StandingReports(Protocol):
    """What a search needs of the store of reports."""

    async def standing_after(self, report_id: str, limit: int, *, closed: bool) -> list[StoredReport]:
        """At most `limit` reports with larger ids that are not erased, in their order. `closed`: those of closed cases,
        or all others.
        """
        ...


class Searches(Protocol):
    """Where it is kept how far a search has come (MongoSearches); see there."""

    async def searched(self) -> dict[str, frozenset[str]]: ...

    async def lease(self, owner: str, seconds: float) -> bool: ...

    async def release(self, owner: str) -> None: ...

    async def running(self) -> Pass | None: ...

    async def keep(self, search: Pass) -> None: ...

    async def move(self, after: str, *, closed: bool) -> None: ...

    async def end(self, searched: Mapping[str, Collection[str]]) -> None: ...


class NameSearch:
    """Searches earlier reports for new names."""

    def __init__(
        self,
        reports: StandingReports,
        store: Store,
        searches: Searches,
        roster: NamesOfPeople,
        mentions: Mentions,
        *,
        every: float = EVERY,
        at_once: int = SEARCHED_AT_ONCE,
        pause: float = PAUSE,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`store` writes what is found, behind the barrier of erasures."""
        self._reports = reports
        self._store = store
        self._searches = searches
        self._roster = roster
        self._mentions = mentions
        self._every = every
        self._at_once = at_once
        self._pause = pause
        self._clock = clock
        self._owner = new_id()
        self._searched: dict[str, frozenset[str]] | None = None
        self._came: dict[str, tuple[frozenset[str], datetime]] = {}
        # The names of the last pass that this replica has ended.
        self._passed: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Search until cancelled; an outage only makes it wait."""
        while True:
            try:
                await self.look()
            except Unavailable as error:
                log.info("the search for new names waits", extra={"reason": str(error)})
            await asyncio.sleep(self._every)

    async def look(self) -> int:
        """Look for all names that are new; returns how many reports mention one of them. Raises Unavailable.

        While another replica searches, this one does nothing.
        """
        people = await self._roster.names_by_person()
        if not self._is_due(await self._new_among(people)) or not await self._searches.lease(self._owner, LEASE):
            return 0
        try:
            # Another replica may have searched meanwhile.
            self._searched = None
            if not (new := await self._new_among(people)):
                return 0
            search = await self._searches.running()
            if search is None:
                search = Pass(self._clock(), frozenset().union(*new.values()))
                await self._searches.keep(search)
            found = await self._carry_out(search, people)
            self._passed = search.names
            await self._searches.end({p: people[p] for p, names in new.items() if self._is_done(p, names, search)})
            self._searched = None
            await self._new_among(people)
        finally:
            await self._searches.release(self._owner)
        if found:
            log.info("names that came later were found in reports", extra={"count": found})
        return found

    async def _new_among(self, people: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        """The pseudonyms of each person that were not looked for yet."""
        if self._searched is None:
            self._searched = await self._searches.searched()
        searched, at = self._searched, self._clock()
        new = {p: more for p, names in people.items() if (more := names - searched.get(p, frozenset()))}
        self._came = {p: self._came[p] if self._came.get(p, ((),))[0] == n else (n, at) for p, n in new.items()}
        metrics.NAMES_UNSEARCHED.set(len(new))
        return new

    def _is_due(self, new: Mapping[str, frozenset[str]]) -> bool:
        """Whether some of these names are in no pass yet, or have been known for so long that the next one counts."""
        at = self._clock()
        return any(not names <= self._passed or at - self._came[p][1] >= SETTLED for p, names in new.items())

    def _is_done(self, person: str, names: frozenset[str], search: Pass) -> bool:
        known, came_at = self._came[person]
        return known == names <= search.names and search.began_at - came_at >= SETTLED

    async def _carry_out(self, search: Pass, people: Mapping[str, frozenset[str]]) -> int:
        found, after, closed = 0, search.after, search.closed
        while True:
            batch = await self._reports.standing_after(after, self._at_once, closed=closed)
            if not batch and closed:
                return found
            # A case that closes meanwhile is found among the closed ones, which come last.
            after, closed = (batch[-1].id, closed) if batch else ("", True)
            apart = {report.id: await self._apart(report, search.names, people) for report in batch if report.follows}
            named = [r.id for r in batch if apart.get(r.id) or await self._is_found(r, search.names)]
            found += await self._shut_out(named, search.names, apart)
            await self._searches.move(after, closed=closed)
            if not await self._searches.lease(self._owner, LEASE):
                raise Unavailable("another replica searches")
            await asyncio.sleep(self._pause)

    async def _is_found(self, report: StoredReport, names: frozenset[str]) -> bool:
        # A long report takes a while, so requests that wait go first.
        await asyncio.sleep(0)
        try:
            return bool(self._mentions.found_in(report, names))
        except VaultError:
            # Nobody can read it either.
            log.exception("a report cannot be searched", extra={"report_id": report.id})
            return False

    async def _apart(
        self, report: StoredReport, names: frozenset[str], people: Mapping[str, frozenset[str]]
    ) -> frozenset[str]:
        """The people (references) that by these names are shut out of the report of which this one came, and not of it.

        That one may have come of another one in its turn.
        """
        held, first = frozenset[str](), report
        while first.follows and (known := (await self._store.load_by_case([first.follows])).get(first.follows)):
            first = known
            try:
                held |= self._mentions.held_by(first, names)
            except VaultError:
                log.exception("a report cannot be searched", extra={"report_id": first.id})
        return frozenset(one for one, own in people.items() if not held.isdisjoint(own)).difference(report.shut_out)

    async def _shut_out(
        self, report_ids: Sequence[str], names: frozenset[str], apart: Mapping[str, frozenset[str]]
    ) -> int:
        async def decide(report_id: str, report: StoredReport | None) -> Change | None:
            if report is None or report.vault is None:
                return None
            after = self._mentions.with_found(report, names)
            more = sorted(apart.get(report_id, frozenset()).difference(report.shut_out))
            after = replace(after, shut_out=(*after.shut_out, *more))
            cause = new_id()
            told = self._mentions.told(report, after, INTAKE, self._clock(), cause)
            return Change(report, after, told, [cause]) if told else None

        return len(await change(self._store, report_ids, decide)) if report_ids else 0
