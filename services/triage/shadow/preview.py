"""Tries a changed policy on the recent cases that a person may see."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from services.triage.case.forms import resource_of
from services.triage.shadow.comparison import Comparison, Difference, ShadowCase, Tally
from services.triage.shadow.store import RecentCases
from services.triage.sight import Cases, Sight
from shared.access.authorization import is_permitted, reaches
from shared.access.principal import Principal
from shared.policy import Finding, Policy, PolicyError, load_policy
from shared.policy.loader import FILES, notes_of, text_of
from shared.policy.notes import new_notes
from shared.times import now

WINDOW = timedelta(days=90)
LARGEST_FILE = 200_000
"""Characters of a file that is tried."""
LONGEST_LINE = 4_000
"""Characters of its longest line: the reader of TOML takes the square of the time for a key of many parts."""
MOST_CASES = 5_000
"""The cases with a difference that are looked at, the newest first, while a person waits."""
MOST_READ = 200_000
"""All cases that are compared, the newest first, while a person waits."""
_BATCH = 200
_TURN = 500
"""So many cases are compared before others get a turn."""


@dataclass(slots=True)
class Preview:
    """What a policy would change. `findings`: what is wrong with it, and then nothing was compared.

    `notes`: what may not be meant, and is not so in the policy in force. `unshown`: the files of which past cases
    cannot show everything that changes.

    `tally`: the cases that would change and that the person may see; `more`: there may be further ones, older than
    those that were looked at.
    """

    findings: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
    version: str | None = None
    unshown: tuple[str, ...] = ()
    tally: Tally = field(default_factory=Tally)
    more: bool = False


class Previews:
    """Previews for people of the desk. A case that a person may not see is not even counted for that person.

    With files of their own making people could otherwise ask, number by number, what is reported elsewhere.
    """

    def __init__(
        self,
        recent: RecentCases,
        cases: Cases,
        sight: Sight,
        policy: Policy,
        folder: Path | None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`folder`: where the policy in force stands, beside the packaged files."""
        self.policy = policy
        self._recent = recent
        self._cases = cases
        self._sight = sight
        self._folder = folder
        self.clock = clock
        self._one_at_a_time = asyncio.Lock()

    def text_of(self, name: str) -> str:
        """The text in force of one of FILES."""
        return text_of(name, self._folder)

    async def of(self, principal: Principal, name: str, text: str) -> Preview:
        """What would change if this text were the file of that name. Raises Unavailable while the cases are away."""
        if fault := _fault_of(name, text):
            return Preview((fault,))
        async with self._one_at_a_time:
            try:
                changed, notes = await asyncio.to_thread(self._read, name, text)
            except PolicyError as error:
                return Preview(error.findings)
            found = await self._compare(principal, Comparison(self.policy, changed))
            found.notes = notes
            return found

    def _read(self, name: str, text: str) -> tuple[Policy, tuple[Finding, ...]]:
        changed = load_policy(self._folder, {name: text})
        return changed, new_notes(notes_of(self._folder), notes_of(self._folder, {name: text}))

    async def _compare(self, principal: Principal, comparison: Comparison) -> Preview:
        at = self.clock()
        found = Preview(version=comparison.new.version, unshown=comparison.unshown)
        bodies = {body for reach in reaches(principal, "case.read", at) for body in reach.bodies}
        batch: dict[str, tuple[ShadowCase, tuple[Difference, ...]]] = {}
        looked_at = read = 0
        async for case in self._recent.received_since(at - WINDOW, bodies):
            if read == MOST_READ:
                found.more = True
                break
            read += 1
            if read % _TURN == 0:
                await asyncio.sleep(0)
            if differences := comparison.of(case):
                looked_at += 1
                if looked_at > MOST_CASES:
                    found.more = True
                    break
                batch[case.id] = case, differences
            if len(batch) == _BATCH:
                await self._count(principal, batch, found.tally, at)
                batch = {}
        await self._count(principal, batch, found.tally, at)
        return found

    async def _count(
        self,
        principal: Principal,
        batch: dict[str, tuple[ShadowCase, tuple[Difference, ...]]],
        tally: Tally,
        at: datetime,
    ) -> None:
        stored = await self._cases.load_whole(batch)
        cases = [one.case for one in stored.values()]
        known = await self._sight.shut_out_of_each(cases, principal.ref)
        may = {
            case.id
            for case in cases
            if case.id in known
            and is_permitted(principal, "case.read", resource_of(case, self.policy, known[case.id]), at)
        }
        for case_id in _in_order(batch, may):
            tally.count(*batch[case_id])


def _in_order(ids: Iterable[str], wanted: set[str]) -> list[str]:
    return [one for one in ids if one in wanted]


def _fault_of(name: str, text: str) -> Finding | None:
    if name not in FILES:
        return Finding(name, 1, "", f"not a policy file: use {', '.join(FILES)}")
    if len(text) > LARGEST_FILE:
        return Finding(name, 1, "", f"the file is longer than {LARGEST_FILE} characters")
    long = (number for number, line in enumerate(text.splitlines(), start=1) if len(line) > LONGEST_LINE)
    line = next(long, None)
    return Finding(name, line, "", f"the line is longer than {LONGEST_LINE} characters") if line else None
