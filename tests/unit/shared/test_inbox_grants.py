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
    assert {grant.communities for grant in roster.grants_for("wiki-bot")} == {("enwiki",), ("swwiki",)}
    assert [grant.communities for grant in roster.grants_for("other")] == [("arwiki",)]
    assert roster.grants_for("nobody") == []


async def test_while_the_roster_is_too_old_nothing_is_known_of_a_source() -> None:
    copies, at = MemoryCopies(), now()
    roster = Roster(copies, lambda: at)
    with pytest.raises(Unavailable):
        roster.grants_for("wiki-bot")
    await roster.refresh()
    assert roster.grants_for("wiki-bot") == []
    at += timedelta(minutes=2)
    with pytest.raises(Unavailable):
        roster.grants_for("wiki-bot")
