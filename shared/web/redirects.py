"""Where a page may lead: to an address of our own, or to another host that the operator named."""

import re
from urllib.parse import unquote

from starlette.responses import HTMLResponse, Response

CLEAR_SITE_DATA = '"cache", "cookies", "storage"'
"""The header that makes a browser forget what it kept, for signing out and for leaving quickly."""

LONGEST_ADDRESS = 2000
# Only what every reader of addresses understands alike: no backslash, control character, space or fragment.
_PLAIN = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def own_address(address: str, home: str, below: str | None = None) -> str:
    """`address` if it is a path of this host at or under `below` (with or without a query), else `home`.

    `below` is `home` unless given. An address that some browser could take for another place counts as foreign.
    """
    path = address.partition("?")[0]
    root = (home if below is None else below).rstrip("/")
    decoded = unquote(path, errors="replace")
    # Some readers drop what follows a semicolon in a segment (RFC 3986, 3.3), and then see the dots before it.
    segments = [segment.partition(";")[0] for segment in decoded.split("/")[1:]]
    plain = (
        len(address) <= LONGEST_ADDRESS
        and _PLAIN.fullmatch(address) is not None
        and not _BAD_ESCAPE.search(address)
        # No empty segment and none of dots, as written or as some server in between may decode it.
        and not any(segment in ("", ".", "..") for segment in segments[:-1])
        and segments[-1:] not in (["."], [".."])
        and decoded.isprintable()
        and "\\" not in decoded
        and "%2f" not in path.lower()
    )
    return address if plain and (path == root or path.startswith(f"{root}/")) else home


def redirect_page(address: str, *, clear: bool = False) -> Response:
    """A blank page that leads to another host at once, and leaves no step to come back to.

    It is not a redirect: browsers hold the redirect of a form against `form-action 'self'` and would stop. With `clear`
    the browser forgets what it kept of this host.
    """
    if not re.fullmatch(r"https?://[^\s\"'<>\\;,]+", address):
        raise ValueError("not an address to lead to")
    headers = {"Refresh": f"0; url={address}"}
    if clear:
        headers["Clear-Site-Data"] = CLEAR_SITE_DATA
    return HTMLResponse('<!DOCTYPE html>\n<html lang="en"><title>…</title></html>\n', headers=headers)
