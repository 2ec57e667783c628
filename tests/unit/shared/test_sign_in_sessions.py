"""When a session runs, ends and is fresh, to the second; and what two replicas see of one session."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.own_names import OwnNames
from shared.sign_in.agents import label_of
from shared.sign_in.attempts import ATTEMPT_LIFE
from shared.sign_in.sessions import FRESHNESS, IDLE, KNOWN, SEEN_EVERY, SESSION_LIFE, Sessions
from tests.fakes.memory_sessions import MemorySessions
from tests.support.sign_in_rig import a_session, an_attempt, an_identity

PERSON = "person:0123456789abcdef"
BEGAN = datetime(2026, 11, 24, 12, tzinfo=UTC)
BLINK = timedelta(milliseconds=1)
spans = st.timedeltas(timedelta(), timedelta(hours=14)).map(lambda d: d - timedelta(microseconds=d.microseconds % 1000))


class Hands:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.at = BEGAN

    def __call__(self) -> datetime:
        return self.at


@given(seen=spans, looked=spans)
def test_a_session_runs_for_thirty_idle_minutes_and_twelve_hours_in_all(seen: timedelta, looked: timedelta) -> None:
    session = a_session(began_at=BEGAN, seen_at=BEGAN + seen)
    at = BEGAN + looked
    assert session.is_over(at) == (looked - seen >= timedelta(minutes=30) or looked >= timedelta(hours=12))


def test_the_ends_are_exact() -> None:
    session = a_session(began_at=BEGAN, seen_at=BEGAN, authenticated_at=BEGAN)
    assert not session.is_over(BEGAN + IDLE - BLINK)
    assert session.is_over(BEGAN + IDLE)
    busy = replace(session, seen_at=BEGAN + SESSION_LIFE - BLINK)
    assert not busy.is_over(BEGAN + SESSION_LIFE - BLINK)
    assert busy.is_over(BEGAN + SESSION_LIFE)
    attempt = replace(an_attempt(), began_at=BEGAN)
    assert not attempt.is_over(BEGAN + ATTEMPT_LIFE - BLINK)
    assert attempt.is_over(BEGAN + ATTEMPT_LIFE)


@given(gaps=st.lists(st.timedeltas(timedelta(), timedelta(minutes=40)), max_size=40))
async def test_a_session_lives_as_long_as_its_person_comes_often_enough(gaps: list[timedelta]) -> None:
    clock, store = Hands(), MemorySessions()
    sessions = Sessions(store, clock)
    secret, _ = await sessions.begin(OwnNames(PERSON, ()), an_identity())
    running, idle = True, timedelta()
    for gap in gaps:
        clock.at += gap
        idle += gap
        found = await sessions.find(secret)
        if running and idle < IDLE - SEEN_EVERY and clock.at - BEGAN < SESSION_LIFE:
            assert found is not None, "it ended early"
        if gap >= IDLE or clock.at - BEGAN >= SESSION_LIFE:
            running = False
        assert running or found is None, "it ended late"
        running = running and found is not None
        idle = timedelta() if found else idle
    assert store.writes <= len(gaps)


async def test_being_seen_is_written_at_most_once_a_minute() -> None:
    clock, store = Hands(), MemorySessions()
    sessions = Sessions(store, clock)
    secret, _ = await sessions.begin(OwnNames(PERSON, ()), an_identity())
    for _ in range(600):
        clock.at += timedelta(seconds=1)
        assert await sessions.find(secret)
    assert store.writes == 10
    assert store.reads <= 600 / FRESHNESS.total_seconds() + 1


async def test_a_revocation_holds_at_once_here_and_within_seconds_in_another_replica() -> None:
    clock, store = Hands(), MemorySessions()
    here, there = Sessions(store, clock), Sessions(store, clock)
    secret, session = await here.begin(OwnNames(PERSON, ()), an_identity())
    for end in (
        lambda: here.revoke(PERSON, session.id_hash),
        lambda: here.revoke_person(PERSON, clock.at),
        lambda: here.revoke_sid(session.issuer, session.sid or ""),
        lambda: here.end(session),
    ):
        store.sessions[session.id_hash] = session
        clock.at += FRESHNESS
        assert await here.find(secret)
        assert await there.find(secret)
        await end()
        assert await here.find(secret) is None
        clock.at += FRESHNESS
        assert await there.find(secret) is None


@pytest.mark.parametrize("step", ["find", "touch"])
async def test_a_session_that_ends_while_it_is_looked_for_opens_nothing_afterwards(step: str) -> None:
    clock, store = Hands(), MemorySessions()
    sessions = Sessions(store, clock)
    secret, session = await sessions.begin(OwnNames(PERSON, ()), an_identity())
    clock.at += SEEN_EVERY
    asked, go_on, ask = asyncio.Event(), asyncio.Event(), getattr(store, step)

    async def slow(*given: object) -> object:
        answer = await ask(*given)
        asked.set()
        await go_on.wait()
        return answer

    setattr(store, step, slow)
    looking = asyncio.create_task(sessions.find(secret))
    await asked.wait()
    await sessions.end(session)
    go_on.set()
    await looking
    assert await sessions.find(secret) is None


async def test_a_session_seen_in_one_replica_is_not_idle_in_another() -> None:
    clock, store = Hands(), MemorySessions()
    here, there = Sessions(store, clock), Sessions(store, clock)
    secret, _ = await here.begin(OwnNames(PERSON, ()), an_identity())
    assert await there.find(secret)
    clock.at += IDLE - BLINK
    assert await here.find(secret)
    clock.at += BLINK
    assert await there.find(secret)


async def test_a_clock_that_is_set_back_keeps_no_revoked_session_alive() -> None:
    clock, store = Hands(), MemorySessions()
    here, there = Sessions(store, clock), Sessions(store, clock)
    secret, session = await here.begin(OwnNames(PERSON, ()), an_identity())
    assert await there.find(secret)
    await here.end(session)
    clock.at -= timedelta(hours=1)
    assert await there.find(secret) is None


async def test_every_sign_in_has_an_id_of_its_own_and_ends_the_one_before() -> None:
    sessions = Sessions(MemorySessions(), Hands())
    first, _ = await sessions.begin(OwnNames(PERSON, ()), an_identity())
    second, session = await sessions.begin(OwnNames(PERSON, ()), an_identity(), instead_of=first)
    assert first != second
    assert await sessions.find(first) is None
    assert await sessions.find(second) == session


async def test_memory_holds_a_bounded_number_of_sessions() -> None:
    clock, store = Hands(), MemorySessions()
    sessions = Sessions(store, clock)
    for _ in range(KNOWN + 10):
        secret, _ = await sessions.begin(OwnNames(PERSON, ()), an_identity())
        assert await sessions.find(secret)
    assert len(sessions._known) == KNOWN


@given(st.text(max_size=100) | st.none())
async def test_whatever_a_cookie_holds_opens_nothing_and_is_not_looked_for(text: str | None) -> None:
    store = MemorySessions()
    assert await Sessions(store).find(text) is None
    assert store.reads == (text is not None and len(text) == 43 and text.isascii() and store.reads)


@pytest.mark.parametrize(
    ("user_agent", "label"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0", "Firefox, Linux"),
        (
            "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/141.0 Safari/537.36",
            "Chrome, Android",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Safari/604.1",
            "Safari, iPhone",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/141.0 Safari/537.36 Edg/141.0", "Edge, Windows"),
        ("curl/8.9", None),
        ("", None),
    ],
)
def test_a_browser_is_named_coarsely(user_agent: str, label: str | None) -> None:
    assert label_of(user_agent) == label
