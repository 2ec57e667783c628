"""What the pages of the baseline show: my communities, and how one of them stands."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response

from services.triage.baseline.actions import BaselineDesk
from services.triage.baseline.forms import CHANGES
from services.triage.baseline.overview import GOOD, SOON, Line, Outlook, ending, lines_of, next_level, waits
from services.triage.baseline.page_forms import PageForms
from services.triage.baseline.registry import Registry
from services.triage.baseline.scorecards import Scorecards, Verdict
from services.triage.baseline.words import LINE_LIMIT, LINK_LIMIT, WORDS_LIMIT
from services.triage.paths import BASELINE, HOME
from services.triage.rooms import rooms_of
from services.triage.sent import SentForm, waits_in
from shared.access.authorization import fresh_until
from shared.ids import new_id
from shared.policy import GLOBAL_COMMUNITY, Community
from shared.policy.baseline import Responsibility
from shared.sign_in.drafts import Draft
from shared.web.gate import principal_of
from shared.web.pages import Pages

COMMUNITIES_A_PAGE = 50
MOST_COMMUNITIES = 1_000
"""So many of one's own communities are put in order at most."""
ENDS_SHOWN = 5
CHIPS = {
    Outlook.MET: "success",
    Outlook.MEASURED: "success",
    Outlook.NOT_APPLICABLE: "notice",
    Outlook.SAID_NOT_MET: "error",
    Outlook.CONTRADICTED: "error",
    Outlook.MISSED: "error",
    Outlook.NEVER: "notice",
    Outlook.UNMEASURED: "notice",
}
"""How what is known looks; everything else warns."""


class BaselineView:
    """Turns registries into pages."""

    def __init__(self, desk: BaselineDesk, scorecards: Scorecards, audit_url: str, pages: Pages) -> None:
        self._desk = desk
        self._scorecards = scorecards
        self._audit = f"{audit_url.rstrip('/')}/scorecard"
        self._pages = pages

    async def communities(self, request: Request, cursor: str) -> Response:
        """The communities that the reader may read; the one in which something ends next comes first."""
        who, at = principal_of(request), self._desk.clock()
        found = await self._desk.page(who, None, MOST_COMMUNITIES)
        rows = sorted((self._summary(c, registry, at) for c, registry in found), key=lambda row: row["order"])
        start = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 6 else 0
        more = start + COMMUNITIES_A_PAGE
        context = {
            "rows": rows[start:more],
            "first": BASELINE if start else None,
            "next": f"{BASELINE}?{urlencode({'cursor': more})}" if len(rows) > more else None,
            "scorecards": self._audit,
            "rooms": rooms_of(who, at),
        }
        return self._pages.render(request, "baseline.html", context)

    async def community(
        self,
        request: Request,
        community: Community,
        registry: Registry,
        sent: SentForm[Sequence[str]] | None = None,
        drafts: Sequence[Draft] = (),
    ) -> Response:
        """How a community stands, and exactly the changes permitted now. `drafts`: what waits in their forms."""
        who, at = principal_of(request), self._desk.clock()
        verdict = await self._scorecards.of(community.id)
        everywhere = registry if community.id == GLOBAL_COMMUNITY else await self._desk.global_projects()
        shared = () if everywhere is registry else everywhere.projects
        rows, findings = self._desk.catalogue.for_kind(community.kind), verdict.findings if verdict else {}
        lines = lines_of(registry, rows, findings, (*registry.projects, *shared), at)
        level, missing = next_level(lines)
        offers = {offer.change.name: offer for offer in self._desk.offers(who, community, registry)}
        forms = PageForms(offers, sent, partial(self._pages.message, request))
        problem, by_id = sent.problem if sent else None, {line.row.id: line for line in lines}
        address = f"{BASELINE}/{community.id}"
        ends = ending(registry, self._desk.catalogue, at)
        context = {
            "address": address,
            "drafts": [waits_in(one) for one in drafts],
            "community": community,
            "registry": registry,
            "scorecard": f"{self._audit}/{community.id}",
            "verdict": verdict,
            "standing": _standing(verdict),
            "level": level,
            "missing": missing,
            "later": [line for line in lines if line.is_missing and line.row.level > level],
            "ends": [(by_id[a.responsibility_id], a) for a in ends[:ENDS_SHOWN] if a.responsibility_id in by_id],
            "soon_at": at + SOON,
            "to_confirm": [line for line in lines if line.said and forms.has("confirm", line.said.id)],
            "levels": [(k, [line for line in lines if line.row.level == k]) for k in (1, 2, 3)] if lines else [],
            "projects": [p for p in registry.projects if p.newest.ended_on is None],
            "shared_projects": [p for p in shared if p.newest.ended_on is None],
            "ended_projects": [p for p in registry.projects if p.newest.ended_on],
            "choices": [(r.id, self._sentence(request, r)) for r in self._choosable()],
            "forms": forms,
            "chips": CHIPS,
            "good": GOOD,
            "waits": waits,
            "holds": lambda made: made.holds(at),
            "longest_of": lambda row: _last_day(row, at),
            "today": at.date().isoformat(),
            "limits": {"words": WORDS_LIMIT, "line": LINE_LIMIT, "link": LINK_LIMIT},
            "reader": who.ref,
            "new_key": new_id,
            "fresh_until": fresh_until(who, at),
            "again": f"{HOME}/sign-in?{urlencode({'fresh': 1, 'next': address})}",
            "sent": sent,
            "problem": problem,
            "done": _done(request, sent, by_id),
            "rooms": rooms_of(who, at),
        }
        return self._pages.render(request, "baseline_community.html", context, problem.status if problem else 200)

    def _summary(self, community: Community, registry: Registry, at: datetime) -> dict[str, Any]:
        catalogue = self._desk.catalogue
        lines = lines_of(registry, catalogue.for_kind(community.kind), {}, (), at)
        asked = [line for line in lines if line.counts and line.row.attested]
        ends = ending(registry, catalogue, at)
        ended = [line for line in asked if line.outlook is Outlook.EXPIRED]
        first = ends[0].valid_until if ends else None
        gone = min((line.said.valid_until for line in ended if line.said), default=None)
        return {
            "href": f"{BASELINE}/{community.id}",
            "community": community,
            "asked": len(asked),
            "said": sum(line.said is not None and line.said.holds(at) for line in asked),
            "waiting": sum(line.outlook is Outlook.WAITING for line in asked),
            "ended": len(ended),
            "next": ends[0] if ends else None,
            "soon": first is not None and first - at <= SOON,
            "order": (gone or first or datetime.max.replace(tzinfo=at.tzinfo), community.name),
        }

    def _choosable(self) -> list[Responsibility]:
        known = self._desk.catalogue.responsibilities.values()
        return sorted((r for r in known if r.state != "retired"), key=lambda r: r.id)

    def _sentence(self, request: Request, row: Responsibility) -> str:
        return f"{row.id}: {self._pages.message(request, row.message('requirement'))}"


def _standing(verdict: Verdict | None) -> str | None:
    return verdict.standing if verdict else None


def _last_day(row: Responsibility, at: datetime) -> str:
    """The last whole day (UTC) on which an attestation of today can end."""
    longest = row.attested.valid_for if row.attested else timedelta(days=365)
    return f"{at + longest - timedelta(days=1):%Y-%m-%d}"


def _done(
    request: Request, sent: SentForm[Sequence[str]] | None, lines: Mapping[str, Line]
) -> tuple[str, Line | None] | None:
    """The change that was made a moment ago, and the responsibility that it was about."""
    done, of = request.query_params.get("done"), request.query_params.get("of", "")
    if sent is not None or done is None or done not in CHANGES:
        return None
    by_attestation = (line for line in lines.values() if line.said and line.said.id == of)
    return done, lines.get(of) or next(by_attestation, None)
