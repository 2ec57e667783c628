"""Wrong receipts are slowed for whoever sends them, by form and by API alike, and nobody else notices."""

import asyncio
from dataclasses import dataclass, field

import httpx
import pytest

from shared.web.throttle import FREE, REFUSAL_PAUSE, Throttle
from tests.support.forms import SAME_ORIGIN, hidden_fields, token_from
from tests.support.intake_rig import Rig

WRONG = "0000-0000-0000-0000-0000"
HTML = {"Accept": "text/html", **SAME_ORIGIN}


@dataclass
class Pauses:
    """A clock that stands still, and sleeps that end at once."""

    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def rig(pauses: Pauses) -> Rig:
    return Rig(receipts=Throttle("receipt", lambda: 1000.0, pauses.sleep))


def at(rig: Rig, address: str) -> httpx.AsyncClient:
    """A client at this address."""
    transport = httpx.ASGITransport(rig.app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="https://intake.example")


async def ask(http: httpx.AsyncClient, receipt: str) -> httpx.Response:
    return await http.post("/v1/follow-up", json={"receipt": receipt})


async def test_wrong_receipts_wait_and_at_last_are_told_to_come_back(rig: Rig, pauses: Pauses) -> None:
    async with at(rig, "192.0.2.1") as http:
        answers = [await ask(http, WRONG) for _ in range(40)]
    assert [a.status_code for a in answers[: FREE + 1]] == [404] * (FREE + 1)
    held = [seconds for seconds in pauses.slept if seconds != REFUSAL_PAUSE]
    assert held == sorted(held)
    assert len(held) > 1
    last = answers[-1]
    assert (last.status_code, last.json()["type"]) == (429, "/errors/too-many-attempts")
    assert int(last.headers["retry-after"]) > 0


async def test_every_door_for_receipts_counts_for_the_others(rig: Rig, pauses: Pauses) -> None:
    async with at(rig, "192.0.2.1") as http:
        token = await token_from(http, "/follow-up")
        for number in range(FREE + 1):
            match number % 3:
                case 0:
                    await ask(http, WRONG)
                case 1:
                    body = {"receipt": WRONG, "question_id": "q-1", "text": "Yes."}
                    assert (await http.post("/v1/follow-up/answers", json=body)).status_code == 404
                case _:
                    page = await http.post("/follow-up", data={**token, "receipt": WRONG}, headers=HTML)
                    assert "No report belongs to this receipt" in page.text
    assert len(pauses.slept) == 1


async def test_a_right_receipt_from_another_address_never_waits(rig: Rig, pauses: Pauses) -> None:
    receipt = (await rig.post())["receipt"]
    async with at(rig, "192.0.2.1") as bad, at(rig, "192.0.2.2") as good:
        for _ in range(100):
            await ask(bad, WRONG)
            before = len(pauses.slept)
            assert (await ask(good, receipt)).status_code == 200
            assert len(pauses.slept) == before


async def test_what_is_no_receipt_at_all_is_no_guess(rig: Rig, pauses: Pauses) -> None:
    async with at(rig, "192.0.2.1") as http:
        for _ in range(20):
            assert (await ask(http, "K7Q2")).status_code == 422
    assert pauses.slept == []


async def test_an_answer_that_came_too_early_is_kept_on_the_page(rig: Rig) -> None:
    receipt = (await rig.post())["receipt"]
    async with at(rig, "192.0.2.1") as http:
        token = await token_from(http, "/follow-up")
        while (await ask(http, WRONG)).status_code != 429:
            pass
        fields = {**token, "receipt": receipt, "question_id": "q-1", "answer": "It was on Monday."}
        page = await http.post("/follow-up", data=fields, headers=HTML)
    assert (page.status_code, "It was on Monday." in page.text) == (429, True)
    assert int(page.headers["retry-after"]) > 0
    assert "Wait a moment, then send it again" in page.text
    assert hidden_fields(page.text) == fields
