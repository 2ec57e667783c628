"""A reporter who was treated badly for a report gets a case with people who did not decide in the first one."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest

from services.triage import watch as watch_module
from services.triage.case.case import Case
from services.triage.stored import CaseChange
from services.triage.watch import CaseWatch
from shared.access.principal import Principal
from shared.access.roster import Staff
from shared.events import CaseLinked, CaseState, Event, ReportParties
from shared.ids import case_id_of, new_id
from shared.kept_policy import PolicyState
from shared.parties import Parties
from shared.problems import Unavailable
from shared.times import now
from tests.service.shared.test_outside_tool import REPORT, Tool
from tests.support.four_services import four_services
from tests.support.incidents import Cast
from tests.support.people import bearer, responder
from tests.support.triage_rig import ALICE, POLICY, TOKENS, Rig, from_intake, make_rig, reported

OTHERS = [responder(f"{name}0{name}0{name}0{name}0", *POLICY.bodies) for name in ("ca", "ce", "ea")]


class Body:
    """Staff of every handling body: these people."""

    def __init__(self, people: Sequence[Principal]) -> None:
        self.people = people

    async def staff(self) -> Staff:
        return {body: self.people if body.startswith("enwiki") else OTHERS for body in POLICY.bodies}


@pytest.fixture
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    async with make_rig(staffing=Body([ALICE, *OTHERS[: getattr(request, "param", 3)]])) as rig:
        yield rig


async def decided(rig: Rig) -> Case:
    case = await rig.open()
    for command, values in (("claim", None), ("start", None), ("decide", {"outcome": "advice", "reason": "Heard."})):
        assert (await rig.order(case, command, values)).status_code == 200
    return rig.cases.stored[case.id].case


def told_badly(first: Case) -> tuple[Event, Event]:
    """The report that intake makes of the answer to a check-in, and who is named in it."""
    received = reported(category="unclassified", flags=("retaliation",), parties_apart=True)
    named = ReportParties(report_id=received.fact.report_id, follows=first.id, salt="0" * 32)  # type: ignore[attr-defined]
    return received, from_intake(named.report_id, named, 1)


async def opened(rig: Rig, first: Case) -> Case:
    received, named = told_badly(first)
    await rig.parties.follow([named])
    for _ in range(2):
        await rig.intake.take([received])
    return rig.cases.stored[received.case_id].case


async def test_the_new_case_is_linked_and_shut_to_the_people_who_decided(rig: Rig) -> None:
    first = await decided(rig)
    case = await opened(rig, first)
    assert (case.flags, case.body, case.recused) == (("retaliation",), first.body, (ALICE.ref,))
    assert [step.fact for step in case.history] == [
        "case.opened", "case.recusal_declared", "case.triaged", "case.linked", "deadline.met",
    ]  # fmt: skip
    assert (await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(ALICE))).status_code == 404
    stored = rig.cases.stored[first.id].case
    assert (stored.seq, stored.links) == (first.seq, ())
    shown = await rig.shown(first)
    assert (shown["links"], case.code_name in str(shown)) == ([], False)
    assert "linked" not in str(shown["history"])
    theirs = await rig.shown(case, OTHERS[0])
    assert [(link["relation"], link["id"]) for link in theirs["links"]] == [("retaliation", first.id)]
    linked = [event for event in rig.cases.events if isinstance(event.fact, CaseLinked)]
    assert [event.case_id for event in linked] == [case.id]
    assert not any(case.id in event.fact.model_dump_json() for event in linked)


async def test_what_a_handler_notes_of_bad_treatment_is_for_people_who_did_not_decide() -> None:
    cast = Cast({"people": {name: {"of": ["enwiki_arbcom"]} for name in ("Ada", "Abe", "Ann")}})
    async with four_services(cast) as services:
        ada, abe = Tool(services, cast["Ada"]), Tool(services, cast["Abe"])
        await services.reporter.post("/v1/reports", json=REPORT)
        await services.deliver()
        first, _ = ada.heard("case.triaged")
        for command, values in (
            ("assign", {}), ("start", {}), ("decide", {"outcome": "advice", "reason": "Heard."}),
            ("follow_up", {"consent": "yes"}), ("close", {}),
        ):  # fmt: skip
            await ada.give(first, command, **values)
        await services.pass_time(timedelta(days=8))
        for tool in (ada, abe):
            tool.renew()
        # She rings up, and the handler who decided takes it down.
        await ada.give(first, "check_in", answer="answered", retaliation="Quayside: he undoes my edits.")
        (new,) = (case_id for case_id in services.cases.stored if case_id != first)
        case = services.cases.stored[new].case
        assert (case.flags, case.recused) == (("retaliation",), (cast["Ada"].ref,))
        assert (await services.desk.get(f"/v1/cases/{new}", headers=ada.token)).status_code == 404
        content = (await abe.get(new, "/content"))["sections"]["content"]
        assert content["narrative"] == "Quayside: he undoes my edits."
        assert [(one["relation"], one["id"]) for one in (await abe.get(new))["links"]] == [("retaliation", first)]
        there = await ada.get(first)
        assert (there["links"], there["check_ins"][0]["answer"]) == ([], "answered")
        told = [event for event in services.events if event.case_id == first]
        assert "retaliation" not in repr(told)
        assert new not in repr(told)
        assert "Quayside" not in repr(there) + repr(await ada.get(first, "/content")) + repr(services.events)


async def test_the_new_case_is_shut_to_who_voted_against_or_reviewed_an_emergency_measure(rig: Rig) -> None:
    first = await rig.open()
    holds = {"until": (now() + timedelta(days=2)).date().isoformat(), "scope": "pages", "why": "At once."}
    for who, command, values in (
        (ALICE, "claim", None), (ALICE, "start", None),
        (ALICE, "act_in_emergency", {"measure": "restriction", **holds}),
        (ALICE, "propose_decision", {"outcome": "warning", "why": "Heard."}),
        (OTHERS[0], "object", {"why": "Too hard."}),
    ):  # fmt: skip
        assert (await rig.order(first, command, values, who)).status_code == 200
    measure = rig.cases.stored[first.id].case.measures[0].id
    review = {"measure_id": measure, "review": "confirmed", "why": "Needed."}
    assert (await rig.order(first, "review_emergency", review, OTHERS[1])).status_code == 200
    case = await opened(rig, rig.cases.stored[first.id].case)
    assert set(case.recused) == {ALICE.ref, OTHERS[0].ref, OTHERS[1].ref}


async def remanded(rig: Rig, first: Case) -> None:
    """The first case is decided anew, by a person who had no part in it."""
    for command, values, who in (
        ("appeal", {"party": "reporter", "ground": "facts", "why": "Wrong."}, ALICE),
        ("claim", None, OTHERS[0]),
        ("decide_appeal", {"verdict": "remanded", "told": "Look again.", "why": "Look again."}, OTHERS[0]),
        ("start", None, OTHERS[0]),
        ("decide", {"outcome": "advice", "reason": "Heard."}, OTHERS[0]),
    ):
        answer = await rig.order(first, command, values, who)
        assert answer.status_code == 200, (command, answer.text)


async def test_the_new_case_is_shut_to_who_decides_the_first_one_only_later(rig: Rig) -> None:
    first = await decided(rig)
    case = await opened(rig, first)
    assert (await rig.order(case, "claim", None, OTHERS[0])).status_code == 200
    await remanded(rig, first)
    after = rig.cases.stored[case.id].case
    assert (set(after.recused), after.assignee) == ({ALICE.ref, OTHERS[0].ref}, None)
    assert {one.confirm_by for one in after.recusals} == {None}
    assert (await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(OTHERS[0]))).status_code == 404
    assert (await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(OTHERS[1]))).status_code == 200
    stored = rig.cases.stored[first.id].case
    assert stored.links == ()
    assert (await rig.order(first, "note", {"note": "Done.", "visibility": "body"}, OTHERS[0])).status_code == 200
    assert rig.cases.stored[case.id].case.seq == after.seq


@pytest.mark.parametrize("state", [CaseState.TRIAGED, CaseState.CLOSED], ids=["open", "closed"])
async def test_a_process_that_ends_before_the_new_case_hears_of_it_leaves_it_to_the_next(
    rig: Rig, state: CaseState
) -> None:
    first = await decided(rig)
    case = await opened(rig, first)
    told = dict(rig.parties.told)
    rig.parties.told.pop(case.id)
    await remanded(rig, first)
    rig.parties.told.update(told)
    assert rig.cases.stored[case.id].case.seq == case.seq
    stored = rig.cases.stored[case.id]
    rig.cases.stored[case.id] = replace(stored, case=replace(stored.case, state=state))
    parties = Parties(rig.parties, patience=0.0)
    watch = CaseWatch(rig.cases, parties, Body([ALICE, *OTHERS]), POLICY, TOKENS, every=1)
    assert (await watch.look(), await watch.look()) == (1, 0)
    assert OTHERS[0].ref in rig.cases.stored[case.id].case.recused


@pytest.mark.parametrize("when", ["at the start", "behind a timer"])
async def test_what_failed_behind_a_case_is_tried_again_by_each_look(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    first, at, state = await decided(rig), [now()], PolicyState()
    case = await opened(rig, first)
    last = await opened(rig, case)
    told = dict(rig.parties.told)
    rig.parties.told.pop(case.id)
    await remanded(rig, first)
    said = {"person": OTHERS[1].ref, "ground": "related"}
    assert (await rig.order(first, "recuse", said, OTHERS[2])).status_code == 200
    parties, times = Parties(rig.parties, patience=0.0), {"every": 60, "clock": lambda: at[0]}
    watch = CaseWatch(rig.cases, parties, Body([ALICE, *OTHERS]), POLICY, TOKENS, state=state, **times)
    if when == "at the start":
        stored = rig.cases.stored[case.id]
        rig.cases.stored[case.id] = replace(stored, case=replace(stored.case, state=CaseState.CLOSED))
    else:
        await watch.look()
        at[0] += timedelta(hours=25)
    rig.parties.told.update(told)
    following = rig.parties.following
    assert OTHERS[0].ref not in rig.cases.stored[last.id].case.recused
    for error in (ValueError("a fault"), Unavailable("mongodb: away")):

        async def fail(ids: Iterable[str], error: Exception = error) -> dict[str, str]:
            if {first.id, case.id}.isdisjoint(asked := set(ids)):
                return await following(asked)
            raise error

        with monkeypatch.context() as away:
            away.setattr(rig.parties, "following", fail)
            with nullcontext() if isinstance(error, ValueError) else pytest.raises(Unavailable):
                await watch.look()
        assert state.aside == 1
    await watch.look()
    assert OTHERS[0].ref in rig.cases.stored[last.id].case.recused
    assert state.aside == 0


async def test_who_is_recused_while_the_new_case_is_written_has_nothing_to_do_with_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, save = await decided(rig), rig.cases.save_together

    async def save_later(changes: Sequence[CaseChange]) -> bool:
        monkeypatch.setattr(rig.cases, "save_together", save)
        said = {"person": OTHERS[1].ref, "ground": "involved"}
        assert (await rig.order(first, "recuse", said, OTHERS[2])).status_code == 200
        return await save(changes)

    monkeypatch.setattr(rig.cases, "save_together", save_later)
    case = await opened(rig, first)
    assert set(case.recused) == {ALICE.ref, OTHERS[1].ref}
    assert (await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(OTHERS[1]))).status_code == 404


async def test_who_told_of_bad_treatment_is_heard_although_the_first_report_is_erased(rig: Rig) -> None:
    first = await decided(rig)
    stored = rig.cases.stored[first.id]
    rig.cases.stored[first.id] = replace(stored, case=replace(first, reachable=False))
    case = await opened(rig, first)
    assert case.reachable
    assert "update" in {deadline.name for deadline in case.deadlines}


async def part_of(rig: Rig, case: Case) -> Case:
    """One matter of the report of a case, as a case of its own."""
    received = reported(parties_apart=True, channel="split")
    named = ReportParties(report_id=received.fact.report_id, follows=case.id, salt="0" * 32)  # type: ignore[attr-defined]
    await rig.parties.follow([from_intake(named.report_id, named, 1)])
    await rig.intake.take([received])
    return rig.cases.stored[received.case_id].case


@pytest.mark.parametrize("badly_for", ["first", "part", "part of the part"])
@pytest.mark.parametrize("when", ["before", "later"])
async def test_who_decides_another_matter_of_the_report_has_no_part_in_the_new_case(
    rig: Rig, badly_for: str, when: str
) -> None:
    first = await rig.open()
    part = await part_of(rig, first)
    matters = {"first": first, "part": part, "part of the part": await part_of(rig, part)}
    told_of = matters.pop(badly_for)
    new = await opened(rig, told_of) if when == "later" else None
    decided = {who.ref: matter for who, matter in zip(OTHERS, matters.values(), strict=False)}
    for who, matter in zip(OTHERS, matters.values(), strict=False):
        for command, values in (
            ("claim", None),
            ("start", None),
            ("decide", {"outcome": "advice", "reason": "Heard."}),
        ):
            assert (await rig.order(matter, command, values, who)).status_code == 200
    case = new or await opened(rig, told_of)
    after = rig.cases.stored[case.id].case
    assert set(after.recused) == decided.keys()
    assert [(await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(who))).status_code for who in OTHERS] == [
        404,
        404,
        200,
    ]
    assert "case.passed_on" not in [step.fact for step in after.history]
    # Of the matters none hears of it, and none shuts out the people of another one.
    for matter in (told_of, *matters.values()):
        there = rig.cases.stored[matter.id].case
        assert (there.recused, {link.relation for link in there.links} - {"split"}) == ((), set())


@pytest.mark.parametrize("when", ["before the merge", "before the decision", "later"])
async def test_who_decides_where_another_matter_is_a_part_is_shut_out_of_the_new_case(rig: Rig, when: str) -> None:
    first, third = await rig.open(), await rig.open()
    matter = await part_of(rig, first)
    new = await opened(rig, first) if when == "before the merge" else None
    assert (await rig.order(matter, "merge", {"other": third.code_name}, OTHERS[1])).status_code == 200
    new = await opened(rig, first) if when == "before the decision" else new
    for command, values in (
        ("claim", None), ("start", None), ("decide", {"outcome": "advice", "reason": "Heard."}),
    ):  # fmt: skip
        assert (await rig.order(third, command, values, OTHERS[0])).status_code == 200
    case = new or await opened(rig, first)
    assert OTHERS[0].ref in rig.cases.stored[case.id].case.recused
    statuses = [(await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(who))).status_code for who in OTHERS]
    assert (statuses[0], statuses[2]) == (404, 200)


async def test_the_look_at_a_start_reads_ended_cases_in_portions_and_goes_on_with_the_others(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "LOOKED_AT_ONCE", 2)
    first = await decided(rig)
    cases = [await opened(rig, first) for _ in range(4)]
    for case in cases[1:]:
        stored = rig.cases.stored[case.id]
        rig.cases.stored[case.id] = replace(stored, case=replace(stored.case, state=CaseState.CLOSED))
    asked, load, at, body = list[set[str]](), rig.parties.load, [now()], Body([ALICE, *OTHERS])
    bodies = list[str | None]()

    async def names(ids: Iterable[str]) -> dict[str, frozenset[str]]:
        asked.append(set(ids))
        return await load(asked[-1])

    async def rest(_: float) -> None:
        at[0] += timedelta(seconds=61)
        bodies.append(rig.cases.stored[cases[0].id].case.body)
        # Behind the open cases, all go who may have the new case.
        body.people = [ALICE] if len(bodies) == 2 else body.people

    parties = Parties(rig.parties, patience=0.0)
    watch = CaseWatch(rig.cases, parties, body, POLICY, TOKENS, every=60, clock=lambda: at[0], sleep=rest)
    rig.parties.load = names  # type: ignore[method-assign]  # counts
    rig.cases.looked_at.clear()
    assert await watch.look() > 0
    assert bodies[:2] == [first.body] * 2
    assert bodies[2] != first.body
    assert all(rig.cases.looked_at.count(case.id) == 1 for case in cases[1:])
    ended = [ids for ids in asked if not ids.isdisjoint({case.id for case in cases[1:]})]
    assert len(ended) == 2


async def test_only_a_change_of_who_has_to_do_with_a_case_asks_what_came_of_it(rig: Rig) -> None:
    first, asked, following = await decided(rig), list[set[str]](), rig.parties.following

    async def count(ids: Iterable[str]) -> dict[str, str]:
        asked.append(set(ids))
        return await following(asked[-1])

    rig.parties.following = count  # type: ignore[method-assign]
    assert (await rig.order(first, "note", {"note": "Done.", "visibility": "body"})).status_code == 200
    assert asked == []
    said = {"person": OTHERS[1].ref, "ground": "related"}
    assert (await rig.order(first, "recuse", said, OTHERS[2])).status_code == 200
    assert asked == [{first.id}]


async def test_a_repeated_request_makes_up_for_a_new_case_that_was_away(rig: Rig) -> None:
    first = await decided(rig)
    case = await opened(rig, first)
    key = {"idempotency_key": "6f1d7c2e-0000-4000-8000-000000000002"}
    following = rig.parties.following

    async def fail(_: Iterable[str]) -> dict[str, str]:
        raise Unavailable("mongodb: away")

    rig.parties.following = fail  # type: ignore[method-assign]  # once
    said = {"person": OTHERS[1].ref, "ground": "related"}
    assert (await rig.order(first, "recuse", said, OTHERS[2], **key)).status_code == 503
    rig.parties.following = following  # type: ignore[method-assign]  # it is back
    assert (await rig.order(first, "recuse", said, OTHERS[2], **key)).status_code == 200
    assert OTHERS[1].ref in rig.cases.stored[case.id].case.recused


@pytest.mark.parametrize("rig", [0, 1], indirect=True)
async def test_a_case_goes_to_the_stand_in_where_too_few_did_not_decide(rig: Rig) -> None:
    first = await decided(rig)
    case = await opened(rig, first)
    assert case.own_body == first.body != case.body
    assert not case.unattended
    assert not any(step.fact == "case.passed_on" for step in case.history)


async def test_people_who_were_recused_without_a_ground_are_carried_over(rig: Rig) -> None:
    first = await decided(rig)
    stored = rig.cases.stored[first.id]
    rig.cases.stored[first.id] = replace(stored, case=replace(first, recused=(OTHERS[0].ref,)))
    assert set((await opened(rig, first)).recused) == {ALICE.ref, OTHERS[0].ref}


async def test_what_one_person_has_said_holds_in_the_new_case_until_another_confirms_it(rig: Rig) -> None:
    first = await decided(rig)
    meant, other = OTHERS[0], OTHERS[1]
    said = {"person": meant.ref, "ground": "involved"}
    assert (await rig.order(first, "recuse", said, other)).status_code == 200
    case = await opened(rig, rig.cases.stored[first.id].case)
    assert set(case.recused) == {ALICE.ref, meant.ref}
    assert [one.by for one in case.recusals if one.confirm_by] == [other.ref]
    assert (await rig.order(case, "confirm", {"person": meant.ref}, other)).status_code == 422
    assert (await rig.order(case, "confirm", {"person": meant.ref}, OTHERS[2])).status_code == 200
    assert {one.confirm_by for one in rig.cases.stored[case.id].case.recusals} == {None}


async def test_nobody_takes_back_in_the_new_case_what_a_person_has_said_of_themselves(rig: Rig) -> None:
    first = await decided(rig)
    said = {"person": OTHERS[0].ref, "ground": "related"}
    assert (await rig.order(first, "recuse", said, OTHERS[0])).status_code == 200
    case = await opened(rig, rig.cases.stored[first.id].case)
    assert [(one.by, one.confirm_by) for one in case.recusals if one.person == OTHERS[0].ref] == [(OTHERS[0].ref, None)]


async def test_a_case_whose_first_one_is_lost_goes_to_the_last_stand_in(rig: Rig) -> None:
    received, named = told_badly(await rig.open())
    gone = named.fact.model_copy(update={"follows": case_id_of(new_id())})
    await rig.parties.follow([from_intake(received.fact.report_id, gone, 1)])  # type: ignore[attr-defined]
    await rig.intake.take([received])
    case = rig.cases.stored[received.case_id].case
    assert (case.links, case.recused) == ((), ())
    assert case.body == case.own_body == POLICY.stand_ins("enwiki_arbcom")[-1]
    assert (await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(ALICE))).status_code == 404


async def test_a_flag_alone_links_nothing(rig: Rig) -> None:
    received = reported(flags=("retaliation",), parties_apart=True)
    named = ReportParties(report_id=received.fact.report_id, salt="0" * 32)  # type: ignore[attr-defined]
    await rig.parties.follow([from_intake(named.report_id, named, 1)])
    assert (await rig.open(received)).links == ()
