"""What of a scorecard people read: levels, reasons and next steps in words of the reader's language."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from urllib.parse import urlsplit

from babel.dates import format_date

from services.audit.scorecard.document import (
    SMALL,
    RangeDocument,
    find_count,
    find_excluded,
    find_range,
    find_value,
)
from services.audit.scorecard.result import Attested, Item, Measured, Outcome, Project, ReasonCode, Scorecard
from shared.i18n.messages import message_key
from shared.i18n.wording import locale_of
from shared.policy.baseline import METRICS
from shared.policy.model import Community

Text = Callable[..., str]
"""A message in the reader's language: its key, then its values."""
LEVELS = (1, 2, 3)
Sort = Literal["name", "level", "missing", "age"]
SORTS: tuple[Sort, ...] = ("name", "level", "missing", "age")

CHIPS = {
    Outcome.MET: "success",
    Outcome.NOT_MET: "error",
    Outcome.NEEDS_REVIEW: "warning",
    Outcome.NO_EVIDENCE: "notice",
    Outcome.NOT_APPLICABLE: "notice",
    Outcome.UPCOMING: "notice",
}
"""The look of an outcome: a colour and an icon; its word stands beside them."""
LEVEL_CHIPS = {
    "removed": "notice",
    "unassessed": "notice",
    "below": "warning",
    "1": "success",
    "2": "success",
    "3": "success",
}


@dataclass(frozen=True, slots=True)
class Words:
    """The reader's language, and the messages in it."""

    language: str
    text: Text

    def day(self, at: date | datetime) -> str:
        """A day, as people of the language write it."""
        return str(format_date(at, "medium", locale=locale_of(self.language)))

    def requirement(self, responsibility_id: str) -> str:
        """What a responsibility asks for: one sentence."""
        return self.text(f"{responsibility_id.lower()}-requirement")

    def recommendation(self, responsibility_id: str) -> str:
        """A way to meet it, which binds nobody."""
        return self.text(f"{responsibility_id.lower()}-recommendation")


@dataclass(frozen=True, slots=True)
class Row:
    """A community in the list of all. `name` is its id where the policy has no name for it."""

    community: str
    name: str
    kind: str
    standing: str
    level: int
    missing: tuple[str, ...]
    oldest: datetime | None
    card: Scorecard


@dataclass(frozen=True, slots=True)
class Evidence:
    """What stands below one responsibility, in words. `step`: what its community can do; empty where it has nothing to
    do.
    """

    item: Item
    chip: str
    reason: str
    step: str
    value: str
    looked_at: str
    limit: str
    excluded: str
    projects: tuple[Project, ...]


def standing_of(card: Scorecard) -> str:
    """`removed`, `unassessed`, `below` (there is evidence, but not for all of level 1), or the level as a digit."""
    if card.kind is None:
        return "removed"
    if card.level_reached:
        return str(card.level_reached)
    return "below" if card.is_assessed else "unassessed"


def tell_standing(standing: str, words: Words) -> str:
    """The word of the level, or in its place."""
    own = standing in ("unassessed", "removed")
    return words.text(f"scorecard-standing-{standing}" if own else f"baseline-level-{standing.replace('below', '0')}")


def row_of(card: Scorecard, community: Community | None) -> Row:
    """A community in the list of all."""
    name = community.name if community else card.community
    return Row(
        card.community, name, card.kind or "", standing_of(card), card.level_reached, card.next_level_missing,
        oldest_of(card), card,
    )  # fmt: skip


def oldest_of(card: Scorecard) -> datetime | None:
    """When the oldest statement that counts for the outcome was made. None where no statement counts."""
    said = [item.attested.made_at for item in card.items if item.attested and counts_as_said(item)]
    return min(said, default=None)


def counts_as_said(item: Item) -> bool:
    """Whether what was said is the evidence."""
    return item.attested is not None and item.reason in (
        ReasonCode.ATTESTED, ReasonCode.SAID_NOT_MET, ReasonCode.SAID_NOT_APPLICABLE
    )  # fmt: skip


def in_order(rows: Iterable[Row], sort: Sort) -> list[Row]:
    """The rows in the order asked for; rows that are equal in it by name."""
    by_name = sorted(rows, key=lambda row: (row.name.casefold(), row.community))
    match sort:
        case "name":
            return by_name
        case "level":
            return sorted(by_name, key=lambda row: (-row.level, row.standing == "unassessed"))
        case "missing":
            return sorted(by_name, key=lambda row: len(row.missing))
        case "age":
            return sorted(by_name, key=lambda row: (row.oldest is None, row.oldest or row.card.as_of.at))


def evidence_of(card: Scorecard, item: Item, words: Words, *, values: bool) -> Evidence:
    """Everything below one responsibility. Without `values`, nothing of what was measured."""
    measured = item.measured
    return Evidence(
        item,
        CHIPS[item.outcome],
        tell_reason(item, card.as_of.at, words),
        tell_step(item, words),
        tell_value(measured, words) if measured and values else "",
        tell_counts(measured, words) if measured and values else "",
        tell_limit(measured, words) if measured else "",
        tell_excluded(measured, words) if measured and values else "",
        tuple(project for project in card.projects if item.responsibility_id in project.responsibilities),
    )


def tell_reason(item: Item, at: datetime, words: Words) -> str:
    """Why the outcome is what it is, as of `at`: one or two sentences."""
    said, key = item.attested, message_key("scorecard-reason", item.reason.value)
    match item.reason:
        case ReasonCode.TOO_FEW_CASES if item.measured:
            few = "scorecard-reason-too-few-people" if _counts_people(item.measured) else key
            return words.text(few, item.measured.min_n)
        case _ if said is None:
            return words.text(key)
        case ReasonCode.ATTESTED if said.confirmed:
            return words.text(f"{key}-confirmed", words.day(said.made_at), days_left(said, at))
        case ReasonCode.EXPIRED:
            return words.text(key, words.day(said.made_at), words.day(said.ends_at))
        case _:
            return words.text(key, words.day(said.made_at), days_left(said, at))


def tell_step(item: Item, words: Words) -> str:
    """What the community can do about it; empty where there is nothing to do."""
    if item.outcome in (Outcome.MET, Outcome.NOT_APPLICABLE):
        return ""
    return words.text(message_key("scorecard-step", item.reason.value))


def tell_limit(measured: Measured, words: Words) -> str:
    """What the measured value is held against."""
    bound = {"<=": "most", ">=": "least", "==": "exactly"}[measured.op]
    return words.text(f"scorecard-limit-{bound}", words.text(_unit(measured.unit), _plain(measured.limit)))


def tell_value(measured: Measured, words: Words) -> str:
    """The measured value as far as it is told; empty where there is none."""
    if measured.value is None:
        return ""
    if counted := find_count(measured):
        return words.text("scorecard-value-count", tell_range(counted, words))
    value = find_value(measured)
    return words.text("scorecard-value-hidden", SMALL) if value is None else words.text(_unit(measured.unit), value)


def tell_counts(measured: Measured, words: Words) -> str:
    """How many cases were looked at, and how many are open; or how many people."""
    n, still_open = (tell_range(find_range(count), words) for count in (measured.n, measured.open_count))
    return (
        words.text("scorecard-counts-people", n)
        if _counts_people(measured)
        else words.text("scorecard-counts", n, still_open)
    )


def tell_excluded(measured: Measured, words: Words) -> str:
    """What was left out, by reason."""
    told = (
        words.text(
            "scorecard-excluded-one", words.text(message_key("scorecard-excluded", reason)), tell_range(n, words)
        )
        for reason, n in find_excluded(measured)
    )
    return " ".join(told)


def tell_range(count: RangeDocument, words: Words) -> str:
    """A count as far as it is told: “fewer than 5”, “10 to 14”."""
    if not count["least"]:
        return words.text("scorecard-few", SMALL)
    return words.text("scorecard-range", count["least"], count["most"])


def days_left(said: Attested, at: datetime) -> int:
    """How many days a statement still counts at `at`; 0 on its last day and later."""
    return max(0, (said.ends_at - at).days)


def missing_of(card: Scorecard) -> list[Item]:
    """What the next level lacks."""
    return [item for item in card.items if item.responsibility_id in card.next_level_missing]


def next_level(card: Scorecard) -> int | None:
    """The level that comes next. None at the last."""
    return card.level_reached + 1 if card.level_reached < LEVELS[-1] else None


def met_of(items: Sequence[Item]) -> tuple[int, int]:
    """How many of the items that count are met or do not apply, and how many count."""
    counted = [item for item in items if item.counts]
    met = [item for item in counted if item.outcome in (Outcome.MET, Outcome.NOT_APPLICABLE)]
    return len(met), len(counted)


def safe_link(link: str | None) -> str | None:
    """The link, if a page may lead to it: `https` or `http`, and to a host."""
    if link is None:
        return None
    try:
        parts = urlsplit(link)
    except ValueError:
        return None
    return link if parts.scheme in ("https", "http") and parts.netloc else None


def _counts_people(measured: Measured) -> bool:
    known = METRICS.get(measured.metric)
    return known is not None and known.counts == "people"


def _unit(unit: str) -> str:
    return f"baseline-unit-{'percent' if unit == '%' else unit}"


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) else value
