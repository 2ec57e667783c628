"""Wrong receipts slow down nothing but their own answers: a right one never waits, by form or by API."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared.brake import AT_ONCE
from tests.support.forms import SAME_ORIGIN, token_from
from tests.support.intake_rig import Rig

WRONG = "0000-0000-0000-0000-0000"
DOORS: dict[str, dict[str, Any]] = {
    "/v1/follow-up": {},
    "/v1/follow-up/answers": {"question_id": "q-1", "text": "Yes."},
    "/v1/follow-up/check-ins": {"number": 1, "choice": "stop"},
    "/v1/follow-up/appeals": {"ground": "facts", "text": "No."},
    "/v1/respondent": {},
    "/v1/respondent/replies": {"text": "No."},
    "/v1/respondent/appeals": {"ground": "facts", "text": "No."},
    "/v1/follow-up/consent": {"consent": "yes"},
    "/v1/follow-up/recusals": {"text": "He is my opponent."},
    "/v1/respondent/recusals": {"text": "He is my opponent."},
}
"""Each address that takes a receipt from a program, and what is sent to it beside the receipt."""
HTML = {"Accept": "text/html", **SAME_ORIGIN}
GUESSES = AT_ONCE + 200


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
async def http(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """The client of all that share an address: those who guess, and the reporter."""
    async with rig.http() as client:
        yield client


async def ask(http: httpx.AsyncClient, receipt: str) -> httpx.Response:
    return await http.post("/v1/follow-up", json={"receipt": receipt})


@pytest.mark.slow
async def test_a_right_receipt_never_waits_for_wrong_ones_of_its_own_address(rig: Rig, http: httpx.AsyncClient) -> None:
    receipt = (await rig.post())["receipt"]
    token = await token_from(http, "/follow-up")
    guesses = [asyncio.create_task(ask(http, WRONG)) for _ in range(GUESSES)]
    while sum(guess.done() for guess in guesses) < AT_ONCE:
        await asyncio.sleep(0)
    for _ in range(10):
        assert (await ask(http, receipt)).status_code == 200
        page = await http.post("/follow-up", data={**token, "receipt": receipt}, headers=HTML)
        assert page.status_code == 200
    # All of that took less time than the next wrong answer has to wait.
    assert sum(guess.done() for guess in guesses) < GUESSES
    assert {(await guess).status_code for guess in guesses} == {404}
    assert (await ask(http, receipt)).status_code == 200


async def test_every_door_says_wrong_and_shuts_nobody_out_however_often(rig: Rig, http: httpx.AsyncClient) -> None:
    receipt = (await rig.post())["receipt"]
    token = await token_from(http, "/follow-up")
    for _ in range(AT_ONCE // 4):
        for path, body in DOORS.items():
            answer = await http.post(path, json={"receipt": WRONG, **body})
            assert (path, answer.status_code, answer.json()["type"]) == (path, 404, "/errors/receipt-unknown")
        page = await http.post("/follow-up", data={**token, "receipt": WRONG}, headers=HTML)
        assert "No report belongs to this receipt" in page.text
        for path, body in DOORS.items():
            assert (path, (await http.post(path, json={"receipt": "K7Q2", **body})).status_code) == (path, 422)
    assert (await ask(http, receipt)).status_code == 200


async def test_every_door_that_takes_a_receipt_is_tried(rig: Rig) -> None:
    paths = rig.app.openapi()["paths"]
    doors = ("/v1/follow-up", "/v1/respondent")
    assert set(DOORS) == {path for path, known in paths.items() if path.startswith(doors) and "post" in known}
