"""The questions to scorecards: that of one community at a checkpoint, and those of all communities."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Protocol

from services.audit.record.log import SEALS
from services.audit.scorecard.evaluation import Past, evaluate
from services.audit.scorecard.projection import READ_AT_ONCE, Position, SealedRecord, read_leaves, seal_in
from services.audit.scorecard.result import AsOf, Scorecard
from services.audit.scorecard.rows import Rows
from shared.policy import Policy
from shared.policy.baseline import Catalogue, in_force
from shared.problems import NotFound, Unavailable
from shared.times import parse_rfc3339

log = logging.getLogger(__name__)

FRESH_FOR = timedelta(minutes=10)
"""How old the scorecard of a community may be in a list of all, while nothing new was sealed of it."""
STEADY_FOR = timedelta(minutes=1)
"""How old it may be there in any case, so that readers of the list cost little while much is sealed."""
LOOK_EVERY = 60.0
MOST_KEPT = 256
"""So many scorecards are kept in memory, those that were asked for last. A scorecard of a checkpoint never changes."""


class CardStore(Protocol):
    """What the questions need of the rows. An outage raises Unavailable."""

    async def position(self) -> Position | None:
        """How far the rows have come; None if there are none."""

    async def mark_before(self, sealed: int) -> Position | None:
        """The last mark that has no more seals than this; None if there is none."""

    async def rows_of(self, community: str, bodies: Iterable[str]) -> tuple[Position | None, Rows]:
        """The rows of a community, of which these handling bodies look after cases, and the position of the rows.

        They may go beyond the position, but never fall short of it.
        """

    async def communities(self) -> AbstractSet[str]:
        """Every community that has a row or a case."""

    async def changed_since(self, sealed: int) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """The communities, and the handling bodies, of which something was sealed after this seal: the last one."""


class Cards:
    """Computes scorecards from the rows as they are, with one policy and its catalogues, each once for a checkpoint."""

    def __init__(
        self, rows: CardStore, record: SealedRecord, origin: str, policy: Policy, catalogues: Sequence[Catalogue]
    ) -> None:
        """`origin`: what the origin of every log begins with. `catalogues`: every version, of which the day has one."""
        self._rows = rows
        self._record = record
        self._origin = f"{origin}/"
        self._policy = policy
        self._catalogues = catalogues
        self._known: dict[str, Scorecard] = {}
        self._turn = asyncio.Lock()
        # By community, number of seals, and build of the rows.
        self._kept: dict[tuple[str, int, str], Scorecard] = {}
        # By community, version of the catalogue, and build of the rows.
        self._past: dict[tuple[str, str, str], Past] = {}
        self._computing = asyncio.Lock()

    async def of(self, community: str, sealed: int | None = None) -> Scorecard:
        """The scorecard at the checkpoint of `sealed` entries of the seal log, or at the last one.

        Raises NotFound for a community that neither the policy nor the record knows, and for a checkpoint that is none.
        """
        if (card := await self._find(community, sealed)) is not None:
            return card
        # One after the other: who waits here finds what the one before computed.
        async with self._computing:
            return await self._find(community, sealed) or await self._compute(community, sealed)

    async def _find(self, community: str, sealed: int | None) -> Scorecard | None:
        """The scorecard, if it is kept."""
        position = await self._rows.position()
        if position is None:
            return None
        key = (community, position.sealed if sealed is None else sealed, position.build)
        if (card := self._kept.pop(key, None)) is not None:
            self._kept[key] = card
        return card

    async def _compute(self, community: str, sealed: int | None) -> Scorecard:
        known = self._policy.communities.get(community)
        position, rows = await self._rows.rows_of(community, known.bodies.values() if known else ())
        as_of = await self._as_of(position, sealed)
        if known is None and not rows.own and not rows.cases:
            raise NotFound
        catalogue = in_force(self._catalogues, as_of.at.date())
        build = position.build if position is not None else ""
        if any(key[2] != build for key in self._past):
            self._past.clear()
        past = self._past.setdefault((community, catalogue.version, build), {}) if known else {}
        card = evaluate(community, rows, catalogue, as_of, self._policy, past)
        if position is not None:
            self._kept[community, as_of.sealed, build] = card
            if len(self._kept) > MOST_KEPT:
                del self._kept[next(iter(self._kept))]
        return card

    async def run(self) -> None:
        """Keep the scorecards of all communities fresh, so that no reader of the list waits for them."""
        while True:
            try:
                await self.all(FRESH_FOR / 2)
            except Unavailable as error:
                log.info("the list of scorecards waits", extra={"reason": str(error)})
            await asyncio.sleep(LOOK_EVERY)

    async def all(self, fresh_for: timedelta = FRESH_FOR) -> Sequence[Scorecard]:
        """The scorecard of every community of the policy, and of every other one that the record knows.

        None before the first checkpoint. A scorecard is computed anew when it is older than `fresh_for`, and after
        STEADY_FOR if something of the community was sealed. So each tells its own checkpoint.
        """
        async with self._turn:
            position = await self._rows.position()
            if position is None or position.as_of is None:
                return []
            now = position.as_of
            names = sorted(self._policy.communities.keys() | await self._rows.communities())
            oldest = min((card.as_of.sealed for card in self._known.values()), default=now.sealed)
            changed = await self._rows.changed_since(oldest)
            for name in names:
                card = self._known.get(name)
                if card is None or self._is_old(card, now, changed, fresh_for):
                    self._known[name] = await self.of(name, now.sealed)
                    # Between two scorecards, other work of the process has its turn.
                    await asyncio.sleep(0)
            return [self._known[name] for name in names]

    async def round_until(self, at: datetime) -> int | None:
        """How many entries the seal log had at the last checkpoint that was not made after `at`; None before it."""
        position = await self._rows.position()
        low, high = 0, position.sealed if position else 0
        while low < high:
            middle = (low + high + 1) // 2
            (leaf,) = await read_leaves(self._record, SEALS, middle - 1, middle)
            seal = seal_in(leaf)
            if seal is not None and parse_rfc3339(seal.at) > at:
                high = middle - 1
            else:
                low = middle
        return low or None

    def _is_old(
        self, card: Scorecard, now: AsOf, changed: tuple[Mapping[str, int], Mapping[str, int]], fresh_for: timedelta
    ) -> bool:
        age = now.at - card.as_of.at
        if not timedelta() <= age < fresh_for:
            return True
        communities, bodies = changed
        known = self._policy.communities.get(card.community)
        served = [bodies.get(body, 0) for body in known.bodies.values()] if known else []
        return age >= STEADY_FOR and max(communities.get(card.community, 0), *served, 0) > card.as_of.sealed

    async def _as_of(self, position: Position | None, sealed: int | None) -> AsOf:
        if position is None or (sealed is not None and not 1 <= sealed <= position.sealed):
            raise NotFound
        if sealed is not None and sealed < position.sealed:
            position = await self._rows.mark_before(sealed) or Position(position.build)
            while position.sealed < sealed:
                end = min(sealed, position.sealed + READ_AT_ONCE)
                for leaf in await read_leaves(self._record, SEALS, position.sealed, end):
                    seal = seal_in(leaf)
                    position = position.after(seal, seal.origin.removeprefix(self._origin) if seal else "")
        if position.as_of is None:
            raise NotFound
        return position.as_of
