"""Compresses answers where that is safe: the one place that decides so.

The length of a compressed answer that holds a secret beside words of a request tells the secret, guess by guess
(BREACH). So two kinds of answers are compressed: those that anybody may keep (`Cache-Control: public`, and no cookie),
which hold no secret, and pages of which the route says that they repeat nothing (`repeats_nothing`).
"""

import gzip
import re
from functools import lru_cache

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

from shared.web.etags import tags_in

_REPEATS_NOTHING = "hearth.repeats_nothing"
_NO_WEIGHT = re.compile(r"q *= *0(\.0*)?")
_TEXTS = re.compile(r"text/|image/svg\+xml|application/(?:[a-z.-]+\+)?json")
_LEAST = 500
"""Fewer bytes fit one packet anyway."""
_KEPT = 128
"""So many answers stay compressed: contracts and static files never change while a service runs."""
_LARGEST_KEPT = 256 * 1024
"""Bytes of an answer that stays: scorecards change with each checkpoint, and memory is small."""


def repeats_nothing(scope: Scope) -> None:
    """Say of the answer to this request that it repeats nothing of what a request says."""
    scope[_REPEATS_NOTHING] = True


def packed(scope: Scope, send: Send) -> Send:
    """The way on for an answer: compressed if that is safe, and the client takes it."""
    takes = _takes_gzip(b",".join(value for name, value in scope["headers"] if name == b"accept-encoding"))
    start: Message | None = None
    pack = _pack

    async def pack_and_send(message: Message) -> None:
        nonlocal start, pack
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            if is_for_all := _is_for_all(headers):
                pack = _pack_for_all
            if is_for_all or _REPEATS_NOTHING in scope:
                headers.add_vary_header("Accept-Encoding")
                if message["status"] == 304:
                    _tell_tag_again(scope, headers)
                if takes and message["status"] == 200 and _TEXTS.match(headers.get("content-type", "")):
                    start = message
                    return
        elif start is not None:
            begun, start = start, None
            body = message.get("body", b"")
            if len(body) >= _LEAST and not message.get("more_body"):
                message = {**message, "body": pack(body)}
                _tell(MutableHeaders(raw=begun["headers"]), len(message["body"]))
            await send(begun)
        await send(message)

    return pack_and_send


def _is_for_all(headers: MutableHeaders) -> bool:
    return headers.get("cache-control", "").startswith("public") and "set-cookie" not in headers


def _tell(headers: MutableHeaders, length: int) -> None:
    headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(length)
    if tag := headers.get("etag"):
        # Other bytes are another representation (RFC 9110, 8.8.3.3).
        headers["ETag"] = _tag_of_packed(tag)


def _tell_tag_again(scope: Scope, headers: MutableHeaders) -> None:
    """Of a reader who has the compressed answer, 304 tells the tag of that one."""
    tag = headers.get("etag", "")
    known = b",".join(value for name, value in scope["headers"] if name == b"if-none-match").decode("latin-1")
    if tag and _tag_of_packed(tag) in known and tags_in(known) & tags_in(tag):
        headers["ETag"] = _tag_of_packed(tag)


def _tag_of_packed(tag: str) -> str:
    return f'{tag[:-1]}-gzip"'


def _takes_gzip(accepted: bytes) -> bool:
    """Whether the client says that it takes gzip: by name, and not with a weight of 0."""
    for part in accepted.decode("latin-1").lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in ("gzip", "x-gzip"):
            return not _NO_WEIGHT.fullmatch(weight.strip())
    return False


def _pack(content: bytes) -> bytes:
    # mtime=0: the same answer gives the same bytes in every replica.
    return gzip.compress(content, 6, mtime=0)


_pack_once = lru_cache(_KEPT)(_pack)


def _pack_for_all(content: bytes) -> bytes:
    return _pack_once(content) if len(content) <= _LARGEST_KEPT else _pack(content)
