"""Idempotency-Key and If-Match, as every route reads them."""

import re

from fastapi import Request

from shared.access.principal import Principal
from shared.ids import derive
from shared.problems import Problem

_VERSION = re.compile(r'(?:W/)?"?(\d{1,9})"?')
# Nothing that could be guessed or met by chance: keys of strangers share one space.
_KEY = re.compile(r"[\x21-\x7e]{8,200}")


def read_idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key of a request, if it has one; raises Problem 422 when it cannot serve as one."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        advice = "Use 8 to 200 printable ASCII characters without spaces, such as a random UUID."
        raise Problem(422, "idempotency-key-invalid", "The Idempotency-Key cannot be used.", detail=advice)
    return key


def version_in(form_value: str, what: str) -> int:
    """The version that a form was for. Raises Problem 400 when it says none."""
    if not form_value.isascii() or not form_value.isdigit() or len(form_value) > 9:
        raise Problem(400, "version-malformed", f"The form does not say which version of the {what} it was for.")
    return int(form_value)


def seen_of(if_match: str | None) -> int:
    """The version in an If-Match header. Raises Problem 428 without one, 400 when it is none of ours."""
    if if_match is None:
        raise Problem(428, "version-required", "Say which version you saw, in If-Match.")
    match = _VERSION.fullmatch(if_match.strip())
    if match is None:
        raise Problem(400, "version-malformed", 'If-Match takes the ETag of the case, such as "3".')
    return int(match[1])


def cause_of(principal: Principal, case_id: str, key: str | None, request_id: str) -> str:
    """The id of an order: it follows from the Idempotency-Key, else from the request. Raises Problem 422."""
    if key is None:
        return derive("request", principal.ref, case_id, request_id)
    if not _KEY.fullmatch(key):
        advice = "Use 8 to 200 printable ASCII characters without spaces, such as a random UUID."
        raise Problem(422, "idempotency-key-malformed", "This Idempotency-Key cannot be used.", detail=advice)
    return derive("order", principal.ref, case_id, key)
