"""The names under which a service may be asked. A Host header is only compared, never built into an address."""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

import idna
from starlette.types import Scope

from shared.problems import Problem
from shared.settings import Settings, listed

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
INSIDE = ("intake", "triage", "desk", "notification", "audit")
"""The names by which the services of docker-compose.yml ask each other."""
BY_ADDRESS = frozenset({"/health/live", "/health/ready"})
"""What machines ask for by the bare address of a replica. Nothing there is about people."""

_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_-](?:[a-z0-9._-]{0,252}[a-z0-9_-])?)(?:(?<!\])\.)?(?::\d{1,5})?")


class Hosts:
    """The names that are ours. Without any, every well-formed name is."""

    def __init__(self, known: Iterable[str] | None = None) -> None:
        self._known = None if known is None else frozenset(name.lower() for name in known)

    def check(self, scope: Scope) -> None:
        """Raise Problem 400 unless there is exactly one well-formed Host, 421 unless its name is ours."""
        given = [value for name, value in scope["headers"] if name == b"host"]
        name = name_in(given[0]) if len(given) == 1 else None
        if name is None or not scope["path"].startswith("/"):
            raise Problem(400, "host-malformed", "The request does not name one host and a path.")
        if self._known is None or name in self._known:
            return
        if scope["path"] in BY_ADDRESS and _is_address(name):
            return
        raise Problem(421, "host-unknown", "This service is not asked under this name.")


def hosts_of(settings: Settings) -> Hosts:
    """The names that follow from the settings: public addresses, the listening address, loopback, containers, HOSTS."""
    own = (settings.public_url, settings.desk_url, settings.audit_url, settings.outbox_url, settings.intake_url)
    addresses = (*own, f"//{bracketed(settings.host)}")
    names = [*(urlsplit(one).netloc for one in addresses), *listed(settings.hosts)]
    return Hosts([*(name for name in map(name_in, map(_on_the_wire, names)) if name), *LOOPBACK, *INSIDE])


def _on_the_wire(name: str) -> bytes:
    """A name as browsers send it: other letters than those of ASCII by IDNA 2008. What is no name stays as it is."""
    host, colon, port = name.partition(":")
    if host.isascii():
        return name.encode()
    try:
        return idna.encode(host, uts46=True) + f"{colon}{port}".encode()
    except idna.IDNAError:
        return name.encode()


@lru_cache(maxsize=256)
def name_in(host: bytes) -> str | None:
    """The name in a Host header, in lower case, without the port and the dot of the root. None: it holds no name."""
    match = _HOST.fullmatch(host.decode("latin-1").lower())
    if match is None or (match[1].startswith("[") and not _is_address(match[1])):
        return None
    return match[1]


def bracketed(host: str) -> str:
    """An address as it stands in a URL: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def _is_address(name: str) -> bool:
    try:
        address = ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return isinstance(address, IPv6Address) == name.startswith("[")
