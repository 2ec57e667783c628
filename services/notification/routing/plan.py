"""Which deliveries a fact brings about, pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.notification.delivery import _BODY, REPORTER, Delivery
from services.notification.routing.table import Route, Routes
from shared.events import CaseOpened, CaseTriaged, DeadlineSet, Event, ReportReceived, parties_of
from shared.ids import derive
from shared.policy import Policy, ReportFacts
from shared.problems import Malformed

NamesIn = Callable[[str], frozenset[str]]
"""References and pseudonyms of everybody in a handling body, by its id."""


@dataclass(frozen=True, slots=True)
class CaseSummary:
    """What later notices need to know of a case, from the fact that opened it.

    `parties`: pseudonyms of the people who may not hear of it from us, but for the reporter's own notices.
    """

    case_id: str
    report_id: str
    code_name: str
    language: str
    contactable: bool
    received_at: datetime
    parties: tuple[str, ...] = ()


def note_of(event: Event) -> CaseSummary | None:
    """What a CaseOpened says for later; None for every other fact."""
    match event.fact:
        case CaseOpened() as fact:
            return CaseSummary(
                event.case_id,
                fact.report_id,
                fact.code_name,
                fact.language,
                fact.contactable,
                fact.received_at,
                fact.parties,
            )
        case _:
            return None


def plan(
    event: Event, note: CaseSummary | None, routes: Routes, policy: Policy, now: datetime, names: NamesIn
) -> list[tuple[Route, Delivery]]:
    """The deliveries that an event brings about, each with its row; planning an event twice gives the same ids, unless
    the people of a body have changed.

    `note` is what is known of the case; None is fine for a ReportReceived, which says all but who is recused itself.
    Raises Malformed when a fact of a case comes whose opening never came.
    """
    rows = routes.get(event.fact.name, ())
    if not rows:
        return []
    about = note
    lane, body, version = None, None, event.policy_version
    deadlines: tuple[DeadlineSet, ...] = ()
    match event.fact:
        case ReportReceived() as fact:
            about = CaseSummary(
                event.case_id, fact.report_id, "", fact.language, fact.contactable, fact.received_at, parties_of(fact)
            )
            deadlines, version = _promised(fact, policy), policy.version
        case CaseTriaged() as fact:
            lane, body, deadlines = fact.lane, fact.body, fact.deadlines
        case _:
            pass
    if about is None:
        raise Malformed("unknown_case", "the case was never opened")
    planned = []
    for route in rows:
        recipient = _recipient(route, about, body and told_instead(body, about.parties, policy, names))
        if recipient is not None:
            delivery = Delivery(
                id=derive(event.id, recipient, route.notice),
                case_id=event.case_id,
                report_id=about.report_id,
                recipient=recipient,
                notice=route.notice,
                channel=route.channel,
                language=about.language if recipient == REPORTER else "en",
                cause=event.id,
                trace=event.trace,
                planned_at=now,
                received_at=about.received_at,
                policy_version=version,
                code_name=about.code_name or None,
                lane=lane,
                deadlines=deadlines,
                shuts_out=tuple(dict.fromkeys((*about.parties, *(note.parties if note else ())))),
            )
            planned.append((route, delivery))
    return planned


def told_instead(body: str, shut_out: Sequence[str], policy: Policy, names: NamesIn) -> str | None:
    """Which body's address may be told of a case for `body`: itself, unless one of its people is shut out of the case.

    Then its stand-in of the policy, and so on; None when nobody is left. A shared address reaches everybody in the
    body, and who is a party to a case or recused from it may not even hear that there is one.
    """
    tried: list[str] = []
    while body not in tried:
        if names(body).isdisjoint(shut_out):
            return body
        tried.append(body)
        known = policy.bodies.get(body)
        if known is None or known.stand_in is None:
            return None
        body = known.stand_in
    return None


def _recipient(route: Route, about: CaseSummary, body: str | None) -> str | None:
    if route.recipient == REPORTER:
        return REPORTER if about.contactable else None
    return f"{_BODY}{body}" if body else None


def _promised(fact: ReportReceived, policy: Policy) -> tuple[DeadlineSet, ...]:
    triage = policy.triage(ReportFacts(fact.community, fact.category, frozenset(fact.flags), fact.setting))
    return tuple(
        DeadlineSet(name=deadline.name, due_at=deadline.due_at)
        for deadline in policy.deadlines_for(triage.lane, fact.received_at)
    )


def readdress(delivery: Delivery, policy: Policy, names: NamesIn) -> Delivery | None:
    """The delivery to a body as it may go out now: somebody in it may have been recused since it was planned.

    Then it goes to who is told instead, in a mail of its own; None when nobody is left.
    """
    body = told_instead(delivery.body or "", delivery.shuts_out, policy, names)
    if body == delivery.body:
        return delivery
    return replace(delivery, recipient=f"{_BODY}{body}", mail=delivery.id) if body else None
