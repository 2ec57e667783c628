"""The policy in words: rules, clocks and outcomes, and what a changed one would do."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import Request

from services.triage.desk.names import CaseNames
from services.triage.paths import HOME
from services.triage.shadow.comparison import Difference, written
from services.triage.shadow.preview import Preview
from shared.policy import DeadlineRule, Outcome, Policy
from shared.policy.conditions import RowCondition

_TIME = re.compile(r"(\d+) (d|h|min)")
_YES = frozenset({"pausable", "business", "restarts", "sanction", "reporter_first", "timed", "scoped", "emergency"})
_CODES = {
    "starts": "policy-starts",
    "needs": "policy-needs",
    "met_by": "fact",
    "fields": "policy-told",
    "lanes": "lane",
}
"""The parts that hold codes, with the beginning of the keys of their messages."""
_ABOUT = {
    "clock": "deadline", "consent": "outcome", "check_in": "outcome", "identity": "state",
    "pause": "pause", "measure": "outcome",
}  # fmt: skip
_CONDITIONS = {
    "categories": "category", "flags": "flag", "settings": "setting", "kinds": "kind", "communities": "",
}  # fmt: skip


class PolicyWords:
    """What the page says of a policy, in the reader's language."""

    def __init__(self, names: CaseNames, policy: Policy) -> None:
        self._names = names
        self._policy = policy

    def rules(self, request: Request) -> list[dict[str, Any]]:
        """The rules in their order, the first one that fits decides: when, where to, in which lane, by when."""
        return [
            {
                "id": rule.id,
                "when": [self._condition(request, condition) for condition in rule.when],
                "to": [self._target(request, target) for target in rule.to],
                "lane": self._names.code(request, "lane", rule.lane),
                "urgent": rule.lane != "standard",
                "within": self._time(request, written(rule.act_within)) if rule.act_within else "",
            }
            for rule in self._policy.rules
        ]

    def clocks(self, request: Request) -> list[dict[str, Any]]:
        """The clocks, with what starts and keeps them."""
        return [self._clock(request, rule) for rule in self._policy.deadlines.values()]

    def outcomes(self, request: Request) -> list[dict[str, Any]]:
        """The outcomes, with the consent that each needs."""
        return [self._outcome(request, outcome) for outcome in self._policy.outcomes.values()]

    def differences(self, request: Request, preview: Preview) -> list[dict[str, Any]]:
        """What would change, as rows: the case counts, what it is, before and after, and the cases to look at."""
        return [
            {
                "cases": number,
                "what": self._what(request, difference),
                "before": self.said(request, difference, difference.before),
                "after": self.said(request, difference, difference.after),
                "names": [(name, f"{HOME}/cases/{name}") for name in names],
                "more": number - len(names),
            }
            for difference, number, names in preview.tally.ordered()
        ]

    def said(self, request: Request, difference: Difference, text: str) -> str:
        """The value of a difference in words; a dash where a policy says nothing."""
        aspect, part = difference.aspect, difference.part
        if part in _YES:
            return self._names.said(request, "policy-yes" if text else "policy-no")
        if not text:
            return "–"
        if aspect == "body" or part == "stand_in":
            return self._names.body(request, text)
        if aspect == "lane":
            return self._names.code(request, "lane", text)
        if part in _CODES:
            return self._list(self._names.code(request, _CODES[part], code) for code in text.split(", "))
        return self._list(self._time(request, one) for one in text.split(", "))

    def _what(self, request: Request, difference: Difference) -> str:
        name = self._names.code(request, "policy-aspect", difference.aspect)
        prefix = _ABOUT.get(difference.aspect)
        about = [self._names.code(request, prefix, difference.about)] if prefix and difference.about else []
        part = [self._names.code(request, "policy-part", difference.part)] if difference.part else []
        return ": ".join([name, *about, *part])

    def _condition(self, request: Request, condition: RowCondition) -> list[tuple[str, str]]:
        """What must fit at once: the label of each part, and the names that fit it."""
        found = []
        for part, prefix in _CONDITIONS.items():
            codes: frozenset[str] | None = getattr(condition, part)
            if codes is not None:
                ordered = sorted(codes)
                texts = [self._names.code(request, prefix, c) if prefix else self._names.community(c) for c in ordered]
                found.append((self._names.code(request, "policy-when", part), self._list(texts)))
        return found

    def _target(self, request: Request, target: str) -> str:
        scope, _, part = target.partition(".")
        return (
            self._names.said(request, "policy-local", part) if scope == "local" else self._names.body(request, target)
        )

    def _clock(self, request: Request, rule: DeadlineRule) -> dict[str, Any]:
        times = {name: getattr(rule, name) for name in ("within", "warn", "escalate")}
        marks = [name for name in ("pausable", "business") if getattr(rule, name)]
        return {
            "name": self._names.code(request, "deadline", rule.id),
            "starts": self._names.code(request, "policy-starts", rule.starts),
            "lanes": self._list(self._names.code(request, "lane", lane) for lane in sorted(rule.lanes)),
            "kept": self._list(self._names.code(request, "fact", fact) for fact in sorted(rule.met_by)),
            "marks": [self._names.code(request, "policy-part", mark) for mark in marks],
            **{name: self._time(request, written(length)) if length else "" for name, length in times.items()},
        }

    def _outcome(self, request: Request, outcome: Outcome) -> dict[str, Any]:
        marks = [mark for mark in ("sanction", "timed", "scoped", "emergency") if getattr(outcome, mark)]
        heard = [one for one in self._policy.hearings if one.outcomes is None or outcome.code in one.outcomes]
        marks += ["reporter_first"] if heard else []
        return {
            "name": self._names.code(request, "outcome", outcome.code),
            "needs": self._names.code(request, "policy-needs", outcome.needs),
            "quorum": outcome.quorum,
            "longest": self._time(request, written(outcome.longest)) if outcome.longest else "",
            "marks": [self._names.code(request, "policy-part", mark) for mark in marks],
        }

    def _time(self, request: Request, text: str) -> str:
        """A time in words; a text that is none stays as it is."""
        if match := _TIME.fullmatch(text):
            return self._names.said(request, f"policy-time-{match[2]}", int(match[1]))
        return text

    @staticmethod
    def _list(texts: Iterable[str]) -> str:
        found: Sequence[str] = list(texts)
        return " · ".join(found)
