"""JSON bodies in and out."""

from collections.abc import Mapping
from typing import TypeVar

import orjson
from fastapi import Response
from pydantic import BaseModel, ValidationError

from shared.problems import problem_of

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
    """The model in a JSON body. Raises Problem 400 for what is not JSON, and 422 with a pointer to each wrong field."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise problem_of(error) from None
