"""Scorecards for people: all communities, one community, and what differs between two checkpoints."""

from collections.abc import Sequence
from typing import Annotated, get_args

from fastapi import APIRouter, Query, Request, Response

from services.audit.scorecard.difference import compare
from services.audit.scorecard.document import write_document
from services.audit.scorecard.doors import A_MINUTE, AN_HOUR, Door, Shelf, keep, words_for
from services.audit.scorecard.result import Scorecard
from services.audit.scorecard.views import (
    CHIPS,
    LEVEL_CHIPS,
    LEVELS,
    SORTS,
    Evidence,
    Sort,
    Words,
    evidence_of,
    in_order,
    met_of,
    missing_of,
    next_level,
    row_of,
    safe_link,
    standing_of,
    tell_standing,
)
from shared.policy.model import CommunityKind
from shared.problems import Problem
from shared.web.gate import Callers, Gate, does
from shared.web.pages import Pages
from shared.web.queries import Whole

KINDS: tuple[CommunityKind, ...] = get_args(CommunityKind)


def make_scorecard_pages(shelf: Shelf, door: Door, gate: Gate, pages: Pages) -> APIRouter:
    """The pages behind one door."""
    router = gate.router(Callers.PEOPLE, include_in_schema=False)

    @router.get(door.path, **does(door.action))
    async def show_all(request: Request, kind: str = "", sort: str = "name") -> Response:
        words = words_for(request, pages)
        # Nothing is asked of the place for what happens across communities.
        cards = [card for card in await shelf.scorecards.all() if card.kind is not None and card.items]
        order: Sort = next((one for one in SORTS if one == sort), "name")
        rows = [row_of(card, shelf.policy.communities.get(card.community)) for card in cards]
        shown = [row for row in in_order(rows, order) if kind in ("", row.kind)]
        context = {
            **frame(words), "rows": shown, "kind": kind, "sort": order, "sorts": SORTS,
            "kinds": [one for one in KINDS if any(card.kind == one for card in cards)],
            "as_of": max((card.as_of for card in cards), key=lambda as_of: as_of.sealed, default=None),
        }  # fmt: skip
        return keep(request, door, pages.render(request, "scorecards.html", context), A_MINUTE)

    @router.get(f"{door.path}/{{community}}", **does(door.action))
    async def show_one(
        request: Request, community: str, sealed: Annotated[Whole | None, Query(alias="as_of", ge=0)] = None
    ) -> Response:
        words = words_for(request, pages)
        try:
            card = await shelf.card(community, sealed)
        except Problem as problem:
            return missing(request, problem)
        evidence = [evidence_of(card, item, words, values=door.values) for item in card.items]
        listed = {item.responsibility_id for item in card.items}
        context = {
            **frame(words), "card": card, "name": shelf.name_of(card), "sealed": sealed,
            "by_level": [_of_level(level, evidence) for level in LEVELS],
            "evidence": evidence, "next_level": next_level(card) if card.next_level_missing else None,
            "missing": [one for one in evidence if one.item in missing_of(card)],
            "elsewhere": [one for one in card.projects if listed.isdisjoint(one.responsibilities)],
            "report_address": f"{shelf.report_url.rstrip('/')}/report/{card.community}",
            "desk_address": f"{shelf.desk_url.rstrip('/')}/desk/baseline",
            "audit_address": shelf.audit_url,
            "badge_address": shelf.address(community, ".svg"), "page_address": shelf.address(community),
        }  # fmt: skip
        page = pages.render(request, "scorecard.html", context)
        return keep(request, door, page, A_MINUTE if sealed is None else AN_HOUR)

    @router.get(f"{door.path}/{{community}}/diff", **does(door.action))
    async def show_difference(
        request: Request, community: str,
        old: Annotated[str, Query(alias="from")] = "", new: Annotated[str, Query(alias="to")] = "",
    ) -> Response:  # fmt: skip
        words = words_for(request, pages)
        fault = ""
        before: Scorecard | None = None
        try:
            after = await shelf.card(community, await shelf.round_of("to", new) if new else None)
        except Problem as problem:
            return missing(request, problem)
        try:
            sealed = await shelf.round_of("from", old) if old else await shelf.month_before(after)
            before = await shelf.card(community, sealed) if sealed is not None else None
        except Problem as problem:
            if problem.status == 429:
                raise
            fault = problem.code
        changes, projects = _changes(before, after, words, values=door.values) if before else ([], [])
        context = {
            **frame(words), "name": shelf.name_of(after), "before": before, "after": after, "fault": fault,
            "changes": changes, "projects": projects, "old": old, "new": new,
        }  # fmt: skip
        page = pages.render(request, "scorecard_diff.html", context, 404 if fault else 200)
        return keep(request, door, page, AN_HOUR if old and new else A_MINUTE)

    def frame(words: Words) -> dict[str, object]:
        return {
            "door": door, "words": words, "standing_of": standing_of, "level_chips": LEVEL_CHIPS, "chips": CHIPS,
            "safe_link": safe_link, "tell_standing": tell_standing,
        }  # fmt: skip

    def missing(request: Request, problem: Problem) -> Response:
        if problem.status != 404:
            raise problem
        return pages.render(request, "scorecard_missing.html", {"door": door, "code": problem.code}, 404)

    return router


def _of_level(level: int, evidence: Sequence[Evidence]) -> tuple[int, list[Evidence], int, int]:
    """A level, what it asks for, and how much of what counts is met."""
    asked = [one for one in evidence if one.item.level == level]
    return (level, asked, *met_of([one.item for one in asked]))


def _changes(
    before: Scorecard, after: Scorecard, words: Words, *, values: bool
) -> tuple[list[tuple[str, list[str], Evidence | None, Evidence | None]], list[str]]:
    """What differs: each responsibility, its fields, and what each side says; and the titles of projects."""
    difference = compare(*(write_document(card, values=values) for card in (before, after)))
    old, new = (
        {item.responsibility_id: evidence_of(card, item, words, values=values) for item in card.items}
        for card in (before, after)
    )
    items = [(one["id"], one["changed"], old.get(one["id"]), new.get(one["id"])) for one in difference["items"]]
    projects = [one["after"] or one["before"] for one in difference["projects"]]
    return items, [project["title"] for project in projects if project]
