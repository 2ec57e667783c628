"""The names under which a service may be asked. A Host header is only compared, never built into an address."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import Scope

from shared.input.host_names import bracketed, is_ip, name_in, wire_name
from shared.problems import Problem
from shared.setting_kinds import listed
from shared.settings import Settings

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
INSIDE = ("intake", "triage", "desk", "notification", "audit")
"""The names by which the services of docker-compose.yml ask each other."""
BY_ADDRESS = frozenset({"/health/live", "/health/ready"})
"""What machines ask for by the bare address of a replica. Nothing there is about people."""


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
        if scope["path"] in BY_ADDRESS and is_ip(name):
            return
        raise Problem(421, "host-unknown", "This service is not asked under this name.")


def hosts_of(settings: Settings) -> Hosts:
    """The names that follow from the settings: public addresses, the listening address, loopback, containers, HOSTS."""
    own = (settings.public_url, settings.desk_url, settings.audit_url, settings.outbox_url, settings.intake_url)
    addresses = (*own, f"//{bracketed(settings.host)}")
    names = [*(urlsplit(one).netloc for one in addresses), *listed(settings.hosts)]
    return Hosts([*(name for name in map(name_in, map(wire_name, names)) if name), *LOOPBACK, *INSIDE])
