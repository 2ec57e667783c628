"""Forms as browsers send them: URL-encoded UTF-8, strictly, because what is mended silently is not what was written."""

from collections.abc import Mapping
from urllib.parse import parse_qs

from fastapi import Request

from shared.problems import Problem

MOST_FIELDS = 100


async def read_form(request: Request) -> Mapping[str, list[str]]:
    """The values of each field. Raises Problem 415 for what is no form, 400 for one that is not URL-encoded UTF-8."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise Problem(415, "unsupported-media-type", "A form is expected here.")
    try:
        text = (await request.body()).decode("ascii")
        return parse_qs(
            text, keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MOST_FIELDS
        )  # fmt: skip
    except ValueError:
        raise Problem(400, "malformed-form", "The form is not URL-encoded UTF-8.") from None
