"""JSON bodies in and out."""

from collections.abc import Mapping
from typing import TypeVar

import orjson
from fastapi import Response
from pydantic import BaseModel, ValidationError

from shared.problems import FieldError, Problem, pointer

M = TypeVar("M", bound=BaseModel)


def takes(model: type[BaseModel]) -> dict[str, object]:
    """What the OpenAPI document says about a body that is read by hand."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`body` as JSON; times in it come out as RFC 3339 in UTC."""
    content = orjson.dumps(body, option=orjson.OPT_UTC_Z)
    return Response(content, status, headers=headers, media_type="application/json")


def parse_body(model: type[M], body: bytes) -> M:
    """The model in a JSON body. Raises Problem 400 for what is not JSON and 422 with a pointer to each wrong field."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise problem_of(error) from None


def problem_of(error: ValidationError) -> Problem:
    """The problem that tells a caller which fields are wrong, without repeating what they hold."""
    findings = error.errors(include_url=False, include_input=False, include_context=False)
    if findings and findings[0]["type"] == "json_invalid":
        return Problem(400, "malformed-json", "The body is not valid JSON in UTF-8.")
    return Problem(
        422,
        "invalid-fields",
        "Some fields are not valid.",
        errors=[FieldError(pointer(f["loc"]), f["type"], f["msg"]) for f in findings],
    )
