"""HTTP to others, with httpx behind it. The only module that imports httpx: elsewhere its types are the names below.

infra/decisions/2026-11-28-httpx.md says why, and how to move to its successor.
"""

import ssl
from collections.abc import Mapping

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
        verify=trust,
        trust_env=proxies,
    )


def make_blocking_http(
    base_url: str = "", *, seconds: float = 20.0, connect: float = 5.0, headers: Mapping[str, str] | None = None
) -> Client:
    """The same for the command line, without proxies: those of the environment are not for services of our own."""
    return Client(
        base_url=base_url, timeout=Timeout(seconds, connect=connect), limits=LIMITS, headers=headers, trust_env=False
    )


def make_transport() -> AsyncBaseTransport:
    """A way over the network that clients can share. It tries a second time to open a connection."""
    return AsyncHTTPTransport(retries=1)


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
