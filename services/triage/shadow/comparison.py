"""What differs for a case between two policies. Pure.

Each policy is asked what it says of a case, in several respects: the rows of ASPECTS. It answers in words of the policy
files, so any two policies can be compared, and a page or a command can show what they say.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from shared.policy import DeadlineRule, HandlingBody, MassRule, Outcome, Policy, ReportFacts, Triage
from shared.policy.business_days import Calendar
from shared.policy.model import EVERYWHERE, MeasureFollowUp

MOST_EXAMPLES = 20
"""The code names that are kept of the cases with the same difference."""
_KINDS_KEPT = 16_384
"""The combinations that are remembered with what differs for them."""
_CLOCK_PARTS = ("within", "starts", "met_by", "warn", "escalate", "pausable", "business", "restarts")
_BODY_PARTS = ("training", "stand_in", "quorum")
_MEASURE_PARTS = ("talk", "before", "after")
_ENDLESS_PARTS = ("after",)
_FLOOD_PARTS = ("lanes", "keeps")
_CONSENT_PARTS = ("needs", "quorum", "sanction", "timed", "longest", "scoped", "emergency")

_ANSWER = "answer"
"""Why a clock stands still while the reporter is asked, as the reason of a Move."""
_UNITS = ((1440, 2880, "d"), (60, 60, "h"), (1, 0, "min"))
"""The minutes of each unit, and from how many on it is used: a day is written as 24 h."""


class CaseKind(NamedTuple):
    """Everything of a case that a policy looks at, but its times: what differs is the same for all cases of a kind.

    `waits`: why its clocks stood still, as the reasons of a Move; `measures`: the kinds of its measures, each with
    whether it has a last day; `grouped`: the rule by which it is part of a flood.
    """

    community: str
    category: str
    flags: frozenset[str]
    setting: str
    privacy: str
    outcome: str | None
    waits: frozenset[str] = frozenset()
    measures: frozenset[tuple[str, bool]] = frozenset()
    grouped: str | None = None


class ShadowCase(NamedTuple):
    """A case as it is compared. `received_at` is UTC-aware."""

    id: str
    code_name: str
    received_at: datetime
    kind: CaseKind


class Difference(NamedTuple):
    """One thing that a policy says otherwise.

    `about`: which clock, outcome or state; `part`: what of it. `before`, `after`: in words of the policy files;
    empty where the policy says nothing.
    """

    aspect: str
    about: str
    part: str
    before: str
    after: str


Said = Mapping[str, Mapping[str, str]]
"""What a policy says of a case, by `about` and `part`; the main part comes first."""


def _clocks(policy: Policy, kind: CaseKind, way: Triage) -> Said:
    calendar = policy.calendar_of(way.body)
    return {
        rule.id: _parts_of(rule, _CLOCK_PARTS) | ({"calendar": _days(calendar)} if rule.business else {})
        for rule in policy.deadlines.values()
        if rule.applies_to(way.lane)
    }


def _days(calendar: Calendar) -> str:
    return " ".join([str(calendar.zone), *sorted(calendar.weekend), *map(str, sorted(calendar.holidays))])


def _consent(policy: Policy, kind: CaseKind, way: Triage) -> Said:
    outcome = policy.outcomes.get(kind.outcome or "")
    if outcome is None:
        return {}
    hearing = policy.hearing(outcome.code, kind.category, kind.flags, way.lane)
    heard = {"reporter_first": written(hearing is not None), "answer_within": written(hearing and hearing.within)}
    return {outcome.code: _parts_of(outcome, _CONSENT_PARTS) | heard}


def _check_ins(policy: Policy, kind: CaseKind, way: Triage) -> Said:
    steps = policy.check_ins(kind.outcome, kind.setting) if kind.outcome else ()
    parts = {"after": written(steps), "tries": written(policy.tries), "again_after": written(policy.again_after)}
    return {kind.outcome or "": parts} if steps else {}


def _pauses(policy: Policy, kind: CaseKind, way: Triage) -> Said:
    longest = {**policy.pauses, _ANSWER: policy.answer_within}
    return {reason: {"longest": written(most)} for reason, most in longest.items() if reason in kind.waits}


def _measures(policy: Policy, kind: CaseKind, way: Triage) -> Said:
    # Where one of a kind has a last day, it is judged as the other is, and by more.
    parts = {code: _MEASURE_PARTS if timed else _ENDLESS_PARTS for code, timed in sorted(kind.measures)}
    return {code: _parts_of(policy.after_measure(code), asked) for code, asked in parts.items()}


def _flood(policy: Policy, kind: CaseKind, way: Triage) -> Said:
    row = next((row for row in policy.patterns.mass if row.id == kind.grouped), None)
    return {"": _parts_of(row, _FLOOD_PARTS)} if row else {}


def _identity(policy: Policy, kind: CaseKind, way: Triage) -> Said:
    rows = policy.identities.items()
    return {state: {"fields": written(fields)} for (privacy, state), fields in rows if privacy == kind.privacy}


def _parts_of(
    thing: DeadlineRule | HandlingBody | MassRule | MeasureFollowUp | Outcome, parts: Sequence[str]
) -> dict[str, str]:
    return {part: written(getattr(thing, part)) for part in parts}


ASPECTS: Mapping[str, Callable[[Policy, CaseKind, Triage], Said]] = {
    "body": lambda policy, kind, way: {"": {"": way.body}},
    "lane": lambda policy, kind, way: {"": {"": way.lane}},
    "clock": _clocks,
    "consent": _consent,
    "check_in": _check_ins,
    "pause": _pauses,
    "measure": _measures,
    "flood": _flood,
    "people": lambda policy, kind, way: {"": _parts_of(policy.bodies[way.body], _BODY_PARTS)},
    "identity": _identity,
}
"""What is compared, in the order in which differences are shown."""


UNSHOWN: Mapping[str, Callable[[Policy], object]] = {
    "routing.toml": lambda policy: [replace(body, **_SHOWN_OF_BODIES) for body in policy.bodies.values()],
    "communities.toml": lambda policy: [replace(one, bodies={}) for one in policy.communities.values()],
    "taxonomy.toml": lambda policy: [
        getattr(policy, name) for name in ("categories", "flags", "settings", "scopes", "boundless")
    ],
    "retention.toml": lambda policy: policy.retention,
    "peer_support.toml": lambda policy: policy.peer_support,
    "playbooks.toml": lambda policy: policy.playbooks,
    "patterns.toml": lambda policy: replace(
        policy.patterns, mass=tuple(replace(row, **_SHOWN_OF_FLOODS) for row in policy.patterns.mass)
    ),
}
"""By file, what a policy says that no case of the past can tell: what is new, who is written to, and what comes of many
cases together.
"""
_SHOWN_OF_BODIES: Mapping[str, Any] = {"training": (), "stand_in": None, "quorum": 0, "calendar": EVERYWHERE}
_SHOWN_OF_FLOODS: Mapping[str, Any] = {"lanes": frozenset(), "keeps": 0}


def written(value: object) -> str:
    """A value in words of the policy files: `28 d`, `yes`, `A B`; empty for nothing."""
    match value:
        case timedelta():
            minutes = int(value.total_seconds()) // 60
            size, unit = next((size, unit) for size, least, unit in _UNITS if minutes % size == 0 and minutes >= least)
            return f"{minutes // size} {unit}"
        case bool():
            return "yes" if value else ""
        case frozenset():
            return ", ".join(sorted(value))
        case tuple():
            return ", ".join(map(written, value))
        case _:
            return str(value or "")


@dataclass(slots=True)
class Tally:
    """How many cases differ in what, with the code names of those of each kind that were counted first."""

    cases: int = 0
    changed: int = 0
    differences: Counter[Difference] = field(default_factory=Counter)
    examples: dict[Difference, list[str]] = field(default_factory=dict)

    def count(self, case: ShadowCase, found: Sequence[Difference]) -> None:
        """Count a case with what differs for it."""
        self.cases += 1
        self.changed += bool(found)
        for one in found:
            self.differences[one] += 1
            kept = self.examples.setdefault(one, [])
            if len(kept) < MOST_EXAMPLES:
                kept.append(case.code_name)

    def ordered(self) -> list[tuple[Difference, int, Sequence[str]]]:
        """Each difference, with the number of its cases and the kept code names: by aspect, the most cases first."""
        order = list(ASPECTS)
        found = sorted(self.differences.items(), key=lambda one: (order.index(one[0].aspect), -one[1], one[0]))
        return [(difference, number, self.examples[difference]) for difference, number in found]


class Comparison:
    """Two policies side by side."""

    def __init__(self, old: Policy, new: Policy) -> None:
        self.old = old
        self.new = new
        self.unshown = tuple(file for file, say in UNSHOWN.items() if say(old) != say(new))
        """The files of which past cases cannot show everything that changes."""
        self._of_ways = lru_cache(_KINDS_KEPT)(self._compare)

    def of(self, case: ShadowCase) -> tuple[Difference, ...]:
        """What the new policy says otherwise of this case."""
        kind = case.kind
        facts = ReportFacts.of(kind)
        # Beside the two ways a policy looks at no more than these, so there are few combinations. At what a case is, it
        # looks only where an outcome may have to be heard first.
        category, flags = (kind.category, kind.flags) if kind.outcome else ("", frozenset[str]())
        looked_at = kind._replace(community="", category=category, flags=flags)
        return self._of_ways(self.old.triage(facts), self.new.triage(facts), looked_at)

    def _compare(self, old: Triage, new: Triage, kind: CaseKind) -> tuple[Difference, ...]:
        found: list[Difference] = []
        for aspect, say in ASPECTS.items():
            before, after = say(self.old, kind, old), say(self.new, kind, new)
            for about in dict.fromkeys((*before, *after)):
                was, will = before.get(about, {}), after.get(about, {})
                parts = list(dict.fromkeys((*was, *will)))
                # Of a clock that comes or goes its main part says enough.
                for part in parts if was and will else parts[:1]:
                    texts = was.get(part, ""), will.get(part, "")
                    found += [Difference(aspect, about, part, *texts)] if texts[0] != texts[1] else []
        return tuple(found)
