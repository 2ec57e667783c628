"""A service that was away while many reports came reads them in the memory of its container, and lives."""

import asyncio
import time
from collections.abc import Callable, Mapping

import pytest

from infra.local.stack import Stack
from shared.events import Event, Message, encode
from shared.kafka.publisher import Publisher
from tests.faults.test_memory_under_attack import caged, stack, survived
from tests.support.broker import committed
from tests.support.cage import memory_of
from tests.support.notification_world import Story

__all__ = ["stack"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MIB = 1024 * 1024
REPORTS = 9_000
AT_ONCE = 1_500
FURTHER = ("notifications", "access", "erasures", "roster")
"""Audit reads these as well. What stands on them there is of no matter for its memory, but is told once each."""
TOLD: Mapping[str, Callable[[Story], list[Event]]] = {
    "reports": lambda story: [story.received()],
    "cases": lambda story: [story.opened(), story.triaged()],
    **{topic: lambda story, topic=topic: [story.event(story.received().fact, topic, "hearth")] for topic in FURTHER},  # type: ignore[misc]  # it is bound here
}
"""What stands on each topic about a report."""


@pytest.fixture(scope="module")
def backlog(stack: Stack) -> Mapping[str, int]:
    """Many reports and their cases; how many records there are, by topic."""
    return asyncio.run(write_backlog(stack.kafka))


async def write_backlog(kafka: str) -> Mapping[str, int]:
    written = dict.fromkeys(TOLD, 0)
    publisher = Publisher(kafka, client="test")
    try:
        for _ in range(REPORTS // AT_ONCE):
            stories = [Story() for _ in range(AT_ONCE)]
            for topic, told in TOLD.items():
                found = [encode(event) for story in stories for event in told(story)]
                messages = [Message(topic, one.key, one.headers, one.value) for one in found]
                await publisher.publish(messages)
                written[topic] += len(messages)
    finally:
        await publisher.stop()
    return written


@pytest.mark.parametrize(("service", "topics"), [("audit", tuple(TOLD)), ("triage", ("reports",))])
async def test_a_service_catches_up_in_the_memory_it_has(
    stack: Stack, backlog: Mapping[str, int], service: str, topics: tuple[str, ...]
) -> None:
    with caged(stack, service) as (process, cage):
        give_up = time.monotonic() + 200
        for topic in topics:
            while (done := sum((await committed(stack.kafka, f"{service}.{topic}")).values())) < backlog[topic]:
                survived(process, cage)
                assert time.monotonic() < give_up, (topic, done)
                await asyncio.sleep(1)
        survived(process, cage)
        print(f"{service}: {memory_of(process.pid, 'VmHWM') / MIB:.0f} MiB at most")  # noqa: T201  # a measurement
