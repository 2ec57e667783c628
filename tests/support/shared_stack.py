"""One real Kafka, one MongoDB and one mail catcher a test run, started when the first test asks.

The process that runs pytest hosts them; the workers of pytest-xdist ask it over a Unix socket. So there is one of each
whatever the number of workers, and all of it ends with the run, however that ends.
"""

import os
import shutil
import tempfile
import threading
from dataclasses import dataclass, replace
from multiprocessing.connection import Client, Listener
from pathlib import Path

from infra.local.keycloak import KeycloakServer
from infra.local.processes import StackError
from infra.local.stack import Part, Stack, StackSettings

FAIL_POINTS = ("--setParameter", "enableTestCommands=1")
"""Lets a test have MongoDB fail its commands, by the name of its own client."""


@dataclass(frozen=True)
class MailServer:
    """A mail catcher: where to send mail, and where to look at it (`{url}/api/v1/messages`)."""

    host: str
    port: int
    url: str


@dataclass(frozen=True)
class Addresses:
    """Where a part answers; the fields of other parts are empty."""

    kafka: str = ""
    integrators: str = ""
    mongo: str = ""
    mail: MailServer | None = None
    sign_in: str = ""
    keycloak: KeycloakServer | None = None


class StackHost:
    """Starts parts on demand and tells their addresses, to this process and over a socket."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="hearth-tests-"))
        self.socket = str(self._folder / "socket")
        self._stacks: dict[Part, Stack] = {}
        self._lock = threading.Lock()
        self._listener = Listener(self.socket, "AF_UNIX", backlog=64)
        self._server = threading.Thread(target=self._serve, name="stack host", daemon=True)
        self._server.start()

    def addresses(self, part: Part) -> Addresses:
        """Where the part answers, started if it is the first call. Raises StackError."""
        with self._lock:
            if part not in self._stacks:
                settings = replace(StackSettings.private(part), mongo_options=FAIL_POINTS)
                self._stacks[part] = Stack(settings).__enter__()
            stack = self._stacks[part]
        match part:
            case "kafka":
                return Addresses(kafka=stack.kafka, integrators=stack.integrator_kafka)
            case "mongo":
                return Addresses(mongo=stack.mongo)
            case "mail":
                return Addresses(mail=MailServer(*stack.smtp, stack.mail_url))
            case "sign_in":
                return Addresses(sign_in=stack.sign_in)
            case "keycloak":
                return Addresses(keycloak=stack.keycloak)

    def close(self) -> None:
        """Stop all of it."""
        with Client(self.socket, "AF_UNIX") as connection:
            connection.send(None)
        self._server.join()
        self._listener.close()
        for stack in self._stacks.values():
            stack.__exit__(None, None, None)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _serve(self) -> None:
        while True:
            with self._listener.accept() as connection:
                part: Part | None = connection.recv()
                if part is None:
                    return
                try:
                    connection.send(self.addresses(part))
                except Exception as error:  # the worker that asked fails with it, and says it
                    connection.send(StackError(str(error)))


def ask(socket: str, part: Part) -> Addresses:
    """What the host behind the socket says. Raises StackError."""
    with Client(socket, "AF_UNIX") as connection:
        connection.send(part)
        answer: Addresses | StackError = connection.recv()
    if isinstance(answer, StackError):
        raise answer
    return answer


def given(part: Part) -> Addresses | None:
    """A running stack named by the environment, for quick iteration: `HEARTH_TEST_KAFKA=127.0.0.1:9092` ….

    Tests of the door to Kafka need its address, too: `HEARTH_TEST_INTEGRATOR_KAFKA=127.0.0.1:9095`.
    """
    match part:
        case "kafka":
            kafka, integrators = os.environ.get("HEARTH_TEST_KAFKA"), os.environ.get("HEARTH_TEST_INTEGRATOR_KAFKA")
            return Addresses(kafka=kafka, integrators=integrators or "") if kafka else None
        case "mongo":
            mongo = os.environ.get("HEARTH_TEST_MONGO")
            return Addresses(mongo=mongo) if mongo else None
        case "mail":
            smtp, url = os.environ.get("HEARTH_TEST_SMTP"), os.environ.get("HEARTH_TEST_MAIL_URL")
            if not (smtp and url):
                return None
            host, _, port = smtp.rpartition(":")
            return Addresses(mail=MailServer(host, int(port), url))
        case "sign_in":
            issuer = os.environ.get("HEARTH_TEST_SIGN_IN")
            return Addresses(sign_in=issuer) if issuer else None
        case "keycloak":
            address, password = os.environ.get("HEARTH_TEST_KEYCLOAK"), os.environ.get("HEARTH_TEST_KEYCLOAK_PASSWORD")
            return Addresses(keycloak=KeycloakServer(address, password)) if address and password else None
