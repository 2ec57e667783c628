"""A case is opened and shown only when it is known who is named in its report."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from services.triage.case.values import Recusal
from services.triage.sight import Sight
from shared.access.principal import Principal
from shared.events import Event, ReportParties
from shared.problems import Unavailable
from shared.times import now
from tests.fakes.memory_parties import nobody_named
from tests.support.people import bearer
from tests.support.triage_rig import ALICE, COLLEAGUE, TOKENS, Rig, from_intake, make_rig, reported

NAMED = replace(ALICE, ref="person:4a3ed00000000000", pseudonyms=frozenset({"4" * 32}))


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        yield rig


def naming(received: Event, *names: str, seq: int = 2, **fields: object) -> Event:
    """The report.parties of a report."""
    report_id = received.subject.removeprefix("report/")
    told = {"report_id": report_id, "subjects": names, "salt": "0" * 32, **fields}
    return from_intake(report_id, ReportParties.model_validate(told), seq)


async def codes_in_queue(rig: Rig, who: Principal, limit: int = 50) -> list[str]:
    """The code names of a whole queue, page by page."""
    found: list[str] = []
    cursor = ""
    while True:
        answer = await rig.http.get(f"/v1/cases?limit={limit}{cursor}", headers=bearer(who))
        page = answer.json()
        found += [item["code_name"] for item in page["items"]]
        assert len(page["items"]) == limit or page["next"] is None
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


async def opened(rig: Rig, *named: Sequence[str]) -> list[str]:
    """Code names of new cases whose reports name these people."""
    codes = []
    for names in named:
        received = reported(parties_apart=True, subjects=["a" * 32])
        await rig.parties.follow([naming(received, *names)])
        codes.append((await rig.open(received)).code_name)
    return codes


async def test_no_case_is_opened_before_it_is_known_whom_its_report_names(rig: Rig) -> None:
    received = reported(parties_apart=True)
    with pytest.raises(Unavailable):
        await rig.intake.take([received])
    assert rig.cases.stored == {}
    await rig.parties.follow([naming(received)])
    assert (await rig.open(received)).parties_apart


async def test_whom_the_report_names_finds_no_case_anywhere(rig: Rig) -> None:
    received = reported(parties_apart=True, subjects=["a" * 32])
    await rig.parties.follow([naming(received, *NAMED.pseudonyms)])
    case = await rig.open(received)
    for path in (f"/v1/cases/{case.id}", f"/v1/cases/{case.id}/content"):
        assert (await rig.http.get(path, headers=bearer(ALICE))).status_code == 200
        assert (await rig.http.get(path, headers=bearer(NAMED))).status_code == 404
    assert (await rig.order(case, "start", who=NAMED)).status_code == 404
    rig.entries.enrol(NAMED)
    assert (await rig.order(case, "assign", {"assignee": NAMED.ref})).status_code == 422
    assert (await rig.order(case, "assign", {"assignee": COLLEAGUE.ref})).status_code == 200


async def test_names_that_are_told_later_hide_the_case_from_then_on(rig: Rig) -> None:
    received = reported(parties_apart=True)
    await rig.parties.follow([naming(received)])
    case = await rig.open(received)
    assert await codes_in_queue(rig, NAMED) == [case.code_name]
    await rig.parties.follow([naming(received, mentioned=[*NAMED.pseudonyms], seq=3)])
    assert await codes_in_queue(rig, NAMED) == []
    assert (await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(NAMED))).status_code == 404


async def test_pages_of_the_queue_are_full_where_cases_are_hidden(rig: Rig) -> None:
    codes = await opened(rig, ["4" * 32], [], ["4" * 32], ["4" * 32], [], ["5" * 32], ["4" * 32])
    seen = {codes[1], codes[4], codes[5]}
    for limit in (1, 2, 3, 50):
        assert set(await codes_in_queue(rig, NAMED, limit)) == seen
    assert set(await codes_in_queue(rig, ALICE, 2)) == set(codes)


async def test_a_case_whose_names_are_missing_is_shown_to_nobody(rig: Rig) -> None:
    received = reported(parties_apart=True)
    await rig.parties.follow([naming(received)])
    case = await rig.open(received)
    # As in a database that was put together from backups of different times.
    rig.parties.told.clear()
    assert (await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(ALICE))).status_code == 503
    assert await codes_in_queue(rig, ALICE) == []


async def test_after_an_erasure_those_who_were_shut_out_stay_so(rig: Rig) -> None:
    received = reported(parties_apart=True)
    await rig.parties.follow([naming(received, *NAMED.pseudonyms)])
    case = await rig.open(received)
    erased = naming(received, seq=4, shut_out=[NAMED.ref], named=True, erased_at="2026-11-28T10:00:00Z")
    await rig.parties.follow([erased])
    assert (await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(NAMED))).status_code == 404
    assert await codes_in_queue(rig, NAMED) == []
    assert await codes_in_queue(rig, ALICE) == [case.code_name]


async def test_a_case_from_before_hides_by_the_names_in_it(rig: Rig) -> None:
    case = await rig.open(reported(subjects=[*NAMED.pseudonyms]))
    assert not case.parties_apart
    assert (await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(NAMED))).status_code == 404
    assert (await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(ALICE))).status_code == 200


@pytest.mark.parametrize(("left", "shut_out"), [(None, True), (1, True), (-1, False)])
async def test_what_nobody_confirmed_in_a_merged_case_hides_the_survivor_no_longer(
    rig: Rig, left: int | None, shut_out: bool
) -> None:
    part, survivor = await rig.open(), await rig.open()
    until = now() + timedelta(hours=left) if left else None
    recusal = Recusal(COLLEAGUE.ref, ALICE.ref, "responder", "involved", until)
    stored = rig.cases.stored[part.id]
    rig.cases.stored[part.id] = replace(stored, case=replace(part, recused=(COLLEAGUE.ref,), recusals=(recusal,)))
    whole = replace(survivor, absorbed=(TOKENS.ref_of(survivor.id, part.id),))
    names = await Sight(nobody_named(), TOKENS, rig.cases).shut_out_of(whole, ALICE.ref)
    assert (COLLEAGUE.ref in names) is shut_out
    # A replica with a clock that is ahead of that of the database lets nobody in earlier.
    behind = Sight(nobody_named(), TOKENS, rig.cases, lambda: now() - timedelta(days=31))
    assert COLLEAGUE.ref in await behind.shut_out_of(whole, ALICE.ref)
