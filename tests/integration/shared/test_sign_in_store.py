"""Sessions in a real MongoDB."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from shared.mongo import Database, connect
from shared.own_names import NameKeys, OwnNames, Trust
from shared.problems import Unavailable
from shared.sign_in.sessions import FRESHNESS, KeptDraft, Sessions
from shared.sign_in.store import MongoSessions
from shared.times import now
from tests.support.plans import explained
from tests.support.sign_in_rig import a_session, an_attempt, an_identity
from tests.support.stores import database_of, mongo_sessions

OWN = OwnNames("person:0123456789abcdef", (NameKeys(("ab" * 16,), Trust.ACCOUNT),))


@pytest.fixture
async def database(mongo_uri: str, database_prefix: str) -> AsyncIterator[Database]:
    async with database_of("triage", mongo_uri, database_prefix) as database:
        yield database


@pytest.fixture
async def store(database: Database) -> MongoSessions:
    return await mongo_sessions(database)


async def test_the_database_holds_nothing_that_opens_a_session(database: Database, store: MongoSessions) -> None:
    secret, session = await Sessions(store).begin(OWN, an_identity())
    document = await database["sessions"].find_one({"_id": session.id_hash})
    stored = json.dumps(document, default=str)
    assert secret not in stored
    for told in ("Ada", "ada@example.org", "248289761001"):
        assert told not in stored


async def test_the_server_sweeps_up_what_is_over(store: MongoSessions) -> None:
    (sessions, _), (attempts, _) = store.indexes
    swept = {
        (name, next(iter(index["key"]))[0]): index["expireAfterSeconds"]
        for name, collection in (("sessions", sessions), ("attempts", attempts))
        for index in (await collection.index_information()).values()
        if "expireAfterSeconds" in index
    }
    assert swept == {("sessions", "seen_at"): 1800, ("sessions", "began_at"): 43200, ("attempts", "until"): 0}


async def test_every_way_to_sessions_has_an_index(store: MongoSessions) -> None:
    (sessions, _), _ = store.indexes
    for wanted in ({"person": "person:0123456789abcdef"}, {"issuer": "https://id.example", "sid": "op-1"}):
        plan = str((await explained(sessions.find(wanted)))["queryPlanner"]["winningPlan"])
        assert "IXSCAN" in plan
        assert "COLLSCAN" not in plan


async def test_a_revocation_in_one_replica_holds_in_another_within_seconds(store: MongoSessions) -> None:
    at = now()
    one, other = Sessions(store, lambda: at), Sessions(store, lambda: at)
    secret, session = await one.begin(OWN, an_identity())
    assert await other.find(secret) == session
    assert await one.revoke(session.person, session.id_hash)
    assert await one.find(secret) is None
    at += FRESHNESS
    assert await other.find(secret) is None


async def test_a_database_that_is_away_is_said_to_be_unavailable() -> None:
    client = connect("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=100", service="test")
    store = MongoSessions(client["none"])
    session = a_session()
    told = await asyncio.gather(
        store.keep_attempt(an_attempt()), store.take_attempt("a"), store.use_once("a", now()), store.open(session),
        store.find("a"), store.touch("a", now()), store.of_person("a"), store.revoke("a", "b"),
        store.revoke_person("a", now()), store.revoke_sid("a", "b"), store.note_end(["a"], now(), now()),
        store.ended_since(["a"], now()), store.keep_draft("a", "b", KeptDraft("c", "d", now())),
        store.drafts_of("a", now()),
        return_exceptions=True,
    )  # fmt: skip
    assert [type(one) for one in told] == [Unavailable] * 14
    client.close()
