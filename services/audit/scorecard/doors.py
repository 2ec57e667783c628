"""The two doors to the scorecards: one for everybody, with outcomes, and one for auditors, with what was measured.

What the public door shows is the same for all who read one language, so that anybody may keep it for a while. The
auditors' door leads to the same pages below the place where auditors sign in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import partial
from hashlib import sha256
from typing import Protocol

from fastapi import Request, Response

from services.audit.paths import HOME
from services.audit.scorecard.result import Scorecard
from services.audit.scorecard.turns import Turns
from services.audit.scorecard.views import Words
from shared.policy.model import Policy
from shared.problems import FieldError, FieldsWrong, NotFound, Problem
from shared.times import parse_day
from shared.web.etags import is_known
from shared.web.pages import Pages

PATH = "/scorecard"
A_MINUTE, AN_HOUR, TEN_MINUTES = 60, 3600, 600
_MOST_DIGITS = 15


class Scorecards(Protocol):
    """What the doors need of the projection. Times are UTC-aware."""

    async def all(self) -> Sequence[Scorecard]:
        """The scorecard of every community of the policy at the last checkpoint; none before the first one."""

    async def of(self, community: str, sealed: int | None = None) -> Scorecard:
        """The scorecard at the checkpoint of `sealed` entries of the seal log, or at the last one.

        Raises NotFound for a community that neither the policy nor the record knows, and for a checkpoint that is none.
        """

    async def kept(self, community: str, sealed: int) -> Scorecard | None:
        """The scorecard at this checkpoint, if it costs nothing."""

    async def round_until(self, at: datetime) -> int | None:
        """How many entries the seal log had at the last checkpoint that was not made after `at`."""


@dataclass(frozen=True, slots=True)
class Door:
    """One way in. `values`: it shows what was measured, too. `is_public`: anyone may come in and keep what it shows."""

    path: str
    action: str
    values: bool
    is_public: bool


AUDITORS = Door(f"{HOME}{PATH}", "scorecard.values", values=True, is_public=False)


def public_door(*, values: bool) -> Door:
    """The door for everybody."""
    return Door(PATH, "scorecard.read", values, is_public=True)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where scorecards are found, and the names and addresses that go with them.

    `audit_url`: the address of this service; `report_url`: where people report; `desk_url`: where coordinators work.
    `turns`: those of the readers of this shelf.
    """

    scorecards: Scorecards
    policy: Policy
    audit_url: str
    report_url: str
    desk_url: str
    turns: Turns = field(default_factory=Turns)

    async def card(self, community: str, sealed: int | None = None) -> Scorecard:
        """The scorecard. Raises Problem 404, and 429 where too many earlier checkpoints are asked for."""
        try:
            if sealed is None:
                return await self.scorecards.of(community)
            if (kept := await self.scorecards.kept(community, sealed)) is not None:
                return kept
            async with self.turns.one():
                return await self.scorecards.of(community, sealed)
        except NotFound:
            if community in self.policy.communities:
                raise Problem(404, "checkpoint-unknown", "The record has no such checkpoint.") from None
            raise Problem(404, "community-unknown", "The policy knows no such community.") from None

    async def round_of(self, name: str, text: str) -> int:
        """The checkpoint that a reader names: by its number, or by a day (UTC): then the last one of it.

        Raises Problem 422, or 404 for a day before the first one.
        """
        if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
            return int(text)
        try:
            day = parse_day(text)
            end = datetime.combine(day, time.max, UTC)
        except ValueError:
            error = FieldError(f"/{name}", "invalid", "A checkpoint is a number, or a day such as 2026-11-24.")
            raise FieldsWrong([error]) from None
        sealed = await self.scorecards.round_until(end)
        if sealed is None:
            raise Problem(404, "checkpoint-unknown", "The record has no such checkpoint.")
        return sealed

    async def month_before(self, card: Scorecard) -> int | None:
        """The checkpoint thirty days before that of the scorecard."""
        return await self.scorecards.round_until(card.as_of.at - timedelta(days=30))

    def name_of(self, card: Scorecard) -> str:
        """The name of a community; its id where the policy has none."""
        known = self.policy.communities.get(card.community)
        return known.name if known else card.community

    def address(self, community: str, end: str = "") -> str:
        """The public address of a scorecard."""
        return f"{self.audit_url.rstrip('/')}{PATH}/{community}{end}"


def words_for(request: Request, pages: Pages) -> Words:
    """The messages in the reader's language."""
    language = pages.language(request)
    return Words(language, partial(pages.text, language))


def answer(
    request: Request, door: Door, content: bytes, media_type: str, seconds: int, *, anywhere: bool = True
) -> Response:
    """The content, with what lets a reader keep it for `seconds` and ask again whether it has changed.

    `anywhere`: pages of other sites may show it.
    """
    return keep(request, door, Response(content, media_type=media_type), seconds, anywhere=anywhere)


def keep(request: Request, door: Door, response: Response, seconds: int, *, anywhere: bool = False) -> Response:
    """The response with the headers of its door; 304 without a body if the reader has it already."""
    if not door.is_public or "set-cookie" in response.headers:
        response.headers["Cache-Control"] = "no-store"
        return response
    tag = sha256(response.body).hexdigest()[:32]
    response.headers["Cache-Control"] = f"public, max-age={seconds}"
    response.headers["ETag"] = f'"{tag}"'
    response.headers["Vary"] = "Accept-Language, Cookie"
    if anywhere:
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    if not is_known(request.headers.get("if-none-match"), tag):
        return response
    kept = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
    return Response(status_code=304, headers=kept)
