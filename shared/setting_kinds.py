"""What settings may be: each kind is checked at the start, by the code that uses it. An error is a short sentence."""

import base64
import logging
import re
import ssl
from collections.abc import Callable
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from shared.input.host_names import bracketed, can_be_found, name_in, wire_name


def listed(value: str) -> list[str]:
    """The parts of a setting that are separated by commas."""
    return [part.strip() for part in value.split(",") if part.strip()]


def check_address(value: str, *, path: bool = False) -> str:
    """An address with http or https and a host, and with a path only where `path` says so; its host in ASCII.

    It comes back without a slash at its end. Raises ValueError.
    """
    example = "such as https://hearth.example.org"
    try:
        parts = urlsplit(value)
        parts = parts._replace(netloc=wire_name(parts.netloc).decode())
        value, port = parts.geturl(), parts.port
    except ValueError:
        raise ValueError(f"is not an address {example}") from None
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError(f"has blanks, or letters beyond ASCII behind its host; write an address {example}")
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"does not begin with http:// or https://, {example}")
    if port == 0 or "@" in parts.netloc or parts.netloc.endswith(":") or not can_be_found(parts.netloc):
        raise ValueError(f"names no host, {example}")
    if "?" in value or "#" in value or (not path and parts.path.strip("/")):
        raise ValueError(f"has something behind the host, {example}")
    return value.rstrip("/")


def check_server(value: str) -> str:
    """A server as host:port, IPv6 in brackets; its host in ASCII. Raises ValueError."""
    value = wire_name(value).decode()
    host, _, port = value.rpartition(":")
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536 or not can_be_found(host):
        raise ValueError("is not host:port, such as mail.example.org:25")
    return value


def check_servers(value: str) -> str:
    """Servers as host:port, separated by commas, at least one. Raises ValueError."""
    if not listed(value):
        raise ValueError("names no server")
    return ",".join(map(check_server, listed(value)))


def check_mongo(value: str) -> str:
    """A connection URI of MongoDB. Raises ValueError, which never repeats the URI: it may hold a password."""
    # Imported late, because most commands need no driver.
    from shared.mongo import check_uri

    return check_uri(value)


def _log_level(value: str) -> str:
    names = logging.getLevelNamesMapping()
    if value.upper() not in names:
        raise ValueError(f"is none of {', '.join(names)}")
    return value.upper()


def _hosts(value: str) -> str:
    for name in listed(value):
        if name_in(wire_name(name)) is None:
            raise ValueError(f"“{name}” is not the name of a host, such as hearth.example.org")
    return value


def _listening(value: str) -> str:
    if name_in(bracketed(value).encode()) != bracketed(value).lower():
        raise ValueError("is neither an IP address nor the name of a host")
    return value


def _networks(value: str) -> str:
    for network in listed(value):
        try:
            ip_network(network)
        except ValueError:
            raise ValueError(f"“{network}” is neither an IP address nor a network such as 10.0.0.0/8") from None
    return value


def _topic_prefix(value: str) -> str:
    # The client of Kafka checks no names, so these are the rules of the broker.
    if len(value) > _LONGEST_PREFIX or not re.fullmatch(r"[A-Za-z0-9._-]*", value):
        raise ValueError(
            f"has more than {_LONGEST_PREFIX} characters, or others than letters, digits, `.`, `_` and `-`"
        )
    return value


def _database_prefix(value: str) -> str:
    # Imported late, because most commands need no driver.
    from shared.mongo import check_database_prefix

    return check_database_prefix(value)


def _key(value: object) -> object:
    if isinstance(value, str):
        try:
            value = base64.b64decode(value, validate=True)
        except ValueError:
            raise ValueError("is not base64") from None
        if len(value) != KEY_BYTES:
            raise ValueError(f"is not {KEY_BYTES} bytes in base64")
    return value


def _file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"{path} is not a file")
    try:
        path.open("rb").close()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from None
    return path


def _loads(load: Callable[[ssl.SSLContext, Path], None], what: str) -> Callable[[Path], Path]:
    def check(path: Path) -> Path:
        try:
            load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), path)
        except (OSError, ValueError):
            raise ValueError(f"{path} does not hold {what}") from None
        return path

    return check


def _load_authorities(context: ssl.SSLContext, path: Path) -> None:
    context.load_verify_locations(path)


def _load_chain(context: ssl.SSLContext, path: Path) -> None:
    # A key with a password would ask for it on the terminal, and wait.
    context.load_cert_chain(path, password="")  # nosec B106  # no password is what is meant


KEY_BYTES = 32
_LONGEST_PREFIX = 100
"""Characters; Kafka takes 249 in all."""
Key = Annotated[bytes, BeforeValidator(_key), Field(min_length=KEY_BYTES, max_length=KEY_BYTES, repr=False)]
"""A secret of 32 bytes, written in base64."""
File = Annotated[Path, AfterValidator(_file)]
"""A file that can be read at the start."""
Authorities = Annotated[File, AfterValidator(_loads(_load_authorities, "certificates of an authority in PEM"))]
Certificate = Annotated[File, AfterValidator(_loads(_load_chain, "a key without password and its certificate in PEM"))]
Address = Annotated[str, AfterValidator(check_address)]
"""An address of a host, without a path and without a slash at the end."""
Endpoint = Annotated[str, AfterValidator(partial(check_address, path=True))]
"""An address that may have a path."""
Server = Annotated[str, AfterValidator(check_server)]
Servers = Annotated[str, AfterValidator(check_servers)]
MongoUri = Annotated[str, AfterValidator(check_mongo)]
Hosts = Annotated[str, AfterValidator(_hosts)]
"""Names of hosts, separated by commas."""
Listening = Annotated[str, AfterValidator(_listening)]
"""An IP address or a name on which a service listens."""
Networks = Annotated[str, AfterValidator(_networks)]
"""Addresses or networks in CIDR notation, separated by commas."""
LogLevel = Annotated[str, AfterValidator(_log_level)]
"""The name of a level, in any case."""
TopicPrefix = Annotated[str, AfterValidator(_topic_prefix)]
"""How names of topics and of groups begin."""
DatabasePrefix = Annotated[str, AfterValidator(_database_prefix)]
"""How names of databases begin."""
