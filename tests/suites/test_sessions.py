"""What sign-in relies on in a store of sessions; run against the one in memory and against MongoDB."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.mongo import Database
from shared.own_names import OwnNames
from shared.sign_in.attempts import hash_of, new_secret
from shared.sign_in.sessions import MOST_DRAFTS, KeptDraft, SessionStore
from shared.times import now
from tests.fakes.memory_sessions import MemorySessions
from tests.support.sign_in_rig import a_session, an_attempt
from tests.support.stores import mongo_sessions

ISSUER = "https://id.example"


@pytest.fixture
async def store(database: Database | None) -> SessionStore:
    return MemorySessions() if database is None else await mongo_sessions(database)


class TestSessions:
    async def test_a_draft_waits_under_its_session_until_its_time_is_over(self, store: SessionStore) -> None:
        at, session = now(), a_session().id_hash
        until = at + timedelta(minutes=10)
        assert await store.drafts_of(session, at) == {}
        for text in ("first", "second"):
            await store.keep_draft(session, "a", KeptDraft(text, "case-1", until))
        await store.keep_draft(session, "b", KeptDraft("other", "case-2", until))
        second, other = KeptDraft("second", "case-1", until), KeptDraft("other", "case-2", until)
        assert await store.drafts_of(session, until - timedelta(minutes=1)) == {"a": second, "b": other}
        assert await store.drafts_of(session, at, "case-2") == {"b": other}
        assert await store.drafts_of(session, until) == {}
        assert await store.drafts_of(a_session().id_hash, at) == {}
        for _ in range(2):
            await store.drop_draft(session, "a")
            assert await store.drafts_of(session, at) == {"b": other}
        await store.keep_draft(session, "", KeptDraft("of an earlier version", "", until))
        assert set(await store.drafts_of(session, at)) == {"", "b"}
        await store.drop_draft(session, "")
        assert await store.drafts_of(session, at) == {"b": other}
        assert await store.take_attempt(session) is None

    async def test_drafts_about_a_page_go_from_under_every_session(self, store: SessionStore) -> None:
        at, sessions = now(), [a_session().id_hash for _ in range(2)]
        kept = KeptDraft("text", "case-1", at + timedelta(minutes=10))
        for session in sessions:
            await store.keep_draft(session, "a", kept)
            await store.keep_draft(session, "b", replace(kept, about="case-2"))
        await store.drop_drafts_about("case-1")
        assert [list(await store.drafts_of(session, at)) for session in sessions] == [["b"], ["b"]]

    async def test_of_more_drafts_than_are_kept_the_oldest_go(self, store: SessionStore) -> None:
        at, session = now(), a_session().id_hash
        for number in range(MOST_DRAFTS + 2):
            until = at + timedelta(minutes=10 + number)
            await store.keep_draft(session, f"slot-{number}", KeptDraft("text", "case", until))
        assert set(await store.drafts_of(session, at)) == {f"slot-{number}" for number in range(2, MOST_DRAFTS + 2)}

    async def test_a_session_comes_back_as_it_was_opened(self, store: SessionStore) -> None:
        nobody = OwnNames("person:0123456789abcdef", ())
        whole, bare = a_session(), a_session(own=nobody, sid=None, authenticated_at=None, agent=None)
        await store.open(whole)
        await store.open(bare)
        assert await store.find(whole.id_hash) == whole
        assert await store.find(bare.id_hash) == bare
        assert await store.find(hash_of("another")) is None

    async def test_being_seen_only_ever_moves_forward(self, store: SessionStore) -> None:
        session = a_session()
        await store.open(session)
        later = session.seen_at + timedelta(minutes=2)
        assert await store.touch(session.id_hash, later)
        assert await store.touch(session.id_hash, session.seen_at)
        assert await store.find(session.id_hash) == replace(session, seen_at=later)

    async def test_a_session_that_was_revoked_is_not_brought_back_by_being_seen(self, store: SessionStore) -> None:
        session = a_session()
        await store.open(session)
        assert await store.revoke(session.person, session.id_hash)
        assert not await store.touch(session.id_hash, now())
        assert await store.find(session.id_hash) is None

    async def test_a_person_sees_and_ends_only_their_own_sessions(self, store: SessionStore) -> None:
        mine, theirs = a_session("person:aaaaaaaaaaaaaaaa"), a_session("person:bbbbbbbbbbbbbbbb")
        older = a_session("person:aaaaaaaaaaaaaaaa", began_at=mine.began_at - timedelta(hours=1))
        for session in (older, mine, theirs):
            await store.open(session)
        assert await store.of_person(mine.person) == [mine, older]
        assert not await store.revoke(mine.person, theirs.id_hash)
        assert await store.find(theirs.id_hash) == theirs

    async def test_all_that_a_person_began_before_a_moment_ends(self, store: SessionStore) -> None:
        person = "person:cccccccccccccccc"
        at = now()
        early, kept, late = (a_session(person, began_at=at + timedelta(minutes=n)) for n in (-10, 0, 10))
        other = a_session("person:dddddddddddddddd", began_at=at - timedelta(hours=1))
        for session in (early, kept, late, other):
            await store.open(session)
        assert await store.revoke_person(person, at, kept.id_hash) == 1
        assert await store.of_person(person) == [late, kept]
        assert await store.revoke_person(person, at) == 1
        assert await store.of_person(person) == [late]
        assert await store.find(other.id_hash) == other

    async def test_what_came_out_of_one_session_of_the_provider_ends_together(self, store: SessionStore) -> None:
        one, two = a_session(sid="op-1"), a_session("person:eeeeeeeeeeeeeeee", sid="op-1")
        elsewhere, unsaid = a_session(sid="op-1", issuer="https://other.example"), a_session(sid=None)
        for session in (one, two, elsewhere, unsaid):
            await store.open(session)
        assert await store.revoke_sid(ISSUER, "op-1") == 2
        assert await store.revoke_sid(ISSUER, "op-1") == 0
        assert await store.find(elsewhere.id_hash) == elsewhere
        assert await store.find(unsaid.id_hash) == unsaid

    async def test_an_attempt_is_taken_once_however_many_try(self, store: SessionStore) -> None:
        attempt = an_attempt()
        await store.keep_attempt(attempt)
        taken = await asyncio.gather(*(store.take_attempt(attempt.key) for _ in range(8)))
        assert [one for one in taken if one] == [attempt]

    async def test_it_is_known_of_what_ended_since_when(self, store: SessionStore) -> None:
        at, one, two = now(), hash_of(new_secret()), hash_of(new_secret())
        assert not await store.ended_since([one, two], at - timedelta(days=1))
        await store.note_end([one], at, at + timedelta(minutes=5))
        await store.note_end([one], at - timedelta(minutes=1), at + timedelta(minutes=4))
        assert await store.ended_since([two, one], at)
        assert not await store.ended_since([one], at + timedelta(milliseconds=1))
        assert not await store.ended_since([two], at)

    async def test_a_token_is_used_once_however_many_try(self, store: SessionStore) -> None:
        token, until = hash_of(new_secret()), now() + timedelta(minutes=5)
        assert sorted(await asyncio.gather(*(store.use_once(token, until) for _ in range(8)))) == [False] * 7 + [True]
        assert await store.use_once(hash_of(new_secret()), until)
        assert await store.take_attempt(token) is None
