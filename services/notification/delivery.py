"""The life of a delivery, pure: planned by a fact, then sent, suppressed or failed. It never holds an address."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from services.notification.routing import Route, Routes
from shared.events import (
    Actor,
    CaseOpened,
    CaseTriaged,
    DeadlineSet,
    Draft,
    Event,
    Fact,
    NotificationFailed,
    NotificationSent,
    NotificationSuppressed,
    ReportReceived,
    parties_of,
    stamp,
)
from shared.ids import derive
from shared.policy import Policy, ReportFacts
from shared.problems import Malformed

REPORTER = "reporter"
_BODY = "body:"
ACTOR = Actor("service:notification", "service")
SOURCE = "hearth/notification"

FIRST_RETRY = timedelta(seconds=1)
LONGEST_RETRY = timedelta(minutes=5)


class State(StrEnum):
    """Where a delivery stands; all but PLANNED are final."""

    PLANNED = "planned"
    SENT = "sent"
    SUPPRESSED = "suppressed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CaseNote:
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


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice to one recipient. Times are UTC-aware.

    `mail` is the mail it goes in: its own id, or that of a gathering; None while it waits to be gathered.
    `shuts_out` has pseudonyms and references of people who may not see that it exists.
    `due_at` is when any replica may take it up (a replica that is at it has moved it ahead: a lease); `gather_at` is
    when it may be gathered. `cause` and `trace` are of the event that planned it.
    """

    id: str
    case_id: str
    report_id: str
    recipient: str
    notice: str
    channel: str
    language: str
    cause: str
    trace: str | None
    planned_at: datetime
    received_at: datetime
    policy_version: str | None = None
    code_name: str | None = None
    lane: str | None = None
    deadlines: tuple[DeadlineSet, ...] = ()
    mail: str | None = None
    due_at: datetime | None = None
    gather_at: datetime | None = None
    attempts: int = 0
    state: State = State.PLANNED
    reason: str | None = None
    message_id: str | None = None
    settled_at: datetime | None = None
    shuts_out: tuple[str, ...] = ()

    @property
    def body(self) -> str | None:
        """The handling body that is told; None when it is the reporter."""
        return self.recipient.removeprefix(_BODY) if self.recipient.startswith(_BODY) else None

    def send_at_once(self, until: datetime, mail: str | None = None) -> "Delivery":
        """To be sent now, in a mail of its own unless `mail` names a gathering; held until `until`."""
        return replace(self, mail=mail or self.id, due_at=until, gather_at=None)

    def wait_until(self, at: datetime) -> "Delivery":
        """To be gathered with others at `at`."""
        return replace(self, mail=None, due_at=None, gather_at=at)

    def postpone(self, now: datetime) -> "Delivery":
        """To be tried again later, with growing patience and for ever: 1 s, 2 s, 4 s … 5 min."""
        wait = min(FIRST_RETRY * 2 ** min(self.attempts, 16), LONGEST_RETRY)
        return replace(self, attempts=self.attempts + 1, due_at=now + wait)


@dataclass(frozen=True, slots=True)
class Sent:
    """A server took responsibility for the mail with this Message-ID (without angle brackets)."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Suppressed:
    """There is no way to tell this recipient: `no_contact` or `erased`; or nobody may be told (`shut_out`)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Refused for good; `reason` is a stable code such as `smtp_550`."""

    reason: str


Outcome = Sent | Suppressed | Failed


@dataclass(frozen=True, slots=True)
class Settlement:
    """A delivery in its final state, and the event that says so."""

    delivery: Delivery
    event: Event


def note_of(event: Event) -> CaseNote | None:
    """What a CaseOpened says for later; None for every other fact."""
    match event.fact:
        case CaseOpened() as fact:
            return CaseNote(
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


Names = Callable[[str], frozenset[str]]
"""References and pseudonyms of everybody in a handling body, by its id."""


def plan(
    event: Event, note: CaseNote | None, routes: Routes, policy: Policy, now: datetime, names: Names
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
            about = CaseNote(
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


def told_instead(body: str, shut_out: Sequence[str], policy: Policy, names: Names) -> str | None:
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


def _recipient(route: Route, about: CaseNote, body: str | None) -> str | None:
    if route.recipient == REPORTER:
        return REPORTER if about.contactable else None
    return f"{_BODY}{body}" if body else None


def _promised(fact: ReportReceived, policy: Policy) -> tuple[DeadlineSet, ...]:
    triage = policy.triage(ReportFacts(fact.community, fact.category, frozenset(fact.flags), fact.setting))
    return tuple(
        DeadlineSet(name=deadline.name, due_at=deadline.due_at)
        for deadline in policy.deadlines_for(triage.lane, fact.received_at)
    )


def settle(delivery: Delivery, outcome: Outcome, now: datetime, trace: str | None = None) -> Settlement:
    """The end of a delivery. `trace` continues the span that sent it; without one, that of the planning event."""
    told = {
        "delivery_id": delivery.id,
        "recipient": delivery.recipient,
        "notice": delivery.notice,
        "channel": delivery.channel,
    }
    ended = replace(delivery, due_at=None, gather_at=None, settled_at=now)
    fact: Fact
    match outcome:
        case Sent(message_id):
            ended = replace(ended, state=State.SENT, message_id=message_id)
            fact = NotificationSent(**told, message_id=message_id)
        case Suppressed(reason):
            ended = replace(ended, state=State.SUPPRESSED, reason=reason)
            fact = NotificationSuppressed(**told, reason=reason)
        case Failed(reason):
            ended = replace(ended, state=State.FAILED, reason=reason)
            fact = NotificationFailed(**told, reason=reason)
    (event,) = stamp(
        [Draft(fact, ACTOR, now, delivery.cause, delivery.policy_version)],
        source=SOURCE,
        subject=f"delivery/{delivery.id}",
        case_id=delivery.case_id,
        last_seq=0,
        trace=trace or delivery.trace,
    )
    return Settlement(ended, event)


def readdress(delivery: Delivery, policy: Policy, names: Names) -> Delivery | None:
    """The delivery to a body as it may go out now: somebody in it may have been recused since it was planned.

    Then it goes to who is told instead, in a mail of its own; None when nobody is left.
    """
    body = told_instead(delivery.body or "", delivery.shuts_out, policy, names)
    if body == delivery.body:
        return delivery
    return replace(delivery, recipient=f"{_BODY}{body}", mail=delivery.id) if body else None


def by_mail(deliveries: Sequence[Delivery]) -> dict[str, list[Delivery]]:
    """The deliveries by the mail they go in; those not yet gathered are left out."""
    found: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        if delivery.mail is not None:
            found.setdefault(delivery.mail, []).append(delivery)
    return found
