"""What docs/integrate/event-platform.md shows is sent as it stands there, and what it says is so."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from services.intake.report.submission import CLOCK_SKEW
from services.intake.sources.contract import EXAMPLES, PLATFORM_EVENT, event_platform_schema
from services.intake.sources.parsing import LARGEST, MOST_SUBMISSIONS
from shared.access.principal import Grant, Role
from shared.events import SubmissionAccepted
from shared.input.json_bounds import MOST_VALUES
from shared.kafka.batches import MOST_HEADERS
from shared.kafka.records import Record
from tests.service.intake.test_outcomes import consume, record
from tests.support.bash import run
from tests.support.documented import DOCS, commands, programs
from tests.support.intake_rig import Rig
from tests.support.people import COPIES
from tests.support.served import served

PAGE = DOCS / "integrate/event-platform.md"
SHOWN: dict[str, Any] = {
    name: json.loads(text) for name, text in programs(PAGE).items() if name.endswith(".json")
}  # fmt: skip
WHOLE, CANARY = SHOWN["whole.json"], SHOWN["canary.json"]
TOPIC = "reports.inbox.example-tool"


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.published.there = {"reports.outcomes.example-tool"}
    return rig


def sent(value: object, offset: int = 7) -> Record:
    """A record without headers, as EventGate writes it."""
    return replace(record(value, topic=TOPIC, offset=offset), headers=())


def test_the_whole_event_is_the_example_of_the_schema() -> None:
    assert {**PLATFORM_EVENT, "report": EXAMPLES["whole"]} == WHOLE


async def test_the_whole_event_is_a_report_without_a_remark(rig: Rig) -> None:
    (told,) = await consume(rig, sent(WHOLE))
    assert isinstance(told.fact, SubmissionAccepted)
    assert (told.fact.source, told.fact.id) == (WHOLE["meta"]["stream"], WHOLE["meta"]["id"])
    assert told.fact.remarks == ()


async def test_a_canary_makes_no_report_and_no_outcome_alone_or_beside_a_report(rig: Rig) -> None:
    assert await consume(rig, sent(CANARY)) == []
    assert rig.store.reports == {}
    (told,) = await consume(rig, sent([CANARY, WHOLE, CANARY], offset=8))
    assert isinstance(told.fact, SubmissionAccepted)
    assert len(rig.store.reports) == 1


async def test_the_command_of_the_page_leads_from_an_event_to_its_report(rig: Rig) -> None:
    (told,) = await consume(rig, sent(WHOLE))
    assert isinstance(told.fact, SubmissionAccepted)
    token = COPIES.token(grants=[Grant(Role.INTEGRATOR, sources=("example-tool",))])
    (command,) = commands(PAGE)
    async with served(rig.app) as port:
        given = {"INTAKE": f"http://127.0.0.1:{port}", "TOKEN": token, "STREAM": "example-tool"}
        status, out = await run(command, {**given, "ID": WHOLE["meta"]["id"]})
        missing, _ = await run(command, {**given, "ID": "never-sent"})
    assert (status, json.loads(out)["report_id"]) == (0, told.fact.report_id)
    assert missing == 22  # curl: the server refused


async def test_the_command_of_the_page_for_integrators_asks_for_a_name_with_slashes() -> None:
    rig = Rig()
    rig.published.there = {"reports.outcomes.wiki-bot"}
    stream = {**WHOLE, "meta": {**WHOLE["meta"], "stream": "wiki-bot/forms", "id": "2026/17"}}
    (told,) = await consume(rig, replace(sent(stream), topic="reports.inbox.wiki-bot"))
    assert isinstance(told.fact, SubmissionAccepted)
    (command,) = commands(DOCS / "integrators.md")
    token = COPIES.token(grants=[Grant(Role.INTEGRATOR, sources=("wiki-bot",))])
    async with served(rig.app) as port:
        status, out = await run(f"{command.strip()} -sS", {"INTAKE": f"http://127.0.0.1:{port}", "TOKEN": token})
    assert (status, json.loads(out)["report_id"]) == (0, told.fact.report_id)


def test_the_table_of_fields_has_each_field_of_the_schema() -> None:
    schema = event_platform_schema()
    rows = dict(re.findall(r"^\| `([^`]+)` \| (yes|no) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    top = {name for name in schema["properties"] if name != "meta"}
    assert rows.keys() == top | {f"meta.{name}" for name in schema["properties"]["meta"]["properties"]}
    assert {name for name in top if rows[name] == "yes"} == {name for name in schema["required"] if name != "meta"}


def test_the_limits_of_the_page_are_those_of_the_code() -> None:
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    for said in (
        f"an array of at most {MOST_SUBMISSIONS} ",
        f"{LARGEST // 1024} KiB and {MOST_VALUES:,} JSON values a record",
        f"A record has {MOST_HEADERS} headers at most",
    ):
        assert said in page
    assert CLOCK_SKEW.total_seconds() == 300
    assert "at most five minutes before" in page
