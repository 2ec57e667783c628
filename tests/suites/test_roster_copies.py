"""What the gate relies on in a copy of the roster; run against the one in memory and against MongoDB."""

from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from shared.access.entries import RosterState
from shared.access.principal import Grant, Leave, Principal, Role
from shared.access.roster import LOOK_EVERY, OLDEST, OVERLAP, Roster, RosterStore
from shared.access.roster_store import MongoRoster, fields_of
from shared.access.tokens import hash_token, make_token
from shared.events import RosterEntryChanged, RosterTokenChanged
from shared.mongo import Database
from shared.problems import Unavailable
from tests.support.people import FAR, MemoryCopies, entry_of, held, person, responder
from tests.support.stores import mongo_roster

START = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Kept(Protocol):
    """A copy of the roster into which a test can write as the roster's owner does."""

    copies: RosterStore

    async def write(self, state: RosterState, seq: int, at: datetime) -> None: ...


class Clock:
    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at


def token_of(who: Principal | None, token: str, **changed: object) -> RosterTokenChanged:
    fields = {
        "change": "issued", "token_id": f"token:{token[-6:]}", "secret_hash": hash_token(token),
        "person": who.ref if who else None, "issued_at": START, "expires_at": FAR,
    }  # fmt: skip
    return RosterTokenChanged.model_validate({**fields, **changed})


class InMemory:
    copies: RosterStore

    def __init__(self) -> None:
        self._copies = self.copies = MemoryCopies()

    async def write(self, state: RosterState, seq: int, at: datetime) -> None:
        self._copies.keep(state, at)


class InMongo:
    copies: RosterStore

    def __init__(self, copies: MongoRoster) -> None:
        self._copies = self.copies = copies

    async def write(self, state: RosterState, seq: int, at: datetime) -> None:
        key = state.person if isinstance(state, RosterEntryChanged) else state.token_id
        await self._copies.collection.replace_one({"_id": key}, {"seq": seq, **fields_of(state, at)}, upsert=True)


@pytest.fixture
async def kept(database: Database | None) -> Kept:
    return InMemory() if database is None else InMongo(await mongo_roster(database))


class TestRosterCopies:
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    async def test_a_person_is_what_their_newest_entry_says(self, kept: Kept, clock: Clock) -> None:
        ann = person("a1", Grant(Role.RESPONDER, ("x",), expires_at=FAR), leaves=[Leave(START)], pseudonyms=["5" * 32])
        await kept.write(entry_of(responder("a1", "old")), 1, START)
        await kept.write(entry_of(ann), 2, START)
        roster = Roster(kept.copies, clock)
        found = await roster.person(ann.ref, began_at=START, authenticated_at=START, pseudonyms=["6" * 32])
        assert found is not None
        assert found.grants == ann.grants
        assert found.trainings == ann.trainings
        assert found.leaves == ann.leaves
        assert found.confidential_until == ann.confidential_until
        assert found.pseudonyms == {"5" * 32, "6" * 32}
        assert found.authenticated_at == START
        assert roster.parties(ann.ref) == {"5" * 32}

    async def test_a_person_on_no_roster_has_nothing(self, kept: Kept, clock: Clock) -> None:
        found = await Roster(kept.copies, clock).person("person:" + "0" * 16, began_at=START, authenticated_at=START)
        assert found == Principal("person:" + "0" * 16, authenticated_at=START)

    async def test_a_change_is_seen_within_seconds(self, kept: Kept, clock: Clock) -> None:
        ann = responder("a2", "x")
        await kept.write(entry_of(ann), 1, START)
        roster = Roster(kept.copies, clock)
        await roster.refresh()
        await kept.write(RosterEntryChanged(change="revoked", person=ann.ref), 2, START + timedelta(seconds=1))
        clock.at += timedelta(seconds=LOOK_EVERY)
        await roster.refresh()
        found = await roster.person(ann.ref, began_at=START, authenticated_at=None)
        assert found is not None
        assert found.grants == ()

    async def test_a_change_by_a_clock_that_is_behind_is_seen_as_well(self, kept: Kept, clock: Clock) -> None:
        ann = responder("a3", "x")
        await kept.write(entry_of(ann), 1, START - timedelta(hours=1))
        roster = Roster(kept.copies, clock)
        await roster.refresh()
        behind = clock.at - OVERLAP + timedelta(seconds=1)
        await kept.write(RosterEntryChanged(change="revoked", person=ann.ref), 2, behind)
        clock.at += timedelta(seconds=LOOK_EVERY)
        await roster.refresh()
        found = await roster.person(ann.ref, began_at=START, authenticated_at=None)
        assert found is not None
        assert found.grants == ()

    async def test_who_was_signed_out_everywhere_has_to_sign_in_again(self, kept: Kept, clock: Clock) -> None:
        ann, token = responder("a4", "x"), make_token("pat")
        await kept.write(entry_of(ann, signed_out_at=START), 1, START)
        await kept.write(token_of(ann, token, issued_at=START - timedelta(seconds=1)), 1, START)
        roster = Roster(kept.copies, clock)
        assert await roster.person(ann.ref, began_at=START - timedelta(seconds=1), authenticated_at=None) is None
        assert await roster.person(ann.ref, began_at=START, authenticated_at=None) is not None
        assert await roster.bearer(token) is None

    async def test_a_token_opens_until_it_ends_or_is_revoked(self, kept: Kept, clock: Clock) -> None:
        ann = responder("a5", "x")
        short, revoked = make_token("pat"), make_token("int")
        grants = (held(Grant(Role.INTEGRATOR, sources=("wiki",))),)
        await kept.write(entry_of(ann), 1, START)
        await kept.write(token_of(ann, short, expires_at=START + timedelta(seconds=9)), 1, START)
        ends = START + timedelta(seconds=5)
        await kept.write(token_of(None, revoked, grants=grants, revoked_at=ends), 1, START)
        roster = Roster(kept.copies, clock)
        mine, theirs = await roster.bearer(short), await roster.bearer(revoked)
        assert mine is not None
        assert (mine.ref, mine.authenticated_at) == (ann.ref, START)
        assert theirs is not None
        assert theirs.grants == (Grant(Role.INTEGRATOR, sources=("wiki",)),)
        assert await roster.bearer(make_token("pat")) is None
        clock.at = ends
        assert await roster.bearer(revoked) is None
        assert await roster.bearer(short) is not None
        clock.at = START + timedelta(seconds=9)
        assert await roster.bearer(short) is None

    async def test_a_token_is_known_before_the_next_look(self, kept: Kept, clock: Clock) -> None:
        roster, ann, token = Roster(kept.copies, clock), responder("a6", "x"), make_token("pat")
        await roster.refresh()
        await kept.write(entry_of(ann), 1, START)
        await kept.write(token_of(ann, token), 1, START)
        found = await roster.bearer(token)
        assert found is not None
        assert found.grants == ann.grants

    async def test_the_names_of_a_body_are_those_of_everybody_in_it(self, kept: Kept, clock: Clock) -> None:
        one = person("b1", Grant(Role.RESPONDER, ("x",)), pseudonyms=["1" * 32])
        two = person("b2", Grant(Role.COORDINATOR, ("x",)), pseudonyms=["2" * 32])
        await kept.write(entry_of(one), 1, START)
        await kept.write(entry_of(two), 1, START)
        await kept.write(entry_of(person("b3", Grant(Role.RESPONDER, ("y",)), pseudonyms=["3" * 32])), 1, START)
        gone = Grant(Role.RESPONDER, ("x",), expires_at=START)
        await kept.write(entry_of(person("b4", gone, pseudonyms=["4" * 32])), 1, START)
        roster = Roster(kept.copies, clock)
        await roster.ready()
        assert roster.names_in("x", START) == {one.ref, "1" * 32, two.ref, "2" * 32}

    async def test_nobody_is_let_in_on_the_strength_of_an_old_copy(self, kept: Kept, clock: Clock) -> None:
        ann = responder("a7", "x")
        await kept.write(entry_of(ann), 1, START)
        roster = Roster(kept.copies, clock)
        await roster.refresh()
        clock.at += OLDEST
        assert await roster.person(ann.ref, began_at=START, authenticated_at=None) is not None
        clock.at += timedelta(seconds=1)
        with pytest.raises(Unavailable):
            await roster.person(ann.ref, began_at=START, authenticated_at=None)
