"""While a service knows that MongoDB is away, the pages of signing in answer at once, and say what to do."""

import asyncio
from typing import Any

import httpx
import pytest

from shared.sign_in.attempts import new_secret
from shared.sign_in.cookies import Cookies
from tests.support.every_app import build
from tests.support.forms import SAME_ORIGIN, hidden_fields
from tests.support.one_report import HOMES

PATIENT = "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=600000"
HTML = {"Accept": "text/html"}


@pytest.mark.parametrize("service", [service for service, home in HOMES.items() if home])
async def test_the_pages_of_signing_in_wait_for_no_store_that_is_known_to_be_away(service: str) -> None:
    home = HOMES[service]
    assert home
    cookies = Cookies(home)
    held = {cookies.session: new_secret(), cookies.attempt: new_secret()}
    app = build(service, mongo=PATIENT, hosts="desk.example")
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    asked: dict[str, Any] = {"transport": transport, "base_url": "https://desk.example", "headers": HTML}
    async with httpx.AsyncClient(**asked, cookies=held) as http, asyncio.timeout(60):
        page = await http.get(f"{home}/sign-in")
        form = {**hidden_fields(page.text), "next": home}
        answers = [
            page,
            await http.post(f"{home}/sign-in", data=form, headers=SAME_ORIGIN),
            await http.get(f"{home}/sign-in/callback?state={new_secret()}&code=code"),
            await http.get(f"{home}/sessions"),
            await http.get(home),
        ]
    assert [answer.status_code for answer in answers] == [503] * 5
    assert all("retry-after" in answer.headers for answer in answers)
    assert all("ry again in a minute" in answer.text for answer in answers)
