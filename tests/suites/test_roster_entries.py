"""What coordinators rely on when they change the roster; run against the store in memory and against MongoDB."""

import asyncio
from collections.abc import Callable

import pytest

from services.triage.roster.actions import RosterEditor
from services.triage.roster.desk import Entries
from services.triage.roster.entry import (
    ChangeRequest,
    EntryConflict,
    EntryStep,
    StoredEntry,
    with_agreement,
    with_grant,
    with_name_unwanted,
    without_role,
)
from shared.aggregates import Save
from shared.events import Actor, GrantHeld, RosterEntryChanged
from shared.mongo import Database
from shared.problems import Problem
from shared.succession import Succession
from shared.times import now
from tests.fakes.memory_entries import MemoryEntries
from tests.support.people import FAR
from tests.support.stores import mongo_entries

ANN, CORA = "person:00000000000000a1", Actor("person:00000000000000c0", "coordinator")


def by(_: StoredEntry) -> Actor:
    return CORA


def doing(step: EntryStep) -> Callable[[StoredEntry], EntryStep]:
    return lambda _: step


def role(body: str) -> EntryStep:
    return with_grant(GrantHeld(role="responder", bodies=(body,)))


@pytest.fixture
async def entries(database: Database | None) -> Entries:
    return MemoryEntries() if database is None else await mongo_entries(database)


class TestRosterEntries:
    async def test_names_from_before_are_told_apart_once(self, entries: Entries) -> None:
        editor = RosterEditor(entries, Succession())
        before = RosterEntryChanged(change="names", person=ANN, pseudonyms=("5" * 32,))
        fields = {"kind": before.name, "entry": before.model_dump(), "changed_at": FAR}
        await entries.save([Save(ANN, None, fields, [], ["before"])])
        assert await entries.holding_names() == [ANN]
        await editor.tell_names_apart(await entries.holding_names())
        assert await entries.holding_names() == []
        ((_, document),) = (await entries.load([ANN])).items()
        assert (document["pseudonyms"], [*document["entry"]["pseudonyms"]]) == (["5" * 32], [])
        kept = await editor.find(ANN)
        assert (kept.entry.pseudonyms, kept.version) == (("5" * 32,), 1)
        await editor.tell_names_apart([ANN])
        assert (await editor.find(ANN)).version == 1

    async def test_who_is_not_on_the_roster_has_an_empty_entry_of_version_0(self, entries: Entries) -> None:
        kept = await RosterEditor(entries, Succession()).find(ANN)
        assert (kept.version, kept.entry.person, kept.entry.grants) == (0, ANN, ())
        assert await entries.everybody() == []

    async def test_each_change_is_a_version_and_the_next_is_made_on_it(self, entries: Entries) -> None:
        editor = RosterEditor(entries, Succession())
        first = await editor.carry_out(ANN, by, doing(role("x")), ChangeRequest(0, "one", "1"))
        second = await editor.carry_out(ANN, by, doing(with_agreement(FAR)), ChangeRequest(1, "two", "2"))
        assert (first.version, second.version) == (1, 2)
        assert second.entry.grants == (GrantHeld(role="responder", bodies=("x",)),)
        assert await editor.find(ANN) == second
        assert await entries.everybody() == [second]

    async def test_a_change_on_an_old_version_is_told_the_new_one(self, entries: Entries) -> None:
        editor = RosterEditor(entries, Succession())
        await editor.carry_out(ANN, by, doing(role("x")), ChangeRequest(0, "one", "1"))
        for seen in (0, 2):
            with pytest.raises(EntryConflict) as stale:
                await editor.carry_out(ANN, by, doing(role("y")), ChangeRequest(seen, "two", "2"))
            assert stale.value.document("r")["version"] == 1
        assert (await editor.find(ANN)).version == 1

    async def test_the_same_order_is_carried_out_once_and_another_under_its_name_never(self, entries: Entries) -> None:
        editor = RosterEditor(entries, Succession())
        once = await editor.carry_out(ANN, by, doing(role("x")), ChangeRequest(0, "one", "1"))
        again = await editor.carry_out(ANN, by, doing(role("x")), ChangeRequest(0, "one", "1"))
        assert again == once
        with pytest.raises(Problem, match="idempotency-key-reused"):
            await editor.carry_out(ANN, by, doing(role("y")), ChangeRequest(1, "one", "2"))
        assert (await editor.find(ANN)).version == 1

    async def test_a_repeated_order_is_not_judged_on_what_it_has_changed_itself(self, entries: Entries) -> None:
        editor = RosterEditor(entries, Succession())

        def take(kept: StoredEntry) -> EntryStep:
            assert kept.entry.grants, "nothing to take"
            return without_role("responder")

        await editor.carry_out(ANN, by, doing(role("x")), ChangeRequest(0, "one", "1"))
        await editor.carry_out(ANN, by, take, ChangeRequest(1, "two", "2"))
        assert (await editor.carry_out(ANN, by, take, ChangeRequest(1, "two", "2"))).version == 2

    async def test_of_two_changes_on_the_same_version_one_is_told(self, entries: Entries) -> None:
        editor = RosterEditor(entries, Succession())
        orders = [editor.carry_out(ANN, by, doing(role(b)), ChangeRequest(0, b, b)) for b in ("x", "y", "z")]
        answers = await asyncio.gather(*orders, return_exceptions=True)
        assert sorted(type(answer).__name__ for answer in answers) == ["EntryConflict", "EntryConflict", "StoredEntry"]
        assert len((await editor.find(ANN)).entry.grants) == 1

    async def test_a_token_is_nobody_on_the_roster(self, entries: Entries) -> None:
        editor = RosterEditor(entries, Succession())
        issued = await editor.issue("int", expires_at=FAR, by=CORA, grants=[GrantHeld(role="integrator")])
        assert await entries.everybody() == []
        with pytest.raises(Problem, match="not-found"):
            await editor.find(issued.state.token_id)

    async def test_the_last_name_of_a_person_can_be_taken_away(self, entries: Entries) -> None:
        editor = RosterEditor(entries, Succession())
        await editor.give_names(ANN, [("5" * 32,)], CORA)
        (name,) = (await editor.find(ANN)).names
        for version, who in ((1, "person:00000000000000c0"), (2, "person:00000000000000c1")):
            step = with_name_unwanted(name.id, who, now())
            await editor.carry_out(ANN, by, doing(step), ChangeRequest(version, who, who))
        kept = await editor.find(ANN)
        assert (kept.names, kept.entry.pseudonyms) == ((), ())
