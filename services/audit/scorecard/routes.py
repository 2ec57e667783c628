"""Scorecards for programs: JSON, CSV, the badge, wikitext, and an evaluation log of Gemara."""

import time
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse
from typing_extensions import TypedDict

from services.audit.scorecard.badge import draw_badge
from services.audit.scorecard.difference import DifferenceDocument, compare
from services.audit.scorecard.document import ScorecardDocument, write_canonical, write_document
from services.audit.scorecard.doors import (
    A_MINUTE,
    AN_HOUR,
    TEN_MINUTES,
    Door,
    Shelf,
    answer,
    words_for,
)
from services.audit.scorecard.exports import GemaraLog, write_csv, write_csv_of_all, write_gemara, write_wikitext
from shared.web.bodies import gives, gives_media
from shared.web.gate import Callers, Gate, does
from shared.web.pages import Pages
from shared.web.queries import Whole

JSON, CSV, SVG, TEXT = "application/json", "text/csv; charset=utf-8", "image/svg+xml", "text/plain; charset=utf-8"
BADGE_SECONDS = 5
"""How long a replica shows a badge that it has drawn."""
MOST_BADGES = 10_000

_CSV, _SVG = gives_media("text/csv"), gives_media(SVG)

Sealed = Annotated[Whole | None, Query(alias="as_of", ge=0, description="The checkpoint: entries of the seal log.")]


class ScorecardsDocument(TypedDict):
    """The scorecards of all communities."""

    items: list[ScorecardDocument]
    next: str | None


def make_scorecard_routes(shelf: Shelf, door: Door, gate: Gate, pages: Pages) -> APIRouter:
    """The routes behind one door."""
    router = gate.router(Callers.PROGRAMS if door.is_public else Callers.PEOPLE, tags=["scorecard"])
    badges = Badges()

    @router.get(f"{door.path}.json", responses=gives(ScorecardsDocument), **does(door.action))
    async def list_scorecards(request: Request) -> Response:
        """The scorecard of every community, by its id, at the last checkpoint."""
        cards = sorted(await shelf.scorecards.all(), key=lambda card: card.community)
        body = {"items": [write_document(card, values=door.values) for card in cards], "next": None}
        return answer(request, door, write_canonical(body), JSON, A_MINUTE)

    @router.get(f"{door.path}.csv", response_class=Response, responses=_CSV, **does(door.action))
    async def list_as_csv(request: Request) -> Response:
        """A line for each community."""
        cards = sorted(await shelf.scorecards.all(), key=lambda card: card.community)
        return answer(request, door, write_csv_of_all(cards), CSV, A_MINUTE)

    # Before the next route, whose path would fit, too.
    @router.get(f"{door.path}/{{community}}.gemara.json", responses=gives(GemaraLog), **does(door.action))
    async def read_gemara(request: Request, community: str, sealed: Sealed = None) -> Response:
        """An evaluation log in the shape of Gemara, layer 4."""
        card = await shelf.card(community, sealed)
        body = write_gemara(card, shelf.name_of(card), shelf.address(community), words_for(request, pages))
        return answer(request, door, write_canonical(body), JSON, _seconds(sealed))

    @router.get(f"{door.path}/{{community}}.json", responses=gives(ScorecardDocument), **does(door.action))
    async def read_scorecard(request: Request, community: str, sealed: Sealed = None) -> Response:
        """The scorecard as canonical JSON: UTF-8, names in order, no blanks. `values` are null without the right.

        `digest` is the SHA-256 of this document as auditors get it, without `digest` itself.
        """
        card = await shelf.card(community, sealed)
        body = write_canonical(write_document(card, values=door.values))
        return answer(request, door, body, JSON, _seconds(sealed))

    @router.get(
        f"{door.path}/{{community}}.csv",
        response_class=Response,
        responses=gives_media("text/csv"),
        **does(door.action),
    )
    async def read_as_csv(request: Request, community: str, sealed: Sealed = None) -> Response:
        """A line for each responsibility, with its sentence in the reader's language. No cell is a formula."""
        card = await shelf.card(community, sealed)
        body = write_csv(card, words_for(request, pages), values=door.values)
        return answer(request, door, body, CSV, _seconds(sealed))

    @router.get(f"{door.path}/{{community}}.svg", response_class=Response, responses=_SVG, **does(door.action))
    async def read_badge(request: Request, community: str) -> Response:
        """The badge: the word of the level and the date, in the reader's language."""
        key = (community, pages.language(request))
        content = badges.find(key)
        if content is None:
            card = await shelf.card(community)
            content = badges.keep(key, draw_badge(card, shelf.name_of(card), words_for(request, pages)))
        return answer(request, door, content, SVG, TEN_MINUTES)

    @router.get(f"{door.path}/{{community}}.wikitext", response_class=PlainTextResponse, **does(door.action))
    async def read_wikitext(request: Request, community: str, sealed: Sealed = None) -> Response:
        """A table to paste on a wiki page. What people wrote stands in it as text."""
        card = await shelf.card(community, sealed)
        text = write_wikitext(card, shelf.name_of(card), shelf.address(community), words_for(request, pages))
        return answer(request, door, text.encode(), TEXT, _seconds(sealed))

    @router.get(f"{door.path}/{{community}}/diff.json", responses=gives(DifferenceDocument), **does(door.action))
    async def read_difference(
        request: Request, community: str,
        old: Annotated[str, Query(alias="from", description="A checkpoint, or a day such as 2026-11-24.")],
        new: Annotated[str, Query(alias="to", description="As `from`.")],
    ) -> Response:  # fmt: skip
        """What differs between two checkpoints."""
        before, after = [
            write_document(await shelf.card(community, await shelf.round_of(name, text)), values=door.values)
            for name, text in (("from", old), ("to", new))
        ]
        return answer(request, door, write_canonical(compare(before, after)), JSON, AN_HOUR)

    return router


class Badges:
    """Badges that were drawn a moment ago: a badge on a busy wiki page is asked for far more often than it changes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[float, bytes]] = {}

    def find(self, key: tuple[str, str]) -> bytes | None:
        """The badge of a community in a language, if it was drawn less than BADGE_SECONDS ago."""
        until, content = self._kept.get(key, (0.0, b""))
        return content if self._clock() < until else None

    def keep(self, key: tuple[str, str], content: bytes) -> bytes:
        """Keep a badge; gives it back."""
        if len(self._kept) >= MOST_BADGES:
            self._kept.clear()
        self._kept[key] = (self._clock() + BADGE_SECONDS, content)
        return content


def _seconds(sealed: int | None) -> int:
    """How long an answer may be kept: the past does not change, but the catalogue that it is judged by may."""
    return A_MINUTE if sealed is None else AN_HOUR
