"""The life of a delivery, pure: planned by a fact, then sent, suppressed or failed. It never holds an address."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared.events import (
    Actor,
    DeadlineSet,
    Draft,
    Event,
    Fact,
    NotificationFailed,
    NotificationSent,
    NotificationSuppressed,
    stamp,
)

REPORTER = "reporter"
_BODY = "body:"
ACTOR = Actor("service:notification", "service")
SOURCE = "hearth/notification"

FIRST_RETRY = timedelta(seconds=1)
LONGEST_RETRY = timedelta(minutes=5)


class DeliveryState(StrEnum):
    """Where a delivery stands; all but PLANNED are final."""

    PLANNED = "planned"
    SENT = "sent"
    SUPPRESSED = "suppressed"
    FAILED = "failed"


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
    state: DeliveryState = DeliveryState.PLANNED
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
class SentOutcome:
    """A server took responsibility for the mail with this Message-ID (without angle brackets)."""

    message_id: str


@dataclass(frozen=True, slots=True)
class SuppressedOutcome:
    """There is no way to tell this recipient: `no_contact` or `erased`; or nobody may be told (`shut_out`)."""

    reason: str


@dataclass(frozen=True, slots=True)
class FailedOutcome:
    """Refused for good; `reason` is a stable code such as `smtp_550`."""

    reason: str


Outcome = SentOutcome | SuppressedOutcome | FailedOutcome


@dataclass(frozen=True, slots=True)
class Settlement:
    """A delivery in its final state, and the event that says so."""

    delivery: Delivery
    event: Event


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
        case SentOutcome(message_id):
            ended = replace(ended, state=DeliveryState.SENT, message_id=message_id)
            fact = NotificationSent(**told, message_id=message_id)
        case SuppressedOutcome(reason):
            ended = replace(ended, state=DeliveryState.SUPPRESSED, reason=reason)
            fact = NotificationSuppressed(**told, reason=reason)
        case FailedOutcome(reason):
            ended = replace(ended, state=DeliveryState.FAILED, reason=reason)
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


def by_mail(deliveries: Sequence[Delivery]) -> dict[str, list[Delivery]]:
    """The deliveries by the mail they go in; those not yet gathered are left out."""
    found: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        if delivery.mail is not None:
            found.setdefault(delivery.mail, []).append(delivery)
    return found
