"""Forms as a browser sends them: with the cookie it was given, and with what the page had put into them."""

import re
from html import unescape

import httpx

from shared.web.forms import TOKEN_FIELD

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}
"""What a browser says of a form on one of our pages, which all ask it to send no referrer."""
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


def hidden_fields(page: str) -> dict[str, str]:
    """The hidden fields of a page; of those that stand in several forms, the last."""
    return {name: unescape(value) for name, value in _HIDDEN.findall(page)}


async def token_from(http: httpx.AsyncClient, path: str) -> dict[str, str]:
    """The token in the forms of the page at `path`, as a field to send; `http` keeps the cookie that belongs to it.

    The client's address must begin with https: only so does it send the cookie back.
    """
    page = await http.get(path, headers={"Accept": "text/html"})
    return {TOKEN_FIELD: hidden_fields(page.text)[TOKEN_FIELD]}


def cookies_of(page: httpx.Response) -> dict[str, str]:
    """The header that sends a page's cookies back, over plain HTTP to this machine, too, as browsers do."""
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in page.cookies.items())}
