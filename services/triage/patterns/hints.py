"""Tells of a community that misses deadlines often: the policy says what is often, and a report takes it to a body."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from services.triage.case.values import Systemic
from services.triage.patterns.breaches import BreachStore
from services.triage.patterns.systemic import period_of, systemic
from shared.policy import Policy, SystemicRule
from shared.times import now

MOST_CASES = 2_000
"""So many cases of a community are looked at: of more, these tell enough."""


class HintVault(Protocol):
    """What makes a report of a hint (shared.clients.vault.VaultClient)."""

    async def hint(self, community: str, flag: str, key: str, words: str) -> None: ...


class SystemicHints:
    """Looks at communities in which a deadline was missed, and tells once for each time of a rule."""

    def __init__(
        self, store: BreachStore, vault: HintVault, policy: Policy, clock: Callable[[], datetime] = now
    ) -> None:
        self._store = store
        self._vault = vault
        self._policy = policy
        self._clock = clock
        self._told: dict[tuple[str, str], int] = {}
        """The time of a rule for which this process has told of a community: without it each further breach would ask
        intake again, which keeps it once."""

    async def look(self, community: str) -> int:
        """Judge a community by each rule of the policy, and tell what is new. Returns how much. Raises Unavailable."""
        at, told = self._clock(), 0
        for rule in self._policy.patterns.systemic:
            period = period_of(rule, at)
            if self._told.get((rule.id, community)) == period:
                continue
            found = await self._found(rule, community, at)
            # The time may have begun a moment ago: what was told just before is told already.
            if found and not await self._store.told(community, rule.flag, at - rule.within):
                await self._vault.hint(community, rule.flag, f"{rule.id} {period}", self._words(community, found, at))
                self._told[rule.id, community] = period
                told += 1
        return told

    async def counted(self, community: str, flag: str) -> tuple[Systemic, ...]:
        """What the rules with this flag find in a community now. Raises Unavailable."""
        at, rules = self._clock(), [rule for rule in self._policy.patterns.systemic if rule.flag == flag]
        found = [await self._found(rule, community, at) for rule in rules]
        return tuple(one for one in found if one)

    async def _found(self, rule: SystemicRule, community: str, at: datetime) -> Systemic | None:
        known = self._policy.communities.get(community)
        # What other bodies miss is no fault of the community, whatever flags its handlers set.
        bodies = known.bodies.values() if known else ()
        return systemic(rule, await self._store.breaches(community, at - rule.within, bodies, MOST_CASES), at)

    def _words(self, community: str, found: Systemic, at: datetime) -> str:
        known = self._policy.communities.get(community)
        counts = ", ".join(f"{name} {count}" for name, count in found.counts)
        return (
            f"Hearth made this report by the rule {found.rule} of the policy; nobody sent it. "
            f"In {known.name if known else community}, {found.breaches} deadlines were missed in {found.cases} cases "
            f"from {found.since:%Y-%m-%d} to {at:%Y-%m-%d}: {counts}."
        )
