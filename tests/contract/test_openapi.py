"""The OpenAPI documents: a linter of others takes them, and what they promise and show is so."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support.every_app import SERVICES, build
from tests.support.exchanges import exchanges_of, gives_json, shape
from tests.support.intake_rig import Rig
from tests.support.node_tools import run_node
from tests.support.route_walk import routes_of
from tests.support.worlds import WORLDS

ADDRESSES = {
    "intake": ("public_url", "https://reports.example.org/"),
    "triage": ("desk_url", "https://desk.example.org"),
    "notification": ("outbox_url", "https://outbox.example.org"),
    "audit": ("audit_url", "https://audit.example.org"),
}
JSON = "application/json"


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, found in document["paths"].items()
        for method, operation in found.items()
    ]


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    return {service: build(service).openapi() for service in SERVICES}


@pytest.mark.parametrize("service", SERVICES)
def test_the_linter_of_redocly_has_nothing_to_say(
    documents: dict[str, dict[str, Any]], service: str, tmp_path: Path
) -> None:
    path = tmp_path / f"{service}.json"
    path.write_text(json.dumps(documents[service]), encoding="utf-8")
    program = "node_modules/@redocly/cli/bin/cli.js"
    done = run_node(program, "lint", "--extends", "recommended", "--format", "json", path)
    found = json.loads(done.stdout)["problems"]
    problems = [f"{one['ruleId']}: {one['message']} {one['location'][0]['pointer']}" for one in found]
    assert (problems, done.returncode) == ([], 0), done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_a_document_says_where_its_service_answers(service: str) -> None:
    name, address = ADDRESSES[service]
    assert build(service, **{name: address}).openapi()["servers"] == [{"url": address.rstrip("/")}]


@pytest.mark.parametrize("service", SERVICES)
def test_every_success_has_a_schema(documents: dict[str, dict[str, Any]], service: str) -> None:
    empty = [
        f"{name} {status} {media_type}"
        for name, operation in operations(documents[service])
        for status, answer in operation["responses"].items()
        for media_type, content in answer.get("content", {}).items()
        if not content.get("schema")
    ]
    assert empty == []


SENT, DATA = "what a sender wrote in a field that Hearth does not know", "the schema at `ce.dataschema` says it"
OPEN = {
    "POST /v1/vault/read /items/-/sections/unknown": SENT,
    "GET /v1/cases/{case_id}/content /sections/unknown": SENT,
    "GET /v1/record/cases/{case_id}/timeline /items/-/entry/data": DATA,
    "GET /v1/record/events /items/-/entry/data": DATA,
}
"""What a success may hold anything in, and why."""


def untyped(schema: Mapping[str, Any], components: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """The places below a schema at which anything may stand."""
    schema = components[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if choices := schema.get("anyOf", schema.get("oneOf", schema.get("allOf"))):
        inner = [(place, one) for one in choices]
    elif schema.get("type") == "object":
        rest = schema.get("additionalProperties")
        inner = [(f"{place}/{name}", one) for name, one in schema.get("properties", {}).items()]
        inner += [(f"{place}/*", rest)] if isinstance(rest, dict) else []
        if not inner or rest is True:
            yield place
    elif schema.get("type") == "array":
        found = schema.get("prefixItems", [schema.get("items")])
        if None in found:
            yield place
        inner = [(f"{place}/-", one) for one in found if one is not None]
    else:
        inner = []
        if not schema.keys() & {"type", "enum", "const"}:
            yield place
    for further, one in inner:
        yield from untyped(one, components, further)


@pytest.mark.parametrize("service", SERVICES)
def test_every_success_is_typed_down_to_its_leaves(documents: dict[str, dict[str, Any]], service: str) -> None:
    document = documents[service]
    found = {
        f"{name} {place}"
        for name, operation in operations(document)
        for status, answer in operation["responses"].items()
        for media_type, content in answer.get("content", {}).items()
        for place in untyped(content["schema"], document["components"]["schemas"])
        if status.startswith("2") and media_type.endswith("json")
    }
    named = {place for place in OPEN if place.rpartition(" ")[0] in dict(operations(document))}
    assert found == named


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_says_who_may_call_it(documents: dict[str, dict[str, Any]], service: str) -> None:
    schemes = documents[service]["components"]["securitySchemes"]
    for name, operation in operations(documents[service]):
        assert operation["security"], name
        assert {scheme for shown in operation["security"] for scheme in shown} <= schemes.keys(), name


def test_anyone_may_report_and_only_services_read_the_vault(documents: dict[str, dict[str, Any]]) -> None:
    security = {name: operation["security"] for name, operation in operations(documents["intake"])}
    assert security["POST /v1/reports"] == [{}, {"token": []}]
    assert security["POST /v1/vault/read"] == [{"service": []}]
    assert security["POST /v1/erasures"] == [{"token": []}]


def test_a_report_names_its_headers(documents: dict[str, dict[str, Any]]) -> None:
    operation = documents["intake"]["paths"]["/v1/reports"]["post"]
    assert {one["name"] for one in operation["parameters"]} == {"Hearth-Source", "Idempotency-Key"}


def test_every_field_of_a_report_says_what_it_means(documents: dict[str, dict[str, Any]]) -> None:
    schema = documents["intake"]["paths"]["/v1/reports"]["post"]["requestBody"]["content"][JSON]["schema"]
    assert [name for name, field in schema["properties"].items() if not field.get("description")] == []


def example_of(contents: Mapping[str, Any]) -> Any:
    content = contents[JSON]
    return content["example"] if "example" in content else next(iter(content["examples"].values()))["value"]


@pytest.mark.parametrize("service", WORLDS)
async def test_every_example_is_a_message_as_the_service_takes_and_gives_it(service: str) -> None:
    world = await WORLDS[service]()
    document = world.app.openapi()
    exchanges = await exchanges_of(world)
    for name, operation in operations(document):
        shown, real = {}, exchanges.get(name, {})
        if "requestBody" in operation:
            shown["request"] = example_of(operation["requestBody"]["content"])
        if gives_json(operation):
            ((_, success),) = ((s, a) for s, a in operation["responses"].items() if s.startswith("2"))
            shown["answer"] = example_of(success["content"])
            whole = {**success["content"][JSON]["schema"], "components": document["components"]}
            for message in (shown["answer"], real["answer"]):
                jsonschema.validate(message, whole, jsonschema.Draft202012Validator)
        for part, message in shown.items():
            what = f"{name}: the {part} has changed. Run `make examples` and read what it changes."
            assert set(shape(message)) == set(shape(real[part])), what


async def test_each_example_of_a_report_is_taken(documents: dict[str, dict[str, Any]]) -> None:
    document = documents["intake"]
    operation = document["paths"]["/v1/reports"]["post"]
    answer_schema = operation["responses"]["202"]["content"][JSON]["schema"]
    examples = operation["requestBody"]["content"][JSON]["examples"]
    assert len(examples) >= 2
    async with Rig().http() as http:
        for example in examples.values():
            answer = await http.post("/v1/reports", json=example["value"])
            assert answer.status_code == 202, answer.text
            whole = {**answer_schema, "components": document["components"]}
            jsonschema.validate(answer.json(), whole, jsonschema.Draft202012Validator)
            assert not answer.json().get("remarks")


def test_applications_of_a_run_share_what_pydantic_makes_of_their_types() -> None:
    first, second = (
        {
            (route.path, status): field
            for route in routes_of(build("audit"))
            for status, field in route.response_fields.items()
        }
        for _ in range(2)
    )
    assert len(first) > 5
    assert [place for place, field in first.items() if second[place]._type_adapter is not field._type_adapter] == []
