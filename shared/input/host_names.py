"""Names of hosts, as they stand in addresses and in a Host header. Pure."""

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

import idna

_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_-](?:[a-z0-9._-]{0,252}[a-z0-9_-])?)(?:(?<!\])\.)?(?::\d{1,5})?")


@lru_cache(maxsize=256)
def name_in(host: bytes) -> str | None:
    """The name in a Host header, in lower case, without the port and the dot of the root. None: it holds no name."""
    match = _HOST.fullmatch(host.decode("latin-1").lower())
    if match is None or (match[1].startswith("[") and not is_ip(match[1])):
        return None
    return match[1]


def can_be_found(host: str) -> bool:
    """Whether this names a host, perhaps with a port, and DNS could know it: each part has 1 to 63 characters."""
    name = name_in(host.encode())
    return name is not None and (name.startswith("[") or all(0 < len(part) < 64 for part in name.split(".")))


def bracketed(host: str) -> str:
    """An address as it stands in a URL: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def is_ip(name: str) -> bool:
    """Whether this is an IP address, with IPv6 in brackets."""
    try:
        address = ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return isinstance(address, IPv6Address) == name.startswith("[")


def wire_name(name: str) -> bytes:
    """A name as browsers send it: other letters than those of ASCII by IDNA 2008. What is no name stays as it is."""
    host, colon, port = name.partition(":")
    if host.isascii():
        return name.encode()
    try:
        return idna.encode(host, uts46=True) + f"{colon}{port}".encode()
    except idna.IDNAError:
        return name.encode()
