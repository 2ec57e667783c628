"""The OpenAPI documents: a linter of others takes them, and what they promise and show is so."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support.every_app import SERVICES, build
from tests.support.intake_rig import Rig
from tests.support.node_tools import run_node

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
