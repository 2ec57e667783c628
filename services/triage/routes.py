"""The API of cases, for programs: a bearer token of a person, JSON in and out."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from services.triage.actions import Desk
from services.triage.answers import (
    CaseList,
    CaseNamed,
    CaseShown,
    CaseSummary,
    CaseWithPeople,
    CommandDone,
    ContentShown,
    CountsShown,
    ReferralAsked,
    ReferralShown,
    SnoozeShown,
    WayShown,
)
from services.triage.case.case import Case
from services.triage.case.commands.sorting import nobody_named, way_of
from services.triage.case.forms import FORMS, bodies_served, permitted, show_form
from services.triage.case.values import Referral
from services.triage.case_answers import (
    show_agreements,
    show_appeals,
    show_check_ins,
    show_earlier_deadlines,
    show_measures,
    show_moves,
    show_parties,
    show_proposal,
    show_recusal_asks,
    show_step,
)
from services.triage.desk.queue import MOST_COUNTED, Counts, Queue, QueueFilter, Tab
from services.triage.patterns.shown import show_similar
from services.triage.requests import CommandRequest
from shared.events import CaseState
from shared.people_names import PeopleNames
from shared.policy import Policy, Triage
from shared.policy.model import Lane
from shared.problems import NotFound
from shared.times import rfc3339
from shared.web.bodies import gives, json_response, read_object
from shared.web.gate import Callers, Gate, does, principal_of
from shared.web.idempotency import IDEMPOTENCY_KEY, IF_MATCH, cause_of, read_idempotency_key, seen_of
from shared.web.queries import Whole

_PRIVATE = {"Cache-Control": "no-store"}
_REQUEST = {
    "parameters": [IF_MATCH, IDEMPOTENCY_KEY],
    "requestBody": {"content": {"application/json": {"schema": {
        "type": "object",
        "properties": {field.name: dict(field.schema) for form in FORMS.values() for field in form.fields},
        "additionalProperties": False,
    }}}},
}  # fmt: skip
"""What the OpenAPI document says about a command; the case itself says what each takes."""
Also = Annotated[
    Literal["unknown"] | None,
    Query(description="`unknown` adds what the sender wrote in fields that Hearth does not know, by JSON pointer."),
]
_COMMANDS = f"{', '.join(FORMS)}: each has an action of its own, and needs If-Match."


def make_router(desk: Desk, queue: Queue, gate: Gate, people: PeopleNames) -> APIRouter:
    """The routes below /v1/cases."""
    router = gate.router(Callers.PROGRAMS, prefix="/v1/cases")

    @router.get("", responses=gives(CaseList), **does("case.list"))
    async def list_cases(
        request: Request,
        state: Annotated[list[CaseState] | None, Query()] = None,
        body: Annotated[list[str] | None, Query()] = None,
        tab: Tab = "all",
        community: str = "",
        category: str = "",
        lane: Lane | None = None,
        assignee: str = "",
        counts: Annotated[bool, Query(description="Add how many cases there are, as far as they are counted.")] = False,
        count_to: Annotated[
            Whole | None,
            Query(ge=1, le=MOST_COUNTED, description="How many cases `counts` counts at most; 100 without it."),
        ] = None,
        cursor: str | None = None,
        limit: Annotated[Whole, Query(ge=1, le=200)] = 50,
    ) -> Response:
        """Cases of the caller's handling bodies: emergencies first, then by the next deadline.

        A `tab` but `all` and an assignee find open cases only; so do a community and a category, unless `closed` is the
        only state. A page may be short, or empty, and have a `next` page. Of more than `count_to` cases it is only
        counted that there are `more`.
        """
        wanted = QueueFilter(
            tab, tuple(body or ()), tuple(state or ()), community, category, lane or "", assignee, cursor, limit
        )
        who = principal_of(request)
        cases, after = await queue.page(who, wanted)
        at = desk.clock()
        items = [_summary(case, at, desk.policy) for case in cases]
        answer: CaseList = {"items": items, "people": people.in_answer(items), "next": after}
        if counts:
            answer["counts"] = _counts(await queue.counts(who, wanted, count_to))
        return json_response(answer, headers=_PRIVATE)

    @router.get("/{case_id}", responses=gives(CaseWithPeople), **does("case.read"))
    async def show_case(request: Request, case_id: str) -> Response:
        """One case, its history, and the commands permitted now with what they take. ETag is its version.

        The `person` of a recusal is a reference, or on the ground `named` a token; it `stands_for` a reference then.
        A paused deadline has `remaining_seconds`; its `due_at` is when it would be due if its clock ran again now.
        People of a body that is asked to take the case over, or to join it, see an outline: its code name, category,
        community, lane, deadlines and what they are asked. Everything else is empty until the body accepts.
        """
        principal = principal_of(request)
        case = await desk.find(principal, case_id)
        meant, beside = await desk.named_in(case), await desk.beside(principal, case)
        at = desk.clock()
        forms = permitted(case, principal, desk.policy, at)
        able = await desk.able(case) if any(form.gives_case for form in forms) else ()
        body: CaseShown = {
            **_summary(case, at, desk.policy),
            "report_id": case.report_id,
            "rule": case.rule,
            "nobody_named": nobody_named(case, desk.policy),
            "setting": case.setting,
            "language": case.language,
            "privacy": case.privacy,
            "contactable": case.contactable,
            "policy_version": case.policy_version,
            "reason_id": case.reason_id,
            "category_confirmed": case.category_confirmed,
            "policy_now": _way(way_of(case, desk.policy)),
            "watchers": list(case.watchers),
            "pause": {"reason": case.pause.reason, "until": rfc3339(case.pause.until)} if case.pause else None,
            "snooze": _snooze(case),
            "notes": [
                {"note_id": note.id, "at": rfc3339(note.at), "by": note.by, "visibility": note.visibility}
                for note in desk.notes(principal, case)
            ],
            "recusals": [
                {
                    "person": r.person,
                    "stands_for": meant.get(r.person),
                    "declared_by": r.by,
                    "ground": r.ground,
                    "confirm_by": rfc3339(r.confirm_by) if r.confirm_by else None,
                }
                for r in case.recusals
            ],
            "recusal_asks": show_recusal_asks(case),
            "parties": show_parties(case),
            "referrals": [_referral(referral) for referral in case.referrals],
            "questions": [
                {
                    "question_id": q.id,
                    "asked_at": rfc3339(q.asked_at),
                    "answers": list(q.answers),
                    "answer_by": rfc3339(q.answer_by) if q.answer_by else None,
                }
                for q in case.questions
            ],
            "measures": show_measures(case),
            "appeals": show_appeals(case),
            "proposal": show_proposal(case, await desk.tally(case)),
            "merged_into": _named(beside.survivor(case)),
            "absorbed": [
                {"id": other.id, "code_name": other.code_name, "answers_since": count}
                for other, count in beside.absorbed(case)
            ],
            "links": [
                {"id": other.id, "code_name": other.code_name, "relation": link.relation, "note_id": link.note_id}
                for link, other in beside.links(case)
            ],
            "similar": show_similar(await desk.similar(principal, case)),
            "earlier_deadlines": show_earlier_deadlines(case),
            "consent": case.consent,
            "unasked_for": case.unasked_for,
            "check_ins": show_check_ins(case),
            "agreements": show_agreements(case),
            "history": [show_step(step) for step in beside.steps(case.history)],
            "actions": [show_form(form, case, desk.policy, able, bodies_served(case, principal, at)) for form in forms],
        }
        told: CaseWithPeople = {**body, "people": people.in_answer(body)}
        return json_response(told, headers={**_PRIVATE, "ETag": f'"{case.seq}"'})

    @router.get("/{case_id}/content", responses=gives(ContentShown), **does("case.read_content"))
    async def show_content(request: Request, case_id: str, also: Also = None) -> Response:
        """What was reported. The vault notes who read it before it answers; 503 while it is away."""
        principal = principal_of(request)
        case = await desk.find(principal, case_id)
        contents = await desk.read(principal, case, (also,) if also else ())
        body = {"report_id": contents.report_id, "erased": contents.erased, "sections": contents.sections}
        return json_response(body, headers=_PRIVATE)

    @router.get("/{case_id}/referral", responses=gives(ReferralAsked), **does("case.read_reason"))
    async def show_referral(request: Request, case_id: str) -> Response:
        """What waits for an answer of the body, and why it is asked. The vault notes who read it before it answers."""
        principal = principal_of(request)
        case = await desk.find(principal, case_id)
        reason = await desk.read_reason(principal, case)
        body: ReferralAsked = {**_referral(case.referrals[-1]), "reason": reason}
        return json_response(body, headers=_PRIVATE)

    @router.post(
        "/{case_id}/{command}",
        description=_COMMANDS,
        responses=gives(CommandDone),
        **does("case.read", _REQUEST),
    )
    async def give_command(request: Request, case_id: str, command: str) -> Response:
        principal = principal_of(request)
        if command not in FORMS:
            raise NotFound
        given = CommandRequest(
            command,
            read_object(await request.body()),
            seen_of(request),
            cause_of(principal, case_id, read_idempotency_key(request)),
        )
        done = await desk.carry_out(principal, case_id, given)
        body: CommandDone = {
            "id": done.case_id,
            "code_name": done.code_name,
            "command": done.command,
            "state": done.state,
            "version": done.version,
        }
        if done.way:
            body["policy_now"] = _way(done.way)
        return json_response(body, headers={**_PRIVATE, "ETag": f'"{done.version}"'})

    return router


def _snooze(case: Case) -> SnoozeShown | None:
    if case.snooze is None:
        return None
    return {"person": case.snooze.person, "until": rfc3339(case.snooze.until) if case.snooze.until else None}


def _way(way: Triage) -> WayShown:
    return {"rule": way.rule, "body": way.body, "lane": way.lane}


def _referral(referral: Referral) -> ReferralShown:
    return {
        "from_body": referral.from_body,
        "to_body": referral.to_body,
        "referred_by": referral.by,
        "referred_at": rfc3339(referral.at),
        "accept_by": rfc3339(referral.accept_by),
        "reason_id": referral.reason_id,
        "ended": referral.ended,
        "ended_at": rfc3339(referral.ended_at) if referral.ended_at else None,
        "answer_id": referral.answer_id,
        "joint": referral.joint,
        "left_at": rfc3339(referral.left_at) if referral.left_at else None,
        "left_reason_id": referral.left_id,
    }


def _counts(counts: Counts) -> CountsShown:
    return {
        "tabs": {tab: {"number": count.number, "more": count.more} for tab, count in counts.tabs.items()},
        "choices": {name: dict(numbers) for name, numbers in counts.choices.items()},
        "more": counts.more,
    }


def _named(case: Case | None) -> CaseNamed | None:
    return {"id": case.id, "code_name": case.code_name} if case else None


def _summary(case: Case, at: datetime, policy: Policy) -> CaseSummary:
    """A case in a list. A paused deadline has `remaining_seconds`, and is due as if its clock ran again now."""
    calendar = policy.calendar_of(case.body)
    return {
        "id": case.id,
        "code_name": case.code_name,
        "state": case.state,
        "lane": case.lane,
        "body": case.body,
        "joined": list(case.joined),
        "community": case.community,
        "category": case.category,
        "flags": list(case.flags),
        "assignee": case.assignee,
        "outcome": case.outcome,
        "received_at": rfc3339(case.received_at),
        "updated_at": rfc3339(case.updated_at),
        "version": case.seq,
        "deadlines": [
            {
                "name": d.name,
                "due_at": rfc3339(d.due_if_running(at, calendar)),
                "met_at": rfc3339(d.met_at) if d.met_at else None,
                "overdue": d.is_overdue(at),
                "remaining_seconds": d.remaining_seconds,
                "stopped_for": d.stopped_for,
                "moves": show_moves(d),
            }
            for d in case.deadlines
        ],
    }
