"""Guessing gets slow, for who guesses and for nobody else."""

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from shared.problems import Problem
from shared.web import throttle as module
from shared.web.throttle import (
    FREE,
    HALF_LIFE,
    LONGEST_PAUSE,
    LONGEST_WAIT,
    MOST_FAILURES,
    MOST_WAITERS,
    REFUSAL_PAUSE,
    History,
    Throttle,
    address_of,
    pause_after,
)

MOMENTS = st.lists(st.floats(0, 3600), min_size=1, max_size=60).map(sorted)
FIRST = pause_after(FREE)
FAILURES = st.floats(0, 2 * MOST_FAILURES)


@dataclass
class Time:
    """A clock that moves when somebody sleeps."""

    at: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)
        self.at += seconds


async def guess(throttle: Throttle, address: str, *, right: bool = False) -> None:
    async with throttle.attempt(address) as attempt:
        if not right:
            attempt.failed()


@given(FAILURES, FAILURES)
def test_the_pause_grows_with_the_failures_up_to_the_longest(fewer: float, more: float) -> None:
    fewer, more = sorted((fewer, more))
    assert 0 <= pause_after(fewer) <= pause_after(more) <= LONGEST_PAUSE
    assert (pause_after(fewer) == 0) == (fewer < FREE)


@given(MOMENTS, st.floats(0, 7200))
def test_failures_are_forgotten_with_time(moments: list[float], later: float) -> None:
    history = History()
    for moment in moments:
        history = history.with_failure(moment)
    assert 0 < history.failures <= min(MOST_FAILURES, len(moments))
    assert history.weight(moments[-1] + later) <= history.weight(moments[-1])
    assert history.wait(moments[-1] + 5 * HALF_LIFE) == 0


@given(MOMENTS)
def test_attempts_of_an_address_begin_at_least_a_pause_apart(moments: list[float]) -> None:
    history = History()
    starts: list[float] = []
    pauses: list[float] = []
    for moment in moments:
        wait = history.wait(moment)
        if wait > LONGEST_WAIT:
            continue
        pauses.append(pause_after(history.weight(moment)))
        history = history.with_attempt(moment)
        starts.append(moment + wait)
        history = history.with_failure(moment)
    assert starts == sorted(starts)
    assert all(b - a >= FIRST * 0.99 for (a, b), pause in zip(pairwise(starts), pauses[1:], strict=True) if pause)


async def test_who_mistypes_does_not_wait_and_who_guesses_waits_longer_and_longer() -> None:
    time = Time()
    throttle = Throttle("receipt", time, time.sleep)
    for _ in range(30):
        await guess(throttle, "192.0.2.1")
    assert len(time.slept) == 30 - FREE
    assert time.slept == sorted(time.slept)
    assert time.slept[-1] > LONGEST_PAUSE * 0.9


async def test_ten_thousand_guesses_take_most_of_a_day_and_are_never_locked_out() -> None:
    time = Time()
    throttle = Throttle("receipt", time, time.sleep)
    began = time.at
    for _ in range(10_000):
        await guess(throttle, "192.0.2.1")
    assert 20 * 3600 < time.at - began < 24 * 3600
    time.at += 3600
    time.slept.clear()
    await guess(throttle, "192.0.2.1", right=True)
    assert time.slept == []


async def test_another_address_never_waits() -> None:
    time = Time()
    throttle = Throttle("receipt", time, time.sleep)
    for _ in range(100):
        await guess(throttle, "192.0.2.1")
    time.slept.clear()
    for _ in range(100):
        await guess(throttle, "192.0.2.2", right=True)
    assert time.slept == []
    assert throttle.remembered == 1


async def test_right_attempts_cost_nothing_and_forgive_nothing() -> None:
    time = Time()
    throttle = Throttle("receipt", time, time.sleep)
    for _ in range(50):
        await guess(throttle, "192.0.2.1", right=True)
    assert throttle.remembered == 0
    for _ in range(FREE + 1):
        await guess(throttle, "192.0.2.1")
        await guess(throttle, "192.0.2.1", right=True)
    assert time.slept


@dataclass
class Held:
    """Sleeps that end when the test says so."""

    sleeps: list[tuple[float, asyncio.Event]] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append((seconds, asyncio.Event()))
        await self.sleeps[-1][1].wait()

    async def end(self) -> None:
        for _, ended in self.sleeps:
            ended.set()
        await asyncio.sleep(0)


async def test_guesses_side_by_side_are_held_one_behind_the_other_or_refused() -> None:
    held = Held()
    throttle = Throttle("receipt", lambda: 1000.0, held.sleep)
    for _ in range(FREE):
        throttle.note_failure("192.0.2.1")
    tries = [asyncio.create_task(guess(throttle, "192.0.2.1", right=True)) for _ in range(100)]
    await asyncio.sleep(0.01)
    waits, refusals = [s for s, _ in held.sleeps[:MOST_WAITERS]], [s for s, _ in held.sleeps[MOST_WAITERS:]]
    assert all(b - a >= FIRST * 0.99 for a, b in pairwise(waits))
    assert waits[-1] <= LONGEST_WAIT
    assert refusals == [REFUSAL_PAUSE] * (100 - MOST_WAITERS)
    await held.end()
    problems = [one for one in await asyncio.gather(*tries, return_exceptions=True) if isinstance(one, Problem)]
    assert len(problems) == 100 - MOST_WAITERS
    assert {(p.status, p.code) for p in problems} == {(429, "too-many-attempts")}
    assert all(p.retry_after and p.retry_after <= LONGEST_WAIT + LONGEST_PAUSE for p in problems)
    assert (throttle._held, throttle._refusing, throttle._waiting) == (0, 0, {})


async def test_who_goes_away_while_held_leaves_nothing_behind() -> None:
    held = Held()
    throttle = Throttle("receipt", lambda: 1000.0, held.sleep)
    for _ in range(FREE):
        throttle.note_failure("192.0.2.1")
    tries = [asyncio.create_task(guess(throttle, "192.0.2.1")) for _ in range(20)]
    await asyncio.sleep(0.01)
    for one in tries:
        one.cancel()
    await asyncio.gather(*tries, return_exceptions=True)
    assert (throttle._held, throttle._refusing, throttle._waiting) == (0, 0, {})


async def test_no_more_requests_are_held_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_HELD", 10)
    held = Held()
    throttle = Throttle("receipt", lambda: 1000.0, held.sleep)
    addresses = [f"192.0.2.{number}" for number in range(50)]
    for address in addresses:
        for _ in range(FREE):
            throttle.note_failure(address)
    tries = [asyncio.create_task(guess(throttle, address)) for address in addresses]
    fresh = asyncio.create_task(guess(throttle, "198.51.100.1", right=True))
    await asyncio.sleep(0.01)
    assert len(held.sleeps) == 20
    assert fresh.done()
    await held.end()
    await asyncio.gather(*tries, return_exceptions=True)


async def test_what_is_kept_is_bounded_and_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ADDRESSES", 50)
    time = Time()
    throttle = Throttle("receipt", time, time.sleep)
    for number in range(200):
        await guess(throttle, f"address {number}")
        await guess(throttle, "the one that goes on")
    assert throttle.remembered == 50
    time.slept.clear()
    await guess(throttle, "the one that goes on")
    assert time.slept


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("x" * 500, "x" * 600, True),
        (None, None, True),
    ],
)
def test_an_address_is_a_host_or_a_network_of_ipv6(one: str | None, other: str | None, same: bool) -> None:
    def found(host: str | None) -> str:
        return address_of(HTTPConnection({"type": "http", "client": (host, 1) if host else None}))

    assert (found(one) == found(other)) == same
    assert len(found(one)) <= 64
