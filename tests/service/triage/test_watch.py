"""Triage looks after open cases by itself: whatever happens on the roster, somebody who can act has each of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from prometheus_client import REGISTRY

from services.triage import aside
from services.triage import watch as watch_module
from services.triage.consequences import Consequences
from services.triage.stored import CaseChange, Due
from services.triage.watch import CaseWatch
from shared.access.principal import Leave, Principal
from shared.access.roster import Staff
from shared.bounded_clock import BoundedClock
from shared.kept_policy import PolicyState
from shared.parties import Parties
from shared.problems import Unavailable
from shared.times import now
from tests.service.triage.test_sight import naming
from tests.support.people import bearer, responder
from tests.support.triage_rig import POLICY, TOKENS, Everywhere, Rig, appealed, make_rig, reported

ANN, BEN, CAT, DAN = (responder(name, "enwiki_arbcom") for name in ("1f2a", "2f3b", "3f4c", "8f9d"))
UMA = responder("4f5d", "u4c")
OLA = responder("5f6e", "ombuds_commission")


class World:
    """A roster and a clock that a test changes; `away`: the roster is not known."""

    def __init__(self, *people: Principal) -> None:
        self.people = list(people)
        self.at = now()
        self.away = False

    async def staff(self) -> Staff:
        if self.away:
            raise Unavailable("the roster")
        bodies = {body for one in self.people for grant in one.grants for body in grant.bodies}
        return {b: [one for one in self.people if any(b in grant.bodies for grant in one.grants)] for b in bodies}

    def clock(self) -> datetime:
        return self.at


@pytest.fixture
def world() -> World:
    return World(ANN, BEN, UMA)


@pytest.fixture
async def rig(world: World) -> AsyncIterator[Rig]:
    async with make_rig(world) as rig:
        yield rig


def watch_of(rig: Rig, world: World) -> CaseWatch:
    return CaseWatch(rig.cases, Parties(rig.parties, patience=0.0), world, POLICY, TOKENS, every=60, clock=world.clock)


def metric(name: str) -> float | None:
    return REGISTRY.get_sample_value(f"hearth_{name}")


def metric_of(kind: str) -> float:
    """How many cases have been passed on to a body of this kind."""
    return REGISTRY.get_sample_value("hearth_cases_passed_on_total", {"kind": kind}) or 0


async def test_a_case_that_is_passed_on_counts_when_the_write_of_another_one_fails(
    rig: Rig, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "PORTION", 1)
    _, other = await rig.open(), await rig.open()
    watch, save = watch_of(rig, world), rig.cases.save
    assert await watch.look() == 0
    world.people = [replace(who, leaves=(Leave(world.at),)) for who in (ANN, BEN)] + world.people[2:]

    async def save_one(changes: Sequence[CaseChange]) -> set[str]:
        if changes[0].case.id == other.id:
            raise Unavailable("away")
        return await save(changes)

    monkeypatch.setattr(rig.cases, "save", save_one)
    before = metric_of("stand_in")
    with pytest.raises(Unavailable):
        await watch.look()
    assert metric_of("stand_in") == before + 1


async def test_a_case_whose_people_have_gone_is_passed_on_once(rig: Rig, world: World) -> None:
    world.people.append(responder("e1e1", "swwiki_admins"))
    case, other = await rig.open(), await rig.open(community="swwiki")
    one, two = watch_of(rig, world), watch_of(rig, world)
    assert await one.look() == 0
    world.people = [replace(who, leaves=(Leave(world.at),)) for who in (ANN, BEN)] + world.people[2:]
    assert [await one.look(), await two.look(), await one.look()] == [1, 0, 0]
    after = rig.cases.stored[case.id].case
    assert (after.body, after.history[-1].fact, after.history[-1].actor) == ("u4c", "case.passed_on", "service:triage")
    assert rig.cases.stored[other.id].case.body == "swwiki_admins"


async def test_a_case_comes_back_when_its_people_do_and_counts_once_as_passed_on(rig: Rig, world: World) -> None:
    case, watch = await rig.open(), watch_of(rig, world)
    people, counted = list(world.people), metric_of("stand_in")
    world.people = [UMA]
    assert await watch.look() == 1
    world.people = people
    assert [await watch.look(), await watch.look()] == [1, 0]
    assert rig.cases.stored[case.id].case.body == "enwiki_arbcom"
    assert metric_of("stand_in") == counted + 1


async def test_a_role_that_expires_moves_the_case_at_the_next_look(rig: Rig, world: World) -> None:
    ending = replace(ANN, grants=(replace(ANN.grants[0], expires_at=world.at + timedelta(hours=1)),))
    world.people = [UMA, ending]
    case, watch = await rig.open(), watch_of(rig, world)
    assert await watch.look() == 0
    world.at += timedelta(hours=2)
    assert await watch.look() == 1
    assert rig.cases.stored[case.id].case.body == "u4c"


async def test_a_case_of_a_person_who_has_gone_waits_to_be_taken(rig: Rig, world: World) -> None:
    world.people = [ANN, BEN, CAT, UMA]
    case, watch = await rig.open(), watch_of(rig, world)
    await rig.order(case, "claim", who=ANN)
    assert await watch.look() == 0
    world.people = [BEN, CAT, UMA]
    assert [await watch.look(), await watch.look()] == [1, 0]
    after = rig.cases.stored[case.id].case
    assert (after.assignee, after.body, after.state) == (None, "enwiki_arbcom", "triaged")
    assert after.history[-1].fact == "case.handler_left"


async def test_a_role_that_is_renewed_within_a_day_takes_no_case_from_its_person(rig: Rig, world: World) -> None:
    ending = replace(ANN, grants=(replace(ANN.grants[0], expires_at=world.at + timedelta(hours=1)),))
    renewed = replace(ANN, grants=(replace(ANN.grants[0], expires_at=world.at + timedelta(days=9)),))
    for again, assignee in ((renewed, ANN.ref), (ending, None)):
        world.people = [ending, BEN, CAT, UMA]
        case, watch = await rig.open(), watch_of(rig, world)
        await rig.order(case, "claim", who=ANN)
        began = world.at
        for hours, person in ((0, ending), (2, ending), (24, again), (26, again)):
            world.at, world.people = began + timedelta(hours=hours), [person, BEN, CAT, UMA]
            await watch.look()
        assert rig.cases.stored[case.id].case.assignee == assignee
        world.at = began


async def test_a_case_that_becomes_urgent_waits_for_no_renewal_of_a_role(rig: Rig, world: World) -> None:
    world.people = [ANN, BEN, CAT, UMA]
    case = await rig.open()
    for command in ("claim", "start"):
        assert (await rig.order(case, command, who=ANN)).status_code == 200
    ended = replace(ANN, grants=(replace(ANN.grants[0], expires_at=now() - timedelta(hours=1)),))
    world.people = [ended, BEN, CAT, UMA]
    assert (await rig.order(case, "note", {"note": "Seen.", "visibility": "body"}, BEN)).status_code == 200
    assert rig.cases.stored[case.id].case.assignee == ANN.ref
    assert (await rig.order(case, "set_flags", {"flags": ["physical_violence"]}, BEN)).status_code == 200
    after = rig.cases.stored[case.id].case
    assert (after.is_urgent, after.assignee, after.state) == (True, None, "triaged")
    assert "case.handler_left" in [step.fact for step in after.history]
    assert (await rig.order(case, "claim", who=BEN)).status_code == 200


@pytest.mark.parametrize("way", ["appeal", "reopen", "unmerge"])
async def test_a_case_that_comes_back_waits_for_nobody_who_has_gone(rig: Rig, world: World, way: str) -> None:
    world.people = [ANN, BEN, CAT, DAN, UMA]
    case, other = await rig.open(), await rig.open()
    name, decided = {"other": other.code_name}, {"outcome": "no_violation", "reason": "Heard."}
    ends = [("merge", name)] if way == "unmerge" else [("decide", decided), ("close", {})]
    comes_back = {
        "appeal": {"party": "reporter", "ground": "facts", "why": "It was not so."},
        "reopen": {"why": "More came up."},
        "unmerge": {**name, "why": "They differ."},
    }
    for command in ("claim", "start"):
        assert (await rig.order(case, command, who=ANN)).status_code == 200
    for command, values in ends:
        assert (await rig.order(case, command, values, BEN)).status_code == 200
    watch = watch_of(rig, world)
    await watch.look()
    world.people.remove(ANN)
    await watch.look()
    assert rig.cases.stored[case.id].case.assignee == ANN.ref
    assert (await rig.order(case, way, comes_back[way], CAT)).status_code == 200
    after = rig.cases.stored[case.id].case
    assert (after.assignee, [step.fact for step in after.history][-1]) == (None, "case.handler_left")
    assert await watch.look() == 0


@pytest.mark.parametrize("way", ["reopen", "appeal by receipt"])
async def test_the_same_request_again_takes_a_case_that_came_back_from_who_has_gone(
    rig: Rig, world: World, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    world.people = [ANN, BEN, CAT, DAN, UMA]
    case = await rig.open()
    decided = {"outcome": "no_violation", "reason": "Heard."}
    for who, command, values in (
        (ANN, "claim", {}), (ANN, "start", {}), (BEN, "decide", decided), (BEN, "close", {}),
    ):  # fmt: skip
        assert (await rig.order(case, command, values, who)).status_code == 200
    world.people.remove(ANN)
    appeal, key = appealed(case.report_id, "a-1"), {"idempotency_key": "6f1d7c2e-0000-4000-8000-000000000003"}
    seen = f'"{rig.cases.stored[case.id].case.seq}"'

    async def come_back() -> int:
        if way == "reopen":
            return (await rig.order(case, way, {"why": "More came up."}, CAT, if_match=seen, **key)).status_code
        try:
            await rig.intake.take([appeal])
        except Unavailable:
            return 503
        return 200

    async def fail(_: Consequences, __: object) -> None:
        raise Unavailable("mongodb: away")

    with monkeypatch.context() as away:
        away.setattr(Consequences, "_let_go", fail)
        assert await come_back() == 503
    assert rig.cases.stored[case.id].case.assignee == ANN.ref
    assert await come_back() == 200
    after = rig.cases.stored[case.id].case
    assert (after.assignee, after.history[-1].fact) == (None, "case.handler_left")
    # Who is given the case since then keeps it.
    assert (await rig.order(case, "claim", who=DAN)).status_code == 200
    world.people.remove(DAN)
    assert await come_back() == 200
    assert rig.cases.stored[case.id].case.assignee == DAN.ref


async def test_a_case_for_which_nobody_is_there_raises_an_alarm_until_somebody_is(rig: Rig, world: World) -> None:
    case, watch = await rig.open(), watch_of(rig, world)
    world.people.clear()
    await watch.look()
    assert metric("cases_unattended") == 1
    assert rig.cases.stored[case.id].case.history[-1].fact == "case.unattended"
    assert await watch.look() == 0
    assert metric("cases_unattended") == 1
    world.people.append(OLA)
    assert await watch.look() == 1
    assert (metric("cases_unattended"), rig.cases.stored[case.id].case.body) == (0, "ombuds_commission")
    assert metric_of("last_resort") >= 1


async def test_an_operator_hears_of_a_body_that_the_policy_lost_with_its_open_cases(rig: Rig, world: World) -> None:
    case, state = await rig.open(), PolicyState(waiting="2027-01.1")
    body = case.body or ""
    less = replace(POLICY, bodies={name: one for name, one in POLICY.bodies.items() if name != body})
    parties, told = Parties(rig.parties, patience=0.0), {"every": 60, "state": state, "clock": world.clock}
    await CaseWatch(rig.cases, parties, world, less, TOKENS, **told).look()
    lost = f"the policy has no body {body}, where open cases lie (1)"
    assert (state.notice, metric("cases_of_no_body")) == (f"{lost}; version 2027-01.1 waits for the next start", 1)
    assert rig.cases.stored[case.id].case.body == body
    # Where nobody has a role in it any more, its cases go to the body of last resort.
    world.people = [OLA]
    await CaseWatch(rig.cases, parties, world, less, TOKENS, **told).look()
    assert rig.cases.stored[case.id].case.body == POLICY.last_resort
    assert (state.lost, metric("cases_of_no_body")) == ({}, 0)


async def test_the_last_resort_is_watched(rig: Rig, world: World) -> None:
    world.people = [OLA, replace(OLA, ref="person:1111111111111111", trainings=())]
    watch = watch_of(rig, world)
    await watch.look()
    assert (metric("last_resort_people"), metric("last_resort_shared")) == (1, 0)
    world.people.append(responder("2b2b", "ombuds_commission", "u4c"))
    await watch.look()
    assert (metric("last_resort_people"), metric("last_resort_shared")) == (2, 1)


async def test_a_case_that_somebody_changes_meanwhile_is_judged_as_it_is_by_then(rig: Rig, world: World) -> None:
    case, watch = await rig.open(), watch_of(rig, world)
    world.people = [UMA]
    inner, raced = rig.cases.save, []

    async def save(changes: list[CaseChange]) -> set[str]:
        if not raced:
            raced.append(1)
            await watch_of(rig, world).look()
        return await inner(changes)

    rig.cases.save = save  # type: ignore[method-assign,assignment]  # another replica is faster, once
    await watch.look()
    facts = [step.fact for step in rig.cases.stored[case.id].case.history]
    assert facts.count("case.passed_on") == 1


async def test_while_the_roster_is_not_known_nothing_moves_and_the_look_goes_on_later(rig: Rig, world: World) -> None:
    waits: list[float] = []
    await rig.open()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        world.away = not world.away
        if len(waits) == 3:
            raise StopAsyncIteration

    world.away = True
    watch = CaseWatch(
        rig.cases, Parties(rig.parties, patience=0.0), world, POLICY, TOKENS, every=60, clock=world.clock, sleep=sleep
    )
    with pytest.raises(StopAsyncIteration):
        await watch.run()
    assert waits == [5, 60, 5]


async def test_a_report_that_names_a_person_of_the_body_is_opened_by_the_stand_in_alone(rig: Rig, world: World) -> None:
    event = reported(subjects=tuple(ANN.pseudonyms))
    case = await rig.open(event)
    assert case.body == "u4c"
    for who, status in ((UMA, 200), (ANN, 404), (BEN, 404)):
        answer = await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(who))
        assert answer.status_code == status


async def test_a_person_of_the_body_who_is_named_later_moves_the_case(rig: Rig, world: World) -> None:
    received = reported(parties_apart=True)
    await rig.parties.follow([naming(received)])
    case = await rig.open(received)
    assert (case.body, await watch_of(rig, world).look()) == ("enwiki_arbcom", 0)
    await asyncio.sleep(0.01)
    # An answer, or a handler, names one of them; intake tells it beside the case.
    await rig.parties.follow([naming(received, *ANN.pseudonyms, seq=3)])
    assert await watch_of(rig, world).look() == 1
    assert rig.cases.stored[case.id].case.body == "u4c"


async def test_a_recusal_that_nobody_confirms_lapses_once_whichever_replica_is_there_then(
    rig: Rig, world: World
) -> None:
    world.people.append(CAT)
    case = await rig.open()
    given = {"person": BEN.ref, "ground": "involved"}
    assert (await rig.order(case, "recuse", given, ANN)).status_code == 200
    assert (await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(BEN))).status_code == 404
    world.at += timedelta(hours=23)
    assert await watch_of(rig, world).look() == 0
    # All that is known of it is in the store, so that a new process ends it, and two of them end it once.
    world.at += timedelta(hours=2)
    assert sorted([await watch_of(rig, world).look(), await watch_of(rig, world).look()]) == [0, 1]
    steps = rig.cases.stored[case.id].case.history
    assert (steps[-1].fact, steps[-1].actor) == ("case.recusal_lapsed", "service:triage")
    assert (await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(BEN))).status_code == 200


async def test_a_missed_deadline_is_told_once_whichever_replica_looks_first(rig: Rig, world: World) -> None:
    case = await rig.open()
    world.at += timedelta(days=8)
    done = await asyncio.gather(*(watch_of(rig, world).wake() for _ in range(3)))
    assert sorted(done) == [0, 0, 1]
    told = [event.fact for event in rig.cases.events if event.fact.name == "deadline.breached"]
    assert [fact.deadline for fact in told] == ["first_response"]
    # Nothing is touched before its time, nor again after it.
    assert await watch_of(rig, world).wake() == 0
    assert rig.cases.stored[case.id].case.history[-1].actor == "service:triage"


async def test_cases_that_cannot_be_woken_hold_up_none_that_are_due_later(
    rig: Rig, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "LOOKED_AT_ONCE", 2)
    world.at += timedelta(days=8)
    for apart in (True, True, True, False, True, False):
        case = await rig.open(reported(received_at=now() - timedelta(seconds=30)))
        if apart:
            # The names beside it are not there, as where only the cases of a backup were brought back.
            stored = rig.cases.stored[case.id]
            rig.cases.stored[case.id] = replace(stored, case=replace(stored.case, parties_apart=True))
    asked, waking = [], rig.cases.waking

    async def count(at: datetime, limit: int, after: Due | None = None) -> list[Due]:
        asked.append(after)
        return await waking(at, limit, after)

    monkeypatch.setattr(rig.cases, "waking", count)
    assert await watch_of(rig, world).wake() == 2
    assert [event.fact.name for event in rig.cases.events].count("deadline.breached") == 2
    assert len(asked) <= 6


def damaged(rig: Rig, case_id: str) -> None:
    """Damage a stored case: no fact can be told of a deadline without a name."""
    stored = rig.cases.stored[case_id]
    nameless = tuple(replace(one, name=None) for one in stored.case.deadlines)  # type: ignore[arg-type]
    rig.cases.stored[case_id] = replace(stored, case=replace(stored.case, deadlines=nameless))


async def test_a_case_that_cannot_be_judged_is_set_aside_and_all_others_go_on(
    rig: Rig, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.at += timedelta(days=8)
    cases, state = [await rig.open() for _ in range(7)], PolicyState()
    whole = rig.cases.stored[cases[2].id]
    damaged(rig, cases[2].id)
    parties, told = Parties(rig.parties, patience=0.0), {"every": 60, "state": state, "clock": world.clock}
    watch = CaseWatch(rig.cases, parties, world, POLICY, TOKENS, **told)
    assert await watch.wake() == 6
    assert [event.fact.name for event in rig.cases.events].count("deadline.breached") == 6
    assert (metric("cases_set_aside"), state.aside) == (1, 1)
    assert "cases cannot be judged and are set aside (1)" in (state.notice or "")
    # The looks at who is there go on as well, and the log tells of the case once.
    world.people = [UMA]
    world.at += timedelta(minutes=1)
    assert [await watch.look(), await watch.wake(), await watch.look()] == [6, 0, 0]
    assert {rig.cases.stored[case.id].case.body for case in cases if case.id != cases[2].id} == {"u4c"}
    (entry,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert entry.__dict__["case_id"] == cases[2].id
    # Once it is mended, the next look carries out all that was due.
    rig.cases.stored[cases[2].id] = whole
    assert await watch.look() > 0
    assert (metric("cases_set_aside"), state.notice) == (0, None)
    after = rig.cases.stored[cases[2].id].case
    assert (after.body, any(one.breached_at for one in after.deadlines)) == ("u4c", True)


async def test_where_nearly_all_cases_cannot_be_judged_the_look_fails(
    rig: Rig, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "MOST_ASIDE", 2)
    world.at += timedelta(days=8)
    for _ in range(3):
        damaged(rig, (await rig.open()).id)
    with pytest.raises(ValueError, match="deadline"):
        await watch_of(rig, world).wake()


async def test_a_case_of_which_nothing_is_due_is_not_touched(rig: Rig, world: World) -> None:
    late, early = await rig.open(), await rig.open()
    for command, body in (("assign", {}), ("start", {}), ("ask", {"question": "When?"})):
        assert (await rig.order(early, command, body, ANN)).status_code == 200
    # A question waits for two weeks, and the first clock is missed before that.
    world.at += timedelta(days=13)
    assert await watch_of(rig, world).wake() == 1
    waits, missed = ([step.fact for step in rig.cases.stored[case.id].case.history] for case in (early, late))
    assert (waits.count("deadline.breached"), missed.count("deadline.breached")) == (0, 1)


async def test_a_recusal_on_a_closed_case_lapses_as_well(rig: Rig, world: World) -> None:
    world.people.append(CAT)
    case = await rig.open()
    for command, body in (
        ("assign", {}),
        ("start", {}),
        ("decide", {"outcome": "advice", "reason": "."}),
        ("close", {}),
    ):
        assert (await rig.order(case, command, body, ANN)).status_code == 200
    assert (await rig.order(case, "recuse", {"person": BEN.ref, "ground": "other"}, ANN)).status_code == 200
    world.at += timedelta(hours=25)
    assert await watch_of(rig, world).look() == 1
    assert rig.cases.stored[case.id].case.recused == ()


async def test_one_handler_cannot_empty_a_body_the_stand_in_has_the_case_then(rig: Rig, world: World) -> None:
    world.people.append(CAT)
    case = await rig.open()
    assert (await rig.order(case, "recuse", {"person": BEN.ref, "ground": "other"}, ANN)).status_code == 200
    # With the second recusal one would be left alone with the case, and so has it no longer.
    assert (await rig.order(case, "recuse", {"person": CAT.ref, "ground": "other"}, ANN)).status_code == 200
    assert rig.cases.stored[case.id].case.body == "u4c"
    for who, status in ((ANN, 404), (BEN, 404), (CAT, 404), (UMA, 200)):
        assert (await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(who))).status_code == status
    facts = [step.fact for step in rig.cases.stored[case.id].case.history[-2:]]
    assert facts == ["case.recusal_declared", "case.passed_on"]
    # Nobody confirms it, so it is theirs again a day later, and a fact tells it.
    world.at += timedelta(hours=25)
    assert await watch_of(rig, world).look() == 1
    after = rig.cases.stored[case.id].case
    assert (after.body, after.history[-1].fact) == ("enwiki_arbcom", "case.passed_on")
    for who, status in ((ANN, 200), (BEN, 200), (CAT, 200), (UMA, 404)):
        assert (await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(who))).status_code == status
    again = await rig.order(case, "recuse", {"person": BEN.ref, "ground": "other"}, ANN)
    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "declared_before")


async def test_a_look_reads_no_case_for_which_nothing_has_changed(rig: Rig, world: World) -> None:
    world.people += [responder("e1e1", "swwiki_admins"), responder("e2e2", "swwiki_admins")]
    _, other = await rig.open(), await rig.open(community="swwiki")
    watch = watch_of(rig, world)
    await watch.look()
    rig.cases.looked_at.clear()
    await watch.look()
    assert rig.cases.looked_at == []
    # Of the stand-in of both, and of a body of one of them.
    world.people.append(responder("a7a7", "u4c"))
    await watch.look()
    assert rig.cases.looked_at == []
    world.people.append(responder("e3e3", "swwiki_admins"))
    await watch.look()
    assert rig.cases.looked_at == [other.id]


@pytest.mark.parametrize(
    "ending",
    [
        lambda at: replace(ANN, leaves=(Leave(at),)),
        lambda at: replace(ANN, confidential_until=at),
        lambda at: replace(ANN, trainings=tuple(replace(one, expires_at=at) for one in ANN.trainings)),
        lambda at: replace(ANN, grants=tuple(replace(one, expires_at=at) for one in ANN.grants)),
    ],
    ids=["leave", "agreement", "training", "role"],
)
async def test_an_end_known_ahead_moves_the_case_at_the_first_look_behind_it(
    rig: Rig, world: World, ending: Callable[[datetime], Principal]
) -> None:
    world.people = [UMA, ending(world.at + timedelta(hours=1))]
    case, watch = await rig.open(), watch_of(rig, world)
    assert await watch.look() == 0
    world.at += timedelta(minutes=59)
    rig.cases.looked_at.clear()
    assert (await watch.look(), rig.cases.looked_at) == (0, [])
    world.at += timedelta(minutes=1)
    assert await watch.look() == 1
    assert rig.cases.stored[case.id].case.body == "u4c"


async def test_a_leave_that_ends_brings_the_case_back_at_the_first_look_behind_it(rig: Rig, world: World) -> None:
    world.people = [UMA, replace(ANN, leaves=(Leave(world.at - timedelta(days=1), world.at + timedelta(hours=1)),))]
    case, watch = await rig.open(), watch_of(rig, world)
    assert (case.body, await watch.look()) == ("u4c", 0)
    world.at += timedelta(hours=1)
    assert await watch.look() == 1
    assert rig.cases.stored[case.id].case.body == "enwiki_arbcom"


async def test_a_name_that_is_told_later_moves_its_case_and_has_no_other_read(rig: Rig, world: World) -> None:
    events = [reported(parties_apart=True) for _ in range(3)]
    await rig.parties.follow([naming(event) for event in events])
    _, case, _ = [await rig.open(event) for event in events]
    watch = watch_of(rig, world)
    await watch.look()
    world.at += timedelta(minutes=1)
    await watch.look()
    rig.cases.looked_at.clear()
    await asyncio.sleep(0.01)
    await rig.parties.follow([naming(events[1], *ANN.pseudonyms, seq=3)])
    assert await watch.look() == 1
    assert (rig.cases.stored[case.id].case.body, {*rig.cases.looked_at}) == ("u4c", {case.id})


async def test_a_name_that_is_told_of_a_merged_case_moves_its_survivor(rig: Rig, world: World) -> None:
    events = [reported(parties_apart=True) for _ in range(2)]
    await rig.parties.follow([naming(event) for event in events])
    merged, survivor = [await rig.open(event) for event in events]
    assert (await rig.order(merged, "merge", {"other": survivor.code_name}, ANN)).status_code == 200
    watch = watch_of(rig, world)
    assert await watch.look() == 0
    await asyncio.sleep(0.01)
    await rig.parties.follow([naming(events[0], *ANN.pseudonyms, seq=3)])
    assert await watch.look() == 1
    assert rig.cases.stored[survivor.id].case.body == "u4c"


async def test_a_case_stored_with_older_names_behind_the_look_is_judged_again(rig: Rig, world: World) -> None:
    event = reported(parties_apart=True)
    await rig.parties.follow([naming(event)])
    case, watch = await rig.open(event), watch_of(rig, world)
    stored = rig.cases.stored.pop(case.id)
    await watch.look()
    await asyncio.sleep(0.01)
    await rig.parties.follow([naming(event, *ANN.pseudonyms, seq=3)])
    world.at += timedelta(minutes=1)
    assert await watch.look() == 0
    # Another process loaded the names before, and stores the case only now.
    rig.cases.stored[case.id] = stored
    world.at += timedelta(minutes=1)
    assert await watch.look() == 1


async def test_a_case_judged_by_an_older_roster_behind_the_look_is_judged_again(rig: Rig, world: World) -> None:
    case, watch = await rig.open(), watch_of(rig, world)
    before = rig.cases.stored[case.id]
    await watch.look()
    world.people = [UMA]
    assert await watch.look() == 1
    # Another process does not know yet that they have gone.
    rig.cases.stored[case.id] = before
    world.at += timedelta(seconds=89)
    assert await watch.look() == 0
    world.at += timedelta(seconds=1)
    assert [await watch.look(), await watch.look()] == [1, 0]


async def test_a_change_that_an_outage_hides_is_judged_once_it_is_over(rig: Rig, world: World) -> None:
    await rig.open()
    watch = watch_of(rig, world)
    await watch.look()
    world.people = [UMA]
    rig.cases.away = True
    with pytest.raises(Unavailable):
        await watch.look()
    rig.cases.away = False
    assert await watch.look() == 1


async def test_the_first_look_rests_and_lets_changes_go_first(
    rig: Rig, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "LOOKED_AT_ONCE", 2)
    cases = sorted([await rig.open() for _ in range(7)], key=lambda case: case.id)
    rests: list[list[str]] = []

    async def rest(seconds: float) -> None:
        world.at += timedelta(seconds=61)
        rests.append([case.id for case in cases if rig.cases.stored[case.id].case.body == "u4c"])
        world.people = [UMA]

    watch = CaseWatch(
        rig.cases, Parties(rig.parties, patience=0.0), world, POLICY, TOKENS, every=60, clock=world.clock, sleep=rest
    )
    assert await watch.look() == 7
    # Behind the first batch everybody has gone, and the cases at the end do not wait for their turn.
    assert rests[0] == []
    assert [case.id for case in cases] in rests[1:5]
    rig.cases.looked_at.clear()
    assert (await watch.look(), rig.cases.looked_at) == (0, [])


async def test_the_first_look_goes_on_behind_an_outage_where_it_was(
    rig: Rig, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "LOOKED_AT_ONCE", 2)
    cases = sorted([await rig.open() for _ in range(5)], key=lambda case: case.id)

    async def rest(seconds: float) -> None:
        rig.cases.away = len(rig.cases.looked_at) == 2

    watch = CaseWatch(
        rig.cases, Parties(rig.parties, patience=0.0), world, POLICY, TOKENS, every=60, clock=world.clock, sleep=rest
    )
    rig.cases.looked_at.clear()
    with pytest.raises(Unavailable):
        await watch.look()
    rig.cases.away = False
    await watch.look()
    assert rig.cases.looked_at == [case.id for case in cases]


async def test_a_replica_with_a_clock_ahead_tells_nothing_that_is_still_to_come(rig: Rig) -> None:
    await rig.open()
    jumped = BoundedClock(lambda: now() + timedelta(days=31))
    jumped.compare(now(), jumped.uptime())
    parties = Parties(rig.parties, patience=0.0)
    watch = CaseWatch(rig.cases, parties, Everywhere(), POLICY, TOKENS, every=60, clock=jumped)
    assert (await watch.look(), await watch.wake()) == (0, 0)
    # A month later, by both clocks, it does.
    jumped.compare(now() + timedelta(days=31), jumped.uptime())
    assert await watch.wake() > 0
