"""Intake for people: the form and its receipt. Everything works without JavaScript.

There is no session. A receipt travels only in bodies, never in an address, where logs and histories would keep it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from secrets import token_urlsafe

from fastapi import APIRouter, Request, Response

from services.intake.actions import Accepted, Submissions
from services.intake.paths import EXIT, FOLLOW_UP
from services.intake.report.submission import Submission
from services.intake.sources import read as read_source
from services.intake.sources.arrival import Context, Raw
from services.intake.sources.form import IN_PERSON, Filled, FormError, FormUnusable, fill_from, make_nonce, people_in
from services.intake.terms.document import promise_key
from services.intake.zone_choices import zone_choices
from shared.i18n.messages import SHARED_MESSAGES, Messages
from shared.policy import Policy, ReportFacts
from shared.problems import Problem
from shared.telemetry import current_traceparent
from shared.times import now
from shared.web.csrf import from_elsewhere, is_from_own_page
from shared.web.forms import read_form
from shared.web.gate import Callers, Gate, does
from shared.web.pages import Pages, make_pages
from shared.web.redirects import redirect_page

HERE = Path(__file__).parent
PRIVACY_LEVELS = ("confidential", "named", "anonymous")
KINDS = ("wiki", "event", "affiliate", "technical_space", "global")
EXPOSURES = ("yes", "no", "unsure")


def load_pages() -> Pages:
    """The templates and messages of intake."""
    return make_pages(
        HERE / "templates", Messages.load([SHARED_MESSAGES, HERE / "i18n"]), home="/report", way_out=EXIT
    )  # fmt: skip


class ReportForm:
    """Shows the form and takes it in."""

    def __init__(
        self, submissions: Submissions, policy: Policy, pages: Pages, clock: Callable[[], datetime] = now
    ) -> None:
        self._submissions = submissions
        self._policy = policy
        self._pages = pages
        self._clock = clock

    def show(
        self,
        request: Request,
        community: str | None,
        filled: Filled | None = None,
        errors: Sequence[FormError] = (),
        notice: str | None = None,
        checked: Submission | None = None,
    ) -> Response:
        """The form, empty or as it was sent, with what is wrong, or with what was understood when it was `checked`.

        Raises Problem 404 for an unknown community.
        """
        if community is not None and community not in self._policy.communities:
            raise Problem(404, "community-unknown", "This community is not known here.")
        texts = {error.field: self._pages.message(request, error.message) for error in errors}
        context = {
            "community": self._policy.communities[community] if community else None,
            "communities": self._communities(request),
            "categories": self._categories(request),
            "flags": [(flag, self._name(request, "flag", flag)) for flag in self._policy.flags],
            "settings": [(setting, self._name(request, "setting", setting)) for setting in self._policy.settings],
            "exposures": [(code, self._name(request, "report-exposure", code)) for code in EXPOSURES],
            "privacy_levels": [
                (
                    level,
                    self._name(request, "privacy", level),
                    self._pages.message(request, promise_key(self._policy, level)),
                )
                for level in PRIVACY_LEVELS
            ],
            "address_help": self._name(request, "report-address", "told" if self._tells_addresses else "kept"),
            "understood": {
                field: self._pages.message(request, "report-names-understood", "; ".join(map(_apart, names)))
                for field, names in (people_in(filled) if filled else {}).items()
                if names
            },
            "zones": self._zones(request, filled.value("zone") if filled else ""),
            "values": filled.values if filled else {},
            "ticked": filled.flags if filled else (),
            "in_person": ("room", "exposure", *IN_PERSON),
            "errors": texts,
            "summary": [(field, self._entry(request, field, text)) for field, text in texts.items()],
            "notice": notice,
            "checked": checked is not None,
            "names": _names_in(checked) if checked else (),
            "came_back": filled is not None,
            "nonce": filled.nonce if filled and filled.nonce and not notice else self._new_nonce(),
        }
        status = 410 if notice else 422 if errors else 200
        return self._pages.render(request, "report.html", context, status, repeats_nothing=filled is None)

    async def take(self, request: Request, community: str | None) -> Response:
        """Store what was sent and show the receipt, or the form again. A form sent twice is one report.

        With the field `check` nothing is stored, and the form shows what was understood.
        """
        # Refuses what is no form, as on every page; the source reads the same bytes.
        fields = await read_form(request)
        place = {"hearth-community": community} if community else {}
        raw = Raw("form", {"content-language": self._pages.language(request), **place}, await request.body())
        context = Context(
            self._policy, self._clock(), current_traceparent(), lambda key: self._pages.message(request, key)
        )
        try:
            (arrival,) = read_source(raw, context).arrivals
        except FormUnusable as refused:
            return self.show(request, community, refused.filled, refused.errors)
        if "check" in fields:
            return self.show(request, community, fill_from(raw.body), checked=arrival.submission)
        try:
            accepted = await self._submissions.submit(arrival)
        except Problem as problem:
            if problem.code != "report-erased":
                raise
            return self.show(request, community, fill_from(raw.body), notice="report-erased-before")
        return self._pages.render(request, "receipt.html", self._receipt(arrival.submission, accepted))

    @property
    def _tells_addresses(self) -> bool:
        return any("email" in self._policy.ever_told(level) for level in PRIVACY_LEVELS)

    def _zones(self, request: Request, chosen: str) -> list[tuple[str, str]]:
        offered = zone_choices(self._pages.language(request))
        known = not chosen or chosen in dict(offered)
        return [*offered, *([] if known else [(chosen, chosen)])]

    def _entry(self, request: Request, field: str, text: str) -> str:
        label = self._pages.message(request, f"report-{field.replace('_', '-')}")
        return self._pages.message(request, "error-summary-entry", label, text)

    def _receipt(self, submission: Submission, accepted: Accepted) -> Mapping[str, object]:
        facts = ReportFacts.of(submission)
        return {
            "receipt": accepted.receipt,
            "emergency": self._policy.triage(facts).lane == "emergency",
            "contactable": submission.contactable,
            "follow_up": FOLLOW_UP,
            "understood": _names_in(submission),
            "peer_support": self._policy.peer_support.at("receipt", submission.community, submission.language),
        }

    def _new_nonce(self) -> str:
        return make_nonce(self._clock(), token_urlsafe(18))

    def _communities(self, request: Request) -> list[tuple[str, list[tuple[str, str]]]]:
        known = self._policy.communities.values()
        groups = [(kind, sorted((c.name, c.id) for c in known if c.kind == kind)) for kind in KINDS]
        return [
            (self._name(request, "kind", kind), [(code, name) for name, code in members])
            for kind, members in groups
            if members
        ]

    def _categories(self, request: Request) -> list[tuple[str, list[tuple[str, str]]]]:
        groups: dict[str, list[tuple[str, str]]] = {}
        for category in self._policy.categories.values():
            groups.setdefault(category.group, []).append(
                (category.code, self._name(request, "category", category.code))
            )
        return [(self._name(request, "category-group", group), members) for group, members in groups.items()]

    def _name(self, request: Request, kind: str, code: str) -> str:
        return self._pages.message(request, f"{kind}-{code.replace('.', '-').replace('_', '-')}")


def _apart(name: str) -> str:
    """The name between isolating marks: its direction changes nothing around it."""
    return f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}"


def _names_in(submission: Submission) -> list[str]:
    """The people who are kept out of the case, as they were understood."""
    return [*(person.name for person in submission.reported), *submission.witnesses]


def make_page_router(form: ReportForm, gate: Gate, exit_url: str) -> APIRouter:
    """The routes of the form, and of the button by which a person leaves a page quickly, for `exit_url`."""
    router = gate.router(Callers.PEOPLE, include_in_schema=False)

    @router.get("/report", **does("report.submit"))
    async def show_form(request: Request) -> Response:
        return form.show(request, None)

    @router.get("/report/{community}", **does("report.submit"))
    async def show_form_of(request: Request, community: str) -> Response:
        return form.show(request, community)

    @router.post("/report", **does("report.submit"))
    async def take_form(request: Request) -> Response:
        return await form.take(request, None)

    @router.post("/report/{community}", **does("report.submit"))
    async def take_form_of(request: Request, community: str) -> Response:
        return await form.take(request, community)

    # Leaving never fails, so it asks for no token. A request from a page of another site is led on, and clears nothing.
    @router.get(EXIT, **does("page.leave"))
    @router.post(EXIT, **does("page.leave"))
    @from_elsewhere
    async def leave(request: Request) -> Response:
        return redirect_page(exit_url, clear=is_from_own_page(request.headers))

    return router
