"""The baseline on real Kafka and MongoDB: each fact once and in order, whatever number of replicas says it."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from services.triage.baseline.registry import Registry, fold
from services.triage.baseline.store import registry_of
from services.triage.settings import TriageSettings
from shared.access.principal import Grant, Role
from shared.mongo import connect
from shared.times import now, rfc3339
from tests.support.baseline_world import WORDS
from tests.support.people import COPIES, bearer, person
from tests.support.triage_replicas import make_settings, running, told

CORA = person("c9", Grant(Role.COORDINATOR))
ROW = "HB-07"
"""A row of the packaged catalogue that asks for a statement only."""


@pytest.fixture
async def settings(kafka: str, mongo_uri: str, prefix: str, database_prefix: str) -> TriageSettings:
    given = {"hosts": "desk.example", "watch_seconds": 0.2, "baseline_links": False}
    return await make_settings(kafka, mongo_uri, prefix, database_prefix, **given)


async def test_two_replicas_say_everything_once_and_attestations_end_by_themselves(settings: TriageSettings) -> None:
    COPIES.enrol(CORA)
    async with running(settings, 2, copies=COPIES) as apps:
        ends = rfc3339(now() + timedelta(seconds=2))
        body = {"responsibility_id": ROW, "claim": "met", "statement": WORDS, "valid_until": ends}
        headers = {**bearer(CORA), "If-Match": '"0"', "Idempotency-Key": "the-same-key"}
        answers = await asyncio.gather(*(post(app, body, headers) for app in [*apps, *apps]))
        assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
        assert len({answer.content for answer in answers}) == 1
        events = await told(settings, "baseline", 6)
        await asyncio.sleep(1)
        events = await told(settings, "baseline", 6)
    of_community = [e for e in events if e.case_id == "swwiki"]
    assert [e.fact.name for e in of_community] == ["baseline.attested", "baseline.expired"]
    assert [e.fact.name for e in events if e.case_id == "global"] == ["baseline.project_listed"] * 4
    client = connect(settings.mongo, service="test")
    found = client[f"{settings.database_prefix}triage"]["baseline"].find()
    stored = {document["_id"]: registry_of(document) async for document in found}
    client.close()
    for name, registry in stored.items():
        assert fold([e for e in events if e.case_id == name], Registry(name)) == registry


async def post(app: object, body: object, headers: dict[str, str]) -> httpx.Response:
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # an application of ASGI
    async with httpx.AsyncClient(transport=transport, base_url="https://desk.example") as http:
        return await http.post("/v1/baseline/swwiki/attest", json=body, headers=headers)
