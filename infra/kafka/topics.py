"""Topics at a broker: they are made and altered to agree with shared/kafka/topics.py, and differences are found.

aiokafka's admin client can only replace all settings of a topic. This module spells the request that changes some
(KIP-339).
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Schema, String

from shared.kafka.topics import TOPICS, Topic, topics_of, writer_of

_SET = 0
"""AlterConfigOp.OpType of the protocol. The other types delete, append and subtract."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One way in which the broker differs from the table."""

    topic: str
    what: str
    wanted: str
    found: str


async def integrators_at(admin: AIOKafkaAdminClient, prefix: str = "") -> list[str]:
    """The integrators that have an inbox at the broker."""
    named = [name.removeprefix(prefix) for name in await admin.list_topics() if name.startswith(prefix)]
    return sorted(writer for writer in map(writer_of, named) if writer is not None)


async def topics_at(admin: AIOKafkaAdminClient, prefix: str = "") -> tuple[Topic, ...]:
    """What the broker should have: the topics of the table, and those of the integrators that have an inbox."""
    return (*TOPICS, *(topic for name in await integrators_at(admin, prefix) for topic in topics_of(name)))


async def find_drift(admin: AIOKafkaAdminClient, prefix: str = "", topics: Iterable[Topic] = TOPICS) -> list[Drift]:
    """Where the broker differs from the table: missing topics, partitions, retention, segments, clean-up."""
    topics = tuple(topics)
    present = set(await admin.list_topics())
    there = [topic for topic in topics if prefix + topic.name in present]
    partitions = await _count_partitions(admin, [prefix + topic.name for topic in there])
    settings = await _read_settings(admin, [prefix + topic.name for topic in there])
    drift = []
    for topic in topics:
        name = prefix + topic.name
        if name not in present:
            drift.append(Drift(topic.name, "topic", "present", "missing"))
            continue
        if partitions[name] != topic.partitions:
            drift.append(Drift(topic.name, "partitions", str(topic.partitions), str(partitions[name])))
        drift += _compare(topic, settings[name])
    return drift


async def alter_topics(
    admin: AIOKafkaAdminClient, prefix: str = "", topics: Iterable[Topic] = TOPICS
) -> list[Drift]:  # fmt: skip
    """Give existing topics the settings of the table, and leave their other settings. Safe to repeat.

    Returns what it changed, once the broker obeys. Raises KafkaError, also where this user may not.
    """
    present = set(await admin.list_topics())
    there = [topic for topic in topics if prefix + topic.name in present]
    changed = await _differences(admin, prefix, there)
    if not changed:
        return []
    settings: dict[str, dict[str, str]] = defaultdict(dict)
    for drift in changed:
        settings[prefix + drift.topic][drift.what] = drift.wanted
    answer = await admin._send_request(_AlterSomeConfigs(settings))
    for code, _, _, name in answer.responses:
        if code:
            raise for_code(code)(f"topic {name}")
    altered = [topic for topic in there if prefix + topic.name in settings]
    # The controller answers before the brokers know.
    while True:
        if not await _differences(admin, prefix, altered):
            return changed
        await asyncio.sleep(0.1)


async def create_topics(
    admin: AIOKafkaAdminClient, prefix: str = "", topics: Iterable[Topic] = TOPICS, replication: int = 1
) -> list[str]:
    """Create missing topics and add missing partitions. Returns the names of the topics. Safe to repeat."""
    topics = tuple(topics)
    present = set(await admin.list_topics())
    missing = [t for t in topics if prefix + t.name not in present]
    if missing:
        response = await admin.create_topics(
            [NewTopic(prefix + t.name, t.partitions, replication, topic_configs=t.config()) for t in missing]
        )
        for name, code, *_ in response.topic_errors:
            if code and for_code(code) is not TopicAlreadyExistsError:
                raise for_code(code)(f"topic {name}")
    older = [topic for topic in topics if topic not in missing]
    found = await _count_partitions(admin, [prefix + topic.name for topic in older])
    grown = [topic for topic in older if found[prefix + topic.name] < topic.partitions]
    if grown:
        await admin.create_partitions({prefix + topic.name: NewPartitions(topic.partitions) for topic in grown})
    return [t.name for t in (*missing, *grown)]


async def _differences(admin: AIOKafkaAdminClient, prefix: str, there: Sequence[Topic]) -> list[Drift]:
    settings = await _read_settings(admin, [prefix + topic.name for topic in there])
    return [drift for topic in there for drift in _compare(topic, settings[prefix + topic.name])]


def _compare(topic: Topic, found: Mapping[str, str]) -> Sequence[Drift]:
    return [
        Drift(topic.name, key, wanted, found.get(key, "unset"))
        for key, wanted in topic.config().items()
        if found.get(key) != wanted
    ]


async def _count_partitions(admin: AIOKafkaAdminClient, names: Sequence[str]) -> Mapping[str, int]:
    """The partitions of topics, in one question, because each question costs a round trip."""
    # A question about no topic is one about all of them.
    described = await admin.describe_topics(list(names)) if names else []
    return {topic["topic"]: len(topic["partitions"]) for topic in described}


async def _read_settings(admin: AIOKafkaAdminClient, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """The settings of topics, in one question; those of a topic that the broker does not know yet are empty."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    responses = await admin.describe_configs(resources) if resources else []
    return {
        resource[3]: {entry[0]: str(entry[1]) for entry in resource[4]}
        for response in responses
        for resource in response.resources
    }


class _AlteredSomeConfigs_v0(Response):  # type: ignore[misc]  # noqa: N801  # as aiokafka names versions
    API_KEY = 44
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "responses",
            Array(
                ("error_code", Int16),
                ("error_message", String("utf-8")),
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
            ),
        ),
    )


class _AlterSomeConfigs_v0(RequestStruct):  # type: ignore[misc]  # noqa: N801  # as aiokafka names versions
    API_KEY = 44
    API_VERSION = 0
    RESPONSE_TYPE = _AlteredSomeConfigs_v0
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                (
                    "configs",
                    Array(("name", String("utf-8")), ("config_operation", Int8), ("value", String("utf-8"))),
                ),
            ),
        ),
        ("validate_only", Boolean),
    )


class _AlterSomeConfigs(Request[_AlterSomeConfigs_v0]):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 44

    def __init__(self, settings: Mapping[str, Mapping[str, str]]) -> None:
        self._resources = [
            (ConfigResourceType.TOPIC, name, [(key, _SET, value) for key, value in config.items()])
            for name, config in settings.items()
        ]

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(self._resources, False)
