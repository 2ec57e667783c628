"""Rows: what scorecards need of the record. Pure.

A row is a set of steps: that of a case, of a community or of a person. A step is what one entry of the record says,
with its place and the seal that first covered it. Steps are only ever added, and the same event counts once. So the
order in which entries are read, and how often, changes nothing. An earlier checkpoint leaves out what was sealed later.
Of looks at links that say nothing new, only the numbers stay.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
from pydantic import BaseModel

from services.audit.scorecard.result import EntryPlace
from shared.events import FACTS, Event, Fact, RosterEntryChanged, RosterTokenChanged, decode
from shared.events.baseline import BaselineFact, BaselineLinkChecked, LinkState
from shared.events.cases import CaseFact
from shared.problems import Malformed, Unavailable
from shared.times import parse_day, parse_rfc3339, read_isoformat

TOPICS = frozenset({"reports", "cases", "erasures", "roster", "baseline"})
"""Scorecards are computed from the logs of these topics."""
CLOCK_ERROR = timedelta(minutes=5)
"""How far the clocks of two services may be apart."""

_TIMES = ("received_at", "met_at")
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_NUMBERS, _ENDS = 2, 2
_LOOKED, _UNCHANGED = BaselineLinkChecked.name, LinkState.UNCHANGED.value
_MEASURE = ("measure_id",)
_CASE = ("community", "received_at", "report_id", "category")
_LATER = ("attestation_id", "responsibility_id")
_PROJECT = (
    "project_id", "title", "stakeholder", "lead", "geography", "phase", "link", "responsibilities", "began_on",
    "ended_on",
)  # fmt: skip
SAID: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "report.received": _CASE,
        "case.opened": _CASE,
        "case.triaged": ("category", "lane", "deadlines_told"),
        "case.category_confirmed": ("category",),
        "case.lane_raised": ("lane",),
        "case.lane_lowered": ("lane",),
        "case.assigned": ("assignee",),
        "case.decided": ("outcome", "by_recused", "reason_id", "until", "scope"),
        "appeal.lodged": ("appeal_id", "appeal_ground"),
        "appeal.decided": ("appeal_id",),
        "emergency.measure_taken": ("measure_id", "until", "scope"),
        "emergency.measure_reviewed": ("measure_id", "review"),
        "measure.ended": _MEASURE,
        "measure.lapsed": _MEASURE,
        "measure.expired": _MEASURE,
        "case.recusal_declared": ("person",),
        "case.recusal_withdrawn": ("person",),
        "case.recusal_lapsed": ("person",),
        "deadline.met": ("deadline", "met_at"),
        "deadline.paused": ("deadline",),
        "deadline.resumed": ("deadline",),
        "report.erased": ("reason", "rule"),
        "baseline.attested": (
            *_LATER, "catalogue_version", "claim", "statement", "link", "link_digest", "valid_until", "supersedes",
        ),
        "baseline.withdrawn": _LATER,
        "baseline.confirmed": _LATER,
        "baseline.link_checked": (*_LATER, "link_state"),
        "baseline.annotated": ("responsibility_id", "statement"),
        "baseline.project_listed": _PROJECT,
        "baseline.project_changed": _PROJECT,
        "baseline.project_ended": _PROJECT,
        "roster.entry_changed": ("grants", "trainings", "confidential_until"),
    }
)  # fmt: skip
"""What a step keeps of its fact. Of a fact that is not here, it keeps that there was one."""


@dataclass(frozen=True, slots=True)
class Round:
    """The seal that first covered an entry: its number in the seal log, from 1, and its time (UTC-aware)."""

    number: int
    at: datetime


class Step(NamedTuple):
    """What one entry says; `entry` is its index in the log.

    `name`: the fact, or the type of an event that this version does not know. `at` is the time of the event, and never
    after that of its seal. `ahead`: the clock of the writer, or a time in the event, was further ahead of the seal than
    clocks may be apart. `said`: fields of the fact, as JSON has them.
    """

    round: int
    log: str
    entry: int
    event_id: str
    name: str
    at: datetime
    seq: int
    actor: str
    role: str
    policy_version: str | None = None
    ahead: bool = False
    said: Mapping[str, Any] = MappingProxyType({})

    @property
    def place(self) -> EntryPlace:
        """Where the event stands in the record."""
        return EntryPlace(self.event_id, self.log, self.entry)

    @property
    def bodies(self) -> frozenset[str]:
        """The handling bodies in the grants of a person."""
        return frozenset(body for grant in self.said.get("grants", ()) for body in grant.get("bodies", ()))

    def write(self) -> str:
        """The step as one line of JSON; `read_step` reads it."""
        if self.name == NUMBERED:
            return orjson.dumps((self.round, self.seq)).decode()
        return orjson.dumps((*self[:-1], dict(self.said)), option=orjson.OPT_SORT_KEYS).decode()


NUMBERED = "numbered"
"""The name of a step of which only its number and its seal are kept. It says nothing, and is no gap."""
_ORDER = attrgetter("seq", "at", "event_id")


@dataclass(frozen=True, slots=True)
class Gap:
    """An entry that says nothing, and why: the record has only its hash, or nothing, or the event is not valid."""

    log: str
    index: int
    round: int
    reason: str


class TooManyCasesError(Unavailable):
    """A community has more cases than this process can look at in its memory."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one community: by case, its own, and by person of its handling bodies; and all gaps of the record.

    `months`: the last seal of each month, as its number and time, in order.
    """

    cases: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    own: tuple[Step, ...] = ()
    people: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    months: tuple[Round, ...] = ()


def read_step(line: str) -> Step:
    """The step that `Step.write` wrote."""
    fields = orjson.loads(line)
    if len(fields) == _NUMBERS:
        return number_of(*fields)
    # One scorecard reads thousands.
    fields[5] = read_isoformat(fields[5])
    return Step(*fields)


def number_of(sealed: int, seq: int) -> Step:
    """The step of which only these two are kept."""
    return Step(sealed, "", 0, f"number {seq}", NUMBERED, _LONG_AGO, seq, "", "")


def find_repeated_looks(own: Iterable[Step]) -> list[Step]:
    """The looks at links that say nothing new: the page was as before, and so it was at the look before and after.

    The first and the last of them in a row tell the same at every checkpoint. Where a number is missing between, none
    is repeated: what is missing may say something else.
    """
    steps = sorted(own, key=_ORDER)
    known = sorted({step.seq for step in steps})
    runs: dict[str, list[Step]] = {}
    repeated: list[Step] = []
    for step in steps:
        attestation = step.said.get("attestation_id")
        if attestation is None:
            continue
        run = runs.setdefault(attestation, [])
        if step.name != _LOOKED or step.said["link_state"] != _UNCHANGED:
            run.clear()
            continue
        if run and not _is_whole(known, run[-1].seq, step.seq):
            run.clear()
        run.append(step)
        if len(run) > _ENDS:
            repeated.append(run.pop(1))
    return repeated


def _is_whole(known: Sequence[int], first: int, last: int) -> bool:
    return bisect_left(known, last) - bisect_left(known, first) == last - first


def read_entry(leaf: bytes | None, log: str, index: int, sealed: Round) -> tuple[str, Step] | Gap | None:
    """What an entry of these topics adds to which row; None for what no scorecard needs.

    Rows are `case/<id>`, `community/<id>` and `person/<reference>`. The leaf is None where the record has lost it.
    """
    if leaf is None:
        return Gap(log, index, sealed.number, "missing")
    try:
        content = orjson.loads(leaf)
        if "duplicate_of" in content:
            return None
        if "unparsed" in content:
            return Gap(log, index, sealed.number, str(content["unparsed"]["reason"]))
        event = _decode(content)
        if event is None:
            return _read_unknown(content, log, index, sealed)
        return _read_event(event, log, index, sealed)
    except Malformed as error:
        return Gap(log, index, sealed.number, error.code)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return Gap(log, index, sealed.number, "unreadable")


def settle(steps: Iterable[Step], sealed: int) -> tuple[Step, ...]:
    """The steps that the first `sealed` seals cover, each event once, in the order of their numbers."""
    known: dict[str, Step] = {}
    for step in steps:
        if step.round <= sealed:
            first = known.setdefault(step.event_id, step)
            if first is not step and (step.round, step.log, step.entry) < (first.round, first.log, first.entry):
                known[step.event_id] = step
    return tuple(sorted(known.values(), key=_ORDER))


def has_gap(steps: Iterable[Step], after: int = 0) -> bool:
    """Whether a number after `after` is missing among these steps of one aggregate."""
    later = {step.seq for step in steps if step.seq > after}
    return bool(later) and len(later) != max(later) - after


def read_time(text: str) -> datetime:
    """A time of a step, in UTC."""
    return parse_rfc3339(text)


def read_day(text: str) -> date:
    """A day of a step."""
    return parse_day(text)


def _decode(content: Mapping[str, Any]) -> Event | None:
    """The event in a leaf. Raises Malformed, KeyError or TypeError."""
    ce, key = content["ce"], content["key"]
    headers = {
        "ce_specversion": ce["specversion"],
        "ce_id": ce["id"],
        "ce_source": ce["source"],
        "ce_type": ce["type"],
        "ce_time": ce["time"],
        "ce_subject": ce["subject"],
        "ce_caseseq": str(content["case_seq"]),
        "ce_actorref": content["actor"]["ref"],
        "ce_actorrole": content["actor"]["role"],
        "ce_cause": content["cause"],
    }
    if version := content.get("policy_version"):
        headers["ce_policyversion"] = version
    return decode(FACTS, headers, key.encode() if key is not None else None, orjson.dumps(content["data"]))


def _read_event(event: Event, log: str, index: int, sealed: Round) -> tuple[str, Step] | Gap | None:
    fact = event.fact
    if fact.topic != log.partition("/")[0]:
        return Gap(log, index, sealed.number, "wrong_topic")
    if isinstance(fact, RosterTokenChanged):
        return None
    values = vars(fact)
    said = {name: _plain(values[name]) for name in SAID.get(fact.name, ()) if values[name] is not None}
    if isinstance(fact, CaseFact):
        said["state"] = fact.state
        if fact.state != fact.previous:
            said["moved"] = True
    latest = max((event.time, *(values[name] for name in _TIMES if name in values)))
    step = Step(
        sealed.number,
        log,
        index,
        event.id,
        fact.name,
        min(event.time, sealed.at),
        event.case_seq,
        event.actor.ref,
        event.actor.role,
        event.policy_version,
        latest > sealed.at + CLOCK_ERROR,
        said,
    )
    return _row_of(event, fact), step


def _plain(value: object) -> Any:
    """A field of a fact as JSON has it. Times are told in UTC. Raises OverflowError for one beyond the calendar."""
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case BaseModel():
            return {name: _plain(part) for name, part in value}
        case tuple():
            return [_plain(part) for part in value]
        case _:
            return value


def _row_of(event: Event, fact: Fact) -> str:
    if not event.case_id:
        raise ValueError("an event without a key belongs nowhere")
    if isinstance(fact, BaselineFact):
        return f"community/{fact.community}"
    if isinstance(fact, RosterEntryChanged):
        return f"person/{fact.person}"
    return f"case/{event.case_id}"


def _read_unknown(content: Mapping[str, Any], log: str, index: int, sealed: Round) -> tuple[str, Step] | None:
    """A step of a type that is not known counts in the numbers of its aggregate, and says nothing."""
    row = {"cases": "case", "baseline": "community"}.get(log.partition("/")[0])
    if row is None or not content["key"]:
        return None
    actor, ce, seq = content["actor"], content["ce"], int(content["case_seq"])
    step = Step(sealed.number, log, index, ce["id"], ce["type"], sealed.at, seq, actor["ref"], actor["role"])
    return f"{row}/{content['key']}", step
