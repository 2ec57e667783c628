"""Looks at the public page behind a link, and at nothing else: the only way of triage to hosts that strangers name.

A coordinator can write any link, and its host can be or become any address. So the name is resolved once, every address
must be public, and the connection goes to the resolved address itself: what the name says a moment later changes
nothing. Redirects, proxies, cookies and credentials are never used.
"""

import asyncio
import re
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from threading import Thread
from typing import Literal
from urllib.parse import urlsplit

from services.triage.baseline.words import fault_of_link
from shared.http import ConnectError, HTTPError, InvalidURL, Response, TimeoutException, make_http

PAGE_LIMIT = 1_000_000
"""Bytes of a page, decoded."""
SECONDS = 15.0
"""How long a look takes at most, from the name to the last byte."""
_TRIED = 3
"""So many addresses of a host are tried."""
_HTML = ("text/html", "application/xhtml+xml")
_UNICAST = IPv6Network("2000::/3")
_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            "192.0.0.0/24", "192.88.99.0/24",  # protocol assignments, and the relays of 6to4
            "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",  # Teredo and the like, documentation, 6to4
        ),
    )
)  # fmt: skip
"""What the standard library takes for public in some versions."""

Resolve = Callable[[str], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found: a page, by the SHA-256 (hex) of its text; that the host says there is none; or nothing.

    `reason`: why it found nothing, such as `not_found`, `redirect`, `too_large`, `private_address`, `tls`, `timeout`.
    """

    state: Literal["found", "gone", "missed"]
    digest: str | None = None
    reason: str | None = None


class _Missed(Exception):
    """Nothing was found, for this reason."""


def is_public(address: str) -> bool:
    """Whether an address is one of a public host. Anything that is not known to be public is not."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and (ip.scope_id or ip not in _UNICAST):
        # Loopback, mapped IPv4, link-local, unique local, NAT64 and multicast lie outside of global unicast.
        return False
    if any(ip.version == network.version and ip in network for network in _NOT_PUBLIC):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not ip.is_unspecified


async def resolve(host: str) -> list[str]:
    """The addresses of a host, each once. Raises OSError.

    A name server that never answers holds up one thread of its own: no other name waits for it, and no end of the
    service.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def settle(found: list[str] | OSError | UnicodeError) -> None:
        if answer.done():
            return
        if isinstance(found, list):
            answer.set_result(found)
        else:
            answer.set_exception(found)

    def ask() -> None:
        found: list[str] | OSError | UnicodeError
        try:
            asked = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(address[0]) for *_, address in asked))
        except (OSError, UnicodeError) as error:
            found = error
        # The service may have ended meanwhile.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, found)

    Thread(target=ask, daemon=True, name="links").start()
    return await answer


class PageReader:
    """Reads public pages. Nothing of an answer is kept but its digest."""

    def __init__(
        self,
        agent: str,
        *,
        trust: ssl.SSLContext | bool = True,
        resolve: Resolve = resolve,
        allowed: Callable[[str], bool] = is_public,
        port: int = 443,
        seconds: float = SECONDS,
    ) -> None:
        """`agent`: how Hearth calls itself, with an address that tells more. The rest is for tests."""
        self._agent = agent
        self._trust = trust
        self._resolve = resolve
        self._allowed = allowed
        self._port = port
        self._seconds = seconds

    async def look(self, link: str) -> Seen:
        """Look at the page of a link now. Every failure is a reason, and none is raised."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._look(link)
        except _Missed as missed:
            return Seen("missed", reason=str(missed))
        except TimeoutError:
            return Seen("missed", reason="timeout")

    async def _look(self, link: str) -> Seen:
        if fault_of_link(link):
            # An earlier version may have taken it.
            raise _Missed("not_permitted")
        parts = urlsplit(link)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        last = _Missed("unresolved")
        for address in (await self._addresses(host))[:_TRIED]:
            try:
                return await self._read(address, host, target)
            except _Missed as missed:
                last = missed
                if str(missed) != "unconnected":
                    break
        raise last

    async def _addresses(self, host: str) -> Sequence[str]:
        try:
            found = await self._resolve(host)
        except (OSError, UnicodeError):
            raise _Missed("unresolved") from None
        if not all(map(self._allowed, found)):
            raise _Missed("private_address")
        return found

    async def _read(self, address: str, host: str, target: str) -> Seen:
        where = f"[{address}]" if isinstance(ip_address(address), IPv6Address) else str(IPv4Address(address))
        headers = {"Host": host, "User-Agent": self._agent, "Accept-Encoding": "identity", "Connection": "close"}
        try:
            # A client of its own for each look, so that no connection and no cookie of one host serves another.
            async with (
                make_http(seconds=self._seconds, trust=self._trust, proxies=False) as http,
                http.stream(
                    "GET",
                    f"https://{where}:{self._port}{target}",
                    headers=headers,
                    follow_redirects=False,
                    # The certificate must be that of the host, although the connection is made by its address.
                    extensions={"sni_hostname": host},
                ) as answer,
            ):
                return await _seen_in(answer)
        except (HTTPError, InvalidURL, OSError) as error:
            raise _Missed(_reason_of(error)) from None


async def look_at_nothing(_link: str) -> Seen:
    """What a deployment sees that looks at no page."""
    return Seen("missed")


async def _seen_in(answer: Response) -> Seen:
    if answer.status_code in (404, 410):
        return Seen("gone", reason="not_found")
    if 300 <= answer.status_code < 400:
        raise _Missed("redirect")
    if answer.status_code != 200:
        raise _Missed("refused")
    length = answer.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > PAGE_LIMIT:
        raise _Missed("too_large")
    page = b"".join([chunk async for chunk in _bounded(answer)])
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _HTML:
        # A page of tags takes a moment to go through.
        page = await asyncio.to_thread(visible_text, page)
    return Seen("found", digest=sha256(page).hexdigest())


async def _bounded(answer: Response) -> AsyncIterator[bytes]:
    """The decoded bytes of a body. They are counted before there are too many, however small they came packed."""
    coding = answer.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "", "gzip", "x-gzip", "deflate"):
        raise _Missed("encoded")
    # 47: the form of gzip or of zlib, as the body itself says.
    unpack = zlib.decompressobj(47) if coding not in ("identity", "") else None
    packed_left = left = PAGE_LIMIT
    try:
        async for packed in answer.aiter_raw(65_536):
            chunk = unpack.decompress(packed, left + 1) if unpack else packed
            packed_left, left = packed_left - len(packed), left - len(chunk)
            if left < 0 or packed_left < 0 or (unpack and unpack.unconsumed_tail):
                raise _Missed("too_large")
            yield chunk
    except zlib.error:
        raise _Missed("encoded") from None


_HIDDEN = re.compile(rb"<(script|style|template|noscript)[\s>/]", re.IGNORECASE)


def visible_text(page: bytes) -> bytes:
    """What a page of HTML shows, nearly: without tags, comments, scripts and styles, with one blank between words.

    Wikis write times and ids of the request into scripts and comments, so that the same page is never twice the same.
    """
    lowered, shown, place = page.lower(), [], 0
    while (start := page.find(b"<", place)) >= 0:
        shown.append(page[place:start])
        hidden = _HIDDEN.match(page, start)
        if page.startswith(b"<!--", start):
            end = page.find(b"-->", start + 4)
            place = end + 3 if end >= 0 else len(page)
            continue
        if hidden:
            start = lowered.find(b"</" + hidden[1].lower(), start)
        end = page.find(b">", start) if start >= 0 else -1
        place = end + 1 if end >= 0 else len(page)
        # A tag parts words, as far as this needs to know.
        shown.append(b" ")
    return b" ".join(b"".join((*shown, page[place:])).split())


def _reason_of(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "tls"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, TimeoutException):
        return "timeout"
    return "unconnected" if isinstance(error, ConnectError) else "broken"
