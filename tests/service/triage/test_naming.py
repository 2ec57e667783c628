"""A handler names a person that the case is about: it hides at once, for a day, and with a second one for good."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from services.triage.case.case import Case
from services.triage.stored import CaseChange
from shared.access.principal import Principal
from shared.events import MentionCleared
from shared.problems import Unavailable
from tests.service.triage.test_sight import codes_in_queue
from tests.service.triage.test_watch import ANN, BEN, CAT, UMA, World, watch_of
from tests.support.people import COPIES, bearer, coordinator
from tests.support.triage_rig import TOKENS, Rig, make_rig

DAN = coordinator("6a7b", "enwiki_arbcom")


@pytest.fixture
def world() -> World:
    return World(ANN, BEN, CAT, UMA, DAN)


@pytest.fixture
async def rig(world: World) -> AsyncIterator[Rig]:
    for one in world.people:
        COPIES.enrol(one)
    async with make_rig(world) as rig:
        yield rig


def naming(who: Principal) -> dict[str, Any]:
    return {"person": who.ref, "ground": "named"}


async def sees(rig: Rig, case: Case, who: Principal) -> bool:
    """Whether the person finds the case, by any way; all ways have to agree."""
    ways = [f"/v1/cases/{case.id}", f"/v1/cases/{case.id}/content"] if who is not DAN else [f"/v1/cases/{case.id}"]
    found = {(await rig.http.get(way, headers=bearer(who))).status_code == 200 for way in ways}
    found.add(case.code_name in await codes_in_queue(rig, who, 1))
    assert len(found) == 1
    return found.pop()


@pytest.mark.parametrize("who", [BEN, DAN])
async def test_a_person_who_is_named_finds_nothing_from_then_on(rig: Rig, who: Principal) -> None:
    case = await rig.open()
    assert await sees(rig, case, who)
    assert (await rig.order(case, "recuse", naming(who), ANN)).status_code == 200
    assert not await sees(rig, case, who)
    assert (await rig.order(case, "withdraw", {"person": who.ref, "withdrawal": "mistaken"}, who)).status_code == 404
    assert (await rig.order(case, "assign", {"assignee": who.ref}, ANN)).status_code == 422
    assert await sees(rig, case, CAT)


async def test_it_lapses_after_a_day_and_is_not_named_again(rig: Rig, world: World) -> None:
    case = await rig.open()
    await rig.order(case, "recuse", naming(BEN), ANN)
    world.at += timedelta(hours=25)
    assert await watch_of(rig, world).look() == 1
    assert await sees(rig, case, BEN)
    answer = await rig.order(case, "recuse", naming(BEN), ANN)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "declared_before")
    assert len(rig.vault.named) == 1


async def test_with_a_second_person_it_holds_for_good(rig: Rig, world: World) -> None:
    case = await rig.open()
    await rig.order(case, "recuse", naming(BEN), ANN)
    # To say the same is to confirm it.
    assert (await rig.order(case, "recuse", naming(BEN), CAT)).status_code == 200
    world.at += timedelta(days=30)
    await watch_of(rig, world).look()
    assert not await sees(rig, case, BEN)
    assert rig.cases.stored[case.id].case.body == "u4c"


async def test_a_handler_takes_it_back_by_the_token(rig: Rig) -> None:
    case = await rig.open()
    await rig.order(case, "recuse", naming(BEN), ANN)
    given = {"person": TOKENS.of(case.id, BEN.ref), "withdrawal": "mistaken"}
    assert (await rig.order(case, "withdraw", given, CAT)).status_code == 200
    assert await sees(rig, case, BEN)


async def test_no_event_has_the_reference_and_no_two_cases_share_a_token(rig: Rig) -> None:
    cases = [await rig.open(), await rig.open()]
    for case in cases:
        await rig.order(case, "recuse", naming(BEN), ANN)
    assert not [event for event in rig.cases.events if BEN.ref in event.fact.model_dump_json()]
    first, second = (rig.cases.stored[case.id].case.recused for case in cases)
    assert set(first).isdisjoint(second)


async def test_while_the_vault_is_away_nothing_is_named(rig: Rig) -> None:
    case = await rig.open()
    rig.vault.away = True
    assert (await rig.order(case, "recuse", naming(BEN), ANN)).status_code == 503
    assert rig.cases.stored[case.id].case.recused == ()


@pytest.mark.parametrize("broken", [Unavailable("mongodb: away"), asyncio.CancelledError(), KeyError("a crash")])
async def test_a_command_that_ends_behind_the_vault_is_done_by_its_repetition(rig: Rig, broken: BaseException) -> None:
    case, save = await rig.open(), rig.cases.save

    async def fail(changes: list[CaseChange]) -> set[str]:
        raise broken

    rig.cases.save = fail  # type: ignore[method-assign,assignment]  # once
    key = {"idempotency_key": "6f1d7c2e-0000-4000-8000-000000000001"}
    with suppress(asyncio.CancelledError):
        assert (await rig.order(case, "recuse", naming(BEN), ANN, **key)).status_code >= 500
    rig.cases.save = save  # type: ignore[method-assign]  # it is back
    # Nothing of it is left that would shut anybody out: the vault knows a token that no case has.
    assert rig.cases.stored[case.id].case.recused == ()
    assert (await rig.order(case, "recuse", naming(BEN), ANN, **key)).status_code == 200
    assert not await sees(rig, case, BEN)
    assert len(set(rig.vault.named)) == 1


async def test_of_two_who_name_the_same_person_at_once_the_second_one_looks_again(rig: Rig) -> None:
    case, save, raced = await rig.open(), rig.cases.save, list[int]()

    async def race(changes: list[CaseChange]) -> set[str]:
        rig.cases.save = save  # type: ignore[method-assign]  # once
        raced.append((await rig.order(case, "recuse", naming(BEN), CAT)).status_code)
        return await save(changes)

    rig.cases.save = race  # type: ignore[method-assign,assignment]  # another handler is faster
    answer = await rig.order(case, "recuse", naming(BEN), ANN)
    assert (raced, answer.status_code) == ([200], 412)
    # Both told intake the same token, and what the case says of it counts.
    assert len(set(rig.vault.named)) == 1
    assert not await sees(rig, case, BEN)


async def test_it_takes_two_people_to_say_that_words_mention_nobody(rig: Rig) -> None:
    case = await rig.open()
    given = {"mention": "0a" * 16, "clearing": "common_word"}
    assert (await rig.order(case, "clear", given, ANN)).status_code == 200
    again = await rig.order(case, "clear", given, ANN)
    assert [(error["pointer"], error["code"]) for error in again.json()["errors"]] == [("/mention", "own_clearing")]
    other = {**given, "clearing": "other_person"}
    assert (await rig.order(case, "clear", other, BEN)).status_code == 200
    told = [event.fact for event in rig.cases.events if isinstance(event.fact, MentionCleared)]
    assert [fact.waits for fact in told] == [True, False]
    assert rig.cases.stored[case.id].case.cleared_alone == ()
