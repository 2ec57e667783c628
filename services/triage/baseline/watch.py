"""Looks after attestations by itself: they expire, reminders are told before, and the pages behind links are looked at.

Everything that it does follows from what the store holds. So it goes on after a restart, in any number of replicas: of
two that find the same thing due, the store takes the facts of one.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

from services.triage.author import TRIAGE
from services.triage.baseline.actions import RegistryEditor, Told
from services.triage.baseline.links import Seen
from services.triage.baseline.registry import Attestation, Registry, Standing
from shared import metrics
from shared.events import BaselineExpired, BaselineExpiring, BaselineFact, BaselineLinkChecked, LinkState
from shared.ids import derive, new_id
from shared.policy.baseline import Catalogue
from shared.problems import Unavailable
from shared.times import now

log = logging.getLogger(__name__)

RETRY = 5.0
AT_ONCE = 4
"""So many pages are looked at side by side."""
AGAIN = timedelta(days=1)
"""When a page that was not reached is looked at again."""
GONE_AFTER, GONE_WITHIN = 4, timedelta(days=3)
"""So many looks in a row, over so much time at least, make a page gone that no look has reached."""
LOST = frozenset(("unresolved", "unconnected", "tls", "timeout", "broken"))
"""Why a page may be gone. A host that answers, but not with the page, has not gone."""
SKEW = timedelta(hours=1)
"""How far the clocks of replicas may differ. A look that lies further ahead was made by a clock that had jumped."""

Sleep = Callable[[float], Awaitable[None]]


class Reader(Protocol):
    """What looks at pages (services.triage.baseline.links.PageReader)."""

    async def look(self, link: str) -> Seen: ...


class TimeWatch:
    """Tells that attestations have expired, and before that reminds of it, each once."""

    def __init__(
        self,
        editor: RegistryEditor,
        *,
        every: float,
        clock: Callable[[], datetime] = now,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`every`: seconds from the end of one look at all registries to the next."""
        self._editor = editor
        self._every = every
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        """Look until cancelled; an outage only makes it wait."""
        while True:
            await self._sleep(await _waiting(self.look, self._every))

    async def look(self) -> int:
        """Go through all registries once; returns how many facts were told. Raises Unavailable."""
        told, at = 0, self._clock()
        async for registry in self._editor.everything():
            if due_facts(registry, at):
                after = await self._editor.tell(registry.id, (new_id(),), _due)
                told += after.seq - registry.seq
        return told


def _due(registry: Registry, applied: frozenset[str], at: datetime) -> Told:
    return due_facts(registry, at), TRIAGE


def due_facts(registry: Registry, at: datetime) -> list[BaselineFact]:
    """What is to be told of a registry at that time (UTC-aware): the ends that are over, else reminders of them. Pure.

    An attestation that is over gets no reminder any more: it would say what is not true.
    """
    facts: list[BaselineFact] = []
    for made in registry.attestations:
        if made.standing is not Standing.RUNNING:
            continue
        about = {"community": registry.id, "attestation_id": made.id, "responsibility_id": made.responsibility_id}
        if not made.holds(at):
            facts.append(BaselineExpired(**about, valid_until=made.valid_until))
        facts += [
            BaselineExpiring(**about, valid_until=made.valid_until, days_left=days) for days in made.due_reminders(at)
        ]
    return facts


class LinkWatch:
    """Looks at the pages behind the links of attestations, at the interval of their responsibility."""

    def __init__(
        self,
        editor: RegistryEditor,
        reader: Reader,
        catalogue: Callable[[], Catalogue],
        *,
        every: float,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`every`: seconds from the end of one look at all registries to the next; `wake` makes it come sooner."""
        self._editor = editor
        self._reader = reader
        self._catalogue = catalogue
        self._every = every
        self._clock = clock
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look soon: there may be a new link."""
        self._woken.set()

    async def run(self) -> None:
        """Look until cancelled; an outage only makes it wait."""
        while True:
            self._woken.clear()
            wait = await _waiting(self.look, self._every)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), wait)

    async def look(self) -> int:
        """Look at every page that is due; returns how many facts were told. Raises Unavailable."""
        due = [
            (registry.id, made.id)
            async for registry in self._editor.everything()
            for made in registry.attestations
            if self._is_due(made)
        ]
        # Replicas that begin together seldom look at the same page.
        random.shuffle(due)
        told = 0
        for first in range(0, len(due), AT_ONCE):
            some = (self._look_at(*one) for one in due[first : first + AT_ONCE])
            told += sum(await asyncio.gather(*some))
        return told

    async def _look_at(self, community: str, attestation_id: str) -> bool:
        # Once more, because another replica may have looked meanwhile.
        registry = (await self._editor.find([community]))[community]
        known = registry.attestation(attestation_id)
        if known is None or known.link is None or not self._is_due(known):
            return False
        seen = await self._reader.look(known.link)
        metrics.BASELINE_LOOKS.labels(seen.state).inc()
        before = known.looked_at

        def decide(registry: Registry, applied: frozenset[str], at: datetime) -> Told:
            now_known = registry.attestation(attestation_id)
            if now_known is None or not now_known.holds(at) or now_known.looked_at != before:
                return (), TRIAGE
            return (look_fact(community, now_known, seen, at),), TRIAGE

        cause = derive("baseline look", attestation_id, before.isoformat() if before else "first")
        after = await self._editor.tell(community, (cause,), decide)
        return after.seq > registry.seq

    def _is_due(self, made: Attestation) -> bool:
        return is_look_due(made, self._catalogue(), self._clock())


def is_look_due(made: Attestation, catalogue: Catalogue, at: datetime) -> bool:
    """Whether the page of an attestation is to be looked at, at that time (UTC-aware). Pure."""
    row = catalogue.responsibilities.get(made.responsibility_id)
    every = row.attested.link_check if row and row.attested else None
    if made.link is None or every is None or not made.holds(at):
        return False
    if made.looked_at is None or made.looked_at > at + SKEW:
        return True
    wait = min(AGAIN, every) if made.link_state == LinkState.UNREACHABLE else every
    return made.looked_at + wait <= at


def look_fact(community: str, known: Attestation, seen: Seen, at: datetime) -> BaselineLinkChecked:
    """What a look at that time (UTC-aware) says of an attestation. Pure."""
    return BaselineLinkChecked(
        community=community,
        attestation_id=known.id,
        responsibility_id=known.responsibility_id,
        link_state=_state_of(known, seen, at),
        digest=seen.digest,
        reason=seen.reason,
    )


def _state_of(known: Attestation, seen: Seen, at: datetime) -> LinkState:
    if seen.state == "found":
        return LinkState.CHANGED if known.digest and known.digest != seen.digest else LinkState.UNCHANGED
    is_lost = (
        seen.reason in LOST
        and known.missed + 1 >= GONE_AFTER
        and known.missed_since is not None
        and at - known.missed_since >= GONE_WITHIN
    )
    if seen.state == "gone" or is_lost or known.link_state == LinkState.GONE:
        return LinkState.GONE
    return LinkState.UNREACHABLE


async def _waiting(look: Callable[[], Awaitable[int]], every: float) -> float:
    """Look; returns after how many seconds to look again."""
    try:
        await look()
    except Unavailable as error:
        log.info("the look at attestations waits", extra={"reason": str(error)})
        return RETRY
    return every
