"""JSON bodies in and out."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

import orjson
from fastapi import Response
from pydantic import BaseModel, ValidationError

from shared.input.json_bounds import fits
from shared.input.json_texts import read_mended
from shared.input.readable import readable
from shared.problems import FieldError, FieldsWrong, malformed_json, problem_left, problem_of, too_many_values

M = TypeVar("M", bound=BaseModel)
_BYTES = {"type": "string", "contentMediaType": "application/octet-stream"}


def takes(model: type[BaseModel], *examples: object) -> dict[str, object]:
    """What the OpenAPI document says about a body that is read by hand."""
    return takes_schema(orjson.loads(_schema_of(model)), *examples)


@cache
def _schema_of(model: type[BaseModel]) -> bytes:
    # To make one takes longer than all else about a route, and a document changes what it is made of.
    return orjson.dumps(model.model_json_schema())


def takes_schema(schema: Mapping[str, object], *examples: object) -> dict[str, object]:
    """The same, of a body that is as this JSON Schema says. The tests send the examples."""
    shown = {f"example-{number}": {"value": example} for number, example in enumerate(examples, 1)}
    content: dict[str, object] = {"schema": dict(schema), **({"examples": shown} if shown else {})}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def gives(model: object, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """What the OpenAPI document says about an answer in JSON: a model, a dataclass or a TypedDict."""
    return {status: {"model": model}}


def gives_media(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """What the OpenAPI document says about an answer that is not JSON."""
    schemas = {"application/octet-stream": _BYTES}
    return {200: {"content": {one: {"schema": schemas.get(one, {"type": "string"})} for one in media_types}}}


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`body` as JSON. Times in it become RFC 3339 in UTC."""
    content = orjson.dumps(body, option=orjson.OPT_UTC_Z)
    return Response(content, status, headers=headers, media_type="application/json")


def parse_body(model: type[M], body: bytes, faults_of: Callable[[M], Iterable[FieldError]] | None = None) -> M:
    """The model in a JSON body. Raises Problem 400 for no JSON, 413 for too many values, FieldsWrong (422).

    `faults_of` judges what is readable of the model (shared.input.readable).
    """
    if faults_of is None:
        return _parse_body(model, body)
    try:
        found = _parse_body(model, body)
    except FieldsWrong as wrong:
        left = readable(model, wrong.said)
        raise wrong.and_further(faults_of(left) if left else ()) from None
    if faults := tuple(faults_of(found)):
        raise FieldsWrong(faults)
    return found


async def parse_change(model: type[M], body: bytes, all_faults: Callable[[FieldsWrong], Awaitable[FieldsWrong]]) -> M:
    """The change in a JSON body. Raises what `parse_body` and `all_faults` raise.

    `all_faults` adds to wrong fields what the thing that is to change objects to in the readable ones.
    """
    try:
        return parse_body(model, body)
    except FieldsWrong as wrong:
        raise await all_faults(wrong) from None


def _parse_body(model: type[M], body: bytes) -> M:
    if not fits(body):
        raise too_many_values()
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error
    try:
        said = read_mended(body)[0]
        return model.model_validate_json(orjson.dumps(said))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        raise problem_of(first) from None
    except ValidationError as error:
        raise problem_left(first, error, said) from None


def read_object(body: bytes) -> dict[str, object]:
    """The JSON object in a body; an empty body is one without fields. Raises Problem 400, 413 and 422 as parse_body."""
    if not fits(body):
        raise too_many_values()
    try:
        values, _ = read_mended(body or b"{}")
    except orjson.JSONDecodeError:
        raise malformed_json() from None
    if not isinstance(values, dict):
        fault = FieldError("", "object_type", "The body must be an object.")
        raise FieldsWrong([fault])
    return values
