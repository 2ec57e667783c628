"""The stack without Docker: Kafka, MongoDB, a mail catcher and a sign-in provider as child processes.

It starts services when it is asked to.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import Literal, Self, cast, get_args

from infra.commands.keys.service_keys import PEERS, keys_file, make_service_keys
from infra.credentials import Credentials, read_secret
from infra.local import ports
from infra.local.folder import locked_folder, throw_away
from infra.local.kafka import KafkaGuard, KafkaPorts, KafkaServer, Operators, why_not
from infra.local.keycloak import Keycloak, KeycloakServer
from infra.local.mongod import Mongod
from infra.local.probes import answers, greets
from infra.local.processes import Children, Process, StackError
from infra.services import SERVICES
from shared.connections import MongoAccess

TREE = Path(__file__).parents[2]
KEPT_DATA = TREE / ".data"
Part = Literal["kafka", "mongo", "mail", "sign_in", "keycloak"]
Broker = Literal["auto", "kafka", "memory"]
NO_PROVIDER = f"http://{ports.LOOPBACK}:8005"
NOTHING_SURVIVES = """\
*******************************************************************************
**  BROKER=memory: events are kept in memory only. NOTHING SURVIVES its end,  **
**  and two members of one consumer group do not share the work.              **
**  Good for a look around; never for data anybody cares about.               **
*******************************************************************************"""


@dataclass(frozen=True)
class StackSettings:
    """What to start, and where. A port of 0 means any free port. Without `data` the folder is thrown away."""

    broker: Broker = "auto"
    data: Path | None = None
    parts: frozenset[Part] = frozenset(("kafka", "mongo", "mail", "sign_in"))
    kafka_port: int = 9092
    integrators_port: int = 9095
    kafka_controller_port: int = 9093
    mongo_port: int = 27017
    smtp_port: int = 1025
    mail_port: int = 8025
    sign_in_port: int = 8005
    kafka_heap_mb: int = 384
    mongo_options: tuple[str, ...] = ()
    """Further arguments of mongod."""
    secure: bool = False
    """Whether Kafka and MongoDB ask every client who it is, over TLS; see infra.local.system.let_in."""
    announce: Callable[[str], None] = print
    """Gets every sentence that a person should read: ports taken, broker chosen, logs kept."""

    @classmethod
    def from_environment(cls) -> "StackSettings":
        """`BROKER=auto|kafka|memory`, and `KEEP=1` to keep the data in `.data/` of this tree."""
        broker = os.environ.get("BROKER") or "auto"
        if broker not in get_args(Broker):
            raise StackError(f"BROKER is {', '.join(get_args(Broker))}; not {broker!r}.")
        return cls(broker=cast(Broker, broker), data=KEPT_DATA if os.environ.get("KEEP") == "1" else None)

    @classmethod
    def private(cls, *parts: Part, secure: bool = False) -> "StackSettings":
        """A quiet stack of the real parts (without names: of all), on any free ports: for tests and benchmarks."""
        wanted = frozenset(parts) or cls.parts
        quiet = cls(broker="kafka", parts=wanted, secure=secure, announce=lambda _: None)
        quiet = replace(quiet, kafka_port=0, integrators_port=0, kafka_controller_port=0, mongo_port=0)
        return replace(quiet, smtp_port=0, mail_port=0, sign_in_port=0)


class Stack:
    """A running stack, between `with` and its end. Every part is ready when `with` is entered.

    It ends with its `with` block, also by Ctrl-C and SIGTERM if it was entered in the main thread. If this process is
    killed, the kernel ends it. Its calls block; call them from an event loop by `asyncio.to_thread`. Raises StackError,
    with the end of the log, if a part does not start.
    """

    kafka: str
    """Bootstrap server, "127.0.0.1:port"."""
    integrator_kafka: str
    """Where integrators reach it, each by a password. A broker in memory has no such door."""
    mongo: str
    """Connection URI."""
    smtp: tuple[str, int]
    """Host and port that take mail."""
    mail_url: str
    """The mail catcher's page; its API is below `/api/v1`."""
    sign_in: str
    """Issuer of the demo's OpenID Connect provider. infra.local.sign_in_provider says who can sign in there."""
    keycloak: KeycloakServer
    """A real provider, for tests that ask for this part."""
    broker: Literal["kafka", "memory"]
    logs: Path
    """The folder with one log file a process."""

    def __init__(self, settings: StackSettings | None = None) -> None:
        self.settings = settings or StackSettings()
        self._children = Children()
        self._resources = ExitStack()
        self._processes: dict[str, Process] = {}
        self.credentials: Credentials | None = None

    def __enter__(self) -> Self:
        try:
            self._end_on_sigterm()
            self._ports = self._resources.enter_context(ports.Ports())
            self._folder = self._resources.enter_context(locked_folder(self.settings.data))
            self.logs = self._folder / "logs"
            self.logs.mkdir(exist_ok=True)
            if self.settings.secure:
                self.credentials = Credentials(self._folder / "credentials")
                self.credentials.make()
            self._choose_broker()
            self._choose_ports()
            starts: dict[Part, Callable[[], None]] = {
                "kafka": self.start_kafka,
                "mongo": self.start_mongo,
                "mail": self._start_mail,
                "sign_in": self.start_sign_in,
                "keycloak": self._start_keycloak,
            }
            with ThreadPoolExecutor() as threads:
                for started in [threads.submit(starts[part]) for part in self.settings.parts]:
                    started.result()
        except BaseException as error:
            self._end(failed=not isinstance(error, KeyboardInterrupt | SystemExit))
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._end(failed=error is not None and not isinstance(error, KeyboardInterrupt | SystemExit))

    def environment(self) -> dict[str, str]:
        """The addresses, by the names of the services' settings."""
        found: dict[str, str] = {}
        if "kafka" in self.settings.parts:
            found["HEARTH_KAFKA"] = self.kafka
            if self.broker == "kafka":
                found["HEARTH_INTEGRATOR_KAFKA"] = self.integrator_kafka
        if "mongo" in self.settings.parts:
            found["HEARTH_MONGO"] = self.mongo
        if "mail" in self.settings.parts:
            found["HEARTH_SMTP"] = f"{self.smtp[0]}:{self.smtp[1]}"
        if "sign_in" in self.settings.parts:
            found["HEARTH_SIGN_IN_ISSUER"] = self.sign_in
        if self.credentials:
            found |= {"HEARTH_KAFKA_SECURITY": "sasl_ssl", "HEARTH_KAFKA_CA": str(self.credentials.ca)}
            found |= {"HEARTH_MONGO_CA": str(self.credentials.ca)}
        return found

    def passwords_of(self, user: str) -> dict[str, str]:
        """How a service (or `hearth`) signs in to the parts, by the names of its settings. Empty where nobody signs
        in.
        """
        if not self.credentials:
            return {}
        return {
            "HEARTH_KAFKA_PASSWORD_FILE": str(self.credentials.kafka_password(user)),
            "HEARTH_MONGO_PASSWORD_FILE": str(self.credentials.mongo_password(user)),
        }

    def service_keys_of(self, service: str) -> dict[str, str]:
        """The files by which a service signs its calls to others, and knows theirs, by the names of its settings."""
        folder = self._folder / "service-keys"
        folder.mkdir(mode=0o700, exist_ok=True)
        make_service_keys(folder, os.geteuid())
        ring = folder / keys_file(service)
        own = {"HEARTH_SERVICE_KEYS_FILE": str(ring)} if ring.exists() else {}
        return {"HEARTH_SERVICE_PEERS_FILE": str(folder / PEERS), **own}

    @property
    def operators(self) -> Operators:
        """Where Kafka takes orders about topics, users and rights."""
        return self._kafka.operators if self.broker == "kafka" else Operators(self.kafka)

    def mongo_access(self, user: str, prefix: str = "") -> MongoAccess:
        """How a service gets into MongoDB here."""
        if not self.credentials:
            return MongoAccess()
        password = read_secret(self.credentials.mongo_password(user))
        return MongoAccess(f"{prefix}{user}", password, self.credentials.ca)

    def start_kafka(self) -> None:
        """Start the broker where it was, and wait until it answers. One in memory starts empty, at a new address."""
        if self.broker == "memory":
            self._start_memory_broker()
        else:
            self._processes["kafka"] = self._kafka.start(self._children)
            self._processes["kafka"].wait_ready(self._kafka.is_ready)

    def stop_kafka(self, kill: bool = False) -> None:
        """Stop the broker; `kill` as a crash would, with SIGKILL."""
        self._stop("kafka", kill)

    def restart_kafka(self, kill: bool = False) -> None:
        """Stop (or kill) the broker and start it again on the same data and port."""
        self.stop_kafka(kill)
        self.start_kafka()

    def start_mongo(self) -> None:
        """Start MongoDB where it was, and wait until it is primary."""
        self._processes["mongod"] = self._mongod.start(self._children)
        self._processes["mongod"].wait_ready(self._mongod.is_ready)

    def stop_mongo(self, kill: bool = False) -> None:
        """Stop MongoDB; `kill` as a crash would, with SIGKILL."""
        self._stop("mongod", kill)

    def restart_mongo(self, kill: bool = False) -> None:
        """Stop (or kill) MongoDB and start it again on the same data and port."""
        self.stop_mongo(kill)
        self.start_mongo()

    def start_service(
        self, name: str, env: Mapping[str, str], *, port: int | None = None, wait: bool = True, label: str | None = None
    ) -> Process:
        """Start one of our services and wait for its `/health/ready`.

        `env` is added to this process's environment and to `environment()`. The port is the given one (0: any free
        port), else `HEARTH_PORT` of `env`, else the usual port of the service or the next free one. `address` of the
        result says it. `label` names a second replica and its log.
        """
        service = SERVICES[name]
        if port is None and "HEARTH_PORT" in env:
            port = int(env["HEARTH_PORT"])
        else:
            port = self._ports.any_free() if port == 0 else port or self.choose_port(name)
        label = label or name
        address = f"http://{ports.LOOPBACK}:{port}"
        # Without a provider nobody can sign in, but the rest works.
        ours = {"HEARTH_SIGN_IN_ISSUER": NO_PROVIDER, **self.environment(), **service.own_settings(address)}
        ours |= {**self.passwords_of(name), **self.service_keys_of(name)}
        inside = self._ports.any_free()
        ports_of_it = {"HEARTH_PORT": str(port), "HEARTH_INSIDE_PORT": str(inside)}
        environment = {**os.environ, **ours, **env, **ports_of_it, "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", service.module]
        process = self._children.start(label, command, self.logs / f"{label}.log", environment)
        process.address = address
        process.inside = f"http://{ports.LOOPBACK}:{inside}"
        if wait:
            self.wait_service(process)
        return process

    def choose_port(self, name: str) -> int:
        """The usual port of a service, or the next free one; ours from now on."""
        usual = [service.port for service in SERVICES.values()]
        return self._ports.choose(SERVICES[name].port, name, self.settings.announce, usual)

    def wait_service(self, process: Process) -> None:
        """Wait until a service that was started with `wait=False` is ready. Raises StackError."""
        process.wait_ready(lambda: answers(f"{process.address}/health/ready"))

    def process(self, name: Literal["kafka", "mongod", "mail", "sign_in"]) -> Process:
        """The running process of a part."""
        return self._processes[name]

    def _stop(self, name: str, kill: bool) -> None:
        process = self._processes[name]
        if kill:
            process.kill()
        else:
            process.stop()

    def _choose_broker(self) -> None:
        wanted = self.settings.broker
        reason = why_not() if "kafka" in self.settings.parts and wanted != "memory" else None
        if reason and wanted == "kafka":
            raise StackError(f"{reason} `python3 infra/prepare.py` names what is missing.")
        self.broker = "memory" if reason or wanted == "memory" else "kafka"
        if self.broker == "memory" and self.credentials:
            raise StackError("A broker in memory cannot ask who a client is.")
        if self.broker == "memory" and "kafka" in self.settings.parts:
            self.settings.announce(f"{reason}\n{NOTHING_SURVIVES}" if reason else NOTHING_SURVIVES)

    def _choose_ports(self) -> None:
        settings = self.settings

        def choose(wanted: int, purpose: str) -> int:
            return self._ports.choose(wanted, purpose, settings.announce)

        if "kafka" in settings.parts and self.broker == "kafka":
            wanted = (settings.kafka_port, settings.integrators_port, settings.kafka_controller_port)
            at = KafkaPorts(*(choose(port, "Kafka") for port in wanted))
            guard = KafkaGuard(self._ports.any_free(), self.credentials) if self.credentials else None
            self._kafka = KafkaServer(
                self._folder / "kafka", self.logs / "kafka.log", at, settings.kafka_heap_mb, guard
            )
            self.kafka, self.integrator_kafka = self._kafka.bootstrap, self._kafka.integrators
        if "mongo" in settings.parts:
            port = choose(settings.mongo_port, "MongoDB")
            log, options = self.logs / "mongod.log", settings.mongo_options
            self._mongod = Mongod(self._folder / "mongo", log, port, self.credentials, options)
            self.mongo = self._mongod.uri
        if "mail" in settings.parts:
            self.smtp = (ports.LOOPBACK, choose(settings.smtp_port, "SMTP"))
            self.mail_url = f"http://{ports.LOOPBACK}:{choose(settings.mail_port, 'mail page')}"
        if "sign_in" in settings.parts:
            self.sign_in = f"http://{ports.LOOPBACK}:{choose(settings.sign_in_port, 'sign-in')}"

    def _start_memory_broker(self) -> None:
        address = self._folder / "memory-broker.address"
        address.unlink(missing_ok=True)
        command: list[str | Path] = [sys.executable, "-m", "infra.local.memory_broker", address]
        process = self._children.start("memory broker", command, self.logs / "kafka.log", self._of_this_tree())
        process.wait_ready(address.exists)
        self._processes["kafka"] = process
        self.kafka = address.read_text()

    def _start_mail(self) -> None:
        command = [
            sys.executable,
            "-m",
            "infra.local.mail_catcher",
            str(self.smtp[1]),
            self.mail_url.rpartition(":")[2],
        ]
        process = self._children.start("mail catcher", command, self.logs / "mail.log", self._of_this_tree())
        process.wait_ready(lambda: answers(f"{self.mail_url}/readyz") and greets(self.smtp))
        self._processes["mail"] = process

    def _start_keycloak(self) -> None:
        keycloak = Keycloak(self._folder / "keycloak", self.logs / "keycloak.log", self._ports.any_free())
        process = keycloak.start(self._children, dict(os.environ))
        process.wait_ready(lambda: answers(f"{keycloak.server.issuer}/.well-known/openid-configuration"), seconds=240)
        self.keycloak = keycloak.server

    def start_sign_in(self) -> None:
        """Start the demo's provider where it was, with nobody signed in there."""
        command = [sys.executable, "-m", "infra.local.sign_in_provider", self.sign_in.rpartition(":")[2]]
        process = self._children.start("sign-in provider", command, self.logs / "sign-in.log", self._of_this_tree())
        process.wait_ready(lambda: answers(f"{self.sign_in}/.well-known/openid-configuration"))
        self._processes["sign_in"] = process

    def _of_this_tree(self) -> dict[str, str]:
        path = os.environ.get("PYTHONPATH")
        return {**os.environ, "PYTHONPATH": f"{TREE}{os.pathsep}{path}" if path else str(TREE)}

    def _end_on_sigterm(self) -> None:
        def end(number: int, _: FrameType | None) -> None:
            sys.exit(128 + number)

        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, end)
            self._resources.callback(signal.signal, signal.SIGTERM, signal.SIG_DFL)

    def _end(self, failed: bool) -> None:
        with self._resources:
            try:
                self._children.close()
            finally:
                folder = getattr(self, "_folder", None)
                if folder and not self.settings.data:
                    throw_away(folder, keep_logs=failed)
                    if failed:
                        self.settings.announce(f"Logs: {folder / 'logs'}")
