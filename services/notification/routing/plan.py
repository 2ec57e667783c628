"""Which deliveries a fact brings about, pure."""

from collections.abc import Sequence
from datetime import datetime

from services.notification.delivery import Delivery
from services.notification.routing.audiences import AUDIENCES, asked_named, body_named, recipients_of
from services.notification.routing.summary import CaseSummary, follow
from services.notification.routing.table import Route, Routes
from shared.events import (
    BodyInvited,
    CasePassedOn,
    CaseReferred,
    CaseTriaged,
    DeadlineFact,
    EmergencyMeasureTaken,
    Event,
    LaneRaised,
    ReportReceived,
    parties_of,
)
from shared.ids import derive
from shared.policy import MEASURE_REVIEW, Deadline, Policy, ReportFacts
from shared.problems import Malformed


def plan(
    event: Event, summary: CaseSummary | None, routes: Routes, policy: Policy, now: datetime
) -> list[tuple[Route, Delivery]]:
    """The deliveries that an event brings about, each with its row of routing.toml.

    To plan an event twice gives the same ids. `summary` is what is known of the case, by later facts as well. A
    ReportReceived needs none: it says all but who is recused.
    Raises Malformed for a fact of a case that was never opened.
    """
    rows = routes.get(event.fact.name, ())
    if not rows:
        return []
    about, version = follow(summary, event), event.policy_version
    deadlines: tuple[Deadline, ...] = ()
    match event.fact:
        case ReportReceived() as fact:
            about = _received(event.case_id, fact, summary)
            facts = ReportFacts.of(fact)
            way = policy.triage(facts)
            clocks = policy.deadlines_for(way.lane, fact.received_at, way.body)
            deadlines = tuple(Deadline(clock.name, clock.due_at) for clock in clocks)
            version = policy.version
        case CaseTriaged() | CasePassedOn() | LaneRaised() as fact:
            deadlines = tuple(Deadline(deadline.name, deadline.due_at) for deadline in fact.deadlines)
        case CaseReferred() | BodyInvited() as fact:
            deadlines = (Deadline("referral_acceptance", fact.accept_by),)
        case EmergencyMeasureTaken() as fact:
            deadlines = (Deadline(MEASURE_REVIEW, fact.review_by),)
        case DeadlineFact() as fact:
            deadlines = (Deadline(fact.deadline, fact.due_at),)
        case _:
            pass
    if about is None:
        raise Malformed("unknown_case", "the case was never opened")
    planned = []
    for route in rows:
        if not route.fits(event.fact):
            continue
        recipient = AUDIENCES[route.recipient].find(about, policy)
        if recipient is not None:
            delivery = Delivery(
                id=derive(event.id, recipient.name, route.notice),
                case_id=event.case_id,
                report_id=about.report_id,
                recipient=recipient.name,
                notice=route.notice,
                channel=route.channel,
                language=recipient.language,
                cause=event.id,
                trace=event.trace,
                planned_at=now,
                received_at=about.received_at,
                policy_version=version,
                code_name=about.code_name or None,
                lane=about.lane,
                deadlines=deadlines,
                shuts_out=shut_out(recipient.name, about.parties, summary),
                heard=summary.seq if summary else 0,
                body=about.body,
            )
            planned.append((route, delivery))
    return planned


def shut_out(recipient: str, parties: Sequence[str], summary: CaseSummary | None) -> tuple[str, ...]:
    """The references of those who may not hear of a notice to this recipient: the parties, and a body that has the case
    no longer, because a later fact has given it to another one, or is not asked to take it over any more.
    """
    is_body = recipient.startswith((body_named(""), asked_named("")))
    has_left = is_body and summary and summary.body and recipient not in recipients_of(summary)
    return tuple(dict.fromkeys((*parties, *((recipient,) if has_left else ()))))


def _received(case_id: str, fact: ReportReceived, summary: CaseSummary | None) -> CaseSummary:
    """What a report says of its future case, and who is recused from that case already."""
    named = () if fact.parties_apart else parties_of(fact)
    parties = tuple(dict.fromkeys((*named, *(summary.parties if summary else ()))))
    return CaseSummary(case_id, fact.report_id, "", fact.language, fact.contactable, fact.received_at, parties)
