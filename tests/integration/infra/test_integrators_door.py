"""The listener of integrators, as docker-compose.yml has it: who gets in, and what each may do there."""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from shared.kafka.topics import TOPICS
from tests.support.broker import make_topics
from tests.support.command_line import run_json
from tests.support.secure_rig import as_user, gets_in, may_join, readable, writable

PASSWORD = "a password of some length"  # of a test


@dataclass(frozen=True)
class Let:
    """Two integrators that an operator has let in, by their names."""

    door: str
    prefix: str
    ours: str
    theirs: str

    def client(self, user: str, password: str = PASSWORD) -> dict[str, Any]:
        return as_user(self.door, None, user, password)

    def topic(self, kind: str, user: str) -> str:
        return f"{self.prefix}reports.{kind}.{user}"

    def topics(self) -> set[str]:
        """Every topic of this deployment."""
        own = {self.topic(kind, user) for kind in ("inbox", "outcomes") for user in (self.ours, self.theirs)}
        return own | {self.prefix + topic.name for topic in TOPICS}


@pytest.fixture
async def tables(kafka: str, prefix: str) -> None:
    await make_topics(kafka, prefix, *(topic.name for topic in TOPICS), partitions=1)


@pytest.fixture
def let(
    kafka: str,
    integrator_kafka: str,
    prefix: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Let]:
    password = tmp_path / "password"
    password.write_text(PASSWORD, encoding="utf-8")
    where = ("--kafka", kafka, "--topic-prefix", prefix, "--integrator-kafka", integrator_kafka)
    users = [f"{name}-{prefix.rstrip('.')}" for name in ("wiki", "wiki-2")]
    for user in users:
        told = run_json(capsys, "topics", "integrator", user, "--password-file", str(password), *where)
        assert told["bootstrap.servers"] == integrator_kafka
        assert told["security.protocol"] == "SASL_PLAINTEXT"
    yield Let(integrator_kafka, prefix, *users)
    for user in users:
        run_json(capsys, "topics", "integrator", user, "--remove", "--kafka", kafka, "--topic-prefix", prefix)


def test_an_integrator_writes_its_inbox_and_reads_its_outcomes_and_nothing_else(
    tables: None, let: Let, kafka: str
) -> None:
    # Something to read, everywhere: without a password, as a service beside the broker.
    assert writable({"bootstrap.servers": kafka}, let.topics()) == let.topics()
    ours, group = let.client(let.ours), f"{let.prefix}integrator.{let.ours}"
    assert writable(ours, let.topics()) == {let.topic("inbox", let.ours)}
    assert readable(ours, let.topics(), group) == {let.topic("outcomes", let.ours)}
    assert may_join(ours, let.topic("outcomes", let.ours), group)
    for other in (f"{let.prefix}integrator.{let.theirs}", f"{let.prefix}intake.reports.inbox", "any"):
        assert not may_join(ours, let.topic("outcomes", let.ours), other)


def test_nobody_gets_through_the_door_without_the_right_password(
    let: Let, kafka: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gets_in(let.client(let.ours))
    assert gets_in(let.client(let.theirs))
    run_json(capsys, "topics", "integrator", let.theirs, "--remove", "--kafka", kafka, "--topic-prefix", let.prefix)
    assert not gets_in(let.client(let.theirs))
    assert not gets_in(let.client(let.ours, PASSWORD + "x"))
    assert not gets_in(let.client("intake"))
    assert not gets_in(let.client("ANONYMOUS"))
    assert not gets_in({"bootstrap.servers": let.door, "log_level": 0})


def test_an_integrator_sees_its_own_topics_only_and_gives_no_orders(let: Let) -> None:
    admin = AdminClient(let.client(let.ours))
    # A question for every topic is answered with those that the user may see.
    seen = admin.list_topics(timeout=30).topics
    assert seen.keys() == {let.topic("inbox", let.ours), let.topic("outcomes", let.ours)}
    orders = (
        admin.create_topics([NewTopic(f"{let.prefix}mine", 1, 1)])[f"{let.prefix}mine"],
        admin.delete_topics([let.topic("inbox", let.ours)])[let.topic("inbox", let.ours)],
        admin.delete_topics([let.topic("inbox", let.theirs)])[let.topic("inbox", let.theirs)],
    )
    for order in orders:
        with pytest.raises(KafkaException) as refused:
            order.result(timeout=30)
        assert refused.value.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


@pytest.mark.parametrize("size", [16 * 1024 + 1, 2**31 - 1])
def test_the_broker_keeps_no_room_for_a_large_request_of_a_stranger(integrator_kafka: str, size: int) -> None:
    host, _, port = integrator_kafka.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as stranger:
        stranger.sendall(struct.pack(">i", size))
        assert stranger.recv(1) == b""
