"""What a reporter may see of the case: a fold over the events of `cases`. Pure.

Events come at least once and in the order of `case_seq`; what was seen before changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from shared.events import (
    CaseAssigned,
    CaseClosed,
    CaseDecided,
    CaseFact,
    CaseOpened,
    CaseTriaged,
    Event,
    InformationReceived,
    InformationRequested,
    InvestigationStarted,
    RecusalDeclared,
)
from shared.policy.met_by import KEPT_BY

NEW_STATUS: Mapping[str, Any] = MappingProxyType(
    {"state": "received", "seq": 0, "lane": None, "deadlines": [], "questions": [], "outcome": None, "reason_id": None}
)

CASE_FACTS: tuple[type[CaseFact], ...] = (
    CaseOpened,
    CaseTriaged,
    CaseAssigned,
    InvestigationStarted,
    InformationRequested,
    InformationReceived,
    CaseDecided,
    CaseClosed,
    RecusalDeclared,
)


def follow(status: Mapping[str, Any], event: Event) -> dict[str, Any] | None:
    """The status after an event of the case; None when the event was seen before or says nothing to the reporter."""
    fact = event.fact
    if event.case_seq <= status["seq"] or not isinstance(fact, CaseFact):
        return None
    if isinstance(fact, RecusalDeclared):
        # Who may not read the report any more; nothing that the reporter sees changes by it.
        return {**status, "seq": event.case_seq, "recused": [*status.get("recused", ()), fact.person]}
    after = {**status, "seq": event.case_seq, "state": fact.state, "updated_at": event.time}
    match fact:
        case CaseTriaged():
            met = {deadline["name"]: deadline["met_at"] for deadline in status["deadlines"]}
            after["lane"] = fact.lane
            # For who may erase it; the reporter is not shown it.
            after["body"] = fact.body
            after["deadlines"] = [
                {"name": deadline.name, "due_at": deadline.due_at, "met_at": met.get(deadline.name)}
                for deadline in fact.deadlines
            ]
        case InformationRequested():
            after["questions"] = [*status["questions"], {"question_id": fact.question_id, "asked_at": event.time}]
        case CaseDecided():
            after["outcome"] = fact.outcome
            after["reason_id"] = fact.reason_id
    after["deadlines"] = [
        {**deadline, "met_at": event.time}
        if deadline["met_at"] is None and isinstance(fact, KEPT_BY.get(deadline["name"], ()))
        else deadline
        for deadline in after["deadlines"]
    ]
    return after


@dataclass(frozen=True, slots=True)
class DeadlineView:
    """A promise to the reporter. `met` is None while it may still be kept."""

    name: str
    due_at: datetime
    met: bool | None


@dataclass(frozen=True, slots=True)
class QuestionView:
    """A question of the handling body and, once given, the reporter's answer."""

    question_id: str
    text: str | None
    asked_at: datetime
    answer: str | None


@dataclass(frozen=True, slots=True)
class StatusView:
    """Everything that a receipt opens. Times are UTC-aware; `reason` is the handling body's own words.

    Of an erased report (`erased_at`) no words are left: no questions, no reason.
    """

    state: str
    received_at: datetime
    deadlines: tuple[DeadlineView, ...]
    questions: tuple[QuestionView, ...]
    outcome: str | None
    reason: str | None
    updated_at: datetime
    erased_at: datetime | None = None


def judge_deadlines(status: Mapping[str, Any], now: datetime) -> tuple[DeadlineView, ...]:
    """Each deadline with whether it was kept, seen from `now` (UTC-aware)."""
    return tuple(DeadlineView(d["name"], d["due_at"], _met(d, now)) for d in status["deadlines"])


def question_ids(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The questions that the reporter may see, in the order in which they were asked."""
    return tuple(question["question_id"] for question in document["status"]["questions"])


def _met(deadline: Mapping[str, Any], now: datetime) -> bool | None:
    if deadline["met_at"] is not None:
        return bool(deadline["met_at"] <= deadline["due_at"])
    return False if now > deadline["due_at"] else None
