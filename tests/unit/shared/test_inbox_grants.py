"""What an integrator may report through its inbox is what good tokens of its source give, and nothing else."""

from datetime import timedelta

import pytest

from shared.access.principal import Grant, Role
from shared.access.roster import Roster
from shared.problems import Unavailable
from shared.times import now
from tests.support.people import LONG_AGO, MemoryCopies, responder


def of(source: str, *communities: str, expires_at: object = None) -> Grant:
    return Grant(Role.INTEGRATOR, communities=communities, sources=(source,), expires_at=expires_at)  # type: ignore[arg-type]  # None or a time


async def test_the_good_tokens_of_a_source_say_for_which_communities_it_reports() -> None:
    copies = MemoryCopies()
    copies.token(grants=[of("wiki-bot", "enwiki")])
    copies.token(grants=[of("wiki-bot", "swwiki"), of("other", "arwiki")])
    copies.token(grants=[of("wiki-bot", "global")], expires_at=LONG_AGO)
    copies.token(grants=[of("wiki-bot", "global")], revoked_at=LONG_AGO)
    copies.token(grants=[of("wiki-bot", "global", expires_at=LONG_AGO)])
    copies.token(responder("a1", "body"), grants=[of("wiki-bot", "global")])
    roster = Roster(copies)
    await roster.refresh()
    assert {grant.communities for grant in roster.grants_for("wiki-bot", now())} == {("enwiki",), ("swwiki",)}
    assert [grant.communities for grant in roster.grants_for("other", now())] == [("arwiki",)]
    assert roster.grants_for("nobody", now()) == []


async def test_while_the_roster_is_too_old_nothing_is_known_of_a_source() -> None:
    copies, at = MemoryCopies(), now()
    roster = Roster(copies, lambda: at)
    with pytest.raises(Unavailable):
        roster.grants_for("wiki-bot", now())
    await roster.refresh()
    assert roster.grants_for("wiki-bot", now()) == []
    at += timedelta(minutes=2)
    with pytest.raises(Unavailable):
        roster.grants_for("wiki-bot", now())


async def test_a_token_counts_for_what_was_written_while_it_was_good() -> None:
    copies, start = MemoryCopies(), LONG_AGO
    day = timedelta(days=1)
    for change in ({"expires_at": start + 2 * day}, {"revoked_at": start + 2 * day}):
        copies.states.clear()
        copies.token(grants=[of("wiki-bot", "enwiki")], issued_at=start, **change)  # type: ignore[arg-type]  # times
        roster = Roster(copies)
        await roster.refresh()
        ago = {days: bool(roster.grants_for("wiki-bot", start + days * day)) for days in (-1, 0, 1, 2, 3)}
        assert ago == {-1: False, 0: True, 1: True, 2: False, 3: False}


async def test_what_waits_for_a_token_is_taken_with_the_next_one() -> None:
    copies = MemoryCopies()
    copies.token(grants=[of("wiki-bot", "enwiki")])
    roster = Roster(copies)
    await roster.refresh()
    assert roster.grants_for("wiki-bot", LONG_AGO)
