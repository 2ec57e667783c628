"""Random cases for tests of scorecards: as entries of a small record, and as a list of events for a slow count."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from shared.events import (
    Actor,
    CaseClosed,
    CaseDecided,
    DeadlinePaused,
    DeadlineResumed,
    Fact,
    InformationReceived,
    InformationRequested,
    RecusalDeclared,
    RecusalLapsed,
    RecusalWithdrawn,
    ReportErased,
)
from tests.support.scorecard_record import HOUR, START, TRIAGE, SmallRecord, met, opened, triaged

PEOPLE = ("person:r1", "person:r2")


@dataclass(frozen=True)
class Told:
    """One event of a case, in whole hours after START, as the slow way to count looks at it."""

    fact: Fact
    hour: int
    seq: int
    actor: str


Case = list[Told]


def facts_of(kind: str, person: str, at: datetime, told: bool) -> list[Fact]:
    """The facts of one step of a case; where triage tells deadlines, what it says of them as well."""
    same: dict[str, Any] = {"previous": "investigating", "state": "investigating"}
    match kind:
        case "triage":
            fact = triaged(at).model_copy(update={"deadlines_told": told})
            return [fact, *([met("acknowledgement", at)] if told else [])]
        case "ask":
            asked = InformationRequested(previous="investigating", state="awaiting_information", question_id="q")
            paused = DeadlinePaused(deadline="decision", due_at=at, remaining_seconds=9, **same)
            odd = DeadlinePaused(deadline="acknowledgement", due_at=at, remaining_seconds=9, **same)
            return [asked, *([met("first_response", at), paused, odd] if told else [])]
        case "answer":
            answered = InformationReceived(
                previous="awaiting_information", state="investigating", question_id="q", answer_id="a"
            )
            return [answered, *([DeadlineResumed(deadline="decision", due_at=at, **same)] if told else [])]
        case "recuse":
            return [RecusalDeclared(person=person, ground="other", **same)]
        case "withdraw":
            return [RecusalWithdrawn(person=person, withdrawal="mistaken", **same)]
        case "lapse":
            return [RecusalLapsed(person=person, **same)]
        case "decide":
            decided = CaseDecided(previous="investigating", state="decided", outcome="advice", reason_id="x")
            kept = [met("first_response", at, "decided"), met("decision", at, "decided")]
            return [decided, *(kept if told else [])]
        case "close":
            return [CaseClosed(previous="decided", state="closed")]
        case _:
            return [CaseClosed(previous="x", state="merged")]


Plan = tuple[int, bool, list[tuple[str, int, str]]]
"""The hour of the receipt, whether triage tells the deadlines, and the steps: kind, hours of wait, person."""
STEPS = ("triage", "ask", "answer", "recuse", "withdraw", "lapse", "decide", "close", "merge", "erase", "lose")


def plans(*kinds: str, wait: int = 300) -> st.SearchStrategy[list[Plan]]:
    """A few cases with steps of these kinds, or of all, and up to `wait` hours before each."""
    step = st.tuples(st.sampled_from(kinds or STEPS), st.integers(0, wait), st.sampled_from(PEOPLE))
    return st.lists(st.tuples(st.integers(0, 80 * 24), st.booleans(), st.lists(step, max_size=9)), max_size=6)


def record_of(
    cases: Sequence[tuple[int, bool, list[tuple[str, int, str]]]], now: int
) -> tuple[SmallRecord, list[Case]]:
    """A record with one seal at hour `now`, and the same cases as the slow way sees them."""
    record, known = SmallRecord(), []
    for number, (received, told, steps) in enumerate(cases):
        key, hour, lost, seq = f"case-{number}", received, 0, 1
        record.tell(opened(START + hour * HOUR), key, START + hour * HOUR)
        case = [Told(opened(START + hour * HOUR), hour, 1, TRIAGE.ref)]
        for kind, wait, person in steps:
            hour += wait
            at = START + hour * HOUR
            if kind == "lose":
                lost += 1
            elif kind == "erase":
                erased = ReportErased(report_id="r", reason="retention", request_id="x", rule="everything-else")
                if not any(isinstance(one.fact, ReportErased) for one in case):
                    record.tell(erased, key, at)
                    case.append(Told(erased, hour, 0, TRIAGE.ref))
            else:
                for fact in facts_of(kind, person, at, told):
                    seq += 1 + lost
                    record.tell(fact, key, at, Actor(person, "responder"), skip=lost)
                    case.append(Told(fact, hour, seq, person))
                    lost = 0
        known.append(case)
    record.seal(START + now * HOUR)
    return record, known
