"""Which deliveries a fact brings about, pure."""

from datetime import datetime

from services.notification.delivery import Delivery
from services.notification.routing.audiences import AUDIENCES, body_named
from services.notification.routing.summary import CaseSummary, follow
from services.notification.routing.table import Route, Routes
from shared.events import CasePassedOn, CaseTriaged, Event, ReportReceived, parties_of
from shared.ids import derive
from shared.policy import Deadline, Policy, ReportFacts
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
            facts = ReportFacts(fact.community, fact.category, frozenset(fact.flags), fact.setting)
            deadlines = policy.deadlines_for(policy.triage(facts).lane, fact.received_at)
            version = policy.version
        case CaseTriaged() | CasePassedOn() as fact:
            deadlines = tuple(Deadline(deadline.name, deadline.due_at) for deadline in fact.deadlines)
        case _:
            pass
    if about is None:
        raise Malformed("unknown_case", "the case was never opened")
    # A later fact has given the case to another body: the one that this fact names may hear of it no more.
    left = (body_named(about.body),) if summary and about.body and summary.body != about.body else ()
    planned = []
    for route in rows:
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
                shuts_out=tuple(dict.fromkeys((*about.parties, *left))),
            )
            planned.append((route, delivery))
    return planned


def _received(case_id: str, fact: ReportReceived, summary: CaseSummary | None) -> CaseSummary:
    """What a report says of its future case, and who is recused from that case already."""
    named = () if fact.parties_apart else parties_of(fact)
    parties = tuple(dict.fromkeys((*named, *(summary.parties if summary else ()))))
    return CaseSummary(case_id, fact.report_id, "", fact.language, fact.contactable, fact.received_at, parties)
