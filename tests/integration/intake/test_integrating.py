"""An integrator on a real broker and a real database: what it writes is read, and it is told what became of it."""

import asyncio
import json
from pathlib import Path

import pytest

from services.intake.settings import IntakeSettings
from shared.events import SubmissionAccepted, SubmissionRefused
from tests.integration.intake.test_service import TOPICS, event_of, ready, serving, settings
from tests.integration.shared.test_inbox_attacks import STRUCTURED, Attacked, let_in
from tests.support.broker import make_topics, read, write
from tests.support.command_line import run_json
from tests.support.kafka_samples import RUN, run_program


@pytest.fixture
async def given(kafka: str, mongo_uri: str, prefix: str, database_prefix: str) -> IntakeSettings:
    await make_topics(kafka, prefix, *TOPICS)
    return settings(kafka, mongo_uri, prefix, database_prefix)


def event(name: str, **report: object) -> bytes:
    given = {"specversion": "1.0", "id": name, "source": "wiki", "type": "hearth.report.submitted.v1"}
    return json.dumps(given | {"data": {"community": "enwiki", "narrative": "Sekret words"} | report}).encode()


async def test_what_became_of_each_record_stands_on_the_integrators_topic(given: IntakeSettings) -> None:
    inbox, outcomes = (f"{given.topic_prefix}reports.{kind}.wiki" for kind in ("inbox", "outcomes"))
    values = (event("a"), event("b", community="Sekret"), event("a"), b"{Sekret")
    async with serving(given) as http:
        await ready(http)
        await let_in(Attacked(given, http, http), "wiki")
        await write(given.kafka, inbox, *((None, value, STRUCTURED) for value in values))
        records = await read(given.kafka, outcomes, 4)
    told = {event.fact.offset: event.fact for event in map(event_of, records)}  # type: ignore[attr-defined]  # outcomes
    first, refused, again, unread = (told[offset] for offset in range(4))
    assert isinstance(first, SubmissionAccepted)
    assert isinstance(again, SubmissionAccepted)
    assert again.report_id == first.report_id
    assert isinstance(refused, SubmissionRefused)
    assert (refused.id, refused.code) == ("b", "unknown_community")
    assert isinstance(unread, SubmissionRefused)
    assert (unread.id, unread.code) == (None, "malformed_json")
    assert not any(b"Sekret" in record.value for record in records)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n != "report.py")) for n in RUN])
async def test_a_program_of_the_page_hands_in_a_report_and_reads_what_became_of_it(
    name: str, given: IntakeSettings, integrator_kafka: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    user = f"wiki-{given.topic_prefix.rstrip('.')}"
    where = ("--kafka", given.kafka, "--topic-prefix", given.topic_prefix)
    async with serving(given.model_copy(update={"integrator_kafka": integrator_kafka})) as http:
        await ready(http)
        await let_in(Attacked(given, http, http), user)
        door = (await http.get("/asyncapi")).json()["servers"]["kafka"]["host"]
        command = ("topics", "integrator", user, "--integrator-kafka", door)
        needs = await asyncio.to_thread(run_json, capsys, *command, *where)
        said = await run_program(name, tmp_path, needs)
        (record,) = await read(given.kafka, needs["outcomes"], 1)
    told = event_of(record).fact
    assert isinstance(told, SubmissionAccepted)
    assert (told.source, told.report_id) == (user, said)
