"""Idempotency-Key and If-Match, as every route reads them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import Request
from pydantic import BaseModel

from shared.access.principal import Principal
from shared.ids import derive, new_id
from shared.problems import Problem
from shared.web.etags import tags_in

_VERSION = re.compile(r"[0-9]{1,9}")
# Long enough that a program does not meet a key of its own by chance.
_KEY = re.compile(r"[\x21-\x7e]{8,200}")

IDEMPOTENCY_KEY: Mapping[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "pattern": f"^{_KEY.pattern}$"},
    "description": "A request that comes again with the same key is carried out once. A key belongs to the holder of "
    "the token or session. Without one only a UUID counts, and it belongs to the content of the request.",
}
"""What OpenAPI documents say of the header."""
IF_MATCH: Mapping[str, Any] = {"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"}}
"""What OpenAPI documents say of the header."""


def takes_change(changes: Iterable[type[BaseModel]], *, required: bool) -> dict[str, Any]:
    """What the OpenAPI document says of a route that makes any of these changes, by the body that each takes.

    `required`: each of them takes something.
    """
    fields = {name: schema for change in changes for name, schema in change.model_json_schema()["properties"].items()}
    schema = {"type": "object", "properties": fields, "additionalProperties": False}
    body = {"content": {"application/json": {"schema": schema}}}
    return {
        "parameters": [IF_MATCH, IDEMPOTENCY_KEY],
        "requestBody": {"required": True, **body} if required else body,
    }


def read_idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key of a request; an empty one is none. Raises Problem 422 for one that cannot serve."""
    return checked_key(request.headers.get("idempotency-key") or None)


def checked_key(key: str | None) -> str | None:
    """The key, as a header or a form says it. Raises Problem 422 for one that cannot serve."""
    if key is not None and not _KEY.fullmatch(key):
        advice = "Use 8 to 200 printable ASCII characters without spaces, such as a random UUID."
        raise Problem(422, "idempotency-key-malformed", "This Idempotency-Key cannot be used.", detail=advice)
    return key


def version_in(form_value: str, what: str) -> int:
    """The version that a form was for. Raises Problem 400 when it says none."""
    if not form_value.isascii() or not form_value.isdigit() or len(form_value) > 9:
        raise Problem(400, "version-malformed", f"The form does not say which version of the {what} it was for.")
    return int(form_value)


def seen_of(request: Request) -> int:
    """The version in the If-Match header. Raises Problem 428 without the header, 400 when it is none of ours."""
    if_match = request.headers.get("if-match")
    if if_match is None:
        raise Problem(428, "version-required", "Say which version you saw, in If-Match.")
    tags = tags_in(if_match)
    version = tags.pop() if len(tags) == 1 else ""
    if not _VERSION.fullmatch(version):
        raise Problem(400, "version-malformed", 'If-Match takes the ETag of the case, such as "3".')
    return int(version)


def cause_of(principal: Principal, subject: str, key: str | None) -> str:
    """The id of an order about `subject`. It follows from the (checked) Idempotency-Key of the principal.

    Without a key each request is an order of its own.
    """
    return new_id() if key is None else derive("order", principal.ref, subject, key)
