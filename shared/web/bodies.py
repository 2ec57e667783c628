"""JSON bodies in and out."""

from collections.abc import Mapping
from typing import TypeVar

import orjson
from fastapi import Response
from pydantic import BaseModel, ValidationError

from shared.json_bounds import fits
from shared.json_texts import read_mended
from shared.problems import FieldError, Problem, malformed_json, problem_left, problem_of, too_many_values

M = TypeVar("M", bound=BaseModel)


def takes(model: type[BaseModel]) -> dict[str, object]:
    """What the OpenAPI document says about a body that is read by hand."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`body` as JSON. Times in it become RFC 3339 in UTC."""
    content = orjson.dumps(body, option=orjson.OPT_UTC_Z)
    return Response(content, status, headers=headers, media_type="application/json")


def parse_body(model: type[M], body: bytes) -> M:
    """The model in a JSON body. Raises Problem 400 for no JSON, 413 for too many values, 422 for wrong fields."""
    if not fits(body):
        raise too_many_values()
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error
    try:
        return model.model_validate_json(orjson.dumps(read_mended(body)[0]))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        raise problem_of(first) from None
    except ValidationError as error:
        raise problem_left(first, error) from None


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
        raise Problem(422, "invalid-fields", "Some fields are not valid.", errors=[fault])
    return values
