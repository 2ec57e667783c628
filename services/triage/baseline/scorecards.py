"""What audit's public scorecards say, asked over HTTP for the desk. Nothing here waits long for audit."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Protocol

from pydantic import BaseModel, Field, ValidationError

from services.triage.baseline.overview import Finding
from shared.http import AsyncClient, HTTPError
from shared.times import Utc

PATIENCE = 1.5
"""Seconds that a page waits for audit at most."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the scorecard of a community says, as of a checkpoint (UTC-aware). `findings` by the responsibility's id.

    `standing`: `unassessed`, or the level as a digit.
    """

    at: datetime
    standing: str
    findings: Mapping[str, Finding]


class Scorecards(Protocol):
    """What the pages need of audit."""

    async def of(self, community: str) -> Verdict | None:
        """The verdict on a community; None while audit is away, does not show it, or is not asked at all."""
        ...


class NoScorecards:
    """Where audit is not asked."""

    async def of(self, community: str) -> Verdict | None:
        """None."""
        return None


class AuditScorecards:
    """The public scorecards of audit."""

    def __init__(self, http: AsyncClient, patience: float = PATIENCE) -> None:
        """`http` knows the address of audit."""
        self._http = http
        self._patience = patience

    async def of(self, community: str) -> Verdict | None:
        """As Scorecards says. `community` is an id of the policy."""
        try:
            async with asyncio.timeout(self._patience):
                answer = await self._http.get(f"/scorecard/{community}.json")
            if answer.status_code != 200:
                return None
            card = _Card.model_validate_json(answer.content)
        except (HTTPError, TimeoutError, ValidationError):
            return None
        findings = {item.id: _finding(item) for item in card.items}
        return Verdict(card.as_of.at, str(card.level_reached) if card.assessed else "unassessed", findings)


class _AsOf(BaseModel):
    at: Utc


class _Measured(BaseModel):
    holds: bool | None = None
    min_n: int = 0


class _Item(BaseModel):
    id: str
    outcome: str
    reason: str
    measured: _Measured | None = None


class _Card(BaseModel):
    """What is used of the document of a scorecard; the rest is ignored."""

    as_of: _AsOf
    assessed: bool
    level_reached: Annotated[int, Field(ge=0, le=3)]
    items: tuple[_Item, ...]


def _finding(item: _Item) -> Finding:
    measured = item.measured or _Measured()
    return Finding(item.outcome, item.reason, measured.holds, measured.min_n)
