"""Apache Kafka from its own jars: one node, KRaft mode, durable across a kill of the process."""

import asyncio
import hashlib
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from infra.credentials import Credentials
from infra.local import ports
from infra.local.downloads import fetch_kafka, kafka_folder, locked
from infra.local.processes import Children, Process, StackError
from shared.connections import OPEN_KAFKA, KafkaAccess

OLDEST_JAVA = 17
CLUSTER_ID = "aGVhcnRoLWxvY2FsLTAwMQ"
"""Every local cluster has the same id, so that formatted storage can be kept in the cache and copied."""

# The C1 compiler alone and the serial collector start fastest and leave the most of two cores to the services.
JVM_OPTIONS = ("-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")

# An integrator shows a password, and may do what the table of topics says. What one request can hold is bounded.
_DOOR = """\
listener.name.integrators.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.integrators.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
sasl.server.max.receive.size=16384
socket.request.max.bytes=33554432
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
"""

# As in docker-compose.yml: integrators by password, and all others on this machine without one.
OPEN = f"""\
listeners=PLAINTEXT://127.0.0.1:{{port}},INTEGRATORS://127.0.0.1:{{integrators_port}},\
CONTROLLER://127.0.0.1:{{controller_port}}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},INTEGRATORS://127.0.0.1:{{integrators_port}}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,INTEGRATORS:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
{_DOOR}\
super.users=User:ANONYMOUS
"""

# As in docker-compose.secure.yml: services and integrators by password, brokers and the operator by certificate.
SECURE = f"""\
listeners=CLIENTS://127.0.0.1:{{port}},INTEGRATORS://127.0.0.1:{{integrators_port}},\
BROKERS://127.0.0.1:{{brokers_port}},CONTROLLER://127.0.0.1:{{controller_port}}
advertised.listeners=CLIENTS://127.0.0.1:{{port}},INTEGRATORS://127.0.0.1:{{integrators_port}},\
BROKERS://127.0.0.1:{{brokers_port}}
listener.security.protocol.map=CLIENTS:SASL_SSL,INTEGRATORS:SASL_SSL,BROKERS:SSL,CONTROLLER:SSL
inter.broker.listener.name=BROKERS
listener.name.clients.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.clients.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.brokers.ssl.client.auth=required
listener.name.controller.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location={{certificate}}
ssl.truststore.type=PEM
ssl.truststore.location={{ca}}
{_DOOR}\
super.users=User:CN=kafka;User:CN=operator
"""

# A killed broker may come back only when its session has ended, so the session is short (usually 9 s).
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
log.index.size.max.bytes=1048576
log.segment.delete.delay.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
num.network.threads=2
num.io.threads=4
"""


def java_version() -> int | None:
    """The major version of the `java` on the PATH; None if it does not run."""
    try:
        shown = subprocess.run(["java", "-XshowSettings:properties", "-version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    for line in shown.stderr.decode(errors="replace").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "java.specification.version":
            return int(value.strip().removeprefix("1.").partition(".")[0])
    return None


def why_not() -> str | None:
    """Why Kafka cannot run on this machine, in one sentence. None if it can."""
    version = java_version()
    if version is None:
        return "Java does not run here."
    if version < OLDEST_JAVA:
        return f"Java {version} is too old for Kafka, which needs {OLDEST_JAVA}."
    if not kafka_folder().exists() and shutil.which("mvn") is None:
        return "Kafka's jars are not in the cache, and there is no Maven to fetch them."
    return None


@dataclass(frozen=True, slots=True)
class KafkaPorts:
    """Where the broker listens: for services, for integrators, and for itself."""

    port: int
    integrators_port: int
    controller_port: int


@dataclass(frozen=True, slots=True)
class Operators:
    """Where the broker takes orders about topics, users and rights, and how to get in."""

    bootstrap: str
    access: KafkaAccess = OPEN_KAFKA


@dataclass(frozen=True, slots=True)
class KafkaGuard:
    """What makes a broker ask who a client is: a port for clients with a certificate, and the files of `hearth`."""

    brokers_port: int
    credentials: Credentials

    @property
    def operators(self) -> Operators:
        """The operator shows a certificate, because there are no passwords before the operator makes them."""
        return Operators(f"{ports.LOOPBACK}:{self.brokers_port}", self.credentials.operator_at_kafka())

    def listeners(self, at: KafkaPorts) -> str:
        """The part of the broker's properties that says who is let in."""
        return SECURE.format(
            **asdict(at),
            brokers_port=self.brokers_port,
            certificate=self.credentials.certificate("kafka").absolute(),
            ca=self.credentials.ca.absolute(),
        )


class KafkaServer:
    """One broker with its data folder and ports, which stay the same over restarts.

    With `guard` it lets in only clients with a password or a certificate, and lets them do only what they may.
    """

    def __init__(
        self,
        folder: Path,
        log: Path,
        at: KafkaPorts,
        heap_mb: int = 384,
        guard: "KafkaGuard | None" = None,
    ) -> None:
        self.bootstrap = f"{ports.LOOPBACK}:{at.port}"
        self.integrators = f"{ports.LOOPBACK}:{at.integrators_port}"
        self.operators = guard.operators if guard else Operators(self.bootstrap)
        self._folder = folder
        self._log = log
        self._at = at
        self._heap_mb = heap_mb
        self._listeners = guard.listeners(at) if guard else OPEN.format(**asdict(at))

    def start(self, children: Children, *extra_options: str) -> Process:
        """Start the broker on what its data folder holds; see `is_ready`."""
        data = self._folder / "data"
        if not data.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            shutil.copytree(_formatted_storage(), data)
        properties = self._folder / "server.properties"
        properties.write_text(
            self._listeners + PROPERTIES.format(controller_port=self._at.controller_port, data=data.absolute())
        )
        return children.start(
            "kafka", [*_java(f"-Xmx{self._heap_mb}m", *extra_options), "kafka.Kafka", properties], self._log
        )

    def is_ready(self) -> bool:
        """Whether the broker answers the admin client as a live broker. Works inside a running event loop, too."""
        if not ports.is_open(self._at.port):
            return False
        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(asyncio.run, self._answers()).result()

    async def _answers(self) -> bool:
        operators = self.operators
        admin = AIOKafkaAdminClient(
            bootstrap_servers=operators.bootstrap, request_timeout_ms=5000, **operators.access.options()
        )
        try:
            await admin.start()
            cluster = await admin.describe_cluster()
        except (KafkaError, OSError, TimeoutError):
            return False
        finally:
            await admin.close()
        return any(operators.bootstrap.endswith(f":{broker['port']}") for broker in cluster["brokers"])


def prepare_kafka() -> None:
    """Everything that makes a start fast: jars, formatted storage, and an archive of loaded classes for this Java."""
    _formatted_storage()
    archive = _class_archive()
    with locked(kafka_folder() / "classes.lock"):
        if archive.exists():
            return
        with tempfile.TemporaryDirectory(prefix="hearth-classes-") as place:
            folder = Path(place)
            made = folder / "classes.jsa"
            children = Children()
            with ports.Ports() as free:
                kafka = KafkaServer(
                    folder / "kafka", folder / "log", KafkaPorts(free.any_free(), free.any_free(), free.any_free())
                )
                try:
                    broker = kafka.start(children, f"-XX:ArchiveClassesAtExit={made}")
                    broker.wait_ready(kafka.is_ready)
                    broker.stop(seconds=60)
                finally:
                    children.close()
            if made.exists():  # without it a start takes two seconds longer, and nothing else changes
                shutil.move(made, archive.with_suffix(".part"))
                archive.with_suffix(".part").rename(archive)


def _java(*options: str) -> list[str]:
    jars = ":".join(str(jar) for jar in sorted((fetch_kafka() / "libs").glob("*.jar")))
    archive = _class_archive()
    shared = [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []
    return ["java", *JVM_OPTIONS, *shared, *options, "-cp", jars]


def _class_archive() -> Path:
    """The archive belongs to one build of Java. Another build would ignore it."""
    java = Path(shutil.which("java") or "java").resolve()
    build = f"{java}:{java.stat().st_mtime_ns if java.exists() else 0}:{JVM_OPTIONS}"
    return kafka_folder() / f"classes-{hashlib.sha256(build.encode()).hexdigest()[:12]}.jsa"


def _formatted_storage() -> Path:
    """A data folder as `StorageTool format` leaves it. It names no port, so one serves every local cluster."""
    formatted = fetch_kafka() / "formatted"
    with locked(kafka_folder() / "formatted.lock"):
        if not formatted.exists():
            with tempfile.TemporaryDirectory(dir=kafka_folder(), prefix="formatting-") as place:
                data = Path(place) / "data"
                properties = Path(place) / "server.properties"
                listeners = OPEN.format(**asdict(KafkaPorts(9092, 9095, 9093)))
                properties.write_text(listeners + PROPERTIES.format(controller_port=9093, data=data))
                done = subprocess.run(
                    [*_java(), "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", properties],
                    capture_output=True,
                    env={**os.environ, "LC_ALL": "C"},
                    check=False,
                )
                if done.returncode:
                    raise StackError(f"Kafka could not format its storage: {done.stderr.decode(errors='replace')}")
                data.rename(formatted)
    return formatted
