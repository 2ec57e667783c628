"""An integrator on a real broker and a real database: what it writes is read, and it is told what became of it."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import pytest

from services.intake.settings import IntakeSettings
from shared.events import SubmissionAccepted, SubmissionRefused
from tests.integration.intake.test_service import TOPICS, event_of, ready, serving, settings
from tests.integration.shared.test_inbox_attacks import STRUCTURED, Attacked, let_in
from tests.support.broker import make_topics, read, write

PAGE = Path(__file__).parents[3] / "docs/integrate/kafka.md"


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


async def test_the_program_of_the_page_hands_in_a_report_and_reads_what_became_of_it(
    given: IntakeSettings, tmp_path: Path
) -> None:
    found = re.search(r"^```python report\.py\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found
    (tmp_path / "report.py").write_text(found[1], encoding="utf-8")
    prefix = given.topic_prefix
    names = {"KAFKA": given.kafka, "GROUP": f"{prefix}integrator.wiki"}
    names |= {kind.upper(): f"{prefix}reports.{kind}.wiki" for kind in ("inbox", "outcomes")}
    async with serving(given) as http:
        await ready(http)
        await let_in(Attacked(given, http, http), "wiki")
        async with asyncio.timeout(90):
            program = await asyncio.create_subprocess_exec(
                sys.executable, "report.py", cwd=tmp_path, env={**os.environ, **names}, stdout=asyncio.subprocess.PIPE
            )
            out, _ = await program.communicate()
        kind, report_id = out.decode().split()
        (record,) = await read(given.kafka, f"{prefix}reports.outcomes.wiki", 1)
    told = event_of(record).fact
    assert isinstance(told, SubmissionAccepted)
    assert (kind, report_id) == (told.type(), told.report_id)
