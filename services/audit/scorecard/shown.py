"""Once a day, audit tells the digest of each scorecard that the public can see, so that it stands in the record."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from services.audit.author import AUDIT, SOURCE
from services.audit.scorecard.result import Scorecard
from shared.aggregates import ChangeStore, Save, change
from shared.events import Draft, ScorecardShown, stamp
from shared.ids import derive
from shared.mongo import Document
from shared.problems import Unavailable
from shared.times import now

log = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two looks at what was shown."""


class Shown(Protocol):
    """What is shown to the public (services.audit.scorecard.queries.Cards)."""

    async def all(self) -> Sequence[Scorecard]:
        """The scorecard of every community; none before the first checkpoint. Raises Unavailable."""


class DigestTeller:
    """Tells the digest of each scorecard, once for each day (UTC) of its checkpoint, however many replicas do it."""

    def __init__(
        self,
        scorecards: Shown,
        told: ChangeStore[Document, Save],
        *,
        every: float = EVERY,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`told`: an aggregate for each community, which holds the last day."""
        self._scorecards = scorecards
        self._told = told
        self._every = every
        self._clock = clock

    async def run(self) -> None:
        """Tell until cancelled; an outage only makes it wait."""
        while True:
            try:
                await self.tell()
            except Unavailable as error:
                log.warning("digests of scorecards wait", extra={"reason": str(error)})
            await asyncio.sleep(self._every)

    async def tell(self) -> Iterable[str]:
        """Tell what was not told of its day yet; returns the communities. Raises Unavailable."""
        cards = {card.community: card for card in await self._scorecards.all()}

        async def decide(community: str, stored: Document | None) -> Save | None:
            card = cards[community]
            day = card.as_of.at.date().isoformat()
            if stored is not None and stored["day"] >= day:
                return None
            return _telling(card, day, stored, self._clock())

        return await change(self._told, cards, decide)


def _telling(card: Scorecard, day: str, stored: Document | None, at: datetime) -> Save:
    fact = ScorecardShown(
        community=card.community,
        catalogue_version=card.catalogue_version,
        as_of=card.as_of.at,
        sealed=card.as_of.sealed,
        level=card.level_reached,
        digest=card.digest,
    )
    cause = derive("scorecard shown", card.community, day)
    events = stamp(
        [Draft(fact, AUDIT, at, cause)],
        source=SOURCE,
        subject=f"scorecard/{card.community}",
        case_id=card.community,
        last_seq=stored["seq"] if stored else 0,
        trace=None,
    )
    return Save(card.community, stored, {"day": day}, events, [cause])
