"""HTTP to others, with httpx behind it. The only module that imports httpx: elsewhere its types are the names below.

infra/decisions/2026-11-28-httpx.md says why, and how to move to its successor.
"""

import ssl
from collections.abc import Mapping
from functools import cache

from httpx import (
    AsyncBaseTransport,
    AsyncClient,
    AsyncHTTPTransport,
    Client,
    ConnectError,
    HTTPError,
    HTTPStatusError,
    InvalidURL,
    Limits,
    Response,
    Timeout,
    TimeoutException,
    TransportError,
    create_ssl_context,
)

LIMITS = Limits(max_connections=20, max_keepalive_connections=10)


def make_http(
    base_url: str = "",
    *,
    seconds: float = 10.0,
    connect: float = 2.0,
    headers: Mapping[str, str] | None = None,
    transport: AsyncBaseTransport | None = None,
    trust: ssl.SSLContext | bool = True,
    proxies: bool = True,
) -> AsyncClient:
    """A client with bounded connections and no request that hangs: each step of one takes `seconds` at most.

    `transport` stands in for the network. `trust` says which certificates count (True: those that httpx brings).
    `proxies`: whether those that the environment names are used.
    """
    return AsyncClient(
        base_url=base_url,
        timeout=Timeout(seconds, connect=connect),
        limits=LIMITS,
        headers=headers,
        transport=transport,
        verify=_trusted(proxies) if trust is True and transport is None else trust,
        trust_env=proxies,
    )


def make_blocking_http(
    base_url: str = "", *, seconds: float = 20.0, connect: float = 5.0, headers: Mapping[str, str] | None = None
) -> Client:
    """The same for the command line, without proxies: those of the environment are not for services of our own."""
    return Client(
        base_url=base_url,
        timeout=Timeout(seconds, connect=connect),
        limits=LIMITS,
        headers=headers,
        verify=_trusted(False),
        trust_env=False,
    )


def make_transport() -> AsyncBaseTransport:
    """A way over the network that clients can share. It tries a second time to open a connection."""
    return AsyncHTTPTransport(retries=1, verify=_trusted(True))


@cache
def _trusted(environment: bool) -> ssl.SSLContext:
    # Reading the certificates takes longer than all else that a client needs, so clients share them.
    return create_ssl_context(trust_env=environment)


__all__ = [
    "AsyncBaseTransport",
    "AsyncClient",
    "Client",
    "ConnectError",
    "HTTPError",
    "HTTPStatusError",
    "InvalidURL",
    "Response",
    "TimeoutException",
    "TransportError",
    "make_blocking_http",
    "make_http",
    "make_transport",
]
