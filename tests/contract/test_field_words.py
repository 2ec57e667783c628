"""What errors say of fields: what would be right, and neither a regular expression nor a type of Python."""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from services.intake.report.submission import Submission
from shared.field_words import FORMS, of_form
from shared.problems import MOST_ERRORS, FieldError, faults_of
from shared.web.openapi import PROBLEM_TYPE
from tests.support.exchanges import JSON
from tests.support.one_report import send
from tests.support.worlds import WORLDS, World

WRONG: tuple[Any, ...] = (
    7, -1, 1.5, True, "", " ", "x", "§ 1", "x" * 20_001, [], [[]], [7], ["§"], {}, {"x": 7}, {"at": 7}, [{"x": 7}],
    "0-0", ["x"] * 501, None,
)  # fmt: skip
IN_ADDRESSES = ("", " ", "x", "§", "-1", "1.5", "999999999999999999999", "x" * 500)
RAW = re.compile(
    r"[\^\\|]|\{\d|\b(?:input|string|str|int|float|bool|dict|dictionary|tuple|set|none|instance|model|pattern|regex|"
    r"list should|parse|literal|value error|class)\b",
    re.IGNORECASE,
)
"""What only a program would say."""


def ways(world: World, name: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Every address of an operation, with the values of its path that change what it takes."""
    known = {**world.known, **world.apart.get(name, {})}
    names = re.findall(r"\{(\w+)\}", name)
    choices = [known[one] if one in ("change", "command") else known[one][:1] for one in names]
    for values in itertools.product(*choices):
        yield name.partition(" ")[2], dict(zip(names, values, strict=True))


async def details_of(world: World, method: str, address: str, **sent: Any) -> list[str]:
    answer = await send(world.app, method.upper(), address, **sent)
    assert answer.status_code < 500, (address, answer.text)
    if answer.headers.get("content-type") != PROBLEM_TYPE:
        return []
    return [answer.json().get("detail", ""), *(fault["detail"] for fault in answer.json().get("errors", ()))]


@pytest.mark.parametrize("service", WORLDS)
async def test_no_error_of_a_field_tells_a_regular_expression_or_a_type_of_python(service: str) -> None:
    world = await WORLDS[service]()
    found: dict[str, str] = {}
    for path, operations in world.app.openapi()["paths"].items():
        for method, operation in operations.items():
            name = f"{method.upper()} {path}"
            headers = {**world.caller(name), "If-Match": '"9"'}
            for address, values in ways(world, name):
                there = address.format(**values)
                for query in (one for one in operation.get("parameters", ()) if one["in"] == "query"):
                    for wrong in IN_ADDRESSES:
                        params = {query["name"]: wrong}
                        for said in await details_of(world, method, there, params=params, headers=headers):
                            found.setdefault(said, f"{name} ?{query['name']}={wrong}")
                for body in wrong_bodies(operation):
                    for said in await details_of(world, method, there, json=body, headers=headers):
                        found.setdefault(said, f"{name} {str(body)[:80]}")
    raw = {said: how for said, how in found.items() if RAW.search(said)}
    assert raw == {}
    assert found


def wrong_bodies(operation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    schema = operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema", {})
    names = ["no-such-field", *schema.get("properties", ())] if schema else []
    # One answer names so many faults at most.
    some = [names[at : at + MOST_ERRORS // 2] for at in range(0, len(names), MOST_ERRORS // 2)]
    for fields, wrong in itertools.product(some, WRONG):
        yield dict.fromkeys(fields, wrong)


@pytest.mark.parametrize("pattern", FORMS)
def test_a_text_of_a_wrong_form_is_told_the_right_one(pattern: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(Annotated[str, of_form(pattern)]).validate_python("§")
    assert [fault.detail for fault in faults_of(refused.value)] == [FORMS[pattern]]


def test_a_wrong_language_is_told_what_a_language_code_is() -> None:
    with pytest.raises(ValidationError) as refused:
        Submission.model_validate({"community": "enwiki", "narrative": "Words.", "language": "english please"})
    fault = FieldError("/language", "string_pattern_mismatch", "Write a language code, such as `en` or `pt-BR`.")
    assert faults_of(refused.value) == [fault]
