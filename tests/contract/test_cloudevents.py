"""Every event that Hearth publishes is a CloudEvent 1.0 to the SDKs of others."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from shared.aggregates import Save
from shared.events import FACTS, Event, Fact, encode
from shared.events.freeze import published
from shared.ids import case_id_of
from shared.runtime import Runtime
from shared.settings import Settings
from tests.support.audit_rig import event_of
from tests.support.node_tools import answer_of

GO = Path(__file__).parents[1] / "support/go/cloudevents"
TRACE = f"00-{'ab' * 16}-{'cd' * 8}-01"
PUBLIC = ("http://127.0.0.1:8001", "https://reports.example.org", "https://example.org/hearth")


def events() -> list[Event]:
    """An event of each fact, with every optional attribute. No attribute depends on what the fact says."""
    first = replace(event_of("case-1", 1, trace=TRACE), policy_version="2026-11")
    return [replace(first, fact=fact.model_construct()) for fact in FACTS.values()]


def as_record(event: Event, public_url: str) -> dict[str, Any]:
    message = encode(event, public_url)
    headers = {name: (value or b"").decode() for name, value in message.headers}
    return {"headers": headers, "value": (message.value or b"").decode()}


def test_the_sdk_for_javascript_takes_every_event(tmp_path: Path) -> None:
    records = [as_record(event, url) for url in PUBLIC for event in events()]
    path = tmp_path / "records.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    assert {one for one in answer_of("cloudevents.cjs", [path]) if one} == set()


def test_the_sdk_for_javascript_refuses_what_is_no_cloudevent(tmp_path: Path) -> None:
    record = as_record(events()[0], PUBLIC[0])
    path = tmp_path / "records.json"
    wrong = {"ce_dataschema": "/schemas/case.closed/1.0.json", "ce_time": "now"}
    records = [{**record, "headers": {**record["headers"], name: text}} for name, text in wrong.items()]
    path.write_text(json.dumps(records), encoding="utf-8")
    assert all(answer_of("cloudevents.cjs", [path]))


@pytest.mark.parametrize("fact", FACTS.values(), ids=lambda fact: fact.name)
def test_names_of_attributes_are_as_cloudevents_wants_them(fact: type[Fact]) -> None:
    event = replace(events()[0], fact=fact.model_construct())
    names = [name for name, _ in encode(event).headers if name.startswith("ce_")]
    assert all(name[3:].isalnum() and name[3:].islower() and len(name) <= 23 for name in names)


def as_structured(record: dict[str, Any]) -> dict[str, Any]:
    """The same event in structured mode."""
    headers: dict[str, str] = record["headers"]
    given = {name.removeprefix("ce_"): text for name, text in headers.items() if name.startswith("ce_")}
    return {"datacontenttype": headers["content-type"], **given, "data": json.loads(record["value"])}


def judged_by_go(events: list[dict[str, Any]]) -> list[str]:
    """What the SDK for Go says to each: nothing, or why it is no CloudEvent."""
    told = json.dumps(events)
    done = subprocess.run(["go", "run", "."], cwd=GO, input=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers: list[str] = json.loads(done.stdout)
    assert len(answers) == len(events)
    return answers


@pytest.mark.slow
def test_the_sdk_for_go_takes_every_event_and_refuses_what_is_none() -> None:
    good = [as_structured(as_record(event, url)) for url in PUBLIC for event in events()]
    wrong = {"dataschema": "/schemas/case.closed/1.0.json", "time": "now", "source": "", "id": "", "type": ""}
    bad = [{**good[0], name: text} for name, text in wrong.items()]
    answers = judged_by_go([*good, *bad])
    assert {answer for answer in answers[: len(good)] if answer} == set()
    assert all(answers[len(good) :])


class Written:
    """A collection that only notes what it is to write."""

    def __init__(self) -> None:
        self.operations: list[Any] = []

    async def bulk_write(self, operations: list[Any], *, ordered: bool) -> Any:
        self.operations += operations
        return SimpleNamespace(matched_count=0)


@pytest.mark.parametrize("public_url", ["https://reports.example.org", "https://reports.example.org/"])
async def test_an_event_names_the_public_address_of_the_settings(public_url: str) -> None:
    written: Any = Written()
    settings = Settings(form_key=b"k" * 32, public_url=public_url)
    aggregates = Runtime("intake", settings).aggregates("reports")
    aggregates.collection = written
    await aggregates.save([Save("case-1", None, {}, [event_of("case-1", 1)], ["cause"])])
    (pending,) = written.operations[0]._doc["outbox"]
    address = pending["headers"]["ce_dataschema"].decode()
    assert address.startswith("https://reports.example.org/schemas/")
    assert urlsplit(address).path.removeprefix("/schemas/") in published()


def test_the_id_of_a_report_leads_to_its_case_as_the_page_for_integrators_says() -> None:
    page = (Path(__file__).parents[2] / "docs/integrators.md").read_text(encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```")[0]
    found: dict[str, Any] = {"report_id": "0f0e0d0c-0b0a-4908-8706-050403020100"}
    exec(code, found)  # noqa: S102  # the page is our own
    assert str(found["case_id"]) == case_id_of(found["report_id"])
