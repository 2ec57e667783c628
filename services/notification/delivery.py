"""The life of a delivery, pure: a fact plans it, then it is sent, suppressed or failed. It never holds an address."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.copies import copier, quick
from shared.events import (
    Actor,
    Draft,
    Event,
    Fact,
    NotificationFailed,
    NotificationSent,
    NotificationSuppressed,
    stamp,
)
from shared.ids import derive
from shared.policy import Deadline

ACTOR = Actor("service:notification", "service")
SOURCE = "hearth/notification"

FIRST_RETRY = timedelta(seconds=1)
LONGEST_RETRY = timedelta(minutes=5)
LONGEST_RETRY_OF_SETUP = timedelta(hours=1)
"""A server that objects to our set-up may take many attempts for an attack."""


class DeliveryState(StrEnum):
    """The states of a delivery; all but PLANNED are final."""

    PLANNED = "planned"
    SENT = "sent"
    SUPPRESSED = "suppressed"
    FAILED = "failed"


def is_of_setup(reason: str) -> bool:
    """Whether a mail was not taken for this reason because of how we are set up, such as `setup_535_5.7.8`."""
    return reason.startswith("setup_")


@quick
@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice to one recipient. Times are UTC-aware.

    `recipient` is an audience and, after a colon, which of it: `reporter`, `body:enwiki_arbcom`.
    `mail` is the mail it goes in: its own id, or that of a digest; None while it waits for a digest.
    `shuts_out` has references of people who may not see that it exists, and the recipient if that is a body which has
    the case no longer. Those in the report are found by `case_id`, in shared.parties. Deliveries from before that have
    their pseudonyms here as well. It is as of fact number `heard` of the case.
    From `due_at` on any replica may send it. The replica that takes it moves `due_at` ahead, which is its lease.
    From `gather_at` on it may go into a digest. `cause` and `trace` are of the event that planned it.
    `reason`: why it ended as it did, or why its last attempt failed.
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
    deadlines: tuple[Deadline, ...] = ()
    mail: str | None = None
    due_at: datetime | None = None
    gather_at: datetime | None = None
    attempts: int = 0
    state: DeliveryState = DeliveryState.PLANNED
    reason: str | None = None
    message_id: str | None = None
    settled_at: datetime | None = None
    shuts_out: tuple[str, ...] = ()
    heard: int = 0
    body: str | None = None

    @property
    def audience(self) -> str:
        """The audience that is told, by its name in routing.toml."""
        return self.recipient.partition(":")[0]

    @property
    def which(self) -> str:
        """Which of the audience is told, such as the id of a handling body; empty when there is only one."""
        return self.recipient.partition(":")[2]

    def send_at_once(self, until: datetime, mail: str | None = None) -> "Delivery":
        """The delivery with a lease until `until`, in a mail of its own unless `mail` names a digest."""
        return _copy(self, mail=mail or self.id, due_at=until, gather_at=None)

    def wait_until(self, at: datetime) -> "Delivery":
        """The delivery as it waits for a digest at `at`."""
        return _copy(self, mail=None, due_at=None, gather_at=at)

    def postpone(self, now: datetime, reason: str | None = None, longest: timedelta = LONGEST_RETRY) -> "Delivery":
        """The delivery as it waits for its next attempt: 1 s, 2 s, 4 s … up to the longest, and so on for ever.

        `reason`: why the last attempt failed, as a stable code.
        """
        wait = min(FIRST_RETRY * 2 ** min(self.attempts, 16), longest)
        return _copy(self, attempts=self.attempts + 1, due_at=now + wait, reason=reason)


_copy = copier(Delivery)


@dataclass(frozen=True, slots=True)
class Sent:
    """A server has taken the mail with this Message-ID (without angle brackets)."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Suppressed:
    """The recipient has no address (`no_contact`, `erased`), or may not be told (`shut_out`, `passed_on`)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The channel refused it for good; `reason` is a stable code such as `smtp_550_5.1.1`."""

    reason: str


Outcome = Sent | Suppressed | Failed


@dataclass(frozen=True, slots=True)
class Settlement:
    """A delivery in its final state, and the event that says so."""

    delivery: Delivery
    event: Event


def settle(delivery: Delivery, outcome: Outcome, now: datetime, trace: str | None = None) -> Settlement:
    """The end of a delivery at `now`. Its event continues `trace`, or else the trace of the event that planned it."""
    told = {
        "delivery_id": delivery.id,
        "recipient": delivery.recipient,
        "notice": delivery.notice,
        "channel": delivery.channel,
    }
    fact: Fact
    message_id: str | None = None
    reason: str | None = None
    match outcome:
        case Sent(message_id):
            state, fact = DeliveryState.SENT, NotificationSent(**told, message_id=message_id)
        case Suppressed(reason):
            state, fact = DeliveryState.SUPPRESSED, NotificationSuppressed(**told, reason=reason)
        case Failed(reason):
            state, fact = DeliveryState.FAILED, NotificationFailed(**told, reason=reason)
    ended = _copy(
        delivery, due_at=None, gather_at=None, settled_at=now, state=state, message_id=message_id, reason=reason
    )
    (event,) = stamp(
        [Draft(fact, ACTOR, now, delivery.cause, delivery.policy_version)],
        source=SOURCE,
        subject=f"delivery/{delivery.id}",
        case_id=delivery.case_id,
        last_seq=0,
        trace=trace or delivery.trace,
    )
    return Settlement(ended, event)


def by_mail(deliveries: Iterable[Delivery]) -> dict[str, list[Delivery]]:
    """The deliveries by the id of the mail they go in; those that wait for a digest are left out.

    What is gathered for a digest is one mail for each notice, channel and language, each with an id of its own.
    """
    found: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        mail = delivery.mail
        if mail is not None:
            if mail != delivery.id:
                mail = derive(mail, delivery.notice, delivery.channel, delivery.language)
            found.setdefault(mail, []).append(delivery)
    return found
