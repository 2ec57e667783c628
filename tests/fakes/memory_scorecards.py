"""Scorecards that were made by hand, at the checkpoints that a test gives them."""

from collections.abc import Sequence
from datetime import datetime

from services.audit.scorecard.result import Scorecard
from shared.problems import NotFound


class MemoryScorecards:
    """What services.audit.scorecard.doors asks for, from a list."""

    def __init__(self, *cards: Scorecard) -> None:
        self.cards = list(cards)
        self.asked = 0

    async def all(self) -> Sequence[Scorecard]:
        self.asked += 1
        return [await self.of(community) for community in dict.fromkeys(card.community for card in self.cards)]

    async def of(self, community: str, sealed: int | None = None) -> Scorecard:
        self.asked += 1
        found = [card for card in self.cards if card.community == community and sealed in (None, card.as_of.sealed)]
        if not found:
            raise NotFound
        return max(found, key=lambda card: card.as_of.sealed)

    async def kept(self, community: str, sealed: int) -> Scorecard | None:
        """Every scorecard here was made by hand, so each one costs nothing."""
        found = (card for card in self.cards if (card.community, card.as_of.sealed) == (community, sealed))
        return next(found, None)

    async def round_until(self, at: datetime) -> int | None:
        return max((card.as_of.sealed for card in self.cards if card.as_of.at <= at), default=None)
