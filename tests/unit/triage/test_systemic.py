"""Which communities miss deadlines so often that the policy calls it systemic."""

from datetime import UTC, datetime, timedelta

import pytest

from services.triage.patterns.systemic import Breach, period_of, systemic
from shared.policy import SystemicRule
from tests.support.triage_rig import POLICY

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
RULE = SystemicRule("often", frozenset({"decision", "first_response"}), timedelta(days=30), 4, 2, "systemic_failure")


def breach(case: str, deadline: str = "decision", days: float = 1) -> Breach:
    return Breach(case, deadline, NOW - timedelta(days=days))


ENOUGH = [breach("a"), breach("a", "first_response"), breach("b"), breach("b", days=30)]


def test_enough_breaches_in_enough_cases_are_counted_by_deadline() -> None:
    found = systemic(RULE, ENOUGH, NOW)
    assert found is not None
    assert (found.counts, found.breaches, found.cases) == ((("decision", 3), ("first_response", 1)), 4, 2)
    assert found.since == NOW - timedelta(days=30)


@pytest.mark.parametrize(
    "breaches",
    [
        ENOUGH[:3],
        [breach("a")] * 9,
        [*ENOUGH[:3], breach("b", "update")],
        [*ENOUGH[:3], breach("b", days=31)],
        [*ENOUGH[:3], breach("b", days=-1)],
        [],
    ],
    ids=["few", "one-case", "other-deadline", "too-old", "to-come", "none"],
)
def test_fewer_breaches_are_nothing(breaches: list[Breach]) -> None:
    assert systemic(RULE, breaches, NOW) is None


def test_a_rule_tells_once_for_each_of_its_times() -> None:
    numbers = {period_of(RULE, NOW + timedelta(days=day)) for day in range(60)}
    assert len(numbers) in (2, 3)
    assert max(numbers) - min(numbers) == len(numbers) - 1


def test_the_rules_of_the_policy_lead_to_the_body_for_systemic_failures() -> None:
    (rule,) = POLICY.patterns.systemic
    assert rule.flag in POLICY.flags
    assert rule.deadlines <= POLICY.deadlines.keys()
