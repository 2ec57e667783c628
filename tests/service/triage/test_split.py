"""One matter of a report becomes a case of its own, for which the policy chooses the handling body."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.triage.case.case import Case
from services.triage.case.evolve.fold import fold
from services.triage.case.hearing import hearing_of, hears_reporter
from shared.access.principal import Principal
from shared.events import CaseSplit, ReportParties
from shared.policy import Hearing
from shared.times import now
from tests.support.triage_rig import ALICE, COLLEAGUE, CORA, POLICY, Rig, from_intake, make_rig, reported

MATTER = {"matter": "They published an address.", "category": "harassment.doxing", "flags": ["cross_wiki"]}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        yield rig


async def split(rig: Rig, case: Case, **values: Any) -> CaseSplit:
    assert (await rig.order(case, "split", {**MATTER, **values})).status_code == 200
    facts = [event.fact for event in rig.cases.events if isinstance(event.fact, CaseSplit)]
    return facts[-1]


async def part_of(rig: Rig, case: Case, told: CaseSplit) -> Case:
    """The case of the report that intake makes of a matter, as Kafka brings it, twice."""
    received = reported(category=told.category, flags=told.flags, parties_apart=True, channel="split")
    report_id = received.fact.report_id  # type: ignore[attr-defined]
    named = ReportParties(report_id=report_id, follows=case.id, salt="0" * 32)
    await rig.parties.follow([from_intake(report_id, named, 1)])
    for _ in range(2):
        await rig.intake.take([received])
    return rig.cases.stored[received.case_id].case


async def test_the_words_go_to_the_vault_and_the_case_stays_as_it_is(rig: Rig) -> None:
    case = await rig.open()
    told = await split(rig, case)
    after = rig.cases.stored[case.id].case
    assert (after.state, after.category, after.body) == (case.state, case.category, case.body)
    assert (told.category, told.flags) == ("harassment.doxing", ("cross_wiki",))
    assert rig.vault.statements[case.report_id, told.part_id] == ("matter", MATTER["matter"])


async def test_the_new_case_goes_where_the_policy_sends_its_matter_and_both_are_linked(rig: Rig) -> None:
    case = await rig.open()
    await rig.order(case, "claim")
    part = await part_of(rig, case, await split(rig, case))
    assert (part.category, part.rule) == ("harassment.doxing", "personal-data")
    assert part.body != case.body
    assert [link.relation for link in part.links] == ["split"]
    assert [link.relation for link in rig.cases.stored[case.id].case.links] == ["split"]
    theirs, own = ({e.cause for e in rig.cases.events if e.case_id == i} for i in (case.id, part.id))
    assert theirs.isdisjoint(own)
    # Nothing says that the people of the first case have a conflict.
    assert part.recused == ()


async def test_a_matter_that_a_handler_splits_off_wants_the_reporter_heard_as_the_first(rig: Rig) -> None:
    first = await rig.open(category="harassment.hounding", flags=("ongoing",))
    assert (
        await rig.order(first, "confirm_category", {"category": "harassment.insults", "why": "Milder."})
    ).status_code == 200
    same = {"category": "harassment.other", "flags": []}
    part = await part_of(rig, first, await split(rig, first, **same))
    again = await part_of(rig, part, await split(rig, part, matter="More.", **same))
    assert part.earlier_categories == ("harassment.hounding", "harassment.insults")
    assert again.earlier_categories == part.earlier_categories
    row = Hearing(frozenset({"mediation"}), flags=frozenset({"ongoing"}))
    for one in (part, again):
        assert hears_reporter(one, "mediation", POLICY)
        assert hearing_of(one, "mediation", replace(POLICY, hearings=(row,))) is row
        assert fold(event for event in rig.cases.events if event.case_id == one.id) == rig.cases.stored[one.id].case
    # The first one takes nothing over.
    assert rig.cases.stored[first.id].case.earlier_categories == ("harassment.hounding",)


async def test_a_matter_counts_as_acknowledged_when_the_first_case_was(rig: Rig) -> None:
    first = await rig.open(received_at=now() - timedelta(hours=20))
    part = await part_of(rig, first, await split(rig, first))
    met = {one.id: {d.name: d.met_at for d in one.deadlines if d.met_at} for one in (first, part)}
    assert met[part.id] == met[first.id]
    assert {*met[part.id]} == {"acknowledgement"}
    assert fold(event for event in rig.cases.events if event.case_id == part.id) == rig.cases.stored[part.id].case


async def test_a_matter_flagged_as_bad_treatment_is_a_part_as_any_other_matter(rig: Rig) -> None:
    first = await rig.open(category="harassment.hounding")
    await rig.order(first, "claim")
    part = await part_of(rig, first, await split(rig, first, category="harassment.insults", flags=["retaliation"]))
    assert [link.relation for one in (part, first) for link in rig.cases.stored[one.id].case.links] == ["split"] * 2
    # The person who has split it off keeps no colleague from it, and the reporter is heard of it.
    assert (part.recused, part.earlier_categories) == ((), ("harassment.hounding",))
    assert hears_reporter(part, "mediation", POLICY)
    assert (await rig.order(part, "claim")).status_code == 200


async def test_a_person_who_is_recused_from_the_first_is_recused_from_the_new_case(rig: Rig) -> None:
    case = await rig.open()
    assert (await rig.order(case, "recuse", {"ground": "related"}, COLLEAGUE)).status_code == 200
    part = await part_of(rig, case, await split(rig, case))
    assert part.recused == (COLLEAGUE.ref,)


async def test_a_recusal_that_is_declared_after_the_split_holds_in_the_part_as_well(rig: Rig) -> None:
    case = await rig.open()
    part = await part_of(rig, case, await split(rig, case))
    said = {"person": COLLEAGUE.ref, "ground": "involved"}
    assert (await rig.order(case, "recuse", said, ALICE)).status_code == 200
    assert rig.cases.stored[part.id].case.lapses_at is not None
    assert (await rig.order(case, "confirm", {"person": COLLEAGUE.ref}, CORA)).status_code == 200
    (recusal,) = rig.cases.stored[part.id].case.recusals
    assert (recusal.person, recusal.by, recusal.confirm_by) == (COLLEAGUE.ref, ALICE.ref, None)
    # Who had a part in the first case has none in the conflict.
    assert ALICE.ref not in rig.cases.stored[part.id].case.recused


async def test_what_a_coordinator_takes_back_in_the_part_does_not_come_again(rig: Rig) -> None:
    case = await rig.open()
    part = await part_of(rig, case, await split(rig, case, category=case.category, flags=[]))
    said = {"person": COLLEAGUE.ref, "ground": "involved"}
    assert (await rig.order(case, "recuse", said, CORA)).status_code == 200
    assert rig.cases.stored[part.id].case.recused == (COLLEAGUE.ref,)
    back = {"person": COLLEAGUE.ref, "withdrawal": "unfounded"}
    assert (await rig.order(rig.cases.stored[part.id].case, "withdraw", back, CORA)).status_code == 200
    assert (await rig.order(case, "note", {"note": "Seen.", "visibility": "body"}, ALICE)).status_code == 200
    assert rig.cases.stored[part.id].case.recused == ()


def as_if_a_day_ago(rig: Rig, case: Case) -> None:
    """What was done in the case was done a day earlier, and nobody reviewed it."""
    stored = rig.cases.stored[case.id]
    before = tuple(
        replace(one, begun_at=one.begun_at - timedelta(days=1), review_by=None, state="lapsed")
        for one in stored.case.measures
    )
    rig.cases.stored[case.id] = replace(stored, case=replace(stored.case, measures=before))


async def act(rig: Rig, case: Case, who: Principal = ALICE) -> str | None:
    until = (now() + timedelta(days=9)).date().isoformat()
    given = {"measure": "temporary_suspension", "until": until, "scope": "community", "why": "It goes on."}
    answer = await rig.order(case, "act_in_emergency", given, who)
    return answer.json()["errors"][0]["code"] if answer.status_code == 422 else None


@pytest.mark.parametrize("order", ["in the part", "in the first one", "in a sibling", "in a part of the part"])
async def test_who_has_acted_alone_for_a_day_has_no_other_day_in_a_case_of_the_same_report(
    rig: Rig, order: str
) -> None:
    same = {"category": "harassment.insults", "flags": []}
    first = await rig.open()
    part = await part_of(rig, first, await split(rig, first, **same))
    done, other = {
        "in the part": (first, part),
        "in the first one": (part, first),
        "in a sibling": (part, await part_of(rig, first, await split(rig, first, matter="More.", **same))),
        "in a part of the part": (first, await part_of(rig, part, await split(rig, part, **same))),
    }[order]
    assert await act(rig, done) is None
    # It is one emergency: in the same day the person may do all that it takes.
    as_if_a_day_ago(rig, done)
    assert await act(rig, other) == "day_is_over"
    assert await act(rig, other, COLLEAGUE) is None


async def test_a_day_alone_that_another_person_confirmed_bars_nobody_in_a_part(rig: Rig) -> None:
    first = await rig.open()
    part = await part_of(rig, first, await split(rig, first, category="harassment.insults", flags=[]))
    assert await act(rig, first) is None
    assert await act(rig, part) is None
    for case in (first, part):
        (measure,) = rig.cases.stored[case.id].case.measures
        given = {"measure_id": measure.id, "review": "confirmed", "why": "Yes."}
        assert (await rig.order(case, "review_emergency", given, COLLEAGUE)).status_code == 200
        as_if_a_day_ago(rig, case)
    assert await act(rig, part) is None


async def test_a_day_alone_in_a_case_counts_in_the_survivor_and_after_the_cases_are_parted(rig: Rig) -> None:
    case, survivor = await rig.open(), await rig.open()
    assert await act(rig, case) is None
    as_if_a_day_ago(rig, case)
    assert (await rig.order(case, "merge", {"other": survivor.code_name})).status_code == 200
    assert await act(rig, survivor) == "day_is_over"
    assert (await rig.order(case, "unmerge", {"other": survivor.code_name, "why": "They differ."})).status_code == 200
    assert await act(rig, survivor) == "day_is_over"
    assert await act(rig, await rig.open()) is None


async def test_a_matter_needs_words_and_a_category_that_the_policy_knows(rig: Rig) -> None:
    case = await rig.open()
    refused = await rig.order(case, "split", {"matter": " ", "category": "nonsense", "flags": ["nonsense"]})
    assert (refused.status_code, {e["pointer"] for e in refused.json()["errors"]}) == (
        422, {"/matter", "/category", "/flags"},
    )  # fmt: skip


async def test_a_case_that_is_decided_is_split_no_more(rig: Rig) -> None:
    case = await rig.open()
    for command, values in (("claim", None), ("start", None), ("decide", {"outcome": "advice", "reason": "Heard."})):
        assert (await rig.order(case, command, values)).status_code == 200
    assert (await rig.order(case, "split", MATTER)).status_code == 409
    assert "split" not in {form["command"] for form in (await rig.shown(case))["actions"]}


async def test_responders_and_coordinators_of_the_body_split_a_case(rig: Rig) -> None:
    assert (await rig.order(await rig.open(), "split", MATTER, ALICE)).status_code == 200
    assert (await rig.order(await rig.open(), "split", MATTER, CORA)).status_code == 200
