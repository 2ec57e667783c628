"""The roster in MongoDB: the owner's entries, and what their events make of a copy."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from services.triage.roster.actions import RosterEditor
from shared.access.principal import Grant, Role
from shared.access.roster import Roster
from shared.access.roster_store import ROSTER_INDEXES, MongoRoster, read_state
from shared.aggregates import Aggregates
from shared.events import (
    FACTS,
    Actor,
    Draft,
    Event,
    Fact,
    GrantHeld,
    LeaveTaken,
    Message,
    RosterEntryChanged,
    RosterNames,
    TrainingHeld,
    decode,
    stamp,
)
from shared.mongo import Collection
from shared.outbox import Relay
from shared.problems import Problem
from shared.succession import Succession
from shared.times import now
from tests.support.people import FAR, held
from tests.support.stores import database_of, mongo_roster

CORA = Actor("person:c0c0c0c0c0c0c0c0", "coordinator")
ANN = "person:a0a0a0a0a0a0a0a0"


@pytest.fixture
async def collection(mongo_uri: str, database_prefix: str) -> AsyncIterator[Collection]:
    async with database_of("roster", mongo_uri, database_prefix) as database:
        yield (await mongo_roster(database)).collection


class Published:
    """Keeps what a relay publishes, and reads it as a consumer would."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def publish(self, messages: list[Message]) -> None:
        for message in messages:
            headers = {name: (value or b"").decode() for name, value in message.headers}
            event = decode(FACTS, headers, message.key, message.value or b"")
            assert event is not None
            self.events.append(event)


async def test_a_copy_fed_by_the_events_is_the_roster_itself(collection: Collection) -> None:
    published = Published()
    relay = Relay(published, service="test")
    editor, at = RosterEditor(Aggregates(collection, relay), Succession()), now()
    await editor.grant(ANN, GrantHeld(role="responder", bodies=("x", "y")), CORA)
    await editor.grant(ANN, GrantHeld(role="auditor", scopes=("meta",), expires_at=FAR), CORA)
    await editor.revoke(ANN, "responder", CORA, "x")
    await editor.note_training(ANN, TrainingHeld(module="A", completed_at=at), CORA)
    await editor.note_training(ANN, TrainingHeld(module="A", completed_at=at, expires_at=FAR), CORA)
    await editor.note_agreement(ANN, FAR, CORA)
    await editor.note_leaves(ANN, [LeaveTaken(begins_at=at)], CORA)
    await editor.give_names(ANN, [("5" * 32,)], CORA)
    await editor.give_names(ANN, [("5" * 32,), ("6" * 32,)], CORA)
    await editor.give_names(ANN, [("6" * 32,)], CORA)
    issued = await editor.issue(
        "int", expires_at=FAR, by=CORA, grants=[held(Grant(Role.INTEGRATOR, sources=("wiki",)))]
    )
    await editor.revoke_token(issued.state.token_id, CORA, at + timedelta(hours=1))
    await editor.revoke_token(issued.state.token_id, CORA, at + timedelta(hours=2))
    await editor.sign_out(ANN, CORA)
    await relay.flush()

    kept = {d["_id"]: read_state(d) async for d in collection.find()}
    entry = kept[ANN]
    assert {(g.role, g.bodies) for g in entry.grants} == {("auditor", ()), ("responder", ("y",))}
    assert [(t.module, t.expires_at) for t in entry.trainings] == [("A", FAR)]
    assert entry.pseudonyms == ("5" * 32, "6" * 32)
    assert kept[issued.state.token_id].revoked_at == at + timedelta(hours=1)
    assert {e.actor for e in published.events} == {CORA}
    # One that is being published when all is flushed may come twice.
    told = {e.id: e for e in published.events if e.case_id == ANN}
    shown = [e for e in told.values() if e.fact.topic == "roster"]
    assert [e.case_seq for e in shown] == list(range(1, 11))
    assert not [e for e in shown if isinstance(e.fact, RosterEntryChanged) and e.fact.pseudonyms]
    apart = [e.fact.names for e in told.values() if isinstance(e.fact, RosterNames)]
    assert apart == [("5" * 32,), ("5" * 32, "6" * 32)]

    copy = MongoRoster(collection.database["copy"])
    await copy.collection.create_indexes(list(ROSTER_INDEXES))
    # Again, out of order, and in pieces: the newest stands in the end.
    for events in (published.events[3:8], published.events[::-1], published.events[:2], published.events):
        await copy.project(events)
    assert {d["_id"]: read_state(d) async for d in copy.collection.find()} == kept


async def test_events_from_before_names_were_told_apart_are_understood(collection: Collection) -> None:
    def told(fact: Fact, seq: int, at: datetime, key: str = ANN) -> Event:
        (event,) = stamp(
            [Draft(fact, CORA, at, f"cause {seq}")],
            source="hearth/triage", subject=f"roster/{key}", case_id=key, last_seq=seq - 1, trace=None,
        )  # fmt: skip
        return event

    at, copy = now(), MongoRoster(collection.database["copy"])
    await copy.collection.create_indexes(list(ROSTER_INDEXES))
    before = told(RosterEntryChanged(change="names", person=ANN, pseudonyms=("5" * 32,)), 3, at)
    await copy.project([before])
    assert await copy.find_entry(ANN) == before.fact
    names = told(RosterNames(person=ANN, names=("5" * 32, "6" * 32), salt="0"), 1, at + timedelta(seconds=1))
    after = told(RosterEntryChanged(change="granted", person=ANN), 4, at + timedelta(seconds=1))
    # The two topics are read apart, so either may come first.
    for events in ([names], [after], [before], [after, names]):
        await copy.project(events)
        found = await copy.find_entry(ANN)
        assert found is not None
        assert set(found.pseudonyms) == {"5" * 32, "6" * 32}
    # Of a person whose names are known before the entry, there is no entry yet.
    await copy.project([told(RosterNames(person="person:b", names=("7" * 32,), salt="0"), 1, at, "person:b")])
    assert await copy.find_entry("person:b") is None
    assert [state.change for state in await copy.changed_since(None)] == ["granted"]


async def test_the_first_entry_and_the_first_names_of_a_person_may_come_at_once(collection: Collection) -> None:
    copy, at = MongoRoster(collection.database["copy"]), now()
    await copy.collection.create_indexes(list(ROSTER_INDEXES))
    people = [f"person:{number:016x}" for number in range(300)]

    def told(person: str, fact: Fact) -> Event:
        (event,) = stamp(
            [Draft(fact, CORA, at, "cause")],
            source="hearth/triage", subject=f"roster/{person}", case_id=person, last_seq=0, trace=None,
        )  # fmt: skip
        return event

    entries = [told(person, RosterEntryChanged(change="granted", person=person)) for person in people]
    names = [told(person, RosterNames(person=person, names=("5" * 32,), salt="0")) for person in people]
    # Two consumers read the two topics, so that both may be the first to write of a person.
    await asyncio.gather(*(copy.project(part) for pair in zip(entries, names, strict=True) for part in zip(pair)))
    found = [await copy.find_entry(person) for person in people]
    assert [entry.pseudonyms if entry else None for entry in found] == [("5" * 32,)] * len(people)


async def test_a_token_is_nowhere_in_what_is_stored_or_published(collection: Collection) -> None:
    published = Published()
    relay = Relay(published, service="test")
    editor = RosterEditor(Aggregates(collection, relay), Succession())
    issued = await editor.issue("pat", expires_at=FAR, by=CORA, person=ANN)
    stored = [str(d) async for d in collection.find()]
    await relay.flush()
    assert len(stored) == len(published.events) == 1
    assert issued.token not in stored[0]
    assert issued.token[11:30] not in stored[0] + str(published.events)


async def test_changes_of_two_coordinators_at_once_are_both_kept(collection: Collection) -> None:
    import asyncio

    editor = RosterEditor(Aggregates(collection, Relay(Published(), service="test")), Succession())
    bodies = [f"body-{n}" for n in range(4)]
    await asyncio.gather(*(editor.grant(ANN, GrantHeld(role="responder", bodies=(b,)), CORA) for b in bodies))
    found = await Roster(MongoRoster(collection)).person(ANN, began_at=now(), authenticated_at=None)
    assert found is not None
    assert sorted(body for grant in found.running(now()) for body in grant.bodies) == bodies


async def test_when_a_token_was_last_used_is_kept_where_it_was_used(collection: Collection) -> None:
    editor = RosterEditor(Aggregates(collection, Relay(Published(), service="test")), Succession())
    issued = await editor.issue("pat", expires_at=FAR, by=CORA, person=ANN)
    roster, before = Roster(MongoRoster(collection)), now()
    assert await roster.bearer(issued.token) is not None
    document = await collection.find_one({"_id": issued.state.token_id})
    assert document is not None
    assert document["used_at"] >= before - timedelta(milliseconds=1)


async def test_only_a_token_can_be_revoked_as_one(collection: Collection) -> None:
    editor = RosterEditor(Aggregates(collection, Relay(Published(), service="test")), Succession())
    await editor.note_agreement(ANN, FAR, CORA)
    for unknown in (ANN, "token:none"):
        with pytest.raises(Problem) as refused:
            await editor.revoke_token(unknown, CORA)
        assert refused.value.status == 404
