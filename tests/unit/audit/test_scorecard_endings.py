"""What is measured of the end of a case: appeals, follow-up, and measures that were set for a time."""

from datetime import date, datetime
from typing import Any

import pytest

from services.audit.scorecard.evaluation import Gathering
from services.audit.scorecard.metrics import Question, measure
from services.audit.scorecard.result import Measured
from services.audit.scorecard.rows import Round
from shared.events import (
    Actor,
    AppealDecided,
    AppealLodged,
    CaseAssigned,
    CaseClosed,
    CaseDecided,
    DecisionObjected,
    DecisionProposed,
    DecisionSeconded,
    EmergencyMeasureReviewed,
    EmergencyMeasureTaken,
    Fact,
    FollowUpBegun,
    MeasureEnded,
    MeasureExpired,
    MeasureLapsed,
)
from shared.policy import load_policy
from shared.policy.baseline.model import MeasuredRule, Threshold
from tests.support.scorecard_record import DAY, HOUR, START, SmallRecord, opened

POLICY = load_policy()
FIRST, SECOND, THIRD = (Actor(f"person:r{number}", "responder") for number in (1, 2, 3))
SAME: dict[str, Any] = {"previous": "investigating", "state": "investigating"}
LAST_DAY = date(2026, 11, 10)
ITS_END = START + 10 * DAY

Told = tuple[Fact, Actor, datetime]


def measured(metric: str, cases: list[list[Told]], at: datetime) -> Measured:
    record = SmallRecord()
    for number, facts in enumerate(cases):
        record.tell(opened(START), f"case-{number}", START)
        for fact, actor, when in facts:
            record.tell(fact, f"case-{number}", when, actor)
    record.seal(at)
    rule = MeasuredRule(
        metric=metric, params={}, threshold=Threshold(">=", 100, "%"), window=365 * DAY, min_n=1, open_count=True,
        clock="wall",
    )  # fmt: skip
    evidence = Gathering("enwiki", record.rows(), POLICY, {}).until(Round(record.seals, record.at))
    return measure(Question(rule, evidence.at, POLICY, "enwiki", evidence.lives, evidence.members))[0]


def decided(actor: Actor, hour: int, **given: Any) -> Told:
    fact = CaseDecided(previous="investigating", state="decided", outcome="advice", reason_id="r", **given)
    return fact, actor, START + hour * HOUR


def lodged(hour: int, ground: str = "facts") -> Told:
    fact = AppealLodged(
        previous="decided",
        state="appealed",
        appeal_id=f"a{hour}",
        party="reporter",
        appeal_ground=ground,
        reason_id="w",
    )
    return fact, FIRST, START + hour * HOUR


def answered(actor: Actor, lodged_at: int, hour: int) -> Told:
    fact = AppealDecided(
        previous="appealed", state="decided", appeal_id=f"a{lodged_at}", party="reporter", verdict="upheld",
        reason_id="v",
    )  # fmt: skip
    return fact, actor, START + hour * HOUR


def proposed(actor: Actor, hour: int) -> Told:
    return DecisionProposed(proposal_id="p", outcome="warning", reason_id="r", **SAME), actor, START + hour * HOUR


def seconded(actor: Actor, hour: int) -> Told:
    return DecisionSeconded(proposal_id="p", outcome="warning", **SAME), actor, START + hour * HOUR


def objected(actor: Actor, hour: int) -> Told:
    fact = DecisionObjected(proposal_id="p", outcome="warning", reason_id="o", **SAME)
    return fact, actor, START + hour * HOUR


def assigned(actor: Actor, hour: int) -> Told:
    return CaseAssigned(assignee=actor.ref, **SAME), actor, START + hour * HOUR


TAKEN: Told = (
    EmergencyMeasureTaken(
        measure_id="m", outcome="restriction", scope="community", until=LAST_DAY, reason_id="w",
        review_by=START + DAY, **SAME,
    ),
    FIRST,
    START + HOUR,
)  # fmt: skip
APPEALS: dict[str, tuple[list[Told], float | None]] = {
    "another person decided it": ([decided(FIRST, 1), lodged(2), answered(SECOND, 2, 3)], 100),
    "the person who decided the case": ([decided(FIRST, 1), lodged(2), answered(FIRST, 2, 3)], 0),
    "a person who had seconded": (
        [proposed(FIRST, 1), seconded(SECOND, 2), decided(FIRST, 3), lodged(4), answered(SECOND, 4, 5)], 0,
    ),
    "a person who had objected": (
        [proposed(FIRST, 1), objected(SECOND, 2), decided(FIRST, 3), lodged(4), answered(SECOND, 4, 5)], 0,
    ),
    "a person who had taken an emergency measure": (
        [(TAKEN[0], SECOND, TAKEN[2]), decided(FIRST, 2), lodged(3), answered(SECOND, 3, 4)], 0,
    ),
    "a person who took an emergency measure after it was lodged": (
        [decided(FIRST, 0), lodged(0), (TAKEN[0], SECOND, TAKEN[2]), answered(SECOND, 0, 4)], 100,
    ),
    "a person who had decided an earlier appeal": (
        [decided(FIRST, 1), lodged(2), answered(SECOND, 2, 3), lodged(4), answered(SECOND, 4, 5)], 0,
    ),
    "it waits": ([decided(FIRST, 1), lodged(2)], None),
    "one of two waits": ([decided(FIRST, 1), lodged(2), answered(SECOND, 2, 3), lodged(4)], 100),
    "inaction, by the person who had the case": ([assigned(FIRST, 1), lodged(2, "inaction"), answered(FIRST, 2, 3)], 0),
    "inaction, by a person who got it afterwards": (
        [assigned(FIRST, 1), lodged(2, "inaction"), assigned(SECOND, 3), answered(SECOND, 2, 4)], 100,
    ),
    "on the facts, by a person who had the case and did not decide": (
        [assigned(THIRD, 1), assigned(FIRST, 2), decided(FIRST, 3), lodged(4), answered(THIRD, 4, 5)], 100,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", APPEALS)
def test_an_appeal_counts_by_who_decided_it(what: str) -> None:
    facts, share = APPEALS[what]
    found = measured("appeals_decided_by_others", [facts], START + DAY)
    assert (found.value, found.n) == (share, int(share is not None))


def test_one_case_of_four_with_an_appeal_decided_by_its_deciders_is_a_quarter() -> None:
    good, bad = APPEALS["another person decided it"][0], APPEALS["the person who decided the case"][0]
    found = measured("appeals_decided_by_others", [good, good, bad, good, [decided(FIRST, 1)]], START + DAY)
    assert (found.value, found.n, found.holds) == (75, 4, False)


def test_follow_up_counts_once_a_case_is_closed_whatever_the_reporter_wanted() -> None:
    begun = FollowUpBegun(previous="decided", state="following_up", consent="no"), FIRST, START + 2 * HOUR
    closed = CaseClosed(previous="decided", state="closed"), FIRST, START + 3 * HOUR
    cases = [[decided(FIRST, 1), begun, closed], [decided(FIRST, 1), closed], [decided(FIRST, 1), begun]]
    found = measured("follow_up_offered", cases, START + DAY)
    assert (found.value, found.n, found.open_count) == (50, 2, 1)


def ended(fact: type[Fact], at: datetime, measure: str = "r", **given: Any) -> Told:
    return fact(measure_id=measure, outcome="restriction", **SAME, **given), FIRST, at


BAN = decided(FIRST, 1, until=LAST_DAY, scope="community")
MEASURES: dict[str, tuple[list[Told], datetime, float | None]] = {
    "it ended with its last day": ([BAN, ended(MeasureExpired, ITS_END)], START + 20 * DAY, 100),
    "triage told an hour later": ([BAN, ended(MeasureExpired, ITS_END + HOUR)], START + 20 * DAY, 100),
    "it went on for two days": ([BAN, ended(MeasureExpired, ITS_END + 2 * DAY)], START + 20 * DAY, 0),
    "it still stands": ([BAN], START + 20 * DAY, 0),
    "its day has not come": ([BAN], START + 5 * DAY, None),
    "a person ended it before": (
        [BAN, ended(MeasureEnded, START + 3 * DAY, end="early", reason_id="w")], START + 5 * DAY, 100,
    ),
    "it was taken in an emergency and lapsed": (
        [TAKEN, ended(MeasureLapsed, START + DAY, "m")], START + 5 * DAY, 100,
    ),
    "the review ended it": (
        [TAKEN, ended(EmergencyMeasureReviewed, START + DAY, "m", review="ended", reason_id="w")],
        START + 20 * DAY, 100,
    ),
    "the review let it stand, and nothing ended it": (
        [TAKEN, ended(EmergencyMeasureReviewed, START + DAY, "m", review="confirmed", reason_id="w")],
        START + 20 * DAY, 0,
    ),
    "an outcome without a last day is no timed measure": (
        [decided(FIRST, 1, scope="community")], START + 20 * DAY, None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", MEASURES)
def test_a_timed_measure_counts_by_whether_it_went_on_beyond_its_day(what: str) -> None:
    facts, at, share = MEASURES[what]
    found = measured("measures_ended_on_time", [facts], at)
    assert (found.value, found.n) == (share, int(share is not None))
