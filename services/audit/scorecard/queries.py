"""The questions to scorecards: that of one community at a checkpoint, and those of all communities."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from services.audit.record.log import SEALS
from services.audit.scorecard.evaluation import Lives, Past, evaluate, months_before
from services.audit.scorecard.projection import READ_AT_ONCE, Position, SealedRecord, read_leaves, seal_in
from services.audit.scorecard.result import AsOf, Scorecard
from services.audit.scorecard.rows import Rows, TooManyCasesError
from shared.policy import Policy
from shared.policy.baseline import Catalogue, in_force
from shared.problems import NotFound, Unavailable
from shared.times import parse_rfc3339

log = logging.getLogger(__name__)
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

FRESH_FOR = timedelta(minutes=10)
"""How old the scorecard of a community may be in a list of all, while nothing new was sealed of it."""
STEADY_FOR = timedelta(minutes=1)
"""How old it may be there in any case, so that readers of the list cost little while much is sealed."""
LOOK_EVERY = 60.0
MOST_KEPT, MOST_EARLIER = 256, 64
"""So many scorecards of last and of earlier checkpoints are kept in memory, so that earlier ones displace no last one.

A scorecard of a checkpoint never changes.
"""
MOST_LIVES = 10_000
"""So many cases of communities that were asked for lately are kept as they were read: some 15 MB."""
MOST_TIMES = 4_000
"""So many times are kept with their checkpoints: the days of ten years."""


@dataclass(frozen=True, slots=True)
class _Read:
    """The cases of a community to which the first `sealed` seals of a build add nothing any more."""

    build: str = ""
    sealed: int = 0
    lives: Lives = field(default_factory=dict)


class CardStore(Protocol):
    """What the questions need of the rows. An outage raises Unavailable."""

    async def position(self) -> Position | None:
        """How far the rows have come; None if there are none."""

    async def mark_before(self, sealed: int) -> Position | None:
        """The last mark that has no more seals than this; None if there is none."""

    async def rows_of(self, community: str, bodies: Iterable[str], since: int = 0) -> tuple[Position | None, Rows]:
        """The rows of a community, of which these handling bodies look after cases, and the position of the rows.

        Of its cases those of which something was sealed after the seal `since`. They may go beyond the position, but
        never fall short of it. Raises TooManyCasesError where they do not fit into the memory.
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
        # By community: its last scorecard that was asked for, with the build of the rows.
        self._last: dict[str, tuple[str, Scorecard]] = {}
        # By community, number of seals, and build of the rows.
        self._earlier: dict[tuple[str, int, str], Scorecard] = {}
        # By community, version of the catalogue, and build of the rows.
        self._past: dict[tuple[str, str, str], Past] = {}
        # By community, the one that was asked for last at the end.
        self._read: dict[str, _Read] = {}
        # By time, with the build of the rows.
        self._rounds: dict[datetime, tuple[str, int | None]] = {}
        self._computing = asyncio.Lock()

    async def of(self, community: str, sealed: int | None = None) -> Scorecard:
        """The scorecard at the checkpoint of `sealed` entries of the seal log, or at the last one.

        Raises NotFound for a community that neither the policy nor the record knows, and for a checkpoint that is none.
        """
        if (card := await self.kept(community, sealed)) is not None:
            return card
        # One after the other: who waits here finds what the one before computed.
        async with self._computing:
            return await self.kept(community, sealed) or await self._compute(community, sealed)

    async def kept(self, community: str, sealed: int | None = None) -> Scorecard | None:
        """The scorecard, if it is kept."""
        position = await self._rows.position()
        if position is None:
            return None
        number = position.sealed if sealed is None else sealed
        build, last = self._last.get(community, ("", None))
        if last is not None and (build, last.as_of.sealed) == (position.build, number):
            return last
        key = (community, number, position.build)
        if (card := self._earlier.pop(key, None)) is not None:
            self._earlier[key] = card
        return card

    async def _compute(self, community: str, sealed: int | None) -> Scorecard:
        known = self._policy.communities.get(community)
        bodies = tuple(known.bodies.values()) if known else ()
        read = self._read.get(community, _Read())
        if sealed is not None and sealed < read.sealed:
            # The cases that were read say more than this checkpoint has.
            read = _Read()
        position, rows = await self._rows.rows_of(community, bodies, read.sealed)
        as_of = await self._as_of(position, sealed)
        build = position.build if position is not None else ""
        past = self._past_of(community, as_of, build) if known else {}
        if read.sealed and (read.build != build or any(m.number not in past for m in months_before(as_of, rows))):
            # For a month that nobody has judged, all cases are needed.
            read = _Read()
            position, rows = await self._rows.rows_of(community, bodies)
            as_of = await self._as_of(position, sealed)
            build = position.build if position is not None else ""
            past = self._past_of(community, as_of, build) if known else {}
        if known is None and not rows.own and not rows.cases:
            raise NotFound
        catalogue = in_force(self._catalogues, as_of.at.date())
        card = evaluate(community, rows, catalogue, as_of, self._policy, past, read.lives)
        self._keep(card, build)
        if known and (sealed is None or read.sealed):
            if sealed is None:
                self._read.pop(community, None)
            self._read[community] = _Read(build, as_of.sealed, read.lives)
            self._forget_lives()
        return card

    def _past_of(self, community: str, as_of: AsOf, build: str) -> Past:
        if any(key[2] != build for key in self._past):
            self._past.clear()
        catalogue = in_force(self._catalogues, as_of.at.date())
        return self._past.setdefault((community, catalogue.version, build), {})

    def _keep(self, card: Scorecard, build: str) -> None:
        before, last = self._last.pop(card.community, ("", None))
        if last is not None and before == build and last.as_of.sealed > card.as_of.sealed:
            self._last[card.community] = (before, last)
            _put(self._earlier, (card.community, card.as_of.sealed, build), card, MOST_EARLIER)
        else:
            _put(self._last, card.community, (build, card), MOST_KEPT)

    def _forget_lives(self) -> None:
        """Forget the cases of communities that nobody has asked for lately."""
        count = sum(len(read.lives) for read in self._read.values())
        while count > MOST_LIVES:
            count -= len(self._read.pop(next(iter(self._read))).lives)

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
        STEADY_FOR if something of the community was sealed. So each tells its own checkpoint. A community with too many
        cases keeps the scorecard that it had, or has none.
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
                    try:
                        self._known[name] = await self.of(name, now.sealed)
                    except TooManyCasesError as error:
                        # The last scorecard stays in the list, with its time, and nobody else waits.
                        log.warning("a scorecard waits", extra={"reason": str(error)})
                    # Between two scorecards, other work of the process has its turn.
                    await asyncio.sleep(0)
            return [self._known[name] for name in names if name in self._known]

    async def round_until(self, at: datetime) -> int | None:
        """How many entries the seal log had at the last checkpoint that was not made after `at`; None before it."""
        position = await self._rows.position()
        if position is None or position.at is None or at >= position.at:
            return position.sealed or None if position is not None else None
        build, known = self._rounds.get(at, ("", None))
        if build == position.build:
            return known
        (leaf,) = await read_leaves(self._record, SEALS, 0, 1)
        if (first := seal_in(leaf)) is not None and parse_rfc3339(first.at) > at:
            return None
        low, high = 0, position.sealed
        while low < high:
            middle = (low + high + 1) // 2
            (leaf,) = await read_leaves(self._record, SEALS, middle - 1, middle)
            seal = seal_in(leaf)
            if seal is not None and parse_rfc3339(seal.at) > at:
                high = middle - 1
            else:
                low = middle
        # What is looked for is mostly a day of the record, and there are few of them.
        _put(self._rounds, at, (position.build, low or None), MOST_TIMES)
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


def _put(kept: dict[_Key, _Value], key: _Key, value: _Value, most: int) -> None:
    """Keep a value under a key. The one that was put there first goes when there are more than `most`."""
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]
