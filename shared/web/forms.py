"""Forms as browsers send them: URL-encoded UTF-8. They are read strictly, because a mended text is not what was
written.
"""

from collections.abc import Mapping

from fastapi import Request
from starlette.datastructures import Headers

from shared.input.urlencoded import MOST_FIELDS, parse_fields
from shared.problems import Problem

TOKEN_FIELD = "form_token"  # noqa: S105  # the name of a field
"""The field that proves where a form comes from (shared.web.csrf). Handlers never see it."""
FIELDS = "form_fields"
"""The key of the fields in a request's scope, once they have been read."""


async def read_form(request: Request) -> Mapping[str, list[str]]:
    """The values of each field. Raises Problem 415 for a body that is no form, 400 for one that is not URL-encoded
    UTF-8.
    """
    if FIELDS in request.scope:
        fields: Mapping[str, list[str]] = request.scope[FIELDS]
        return fields
    if not is_urlencoded(request.headers):
        raise Problem(415, "unsupported-media-type", "A form is expected here.")
    return {name: values for name, values in parse_form(await request.body()).items() if name != TOKEN_FIELD}


def parse_form(body: bytes) -> Mapping[str, list[str]]:
    """The values of each field in a body. Raises Problem 400 for too many fields, or a body that is not URL-encoded
    UTF-8.
    """
    try:
        return parse_fields(body, MOST_FIELDS)
    except ValueError:
        raise Problem(400, "malformed-form", "The form is not URL-encoded UTF-8.") from None


def is_urlencoded(headers: Headers) -> bool:
    """Whether the body is a form without files."""
    return media_type_of(headers) == "application/x-www-form-urlencoded"


def media_type_of(headers: Headers) -> str:
    """The media type of the body in lower case, without parameters. Empty if the request names none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()
