"""Keycloak for tests: a real sign-in provider with the demo realm, in memory, and what its operator does."""

import secrets
import shutil
import time
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from infra.local import ports
from infra.local.downloads import fetch_keycloak, keycloak_options
from infra.local.processes import Children, Process
from shared.http import Client, make_blocking_http

REALM = Path(__file__).parents[1] / "keycloak" / "hearth-realm.json"
# The password of everybody in the demo realm, which is for one's own machine only.
PASSWORD = "demo"  # noqa: S105  # nosec B105  # pragma: allowlist secret
MASTER_USER = "operator"
# The C1 compiler alone and the serial collector start fastest and leave the most of two cores to the tests.
JVM_OPTIONS = ("-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
START = ("start", "--optimized", "--import-realm", "--cache=local", "--http-enabled=true", "--hostname-strict=false")


@dataclass(frozen=True)
class KeycloakServer:
    """A running Keycloak. `password` is that of its operator, drawn at the start."""

    address: str
    password: str

    @property
    def issuer(self) -> str:
        """The issuer of the demo realm."""
        return f"{self.address}/realms/hearth"

    def move_client(self, client_id: str, address: str) -> None:
        """Tell Keycloak that the service behind a client answers at `address`, such as "http://127.0.0.1:4711"."""
        with self._operator() as http:
            (client,) = http.get("/clients", params={"clientId": client_id}).raise_for_status().json()
            old = client["attributes"]["backchannel.logout.url"]
            path = urlsplit(old).path
            client["attributes"]["backchannel.logout.url"] = f"{address}{path}"
            http.put(f"/clients/{client['id']}", json=client).raise_for_status()

    def sign_out(self, username: str) -> None:
        """End every session of an account. Keycloak tells the clients by back-channel."""
        with self._operator() as http:
            http.post(f"/users/{_id_of(http, username)}/logout").raise_for_status()

    def wait_for_session(self, username: str, clients: Set[str], sid: str | None = None, seconds: float = 30) -> None:
        """Return when Keycloak has kept a session of an account (the one named `sid`) in which all `clients` are.

        Keycloak keeps a session a moment after it has answered, and cannot end it before. Raises TimeoutError.
        """
        until = time.monotonic() + seconds
        with self._operator() as http:
            path = f"/users/{_id_of(http, username)}/sessions"
            while time.monotonic() < until:
                for session in http.get(path).raise_for_status().json():
                    if sid in (None, session["id"]) and clients <= set(session["clients"].values()):
                        return
                time.sleep(0.2)
        raise TimeoutError(f"keycloak kept no session of {username} with {', '.join(sorted(clients))}")

    def client(self, client_id: str) -> dict[str, Any]:
        """How a client of the realm is set up."""
        with self._operator() as http:
            (found,) = http.get("/clients", params={"clientId": client_id}).raise_for_status().json()
            client: dict[str, Any] = found
            return client

    def _operator(self) -> Client:
        form = {"grant_type": "password", "client_id": "admin-cli", "username": MASTER_USER, "password": self.password}
        with make_blocking_http(seconds=30) as http:
            asked = http.post(f"{self.address}/realms/master/protocol/openid-connect/token", data=form)
        token = asked.raise_for_status().json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        return make_blocking_http(f"{self.address}/admin/realms/hearth", seconds=30, headers=headers)


def _id_of(http: Client, username: str) -> str:
    found = http.get("/users", params={"username": username, "exact": "true"}).raise_for_status().json()
    return str(found[0]["id"])


class Keycloak:
    """A server that is not started yet. Its data is in memory, so each start begins anew."""

    def __init__(self, folder: Path, log: Path, port: int) -> None:
        self.server = KeycloakServer(f"http://{ports.LOOPBACK}:{port}", secrets.token_urlsafe(16))
        self._folder = folder
        self._log = log
        self._port = port

    def start(self, children: Children, environment: dict[str, str]) -> Process:
        """Start it with the demo realm. Raises DownloadError if it cannot be fetched."""
        program = fetch_keycloak()
        imports = self._folder / "data" / "import"
        imports.mkdir(parents=True, exist_ok=True)
        shutil.copy(REALM, imports)
        # Keycloak looks for data and imports beside the program, which others use too.
        for part in ("lib", "providers", "themes", "conf"):
            link = self._folder / part
            if not link.exists():
                link.symlink_to(program / part)
        operator = {"KC_BOOTSTRAP_ADMIN_USERNAME": MASTER_USER, "KC_BOOTSTRAP_ADMIN_PASSWORD": self.server.password}
        command: list[str | Path] = ["java", *JVM_OPTIONS, *keycloak_options(program, self._folder), *START]
        command += [f"--http-host={ports.LOOPBACK}", f"--http-port={self._port}"]
        return children.start("keycloak", command, self._log, {**environment, **operator})
