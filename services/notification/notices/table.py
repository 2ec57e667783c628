"""The notices, and what each says: one row each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from services.notification.delivery import Delivery
from services.notification.notices.notice import Block, Link, Listing, Notice, Paragraph
from shared.i18n.messages import Messages, message_key, write_time
from shared.policy import Deadline

MOST_LINES = 50
"""The longest list in a notice; below it the notice says how many lines were left out."""


@dataclass(frozen=True, slots=True)
class Links:
    """Where notices lead: the public pages for reporters, the desk for handling bodies.

    `peer_support`: the notices that say that the public pages name people to talk to.
    """

    public: str
    desk: str
    peer_support: frozenset[str] = frozenset()

    def support(self, messages: Messages, language: str, notice: str) -> tuple[Block, ...]:
        """The sentence about people to talk to, where the notice has it."""
        return (Paragraph(messages.text(language, "mail-peer-support")),) if notice in self.peer_support else ()


Compose = Callable[[Messages, Links, str, Sequence[Delivery]], Notice]


def write_notice(messages: Messages, links: Links, deliveries: Sequence[Delivery]) -> Notice:
    """The notice that these deliveries bring; all of them have the same recipient, notice and language."""
    first = deliveries[0]
    language = first.language if first.language in messages.languages else _nearest(messages, first.language)
    return NOTICES[first.notice](messages, links, language, deliveries)


def _nearest(messages: Messages, language: str) -> str:
    # A notice has to name the language that its text really has.
    stem = language.partition("-")[0]
    return stem if stem in messages.languages else "en"


def _acknowledgement(messages: Messages, links: Links, language: str, deliveries: Sequence[Delivery]) -> Notice:
    def say(key: str, *values: str) -> str:
        return messages.text(language, f"mail-acknowledgement-{key}", *values)

    delivery = deliveries[0]
    promises = tuple(
        Paragraph(_deadline(messages, language, deadline))
        for deadline in delivery.deadlines
        # The notice itself is the acknowledgement.
        if deadline.name != "acknowledgement"
    )
    blocks: list[Block] = [
        Paragraph(say("thanks", write_time(language, delivery.received_at))),
        Paragraph(say("next")),
    ]
    if promises:
        blocks += [Paragraph(say("deadlines")), Listing(promises)]
    blocks += [
        Link(say("follow-up"), f"{links.public}/follow-up"),
        Paragraph(say("receipt")),
        Paragraph(say("danger")),
        *links.support(messages, language, "acknowledgement"),
        Paragraph(messages.text(language, "mail-no-reply")),
    ]
    return Notice(language, say("subject"), tuple(blocks))


def _to_follow_up(kind: str, messages: Messages, links: Links, language: str, deliveries: Sequence[Delivery]) -> Notice:
    def say(key: str, *values: str) -> str:
        return messages.text(language, f"mail-{kind}-{key}", *values)

    received = write_time(language, deliveries[0].received_at)
    return Notice(
        language,
        say("subject"),
        (
            Paragraph(say("text", received)),
            Link(say("follow-up"), f"{links.public}/follow-up"),
            Paragraph(messages.text(language, "mail-acknowledgement-receipt")),
            *links.support(messages, language, kind.replace("-", "_")),
            Paragraph(messages.text(language, "mail-no-reply")),
        ),
    )


def _new_case(messages: Messages, links: Links, language: str, deliveries: Sequence[Delivery]) -> Notice:
    urgent = any(delivery.lane not in (None, "standard") for delivery in deliveries)
    subject = "mail-new-case-subject-urgent" if urgent else "mail-new-case-subject"
    return _cases(messages, links, language, deliveries, subject, "mail-new-case-text")


def _asked(name: str, messages: Messages, links: Links, language: str, deliveries: Sequence[Delivery]) -> Notice:
    """What a body is asked: `name` begins the keys of its messages."""
    urgent = any(delivery.lane not in (None, "standard") for delivery in deliveries)
    subject = f"mail-{name}-subject-urgent" if urgent else f"mail-{name}-subject"
    return _cases(messages, links, language, deliveries, subject, f"mail-{name}-text", f"mail-{name}-why")


def _told(name: str, messages: Messages, links: Links, language: str, deliveries: Sequence[Delivery]) -> Notice:
    """What a body is told of its cases: `name` begins the keys of its messages."""
    return _cases(messages, links, language, deliveries, f"mail-{name}-subject", f"mail-{name}-text")


def _waits_too_long(messages: Messages, links: Links, language: str, deliveries: Sequence[Delivery]) -> Notice:
    """Others hear of it, who cannot open the cases: so it names their handling bodies, and leads to none of them."""

    def say(key: str, *values: int | str) -> str:
        return messages.text(language, f"mail-waits-too-long-{key}", *values)

    cases = _each_case(deliveries)
    count = len(cases)
    lines = sorted({say("line", d.body or "", messages.code(language, "lane", d.lane or "standard")) for d in cases})
    blocks = (
        Paragraph(say("text", count)),
        Listing(tuple(Paragraph(line) for line in lines[:MOST_LINES])),
        Paragraph(say("next")),
        Paragraph(messages.text(language, "mail-no-reply")),
    )
    return Notice(language, say("subject", count), blocks)


def _cases(
    messages: Messages,
    links: Links,
    language: str,
    deliveries: Sequence[Delivery],
    subject: str,
    text: str,
    why: str = "mail-new-case-why",
) -> Notice:
    cases = _each_case(deliveries)
    count = len(cases)
    shown = tuple(_case_line(messages, links, language, delivery) for delivery in cases[:MOST_LINES])
    blocks: list[Block] = [
        Paragraph(messages.text(language, text, count)),
        Listing(shown),
    ]
    if count > len(shown):
        blocks.append(Paragraph(messages.text(language, "mail-new-case-more", count - len(shown))))
    blocks += [
        Link(messages.text(language, "mail-new-case-desk"), f"{links.desk}/desk"),
        Paragraph(messages.text(language, why)),
        Paragraph(messages.text(language, "mail-no-reply")),
    ]
    return Notice(language, messages.text(language, subject, count), tuple(blocks))


def _each_case(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """One delivery of each case, its most pressing one, the most pressing case first: more say the same of the case."""
    most_pressing = sorted(deliveries, key=lambda d: (_act_by(d) is None, _due(d), d.code_name or "", d.id))
    found: dict[str, Delivery] = {}
    for delivery in most_pressing:
        found.setdefault(delivery.case_id, delivery)
    return list(found.values())


def _case_line(messages: Messages, links: Links, language: str, delivery: Delivery) -> Link:
    name = delivery.code_name or delivery.case_id
    lane = messages.code(language, "lane", delivery.lane or "standard")
    deadline = _act_by(delivery)
    due = _deadline(messages, language, deadline) if deadline else ""
    key = "mail-new-case-line" if due else "mail-new-case-line-open"
    return Link(messages.text(language, key, name, lane, due), f"{links.desk}/desk/cases/{name}")


def _act_by(delivery: Delivery) -> Deadline | None:
    awaited = [deadline for deadline in delivery.deadlines if deadline.name != "acknowledgement"]
    return min(awaited, key=lambda deadline: deadline.due_at, default=None)


def _due(delivery: Delivery) -> float:
    deadline = _act_by(delivery)
    return deadline.due_at.timestamp() if deadline else 0.0


def _deadline(messages: Messages, language: str, deadline: Deadline) -> str:
    key = message_key("mail-deadline", deadline.name)
    # A deadline of the policy that has no message here is told in general words.
    known = key if messages.has(key) else "mail-deadline-other"
    return messages.text(language, known, write_time(language, deadline.due_at))


NOTICES: Mapping[str, Compose] = {
    "acknowledgement": _acknowledgement,
    "new_case": _new_case,
    "urgent_case": partial(_told, "urgent-case"),
    "news": partial(_to_follow_up, "news"),
    "check_in": partial(_to_follow_up, "check-in"),
    "referral": partial(_asked, "referral"),
    "invitation": partial(_asked, "invitation"),
    "appeal": partial(_told, "appeal"),
    "answer": partial(_told, "answer"),
    "free_case": partial(_told, "free-case"),
    "planned": partial(_told, "planned"),
    "recusal_asked": partial(_told, "recusal-asked"),
    "measure": partial(_told, "measure"),
    "due_soon": partial(_told, "due-soon"),
    "overdue": partial(_told, "overdue"),
    "waits_too_long": _waits_too_long,
}
"""What each notice of routing.toml says."""
