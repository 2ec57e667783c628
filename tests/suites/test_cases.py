"""What triage relies on in a store of cases; run against the one in memory and against MongoDB."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest

from services.triage.author import TRIAGE
from services.triage.case.attendance import People
from services.triage.case.case import Case
from services.triage.case.code_names import code_name_of
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.decision import Decide
from services.triage.case.commands.emergency import ActInEmergency, EndMeasure
from services.triage.case.commands.handling import Assign, Claim, Close, Start
from services.triage.case.commands.importing import ImportMeasure
from services.triage.case.commands.joint import AcceptInvitation, EndJoint, InviteBody
from services.triage.case.commands.notes import WriteNote
from services.triage.case.commands.opening import Open
from services.triage.case.commands.parties import ReceiveReply
from services.triage.case.commands.recusal import Recuse, Withdraw
from services.triage.case.commands.table import events_of
from services.triage.case.commands.waiting import Snooze
from services.triage.case.evolve.fold import fold
from services.triage.case.facets import OPEN_STATES, WITH_FACETS
from services.triage.case.in_force import ANYWHERE, of_body, of_community, of_scope, place_of
from services.triage.case.standing import Whereabouts
from services.triage.case.timers.table import wakes_at
from services.triage.case.values import Grouped
from services.triage.measures.store import InForceQuery, InForceStore, MongoMeasures
from services.triage.patterns.breaches import BreachStore, MongoBreaches
from services.triage.reports import DigestEraser, ReportFollower
from services.triage.stored import CaseChange, CaseQuery, CaseStore, Due, StoredCase
from shared.access.principal import Role
from shared.aggregates import change_together
from shared.events import Actor, CaseState, Event, ReportReceived
from shared.ids import new_id
from shared.mongo import Database
from shared.problems import Malformed, Unavailable
from shared.times import now
from tests.fakes.memory_parties import nobody_named
from tests.support.people import responder
from tests.support.stores import mongo_cases
from tests.support.triage_rig import ALICE, POLICY, TOKENS, Everywhere, MemoryCases, answered, erased, reported

BODIES = tuple(POLICY.bodies)


def follower(cases: CaseStore) -> ReportFollower:
    """What opens cases of reports that carry their own parties, with people everywhere."""
    return ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS)


def wanted(bodies: tuple[str, ...], states: tuple[CaseState, ...] = (), **more: Any) -> CaseQuery:
    """A query for cases of these bodies."""
    return CaseQuery(bodies, states, **more)


def opening(event: Event, code_name: str | None = None) -> CaseChange:
    assert isinstance(event.fact, ReportReceived)
    command = Open(code_name or code_name_of(event.case_id), event.fact)
    events = events_of(None, command, POLICY, now(), case_id=event.case_id, actor=TRIAGE, cause=event.id, trace=None)
    case = fold(events)
    assert case is not None
    return CaseChange(case, None, events, [event.id])


def commanded(stored: StoredCase, command: Command, cause: str | None = None, digest: str = "d") -> CaseChange:
    cause = cause or new_id()
    actor = ALICE.actor(Role.RESPONDER)
    events = events_of(
        stored.case, command, POLICY, now(), case_id=stored.case.id, actor=actor, cause=cause, trace=None
    )
    case = fold(events, stored.case)
    assert case is not None
    return CaseChange(case, stored, events, [cause], {cause: digest})


def restriction(days: int, scope: str) -> ActInEmergency:
    until = (now() + timedelta(days=days)).date()
    words, by, people = Words(new_id(), "It goes on."), ALICE.actor(Role.RESPONDER), People({"trust_safety": (ALICE,)})
    return ActInEmergency("restriction", until, scope, words, by, people=people)


async def opened_two(cases: CaseStore) -> tuple[StoredCase, StoredCase]:
    changes = [opening(reported()), opening(reported())]
    assert await cases.save(changes) == set()
    first, second = [await loaded(cases, change.case) for change in changes]
    return first, second


async def loaded(cases: CaseStore, case: Case) -> StoredCase:
    return (await cases.load([case.id]))[case.id]


@pytest.fixture
async def cases(database: Database | None) -> CaseStore:
    return MemoryCases() if database is None else await mongo_cases(database)


@pytest.fixture
def measures(cases: CaseStore, database: Database | None) -> InForceStore:
    """The measures of the same cases."""
    return cast("MemoryCases", cases) if database is None else MongoMeasures(database["cases"])


@pytest.fixture
def breaches(cases: CaseStore, database: Database | None) -> BreachStore:
    """What finds missed deadlines among these cases."""
    return cast("MemoryCases", cases) if database is None else MongoBreaches(database["cases"])


async def nothing_typed(code_name: str) -> None:
    """No drafts stand beside the cases."""


class TestCases:
    async def test_a_case_comes_back_as_it_was_saved(self, cases: CaseStore) -> None:
        change = opening(reported(flags=("physical_violence", "ongoing")))
        assert await cases.save([change]) == set()
        stored = await loaded(cases, change.case)
        assert stored.case == change.case
        assert stored.applied == set(change.causes)
        found = await cases.find_by_code_name(change.case.code_name)
        assert found is not None
        assert found.case == change.case

    async def test_a_case_comes_back_as_each_step_left_it(self, cases: CaseStore) -> None:
        change = opening(reported())
        assert await cases.save([change]) == set()
        by, note = ALICE.actor(Role.RESPONDER), WriteNote(Words(new_id(), "It goes on."), "shared")
        late = Snooze((now() + timedelta(days=2)).date(), by)
        for command in (Claim(by), note, late, Start(), restriction(3, "community"), note):
            change = commanded(await loaded(cases, change.case), command)
            assert await cases.save([change]) == set()
            stored = await loaded(cases, change.case)
            assert stored.case == change.case
            assert stored.applied.issuperset(change.causes)

    async def test_a_measure_from_before_comes_back_with_its_days(
        self, cases: CaseStore, measures: InForceStore
    ) -> None:
        last, case_id = (now() + timedelta(days=9)).date(), new_id()
        command = ImportMeasure(
            code_name=code_name_of(case_id),
            report_id=new_id(),
            measure_id=new_id(),
            community="enwiki",
            body="enwiki_arbcom",
            kind="temporary_suspension",
            scope="community",
            begun_on=date(2026, 9, 1),
            until=last,
            decided_on=date(2026, 8, 30),
            subjects=("0" * 32,),
        )
        events = events_of(None, command, POLICY, now(), case_id=case_id, actor=TRIAGE, cause=case_id, trace=None)
        case = fold(events)
        assert case is not None
        assert await cases.save([CaseChange(case, None, events, [case_id])]) == set()
        assert (await loaded(cases, case)).case == case
        (found,) = await measures.in_force(InForceQuery((ANYWHERE,)))
        (measure,) = found.measures
        assert (measure.last_day, measure.decided_on) == (last, datetime(2026, 8, 30, tzinfo=UTC))

    async def test_missed_deadlines_are_found_by_community_and_time(
        self, cases: CaseStore, breaches: BreachStore
    ) -> None:
        changes = [opening(reported()), opening(reported(community="swwiki")), opening(reported(flags=("ongoing",)))]
        begun = now()
        for days, change in zip((20, 20, 40), changes, strict=True):
            missed = [
                replace(one, breached_at=begun + timedelta(days=days)) if one.name == "decision" else one
                for one in change.case.deadlines
            ]
            assert await cases.save([replace(change, case=replace(change.case, deadlines=tuple(missed)))]) == set()
        first, _, last = [change.case.id for change in changes]

        async def found(days: int, *bodies: str, limit: int = 9) -> set[tuple[str, str]]:
            told = await breaches.breaches("enwiki", begun + timedelta(days=days), bodies or BODIES, limit)
            return {(one.case_id, one.deadline) for one in told}

        assert await found(0) == {(first, "decision"), (last, "decision")}
        assert await found(30) == {(last, "decision")}
        assert await found(0, "u4c") == set()
        assert await found(41) == set()
        assert len(await found(0, limit=1)) == 1

    async def test_what_a_flood_or_a_hint_made_counts_for_nobody_and_a_hint_is_known(
        self, cases: CaseStore, breaches: BreachStore
    ) -> None:
        flood, hint = opening(reported()), opening(reported(flags=("systemic_failure",)))
        for change in (flood, hint):
            late = tuple(replace(one, breached_at=now()) for one in change.case.deadlines)
            case = replace(change.case, deadlines=late, body="enwiki_arbcom")
            if change is flood:
                case = replace(case, grouped=Grouped("same-page", False))
            else:
                step = replace(case.history[-1], fact="pattern.systemic")
                case = replace(case, history=(*case.history[:-1], step))
            assert await cases.save([replace(change, case=case)]) == set()
        before = now() - timedelta(days=1)
        assert await breaches.breaches("enwiki", before, BODIES, 9) == []
        assert await breaches.told("enwiki", "systemic_failure", before)
        assert not await breaches.told("enwiki", "ongoing", before)
        assert not await breaches.told("swwiki", "systemic_failure", before)
        assert not await breaches.told("enwiki", "systemic_failure", now() + timedelta(days=1))

    async def test_measures_in_force_are_found_by_where_they_hold_and_by_their_ids(
        self, cases: CaseStore, measures: InForceStore
    ) -> None:
        changes = [opening(reported()), opening(reported(community="swwiki")), opening(reported())]
        changes[1] = replace(changes[1], case=replace(changes[1].case, body="trust_safety"))
        assert await cases.save(changes) == set()
        for change, days, scope in zip(changes, (9, 3, 6), ("pages", "everywhere", "event"), strict=True):
            await cases.save([commanded(await loaded(cases, change.case), restriction(days, scope))])
        late, early, middle = [(await loaded(cases, change.case)).case for change in changes]
        found = await measures.in_force(InForceQuery((ANYWHERE,)))
        assert [case.id for case in found] == [early.id, middle.id, late.id]
        in_enwiki = InForceQuery((of_community("enwiki"), of_body(late.body)))
        assert [case.id for case in await measures.in_force(in_enwiki)] == [middle.id, late.id]
        assert [case.id for case in await measures.in_force(InForceQuery((of_scope("everywhere"),)))] == [early.id]
        after = InForceQuery((ANYWHERE,), place_of(early), 1)
        assert [case.id for case in await measures.in_force(after)] == [middle.id]
        (measure,) = late.measures
        assert await measures.find_by_measure(measure.id) == late
        assert await measures.find_by_measure("none") is None
        end = EndMeasure(measure.id, Words("w", "Over."), ALICE.actor(Role.RESPONDER))
        ended = commanded(await loaded(cases, late), end)
        await cases.save([ended])
        assert await measures.in_force(in_enwiki) == [middle]
        assert await measures.find_by_measure(measure.id) == ended.case

    async def test_what_is_not_there_is_not_found(self, cases: CaseStore) -> None:
        assert await cases.load([new_id()]) == {}
        assert await cases.find_by_code_name("never-was") is None
        assert await cases.taken(["never-was"]) == set()

    async def test_a_change_builds_on_the_newest_version_only(self, cases: CaseStore) -> None:
        change = opening(reported())
        await cases.save([change])
        stored = await loaded(cases, change.case)
        first, second = commanded(stored, Assign("responder:aaaa")), commanded(stored, Assign("responder:bbbb"))
        assert await cases.save([first]) == set()
        assert await cases.save([second]) == {change.case.id}
        assert (await loaded(cases, change.case)).case == first.case

    async def test_a_change_that_was_written_already_is_not_lost(self, cases: CaseStore) -> None:
        change = opening(reported())
        await cases.save([change])
        step = commanded(await loaded(cases, change.case), Assign("responder:aaaa"))
        assert await cases.save([step]) == set()
        assert await cases.save([step]) == set()
        assert (await loaded(cases, change.case)).case.seq == 4

    async def test_orders_are_remembered_with_their_digest(self, cases: CaseStore) -> None:
        change = opening(reported())
        await cases.save([change])
        step = commanded(await loaded(cases, change.case), Assign("responder:aaaa"), "order-1", "digest-1")
        await cases.save([step])
        await cases.save([commanded(await loaded(cases, change.case), Start(), "order-2", "digest-2")])
        stored = await loaded(cases, change.case)
        assert dict(stored.requests) == {"order-1": "digest-1", "order-2": "digest-2"}
        assert {"order-1", "order-2"} <= stored.applied

    async def test_an_erasure_takes_the_digests_and_leaves_the_case(self, cases: CaseStore) -> None:
        change, other = opening(reported()), opening(reported())
        await cases.save([change, other])
        for case in (change.case, other.case):
            await cases.save([commanded(await loaded(cases, case), Assign("responder:aaaa"), "order-1", "digest-1")])
        before = await loaded(cases, change.case)
        events = [erased(change.case.report_id), erased(new_id())]
        for _ in range(2):
            await DigestEraser(cases, POLICY, nothing_typed).take(events)
        after = await loaded(cases, change.case)
        assert (before.case.reachable, after.case.reachable, dict(after.requests)) == (True, False, {})
        assert after.case.seq > before.case.seq
        assert len(after.applied) == len(before.applied) + 1
        assert dict((await loaded(cases, other.case)).requests) == {"order-1": "digest-1"}

    async def test_only_cases_that_show_no_erasure_have_something_to_forget(self, cases: CaseStore) -> None:
        ordered, untouched, gone = (opening(reported()) for _ in range(3))
        await cases.save([ordered, untouched, gone])
        for case in (ordered.case, gone.case):
            await cases.save([commanded(await loaded(cases, case), Assign("responder:aaaa"), "order-1", "digest-1")])
        eraser, erasure = DigestEraser(cases, POLICY, nothing_typed), erased(gone.case.report_id)
        ids = [ordered.case.id, untouched.case.id, gone.case.id, new_id()]
        assert await eraser.remembering(ids) == {ordered.case.id, untouched.case.id, gone.case.id}
        assert await eraser.forget([erasure, erased(untouched.case.report_id)]) == 2
        assert await eraser.remembering(ids) == {ordered.case.id}
        # What is ordered after an erasure holds none of its words.
        await cases.save([commanded(await loaded(cases, gone.case), Start(), "order-2", "digest-2")])
        assert await eraser.forget([erasure, erased(new_id())]) == 0
        assert dict((await loaded(cases, gone.case)).requests) == {"order-2": "digest-2"}

    async def test_a_code_name_belongs_to_one_case(self, cases: CaseStore) -> None:
        first, second = opening(reported(), "amber-harbour"), opening(reported(), "amber-harbour")
        assert await cases.save([first, second]) == {second.case.id}
        assert await cases.taken(["amber-harbour", "never-was"]) == {"amber-harbour"}
        assert await cases.load([second.case.id]) == {}

    async def test_part_of_a_batch_is_written_when_another_part_is_lost(self, cases: CaseStore) -> None:
        known = opening(reported())
        await cases.save([known])
        fresh = opening(reported())
        assert await cases.save([known, fresh]) == {known.case.id}
        assert (await loaded(cases, fresh.case)).case == fresh.case

    async def test_two_cases_are_written_together_or_not_at_all(self, cases: CaseStore) -> None:
        first, second = await opened_two(cases)
        ours = [commanded(first, Assign("responder:aaaa")), commanded(second, Assign("responder:aaaa"))]
        theirs = commanded(await loaded(cases, second.case), Assign("responder:bbbb"))
        assert await cases.save([theirs]) == set()
        assert not await cases.save_together(ours)
        assert (await loaded(cases, first.case)).case == first.case
        again = [ours[0], commanded(await loaded(cases, second.case), Assign("responder:aaaa"))]
        assert await cases.save_together(again)
        assert [(await loaded(cases, change.case)).case for change in again] == [change.case for change in again]

    async def test_what_was_written_together_already_is_not_lost(self, cases: CaseStore) -> None:
        changes = [commanded(stored, Assign("responder:aaaa")) for stored in await opened_two(cases)]
        assert await cases.save_together(changes)
        assert await cases.save_together(changes)
        assert [(await loaded(cases, change.case)).case.seq for change in changes] == [4, 4]

    async def test_a_new_case_is_written_together_with_a_change_of_another(self, cases: CaseStore) -> None:
        stored, _ = await opened_two(cases)
        new, taken = opening(reported()), opening(reported(), stored.case.code_name)
        assert not await cases.save_together([commanded(stored, Assign("responder:aaaa")), taken])
        assert (await loaded(cases, stored.case)).case == stored.case
        assert await cases.save_together([commanded(stored, Assign("responder:aaaa")), new])
        assert (await loaded(cases, new.case)).case == new.case
        assert (await loaded(cases, stored.case)).case.assignee == "responder:aaaa"

    async def test_writers_of_the_same_two_cases_at_once_all_come_through(self, cases: CaseStore) -> None:
        ids = [stored.case.id for stored in await opened_two(cases)]

        async def give(name: str, order: Sequence[str]) -> None:
            async def decide(found: Mapping[str, StoredCase]) -> list[CaseChange]:
                return [commanded(found[one], Assign(name), f"order {name}") for one in order]

            await change_together(cases, order, decide)

        await asyncio.gather(*(give(f"responder:{n:04}", ids if n % 2 else ids[::-1]) for n in range(4)))
        both = list((await cases.load(ids)).values())
        assert [stored.case.seq for stored in both] == [7, 7]
        assert len({stored.case.assignee for stored in both}) == 1
        assert all({f"order responder:{n:04}" for n in range(4)} <= stored.applied for stored in both)

    async def test_a_writer_who_is_stopped_at_any_moment_leaves_nothing_half_done(self, cases: CaseStore) -> None:
        ids = [stored.case.id for stored in await opened_two(cases)]

        async def give(name: str) -> None:
            async def decide(found: Mapping[str, StoredCase]) -> list[CaseChange]:
                return [commanded(stored, Assign(name)) for stored in found.values()]

            await change_together(cases, ids, decide)

        for n in range(60):
            writing = asyncio.create_task(give(f"responder:{n:04}"))
            await asyncio.wait([writing], timeout=n / 5_000)
            writing.cancel()
            await asyncio.wait([writing])
            both = list((await cases.load(ids)).values())
            assert len({(stored.case.assignee, stored.case.seq) for stored in both}) == 1
        await give("responder:last")
        assert {stored.case.assignee for stored in (await cases.load(ids)).values()} == {"responder:last"}

    async def test_the_queue_is_by_urgency_then_by_what_is_due(self, cases: CaseStore) -> None:
        at = now()
        late = opening(reported(received_at=at - timedelta(days=9)))
        fresh = opening(reported(received_at=at))
        urgent = opening(reported(received_at=at, flags=("physical_violence",)))
        minor = opening(reported(received_at=at, flags=("minor_involved",)))
        await cases.save([fresh, minor, late, urgent])
        queue = await cases.queue(wanted(BODIES))
        assert [c.id for c in queue] == [c.case.id for c in (urgent, minor, late, fresh)]
        assert queue == [c.case for c in (urgent, minor, late, fresh)]

    async def test_the_queue_goes_on_after_a_place_without_gap_or_repetition(self, cases: CaseStore) -> None:
        at = now()
        flags = [("physical_violence",) if n % 3 == 0 else () for n in range(9)]
        # Equal times on purpose: then the id decides.
        changes = [opening(reported(received_at=at, flags=f)) for f in flags]
        await cases.save(changes)
        seen: list[str] = []
        after = None
        while page := await cases.queue(wanted(BODIES, after=after, limit=2)):
            assert len(page) <= 2
            seen += [case.id for case in page]
            after = page[-1].place
        assert sorted(seen) == sorted(c.case.id for c in changes)
        assert seen == [c.id for c in await cases.queue(wanted(BODIES))]

    async def test_what_a_person_has_snoozed_stands_last_for_that_person_alone(self, cases: CaseStore) -> None:
        at, by = now(), ALICE.actor(Role.RESPONDER)
        changes = [opening(reported(received_at=at - timedelta(days=n))) for n in range(4)]
        await cases.save(changes)
        for change in changes[2:]:
            for command in (Claim(by), Snooze((at + timedelta(days=2)).date(), by)):
                await cases.save([commanded(await loaded(cases, change.case), command)])
        fresh, older, late, latest = (change.case.id for change in changes)
        assert [c.id for c in await cases.queue(wanted(BODIES))] == [latest, late, older, fresh]
        assert [c.id for c in await cases.queue(wanted(BODIES, viewer="person:x"))] == [latest, late, older, fresh]
        seen: list[str] = []
        after = None
        while page := await cases.queue(wanted(BODIES, after=after, limit=1, viewer=ALICE.ref)):
            seen += [case.id for case in page]
            after = page[-1].place_for(ALICE.ref)
        assert seen == [older, fresh, latest, late]

    async def test_the_queue_holds_only_the_bodies_and_states_asked_for(self, cases: CaseStore) -> None:
        here, there = opening(reported()), opening(reported(community="swwiki"))
        await cases.save([here, there])
        await cases.save([commanded(await loaded(cases, here.case), Assign("responder:aaaa"))])
        mine = (here.case.body or "",)
        assert [c.id for c in await cases.queue(wanted(mine))] == [here.case.id]
        assert [c.id for c in await cases.queue(wanted(mine, (CaseState.ASSIGNED, CaseState.ASSIGNED)))] == [
            here.case.id
        ]
        assert await cases.queue(wanted(mine, (CaseState.TRIAGED,))) == []
        assert await cases.queue(wanted(())) == []

    async def test_the_queue_is_narrowed_by_facets_lane_and_what_is_due(self, cases: CaseStore) -> None:
        at, by = now(), ALICE.actor(Role.RESPONDER)
        mine, late, urgent = (
            opening(reported(received_at=at - timedelta(days=days), flags=flags))
            for days, flags in ((0, ()), (9, ()), (0, ("physical_violence",)))
        )
        await cases.save([mine, late, urgent])
        await cases.save([commanded(await loaded(cases, mine.case), Claim(by))])
        for change, query in (
            (mine, wanted(BODIES, facets=(f"assignee:{ALICE.ref}", "community:enwiki"))),
            (late, wanted(BODIES, tuple(CaseState), due_before=at)),
            (urgent, wanted(BODIES, facets=("unassigned",), lane="emergency")),
            (mine, wanted(BODIES, among=(f"assignee:{ALICE.ref}", "assignee:person:nobody"))),
        ):
            assert [case.id for case in await cases.queue(query)] == [change.case.id]
            ((glimpse,),) = await cases.glimpses([query])
            case = (await loaded(cases, change.case)).case
            assert (glimpse.id, glimpse.state, glimpse.lane) == (case.id, case.state, case.lane)
            assert (glimpse.assignee, glimpse.due, glimpse.recused) == (case.assignee, case.place[1], case.recused)
            after = replace(query, after=case.place)
            assert await cases.queue(after) == []
        assert await cases.queue(wanted(BODIES, facets=("waiting",))) == []
        looks = await cases.glimpses([wanted(BODIES, limit=2), wanted(BODIES, facets=("waiting",)), wanted(BODIES)])
        assert [len(found) for found in looks] == [2, 0, 3]

    async def test_a_closed_case_has_its_facets_until_a_person_reads_an_answer(self, cases: CaseStore) -> None:
        change, steps = opening(reported()), (Claim(ALICE.actor(Role.RESPONDER)), Start())
        await cases.save([change])
        for command in (*steps, Decide("advice", Words("r-1", "So.")), Close()):
            await cases.save([commanded(await loaded(cases, change.case), command)])
        mine, answers = (f"assignee:{ALICE.ref}",), ("answered", "community:enwiki")
        queries = [wanted(BODIES, WITH_FACETS, facets=mine), wanted(BODIES, WITH_FACETS, facets=answers)]
        queries += [wanted(BODIES, WITH_FACETS, among=mine), wanted(BODIES, (CaseState.CLOSED,), facets=answers)]
        assert await cases.glimpses(queries) == [[]] * 4
        stored = await loaded(cases, change.case)
        by = Actor("respondent", "respondent")
        reply = events_of(
            stored.case,
            ReceiveReply("7" * 32, "r-1"),
            POLICY,
            now(),
            case_id=stored.case.id,
            actor=by,
            cause="c",
            trace=None,
        )
        await cases.save([CaseChange(fold(reply, stored.case) or stored.case, stored, reply, ["c"])])
        assert [[one.id for one in await cases.queue(query)] for query in queries] == [[change.case.id]] * 4
        assert await cases.queue(wanted(BODIES, OPEN_STATES, facets=answers)) == []
        await cases.save([commanded(await loaded(cases, change.case), WriteNote(Words("n-1", "Read."), "body"))])
        assert [await cases.queue(query) for query in queries] == [[]] * 4

    async def test_a_joint_case_is_in_the_queues_of_all_its_bodies_once(self, cases: CaseStore) -> None:
        change, (first, second) = opening(reported()), ("stewards", "u4c")
        await cases.save([change, opening(reported())])
        own, by = change.case.body or "", ALICE.actor(Role.RESPONDER)
        alice = replace(responder("a1", own), ref=ALICE.ref)
        people = People(dict.fromkeys(BODIES, (*Everywhere.two, alice)))
        theirs = wanted((first, second))

        async def give(command: Command) -> None:
            await cases.save([commanded(await loaded(cases, change.case), command)])

        for body in (first, second):
            await give(InviteBody(body, Words("why"), by, people))
            # It is new to the body that is asked, whatever its state.
            assert (await cases.glimpses([wanted((body,))]))[0][0].referred_to == body
            assert await cases.queue(wanted((body,), (CaseState.DECIDED,))) == []
            await give(AcceptInvitation(people))
        for query in (theirs, wanted((second,), OPEN_STATES, facets=("unassigned", "community:enwiki"))):
            assert [case.joined for case in await cases.queue(query)] == [(first, second)]
        everywhere, (joint,) = await cases.glimpses([wanted((own, first, second)), theirs])
        assert [one.id for one in everywhere].count(change.case.id) == 1
        assert joint.joined == (first, second)
        assert await cases.called_like([change.case.code_name], [second], 9)
        assert [one.id async for one in cases.where(Whereabouts(frozenset({second}), {}))] == [change.case.id]
        await give(EndJoint(first, Words("over"), by, people))
        assert await cases.queue(wanted((first,))) == []

    async def test_cases_are_found_by_the_beginning_of_their_code_name(self, cases: CaseStore) -> None:
        names = ("amber-harbour", "amber-harbour-12", "amber-hill", "calm-river")
        await cases.save([opening(reported(), name) for name in names])
        assert [c.code_name for c in await cases.called_like(["amber-harbour"], BODIES, 9)] == list(names[:2])
        assert [c.code_name for c in await cases.called_like(["calm-", "amber-hi"], BODIES, 9)] == [
            "amber-hill",
            "calm-river",
        ]
        assert len(await cases.called_like(["amber-"], BODIES, 2)) == 2
        assert await cases.called_like(["amber.h", "never"], BODIES, 9) == []
        assert await cases.called_like(["amber-"], ["stewards"], 9) == []

    async def test_cases_are_found_by_who_wrote_notes_on_them_the_newest_first(self, cases: CaseStore) -> None:
        first, second, _ = changes = [opening(reported()) for _ in range(3)]
        await cases.save(changes)
        for change in (second, first):
            stored = await loaded(cases, change.case)
            await cases.save([commanded(stored, WriteNote(Words(new_id(), "So."), "mine"))])
            await asyncio.sleep(0.002)
        assert await cases.noted_by(ALICE.ref, 9) == [first.case.id, second.case.id]
        assert await cases.noted_by(ALICE.ref, 1) == [first.case.id]
        assert await cases.noted_by("person:x", 9) == []

    async def test_the_cases_of_which_a_timer_is_due_are_found(self, cases: CaseStore) -> None:
        case, other = opening(reported()), opening(reported())
        await cases.save([case, other])
        by = ALICE.actor(Role.RESPONDER)
        await cases.save([commanded(await loaded(cases, case.case), Recuse("involved", "person:" + "0" * 16, by))])
        await cases.save([commanded(await loaded(cases, other.case), Recuse("involved", ALICE.ref, by))])
        stored = await loaded(cases, case.case)
        assert stored.case.lapses_at
        assert await cases.waking(stored.case.lapses_at - timedelta(seconds=1), 10) == []
        assert await cases.waking(stored.case.lapses_at, 10) == [Due(stored.case.lapses_at, case.case.id)]
        await cases.save([commanded(stored, Withdraw("person:" + "0" * 16, "mistaken", by))])
        assert await cases.waking(stored.case.lapses_at, 10) == []

    async def test_the_cases_that_are_due_are_found_page_by_page(self, cases: CaseStore) -> None:
        at = now().replace(microsecond=0)
        received = [reported(received_at=at - timedelta(days=days)) for days in (1, 3, 2, 2, 2)]
        changes = [opening(event) for event in received]
        await cases.save(changes)
        late = at + timedelta(days=400)
        expected = sorted(Due(wakes_at(one.case) or late, one.case.id) for one in changes)
        found: list[Due] = []
        while page := await cases.waking(late, 2, found[-1] if found else None):
            found += page
        assert found == expected
        # Three of them are due at the same time.
        assert len({one.at for one in found}) == 3
        assert await cases.waking(expected[0].at, 9, expected[0]) == []

    async def test_a_batch_opens_every_case_once_and_takes_answers_in_order(self, cases: CaseStore) -> None:
        intake = follower(cases)
        events = [reported() for _ in range(30)]
        await intake.take([*events, *events[:10]])
        await intake.take(events)
        stored = await cases.load([e.case_id for e in events])
        assert [s.case.seq for s in stored.values()] == [3] * 30
        assert {s.case.id for s in stored.values()} == {e.case_id for e in events}

    async def test_replicas_that_race_for_the_same_reports_open_each_once(self, cases: CaseStore) -> None:
        # Of some hundred thousand names, two of forty cases would share one now and then.
        by_name = {code_name_of(event.case_id): event for event in (reported() for _ in range(45))}
        events = list(by_name.values())[:40]
        await asyncio.gather(*(follower(cases).take(events) for _ in range(4)))
        stored = await cases.load([e.case_id for e in events])
        assert [s.case.seq for s in stored.values()] == [3] * 40
        assert [s.case.code_name for s in stored.values()] == [code_name_of(i) for i in stored]

    async def test_a_taken_code_name_gives_way_to_the_next_one(
        self, cases: CaseStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # A deployment of three names, so that most cases meet a name that another has.
        few = ["amber-harbour", "calm-river", "quiet-meadow"]

        def crowded(case_id: str, attempt: int = 0) -> str:
            return few[hash(case_id) % 3] if attempt < 3 else f"{few[0]}-{case_id[:8]}"

        monkeypatch.setattr("services.triage.reports.code_name_of", crowded)
        events = [reported() for _ in range(12)]
        await asyncio.gather(*(follower(cases).take(events) for _ in range(2)))
        stored = await cases.load([e.case_id for e in events])
        assert len({s.case.code_name for s in stored.values()}) == len(stored) == 12

    async def test_an_answer_that_fits_nothing_is_malformed_and_spoils_nothing(self, cases: CaseStore) -> None:
        intake = follower(cases)
        event = reported()
        assert isinstance(event.fact, ReportReceived)
        with pytest.raises(Malformed, match="unknown_question"):
            await intake.take([event, answered(event.fact.report_id, "never-asked")])
        with pytest.raises(Malformed, match="unknown_case"):
            await intake.take([answered(new_id(), "q")])
        await intake.take([event])
        assert (await cases.load([event.case_id]))[event.case_id].case.seq == 3

    async def test_a_store_that_never_lets_a_write_through_is_waited_for(self, cases: CaseStore) -> None:
        class Busy:
            load, taken = cases.load, cases.taken

            async def save(self, changes: list[CaseChange]) -> set[str]:
                return {change.case.id for change in changes}

        with pytest.raises(Unavailable):
            await follower(cast(CaseStore, Busy())).take([reported()])

    async def test_times_keep_their_milliseconds_and_zone(self, cases: CaseStore) -> None:
        change = opening(reported(received_at=now().replace(microsecond=123_000)))
        await cases.save([change])
        case = (await loaded(cases, change.case)).case
        assert case.received_at.utcoffset() == timedelta(0)
        assert case.received_at.microsecond == 123_000


async def test_a_store_tells_versions_and_who_made_them(cases: CaseStore) -> None:
    first, second = await opened_two(cases)
    await cases.save([commanded(first, Assign(ALICE.ref))])
    told = await cases.versions([first.case.id, second.case.id, "none"])
    assert told[first.case.id] == (first.case.seq + 1, ALICE.ref, "responder")
    assert told[second.case.id].seq == second.case.seq
    assert "none" not in told


async def test_a_store_counts_changes_by_the_bodies_that_have_a_case_or_are_asked(cases: CaseStore) -> None:
    first, _ = await opened_two(cases)
    own, other, by = first.case.body or "", "stewards", ALICE.actor(Role.RESPONDER)
    people = People(dict.fromkeys(BODIES, (*Everywhere.two, replace(responder("a1", own), ref=ALICE.ref))))

    async def moves_beyond(known: Mapping[str, int]) -> dict[str, int]:
        """The counts of both bodies, once they are others than these."""
        async with asyncio.timeout(30):
            while (moves := await cases.moves([own, other, "none"])) == known:
                await asyncio.sleep(0.01)
        return moves

    opened = await moves_beyond({})
    await cases.save([commanded(first, Assign(ALICE.ref))])
    assigned = await moves_beyond(opened)
    assert opened.keys() == assigned.keys() == {own}
    invited = commanded(await loaded(cases, first.case), InviteBody(other, Words("why"), by, people))
    assert await cases.save_together([invited])
    assert (await moves_beyond(assigned)).keys() == {own, other}


async def test_a_store_counts_the_open_cases_that_lie_with_other_bodies(cases: CaseStore) -> None:
    everywhere = [opening(reported()) for _ in range(5)]
    bodies = ("enwiki_arbcom", "gone", "gone", "a", None)
    moved = [replace(one, case=replace(one.case, body=body)) for one, body in zip(everywhere, bodies, strict=True)]
    over = opening(reported())
    over = replace(over, case=replace(over.case, body="over", state=CaseState.CLOSED))
    await cases.save([*moved, over])
    assert await cases.outside(["enwiki_arbcom", "stewards"]) == {"gone": 2, "a": 1}
    assert await cases.outside(["a", "enwiki_arbcom", "gone"]) == {}


async def test_a_store_tells_the_lanes_of_cases(cases: CaseStore) -> None:
    urgent, other = opening(reported(flags=("physical_violence",))), opening(reported(flags=()))
    await cases.save([urgent, other])
    lanes = {urgent.case.id: "emergency", other.case.id: other.case.lane}
    assert other.case.lane != "emergency"
    assert await cases.lanes([*lanes, "none"]) == lanes
    assert await cases.lanes([]) == {}


async def test_a_store_tells_which_cases_have_ended(cases: CaseStore) -> None:
    ended, waiting = opening(reported()), opening(reported())
    ended = replace(ended, case=replace(ended.case, state=CaseState.CLOSED))
    await cases.save([ended, waiting])
    assert await cases.ended([ended.case.id, waiting.case.id, "none"]) == {ended.case.id}
    assert await cases.ended([]) == set()
