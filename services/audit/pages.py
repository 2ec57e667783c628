"""Pages for auditors: the logs of the record, and the timeline of a case with the proof beside every entry."""

import re
from datetime import datetime

from fastapi import APIRouter, Request, Response
from markupsafe import Markup, escape
from starlette.responses import RedirectResponse

from services.audit.queries import Explorer, Proof, place_of, read_leaf
from services.audit.reads import ReadRecorder
from services.audit.record.log import SEALS, Entry
from services.audit.routes import PURPOSE, TIMELINE_CURSORS
from shared.access.principal import Principal
from shared.events import FACTS
from shared.i18n.messages import message_key
from shared.problems import NotFound
from shared.times import now, parse_rfc3339
from shared.web.gate import Callers, Gate, does, principal_of
from shared.web.pages import Pages

ON_A_PAGE = 200
_ID = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)
_KNOWN = {type_: fact.name for type_, fact in FACTS.items()}


def make_audit_pages(explorer: Explorer, reads: ReadRecorder, gate: Gate, pages: Pages) -> APIRouter:
    """The pages under /audit."""
    router = gate.router(Callers.PEOPLE, include_in_schema=False)

    async def show_overview(request: Request, who: Principal, sought: str, status: int = 200) -> Response:
        heads = await explorer.heads()
        logs = [
            {"log": head.log, "seals": head.log == SEALS, "size": head.size, "at": head.at}
            for head in heads
            if head.size
        ]
        context = {
            "logs": logs, "total": sum(h.size for h in heads if h.log != SEALS), "sought": sought, "who": who,
            "missing": status == 404,
        }  # fmt: skip
        return pages.render(request, "record.html", context, status)

    @router.get("/audit", **does("record.read"))
    async def overview(request: Request, q: str = "") -> Response:
        who = principal_of(request)
        sought = "".join(q.split())
        if not sought:
            return await show_overview(request, who, "")
        if _ID.fullmatch(sought):
            try:
                event = await explorer.event(who, sought)
            except NotFound:
                event = None
            by_case, _ = await explorer.timeline(who, sought, None, 1)
            await reads.note(who, "/audit?q", len(by_case) + (event is not None), PURPOSE, now())
            if event is not None and "case" in event.about:
                return RedirectResponse(await _find_on_page(who, event), 303)
            if by_case:
                return RedirectResponse(f"/audit/cases/{sought}", 303)
        return await show_overview(request, who, sought, 404)

    async def _find_on_page(who: Principal, event: Entry) -> str:
        """The address of an event on the page of the timeline that has it."""
        case_id = event.about["case"]
        first, _ = await explorer.timeline(who, case_id, None, ON_A_PAGE)
        cursor = "" if event in first else f"?cursor={TIMELINE_CURSORS.write(place_of(event))}"
        return f"/audit/cases/{case_id}{cursor}#{event.about['event']}"

    @router.get("/audit/cases/{case_id}", **does("record.read"))
    async def timeline(request: Request, case_id: str, cursor: str | None = None) -> Response:
        who = principal_of(request)
        start, more = TIMELINE_CURSORS.read(cursor), None
        found: list[Entry] = []
        if _ID.fullmatch(case_id):
            found, more = await explorer.timeline(who, case_id, start, ON_A_PAGE)
        if not found:
            await reads.note(who, "/audit/cases/{id}", 0, PURPOSE, now())
            return await show_overview(request, who, case_id, 404)
        proofs = await explorer.prove(found)
        await reads.note(who, "/audit/cases/{id}", len(found), PURPOSE, now(), case_id)
        entries = [_shown(proof, request) for proof in proofs]
        proved = sum(1 for proof in proofs if proof.holds)
        context = {
            "case_id": case_id, "entries": entries, "proved": proved, "who": who, "first": start is None,
            "more": TIMELINE_CURSORS.write(more) if more else None,
        }  # fmt: skip
        return pages.render(request, "case.html", context)

    def _shown(proof: Proof, request: Request) -> dict[str, object]:
        leaf = read_leaf(proof.entry)
        name = _KNOWN.get(leaf["ce"]["type"], "unknown")
        return {
            "id": leaf["ce"]["id"],
            "text": pages.message(request, message_key("fact", name)),
            "at": _moment(leaf["ce"]["time"]),
            "actor": leaf["actor"],
            "type": leaf["ce"]["type"],
            "data": _pairs(leaf["data"]),
            "seq": leaf["case_seq"],
            "source": leaf["ce"]["source"],
            "trace": leaf["trace_id"],
            "policy": leaf["policy_version"],
            "log": proof.entry.log,
            "index": proof.entry.index,
            "size": proof.signed.size,
            "holds": proof.holds,
        }

    return router


def _moment(text: str) -> datetime | None:
    try:
        return parse_rfc3339(text)
    except ValueError:
        return None


def _pairs(data: dict[str, object]) -> list[tuple[str, Markup]]:
    """The fields of an event that are not empty, as the event has them."""
    return [
        (name, Markup("<code>{}</code>").format(escape(str(value))))
        for name, value in data.items()
        if value not in (None, "", [], {})
    ]
