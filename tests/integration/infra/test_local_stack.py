"""The stack without Docker keeps its promises: really ready, really gone, nothing lost, nothing left behind."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo import MongoClient

from infra.local import ports
from infra.local.folder import FOLDER_PREFIX, sweep
from infra.local.processes import StackError
from infra.local.stack import Stack, StackSettings
from shared.kafka.topics import TOPICS

HOLD_A_STACK = """
import json, signal
# Whoever is started in the background is told to ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
from infra.local.stack import Stack, StackSettings
with Stack(StackSettings.private()) as stack:
    pids = [stack.process(name).pid for name in ("kafka", "mongod", "mail", "sign_in")]
    print(json.dumps({"pids": pids, "logs": str(stack.logs)}), flush=True)
    signal.pause()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the test's own, so that no other stack's leavings are counted or swept."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


@pytest.fixture
def holder(temporary: Path) -> Iterator[tuple[subprocess.Popen[str], list[int], Path]]:
    """A process that holds a running stack; its children's pids, and the stack's folder."""
    with subprocess.Popen([sys.executable, "-c", HOLD_A_STACK], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            yield process, told["pids"], Path(told["logs"]).parent
        finally:
            process.kill()


def test_every_part_is_usable_as_soon_as_the_stack_is_entered() -> None:
    with Stack(StackSettings.private()) as stack:
        write_everywhere(stack, "one")
        assert read_everywhere(stack) == (["one"], ["one"])
        with socket.create_connection(stack.smtp) as smtp:
            assert smtp.recv(3) == b"220"


def test_no_orphan_survives_a_kill_of_the_parent(holder: tuple[subprocess.Popen[str], list[int], Path]) -> None:
    parent, pids, folder = holder
    assert all(runs(pid) for pid in pids)
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(runs(pid) for pid in pids))
    assert (folder / "mongo").exists()
    sweep()
    assert not (folder / "mongo").exists()
    assert not (folder / "kafka").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_ends_the_stack_cleanly(
    holder: tuple[subprocess.Popen[str], list[int], Path], number: signal.Signals
) -> None:
    parent, pids, folder = holder
    parent.send_signal(number)
    assert parent.wait(60) != 0
    assert not any(runs(pid) for pid in pids)
    assert not folder.exists()


def test_the_sweep_leaves_a_running_stack_alone(temporary: Path) -> None:
    with Stack(StackSettings.private("mongo")) as stack:
        sweep()
        assert (stack.logs.parent / "mongo").exists()
    assert list(temporary.glob(f"{FOLDER_PREFIX}*")) == []


@pytest.mark.slow
def test_kept_data_survives_even_on_other_ports(tmp_path: Path) -> None:
    settings = replace(StackSettings.private("kafka", "mongo"), data=tmp_path / "kept")
    with Stack(settings) as stack:
        before = stack.kafka, stack.mongo
        write_everywhere(stack, "kept")
    with Stack(settings) as stack:
        assert (stack.kafka, stack.mongo) != before
        assert read_everywhere(stack) == (["kept"], ["kept"])


def test_two_stacks_cannot_share_a_data_folder(tmp_path: Path) -> None:
    settings = replace(StackSettings.private("mail"), data=tmp_path)
    with Stack(settings), pytest.raises(StackError, match="Another stack is using"), Stack(settings):
        pass


@pytest.mark.slow
def test_acknowledged_writes_survive_a_kill_of_kafka_and_mongodb(own_stack: Stack) -> None:
    write_everywhere(own_stack, "acknowledged")
    for _ in range(2):
        own_stack.restart_kafka(kill=True)
        own_stack.restart_mongo(kill=True)
        assert read_everywhere(own_stack) == (["acknowledged"], ["acknowledged"])


@pytest.mark.slow
def test_a_stopped_part_is_away_until_it_is_started_again(own_stack: Stack) -> None:
    port = int(own_stack.kafka.rpartition(":")[2])
    own_stack.stop_kafka()
    assert not ports.is_open(port)
    own_stack.start_kafka()
    assert ports.is_open(port)


def test_a_taken_port_is_named_with_its_holder_and_the_next_one_used() -> None:
    said: list[str] = []
    with socket.create_server((ports.LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        settings = replace(StackSettings.private("mail"), smtp_port=port, announce=said.append)
        with Stack(settings) as stack:
            assert stack.smtp[1] > port
            (sentence,) = said
            assert sentence.startswith(f"Port {port} (SMTP) is taken by ")
            assert f"(pid {os.getpid()})" in sentence
            assert sentence.endswith(f"using {stack.smtp[1]} instead.")


def test_a_part_that_does_not_start_shows_what_its_log_complains_of(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "mongo" / "mongod.lock").mkdir(parents=True)
    settings = replace(StackSettings.private("mongo"), data=tmp_path, announce=said.append)
    with (
        pytest.raises(StackError, match=r"(?s)mongod ended with status \d+.*mongod\.log.*mongod\.lock"),
        Stack(settings),
    ):
        pass


def test_the_broker_in_memory_works_and_says_that_nothing_survives_it() -> None:
    said: list[str] = []
    settings = replace(StackSettings.private("kafka"), broker="memory", announce=said.append)
    with Stack(settings) as stack:
        assert stack.broker == "memory"
        assert "NOTHING SURVIVES" in said[0]
        assert {topic.name for topic in TOPICS} <= asyncio.run(topics_of(stack.kafka))
        asyncio.run(produce(stack.kafka, "in memory"))
        assert asyncio.run(consume(stack.kafka)) == ["in memory"]


def test_the_environment_chooses_broker_and_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER", "memory")
    monkeypatch.setenv("KEEP", "1")
    settings = StackSettings.from_environment()
    assert settings.broker == "memory"
    assert settings.data is not None
    monkeypatch.setenv("BROKER", "rabbit")
    with pytest.raises(StackError, match="rabbit"):
        StackSettings.from_environment()


TOPIC = "kept"


def write_everywhere(stack: Stack, text: str) -> None:
    """One acknowledged record, and one acknowledged document."""
    asyncio.run(make_topic(stack.kafka))
    asyncio.run(produce(stack.kafka, text))
    client: MongoClient[dict[str, Any]] = MongoClient(stack.mongo, w="majority", journal=True)
    with client:
        client["probe"]["kept"].insert_one({"text": text})


def read_everywhere(stack: Stack) -> tuple[list[str], list[str]]:
    client: MongoClient[dict[str, Any]] = MongoClient(stack.mongo)
    with client:
        documents = [document["text"] for document in client["probe"]["kept"].find()]
    return asyncio.run(consume(stack.kafka)), documents


async def make_topic(kafka: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    finally:
        await admin.close()


async def topics_of(kafka: str) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        return set(await admin.list_topics())
    finally:
        await admin.close()


async def produce(kafka: str, text: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True) as producer:
        await producer.send_and_wait(TOPIC, text.encode())


async def consume(kafka: str) -> list[str]:
    async with AIOKafkaConsumer(TOPIC, bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer:
        first = await asyncio.wait_for(consumer.getone(), 20)
        rest = await consumer.getmany(timeout_ms=200)
        return [r.value.decode() for r in [first, *(record for records in rest.values() for record in records)]]


def runs(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def wait_until(holds: Callable[[], bool], seconds: float = 5) -> None:
    give_up = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.02)
