"""The event contracts are frozen, and compatible means compatible."""

import json
from pathlib import Path
from typing import ClassVar

import jsonschema
import pytest
from pydantic import BaseModel

from shared.events import FACTS, CaseClosed, Fact
from shared.events.freeze import SCHEMAS, find_breaks, find_problems, freeze, inlined, published, schema_of
from shared.kafka.inbox_messages import FOLDER
from tests.support.every_app import SERVICES, build
from tests.support.one_report import send


def test_every_fact_has_a_frozen_schema_that_it_still_keeps() -> None:
    assert find_problems() == []


def test_no_schema_stands_there_without_a_fact_or_a_writer_outside() -> None:
    named = {fact.name for fact in FACTS.values()} | {FOLDER}
    assert {path.parent.name for path in SCHEMAS.glob("*/*.json")} == named


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*/*.json")), ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_frozen_schema_is_a_valid_json_schema(path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))


class Base(Fact):
    topic: ClassVar[str] = "cases"
    name: ClassVar[str] = "case.tested"

    state: str
    size: int = 0


def test_a_changed_fact_without_a_new_version_is_found(tmp_path: Path) -> None:
    class Changed(Base):
        colour: str = "red"

    freeze({"t": Base}, tmp_path)
    assert find_problems({"t": Base}, tmp_path) == []
    assert find_problems({"t": Changed}, tmp_path) == ["case.tested 1.0 changed: give it a new version instead"]


def test_an_unfrozen_version_is_found(tmp_path: Path) -> None:
    assert "not frozen yet" in find_problems({"t": Base}, tmp_path)[0]


def test_a_new_minor_may_add_an_optional_field_and_nothing_else(tmp_path: Path) -> None:
    class Grown(Base):
        version: ClassVar[str] = "1.1"
        colour: str = "red"

    class Demanding(Base):
        version: ClassVar[str] = "1.2"
        colour: str = "red"
        weight: int

    freeze({"t": Base}, tmp_path)
    freeze({"t": Grown}, tmp_path)
    assert find_problems({"t": Grown}, tmp_path) == []
    freeze({"t": Demanding}, tmp_path)
    assert find_problems({"t": Demanding}, tmp_path) == ["case.tested 1.1 to 1.2: /weight is new and has no default"]


class Old(BaseModel):
    state: str
    at: int = 0


class Removed(BaseModel):
    state: str


class Retyped(BaseModel):
    state: str
    at: str = ""


class NowRequired(BaseModel):
    state: str
    at: int = 0
    reason: str


@pytest.mark.parametrize(
    ("new", "finding"),
    [
        (Removed, "/at was removed"),
        (Retyped, '/at changed from {"type": "integer"} to {"type": "string"}'),
        (NowRequired, "/reason is new and has no default"),
    ],
)
def test_an_incompatible_change_is_named(new: type[BaseModel], finding: str) -> None:
    assert find_breaks(Old.model_json_schema(), new.model_json_schema()) == [finding]


def test_what_the_checker_calls_compatible_is_read_by_the_older_and_the_newer_model() -> None:
    class Newer(CaseClosed):
        note: str = ""

    assert find_breaks(schema_of(CaseClosed), schema_of(Newer)) == []
    newer = Newer(previous="decided", state="closed", note="x").model_dump_json()
    older = CaseClosed(previous="decided", state="closed").model_dump_json()
    assert CaseClosed.model_validate_json(newer).state == "closed"
    assert Newer.model_validate_json(older).note == ""


@pytest.mark.parametrize("service", SERVICES)
async def test_every_service_answers_with_the_schemas_of_all_events(service: str) -> None:
    app = build(service)
    listed = (await send(app, "GET", "/schemas", {})).json()["items"]
    assert listed == [f"/schemas/{path}" for path in published()]
    for address in listed:
        answer = await send(app, "GET", address, {})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/schema+json"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.json()["$id"] == address
    for wrong in ("/schemas/case.closed/9.9.json", "/schemas/..%2F..%2Fsettings.py/x", "/schemas/case.closed/1.0"):
        assert (await send(app, "GET", wrong, {})).status_code == 404


@pytest.mark.parametrize("fact", FACTS.values(), ids=lambda fact: fact.name)
def test_a_schema_says_the_same_without_references(fact: type[Fact]) -> None:
    whole, flat = schema_of(fact), inlined(schema_of(fact))
    assert "$ref" not in json.dumps(flat)
    assert list(flat["properties"]) == list(whole["properties"])
