"""How often a token may be used: never more than its quota, and again as soon as there is something left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.problems import Problem
from shared.web import rates as module
from shared.web.rates import MINUTE, Bucket, Rates

QUOTAS = st.integers(1, 600)
PAUSES = st.lists(st.floats(0, 20), min_size=1, max_size=300)


class Time:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def admits(rates: Rates, token: str = "integrator:a") -> bool:  # noqa: S107  # the id of a token
    try:
        rates.take(token)
    except Problem:
        return False
    return True


@given(QUOTAS, PAUSES)
def test_in_no_time_more_is_admitted_than_a_full_bucket_and_what_has_flowed_in(quota: int, pauses: list[float]) -> None:
    clock = Time()
    rates, admitted = Rates(quota, clock), []
    for pause in pauses:
        clock.at += pause
        if admits(rates):
            admitted.append(clock.at)
    for number, first in enumerate(admitted):
        for count, last in enumerate(admitted[number:], 1):
            assert count <= quota + (last - first) * quota / MINUTE + 1e-6


@given(QUOTAS, PAUSES)
def test_who_keeps_to_the_quota_is_never_refused(quota: int, pauses: list[float]) -> None:
    clock = Time()
    rates = Rates(quota, clock)
    for pause in pauses:
        clock.at += MINUTE / quota + pause
        assert admits(rates)


@given(st.integers(1, 100))
def test_a_full_bucket_is_the_quota_and_fills_within_a_minute(quota: int) -> None:
    clock = Time()
    rates = Rates(quota, clock)
    for _ in range(2):
        assert [admits(rates) for _ in range(quota + 1)] == [True] * quota + [False]
        clock.at += MINUTE


@given(QUOTAS, st.floats(0, 600), st.floats(0, 10_000))
def test_after_the_time_that_is_told_there_is_something_left(quota: int, left: float, at: float) -> None:
    bucket = Bucket(min(left, quota), at)
    later = bucket.filled(at + bucket.wait(quota) + 1e-6, quota)
    assert later.left >= 1 - 1e-6
    assert later.left <= quota


def test_a_clock_that_goes_back_gives_and_takes_nothing() -> None:
    bucket = Bucket(3, 100.0)
    assert bucket.filled(50.0, 10) == bucket


def test_a_refusal_says_when_to_come_back_and_what_holds() -> None:
    clock = Time()
    rates = Rates(2, clock)
    assert rates.take("integrator:a") == {"RateLimit-Policy": '"token";q=2;w=60', "RateLimit": '"token";r=1;t=30'}
    rates.take("integrator:a")
    with pytest.raises(Problem) as refused:
        rates.take("integrator:a")
    problem = refused.value
    assert (problem.status, problem.code, problem.retry_after) == (429, "too-many-requests", 30)
    assert problem.headers == {"RateLimit-Policy": '"token";q=2;w=60', "RateLimit": '"token";r=0;t=60'}
    clock.at += 30
    assert admits(rates)


def test_no_token_waits_for_another_one() -> None:
    rates = Rates(1, Time())
    assert [admits(rates, f"integrator:{n}") for n in range(50)] == [True] * 50


def test_what_is_remembered_is_bounded_and_the_fullest_bucket_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TOKENS", 2)
    clock = Time()
    rates = Rates(1, clock)
    assert [admits(rates, token) for token in ("a", "b", "c")] == [True] * 3
    assert len(rates._buckets) == 2
    # "a" was forgotten; a refused request keeps a bucket from being so.
    assert [admits(rates, token) for token in ("b", "c", "a")] == [False, False, True]
