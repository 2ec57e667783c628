"""Intake as it runs, with its keyring: rotated under load, wrapped by a service that is away, and not the right one."""

import asyncio
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from pydantic import SecretStr

from services.intake.keys.keyring import keep
from services.intake.settings import IntakeSettings
from services.intake.vault.cipher import key_id_of
from shared.mongo import connect
from tests.integration.intake.test_service import TOPICS, ready, serving, settings
from tests.stand_ins.transit import TOKEN, Transit
from tests.support.broker import make_topics
from tests.support.key_world import QUICK, KeyWorld

FIRST = b"m" * 32
REPORT = {"community": "enwiki", "narrative": "Words"}


@pytest.fixture
async def given(kafka: str, mongo_uri: str, prefix: str, database_prefix: str, tmp_path: Path) -> IntakeSettings:
    await make_topics(kafka, prefix, *TOPICS)
    file = tmp_path / "master_key"
    file.write_text(keep(FIRST))
    return with_keyring(settings(kafka, mongo_uri, prefix, database_prefix), file)


def with_keyring(given: IntakeSettings, file: Path, **other: Any) -> IntakeSettings:
    return given.model_copy(update={"master_key": SecretStr(file.read_text()), "master_key_file": file, **other})


def world_of(given: IntakeSettings) -> KeyWorld:
    assert given.master_key_file is not None
    database = connect(given.mongo, service="test")[f"{given.database_prefix}intake"]
    return KeyWorld(database, given.master_key_file)


async def report(http: httpx.AsyncClient) -> str:
    answer = await http.post("/v1/reports", json=REPORT)
    assert answer.status_code == 202, answer.text
    found: str = answer.json()["receipt"]
    return found


async def reason(http: httpx.AsyncClient, wanted: str) -> str:
    """Why intake is not ready, once it is for the wanted reason."""
    said: dict[str, str] = {}
    inside = cast(httpx.ASGITransport, http._transport).app.state.inside  # type: ignore[attr-defined]  # FastAPI
    for _ in range(2000):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(inside), base_url="http://localhost") as looking:
            answer = await looking.get("/health/ready")
        said = answer.json().get("waiting_for", {})
        if answer.status_code == 503 and wanted in said.get("master key", ""):
            return said["master key"]
        await asyncio.sleep(0.05)
    raise AssertionError(said)


async def test_reports_are_taken_all_through_a_rotation(given: IntakeSettings) -> None:
    world = world_of(given)
    async with serving(given, QUICK) as http:
        await ready(http)
        receipts = [await report(http) for _ in range(5)]
        going = asyncio.create_task(world.rotation(settle=1.0).rotate(drop=True))
        while not going.done():
            receipts.append(await report(http))
        assert (await going).dropped == [1]
        for receipt in receipts:
            repeated = await http.post("/v1/follow-up", json={"receipt": receipt})
            assert repeated.status_code == 200
        assert (await http.get("/health/ready")).status_code == 200
    assert await world.reports.uses() == {world.ring.current.id: len(receipts)}
    world.database.client.close()


async def test_a_report_that_is_repeated_after_a_rotation_is_known_as_the_same(given: IntakeSettings) -> None:
    world = world_of(given)
    key = {"Idempotency-Key": "5f0c7a0e-6a0f-4f5e-9d0a-3f6f5c1f7a11"}
    async with serving(given, QUICK) as http:
        await ready(http)
        first = await http.post("/v1/reports", json=REPORT, headers=key)
        await world.rotation().rotate(drop=True)
        again = await http.post("/v1/reports", json=REPORT, headers=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    world.database.client.close()


async def test_while_the_key_management_is_away_nothing_is_taken_and_it_is_said_why(given: IntakeSettings) -> None:
    world = world_of(given)
    transit = Transit(sealed=True)
    with transit.serving():
        transit.sealed = False
        world.extra = {"transit_address": transit.address, "transit_token": SecretStr(TOKEN)}
        await world.rotation().rotate("transit", drop=True)
        assert world.ring.current.source == "transit"
    # Now nobody answers at that address.
    async with serving(with_keyring(given, world.file, **world.extra), QUICK) as http:
        assert await reason(http, "transit") == "transit: ConnectError"
        refused = await http.post("/v1/reports", json=REPORT)
        assert (refused.status_code, refused.json()["type"]) == (503, "/errors/unavailable")
        assert (await http.get("/health/live")).status_code == 200
        with transit.serving():
            await ready(http)
        receipt = await report(http)
        assert (await http.post("/v1/follow-up", json={"receipt": receipt})).status_code == 200
    world.database.client.close()


async def test_under_a_wrong_keyring_no_report_is_taken_until_the_right_one_is_back(
    given: IntakeSettings,
) -> None:
    world = world_of(given)
    async with serving(given, QUICK) as http:
        await ready(http)
        await report(http)
        await report(http)
    world.file.write_text(keep(b"w" * 32))
    async with serving(with_keyring(given, world.file), QUICK) as http:
        said = await reason(http, "reports")
        missing = f"need master key {key_id_of(FIRST)}, which is not in the keyring"
        assert said == f"of 2 reports looked at, 2 {missing}"
        refused = await http.post("/v1/reports", json=REPORT)
        assert (refused.status_code, refused.json()["type"]) == (503, "/errors/unavailable")
        world.file.write_text(keep(FIRST))
        await ready(http)
        receipt = await report(http)
        assert (await http.post("/v1/follow-up", json={"receipt": receipt})).status_code == 200
    assert await world.reports.uses() == {key_id_of(FIRST): 3}
    world.database.client.close()
