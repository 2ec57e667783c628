"""The metrics against a slow and obvious way to count the same, on random records."""

import math
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.audit.scorecard.evaluation import Gathering
from services.audit.scorecard.metrics import METRICS, Question, measure
from services.audit.scorecard.result import Measured, ReasonCode
from services.audit.scorecard.rows import Round
from shared.events import (
    Actor,
    CaseDecided,
    DeadlineMet,
    DeadlinePaused,
    DeadlineResumed,
    Fact,
    GrantHeld,
    RecusalDeclared,
    RecusalLapsed,
    RecusalWithdrawn,
    ReportErased,
    ReporterTold,
    TrainingHeld,
)
from shared.policy import ReportLife, load_policy
from shared.policy import baseline as catalogues
from shared.policy.baseline.model import MeasuredRule, Threshold
from tests.support.scorecard_plans import PEOPLE, Case, Plan, facts_of, plans, record_of
from tests.support.scorecard_record import DAY, HOUR, START, SmallRecord, on_roster, opened

POLICY = load_policy()
GRACE = 2 * DAY


ASKED_TWICE: Plan = (
    20 * 24,
    True,
    [(kind, 5, "person:r1") for kind in ("triage", "ask", "ask", "answer", "decide")],
)


def rule_of(metric: str, **given: Any) -> MeasuredRule:
    unit: Any = {"acknowledged_within": "h", "decided_by_recused": "cases"}.get(metric, "d")
    fields: dict[str, Any] = {
        "metric": metric, "params": {"percentile": 90, "update_days": 14}, "threshold": Threshold("<=", 7, unit),
        "window": 60 * DAY, "min_n": 1, "open_count": True, "clock": "policy",
    }  # fmt: skip
    return MeasuredRule(**fields | given)


def measured(record: SmallRecord, rule: MeasuredRule) -> tuple[Measured, ReasonCode]:
    evidence = Gathering("enwiki", record.rows(), POLICY, {}).until(Round(record.seals, record.at))
    return measure(Question(rule, evidence.at, POLICY, "enwiki", evidence.lives, evidence.members))


# The slow way: it looks at every event for every question, and counts hours one by one.


def flaw_of(case: Case, now: int) -> str | None:
    own = [one for one in case if one.seq]
    if own[-1].fact.model_dump()["state"] == "merged":
        return "merged"
    if [one.seq for one in own] != list(range(1, len(own) + 1)):
        return "record_gap"
    return "clock" if any(one.hour > now for one in case) else None


def kept_at(case: Case, deadline: str, names: set[str]) -> int | None:
    told = any(getattr(one.fact, "deadlines_told", False) for one in case)
    for one in case:
        if told and isinstance(one.fact, DeadlineMet) and one.fact.deadline == deadline:
            return one.hour
        if not told and one.fact.name in names:
            return one.hour
    return None


def hours_taken(case: Case, deadline: str, end: int) -> int:
    hours = 0
    for hour in range(case[0].hour, end):
        stopped = False
        for one in case:
            if one.hour <= hour and deadline == "decision":
                if isinstance(one.fact, DeadlinePaused) and one.fact.deadline == deadline:
                    stopped = True
                if isinstance(one.fact, DeadlineResumed):
                    stopped = False
        hours += not stopped
    return hours


def hears_of_it(case: Case, end: int) -> bool:
    """Whether the reporter saw a new state at least every 14 days."""
    silent = 0
    for hour in range(case[0].hour + 1, end + 1):
        silent += 1
        if silent > 14 * 24:
            return False
        if any(one.hour == hour and changes_state(one.fact) for one in case):
            silent = 0
    return True


def changes_state(fact: Fact) -> bool:
    said = fact.model_dump()
    return "state" in said and said["state"] != said["previous"]


def slow_time(
    cases: list[Case], now: int, deadline: str, names: set[str], hours_a_unit: int, limit: int, percent: int
) -> list[Any]:
    """The value, n, how many are open, and what was excluded."""
    values, still_open, excluded = [], 0, Counter[str]()
    for case in cases:
        if case[0].hour <= now - 60 * 24:
            continue
        if flaw := flaw_of(case, now):
            excluded[flaw] += 1
            continue
        kept = kept_at(case, deadline, names)
        still_open += kept is None
        end = now if kept is None else kept
        taken = hours_taken(case, deadline, end)
        if deadline == "decision" and taken > limit * hours_a_unit and hears_of_it(case, end):
            taken = limit * hours_a_unit
        values.append(taken)
    value = None
    if values:
        value = next(v for v in sorted(values) if sum(x <= v for x in values) >= math.ceil(percent / 100 * len(values)))
    return [value if value is None else value / hours_a_unit, len(values), still_open, dict(excluded)]


@pytest.mark.parametrize(
    ("metric", "deadline", "names", "hours", "limit"),
    [
        ("acknowledged_within", "acknowledgement", {"case.triaged"}, 1, 24),
        ("first_response_within", "first_response", {"case.information_requested", "case.decided"}, 24, 7),
        ("decided_within", "decision", {"case.decided"}, 24, 28),
    ],
)
@given(
    plan=plans() | plans("triage", "ask", "answer", "decide", wait=150),
    now=st.integers(60 * 24, 120 * 24),
    percent=st.sampled_from([1, 50, 90]),
)
@example(plan=[ASKED_TWICE], now=60 * 24, percent=90)
@settings(max_examples=150, deadline=None)
def test_times_are_what_a_slow_count_gives(
    metric: str, deadline: str, names: set[str], hours: int, limit: int, plan: Any, now: int, percent: int
) -> None:
    record, cases = record_of(plan, now)
    params = {"percentile": percent, "update_days": 14}
    rule = rule_of(metric, threshold=Threshold("<=", limit, "h" if hours == 1 else "d"), params=params)
    found, reason = measured(record, rule)
    value, n, still_open, excluded = slow_time(cases, now, deadline, names, hours, limit, percent)
    assert [found.value, found.n, found.open_count, dict(found.excluded)] == [value, n, still_open, excluded]
    if not n:
        assert (found.value, reason) == (None, ReasonCode.TOO_FEW_CASES)
    elif value > limit:
        assert (found.holds, reason) == (False, ReasonCode.THRESHOLD_MISSED)
    else:
        assert reason in (ReasonCode.MEASURED, ReasonCode.WINDOW_NOT_CLOSED)
        assert found.holds is (True if reason is ReasonCode.MEASURED else None)


@pytest.mark.parametrize("told", [True, False])
def test_a_reporter_who_is_told_how_it_goes_is_kept_up_to_date(told: bool) -> None:
    record = SmallRecord()
    record.tell(opened(START), "c1", START)
    if told:
        for days in (10, 20):
            said = ReporterTold(previous="received", state="received", message_id=f"m-{days}")
            record.tell(said, "c1", START + days * DAY)
    record.seal(START + 30 * DAY)
    found, _ = measured(record, rule_of("decided_within", threshold=Threshold("<=", 28, "d")))
    assert found.value == (28 if told else 30)


@pytest.mark.parametrize(("told", "broken"), [(None, 0), (False, 0), (True, 1)])
def test_a_decision_by_a_person_who_is_named_counts_although_only_a_token_is_told(
    told: bool | None,
    broken: int,
) -> None:
    record = SmallRecord()
    record.tell(opened(START), "c1", START)
    declared = RecusalDeclared(previous="received", state="received", person="0" * 32, ground="named")
    record.tell(declared, "c1", START + HOUR)
    decided = CaseDecided(previous="received", state="decided", outcome="advice", reason_id="r", by_recused=told)
    record.tell(decided, "c1", START + 2 * HOUR, Actor("person:b1", "responder"))
    record.seal(START + DAY)
    found, _ = measured(record, rule_of("decided_by_recused", threshold=Threshold("==", 0, "cases"), min_n=1))
    assert found.value == broken


@given(plan=plans("recuse", "withdraw", "lapse", "decide", wait=30), now=st.integers(60 * 24, 120 * 24))
@settings(max_examples=150, deadline=None)
def test_decisions_of_recused_people_are_what_a_slow_count_gives(plan: Any, now: int) -> None:
    record, cases = record_of(plan, now)
    found, _ = measured(record, rule_of("decided_by_recused", threshold=Threshold("==", 0, "cases"), min_n=1))
    decided = broken = 0
    for case in cases:
        decisions = [one for one in case if isinstance(one.fact, CaseDecided)]
        if case[0].hour <= now - 60 * 24 or flaw_of(case, now) or not decisions:
            continue
        decided += 1
        for decision in decisions:
            about = [
                one.fact
                for one in case
                if one.seq < decision.seq
                and isinstance(one.fact, RecusalDeclared | RecusalWithdrawn | RecusalLapsed)
                and one.fact.person == decision.actor
            ]
            if about and isinstance(about[-1], RecusalDeclared):
                broken += 1
                break
    assert (found.n, found.value) == (decided, broken if decided else None)


# Closed at once, and erased about three years later.
late_erasures = st.lists(
    st.tuples(st.integers(0, 40 * 24), st.booleans(), st.integers(-60, 60)).map(
        lambda drawn: (*drawn[:2], [("close", 0, "person:r1"), ("erase", 1_095 * 24 + drawn[2], "person:r1")])
    ),
    max_size=5,
)


@given(
    plan=plans("triage", "decide", "close", "erase", "merge") | late_erasures,
    now=st.integers(60 * 24, 90 * 24),
    years=st.integers(0, 4),
)
@settings(max_examples=300, deadline=None)
def test_retention_is_what_a_slow_count_gives(plan: Any, now: int, years: int) -> None:
    now += years * 365 * 24
    record, cases = record_of(plan, now)
    rule = rule_of("retention_kept", threshold=Threshold(">=", 100, "%"), min_n=1, window=1_200 * DAY)
    found, _ = measured(record, rule)
    at, good, due = START + now * HOUR, 0, 0
    for case in cases:
        own = [one for one in case if one.seq]
        if own[-1].fact.model_dump()["state"] != "closed" or flaw_of(case, now):
            continue
        last = next(one for one in reversed(own) if not one.fact.name.startswith("case.recusal"))
        lane = next((one.fact for one in reversed(own) if one.fact.name == "case.triaged"), None)
        outcome = next((one.fact for one in reversed(own) if one.fact.name == "case.decided"), None)
        life = ReportLife(
            "r", "enwiki", "wiki", "harassment.insults", getattr(lane, "lane", None),
            getattr(outcome, "outcome", None), START + case[0].hour * HOUR, START + last.hour * HOUR, closed=True,
        )  # fmt: skip

        def is_due(then: datetime, life: ReportLife = life) -> bool:
            return POLICY.retention.judge(life, then).fate == "due"

        erased = next((START + one.hour * HOUR for one in case if isinstance(one.fact, ReportErased)), None)
        if not is_due(at - GRACE) or (erased and (not is_due(erased) or life.received_at <= at - 1_200 * DAY)):
            continue
        due += 1
        good += erased is not None and not is_due(erased - GRACE - timedelta(seconds=1))
    assert (found.n, found.value) == (due, 100 * good / due if due else None)


roles = st.builds(
    GrantHeld,
    role=st.sampled_from(["responder", "coordinator"]),
    bodies=st.lists(st.sampled_from(["enwiki_admins", "enwiki_arbcom", "u4c"]), max_size=2).map(tuple),
    communities=st.sampled_from([(), ("enwiki",), ("swwiki",)]),
    expires_at=st.sampled_from([None, START + 5 * DAY, START + 20 * DAY]),
)
trainings = st.lists(
    st.builds(
        TrainingHeld,
        module=st.sampled_from(["A", "B", "C1"]),
        completed_at=st.sampled_from([START - DAY, START + 15 * DAY]),
        expires_at=st.sampled_from([None, START + 9 * DAY, START + 10 * DAY, START + 90 * DAY]),
    ),
    max_size=4,
).map(tuple)


agreements = st.sampled_from([None, START + 10 * DAY, START + 11 * DAY])
roster = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.lists(roles, max_size=2).map(tuple), trainings, agreements), max_size=5
)


@given(entries=roster)
@settings(max_examples=150, deadline=None)
def test_people_are_what_a_slow_count_gives(entries: list[Any]) -> None:
    record, now = SmallRecord(), START + 10 * DAY
    for person, grants, trained, agreed in entries:
        record.tell(on_roster(person, grants=grants, trainings=trained, confidential_until=agreed), person, START)
    record.seal(now)
    agreeing, able, n = 0, 0, 0
    for person in PEOPLE:
        last = next((entry for entry in reversed(entries) if entry[0] == person), None)
        bodies = set()
        for grant in last[1] if last else ():
            if grant.role == "responder" and grant.expires_at != START + 5 * DAY and grant.communities != ("swwiki",):
                bodies |= {"enwiki_admins", "enwiki_arbcom"} & set(grant.bodies)
        if last and bodies:
            n += 1
            agreeing += last[3] == START + 11 * DAY
            current = {t.module for t in last[2] if t.completed_at <= now and (not t.expires_at or t.expires_at > now)}
            able += all(set(POLICY.bodies[body].training) <= current for body in bodies)
    for metric, good in (("agreements_current", agreeing), ("trainings_current", able)):
        found, _ = measured(record, rule_of(metric, threshold=Threshold(">=", 100, "%"), min_n=1))
        assert (found.n, found.value) == (n, 100 * good / n if n else None)


def test_every_name_that_a_catalogue_may_use_has_a_function() -> None:
    assert METRICS.keys() == catalogues.METRICS.keys()


def test_a_clock_that_policy_does_not_let_stand_still_runs_on() -> None:
    record = SmallRecord()
    for number in range(3):
        for fact in (opened(START), *facts_of("ask", "person:r1", START, told=True)):
            record.tell(fact, f"case-{number}", START)
    record.seal(START + 30 * DAY)
    assert measured(record, rule_of("acknowledged_within"))[0].value == 30 * 24
    assert measured(record, rule_of("decided_within"))[0].value == 0
    assert measured(record, rule_of("decided_within", clock="wall"))[0].value == 30
