"""The topics, as a table, and the two things done with it: make the broker agree, and say where it does not."""

from collections.abc import Iterable
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

DAY_MS = 24 * 60 * 60 * 1000
FOREVER = -1
COMPACTION_LAG_MS = 30 * DAY_MS
LARGEST_RECORD = 1024 * 1024
# A dead letter is the record it came from with the reason beside it: it must fit wherever the record did.
LARGEST_DEAD_LETTER = LARGEST_RECORD + 64 * 1024


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: who writes it, what keys it, how many partitions, how long it keeps records (ms, -1 = for ever)."""

    name: str
    writers: tuple[str, ...]
    key: str
    partitions: int
    retention_ms: int
    consumers: tuple[str, ...] = ()
    cleanup: str = "delete"
    max_bytes: int = LARGEST_RECORD

    def config(self) -> dict[str, str]:
        """The broker settings that make the topic what the table says."""
        found = {
            "retention.ms": str(self.retention_ms),
            "cleanup.policy": self.cleanup,
            "max.message.bytes": str(self.max_bytes),
        }
        if self.cleanup == "compact" and "audit" in self.consumers:
            # The record has every change, also after an outage of audit: until then nothing may be thrown away.
            found["min.compaction.lag.ms"] = str(COMPACTION_LAG_MS)
        return found


FACT_TOPICS = (
    Topic("reports.inbox", ("anyone",), "any", 12, 7 * DAY_MS, ("intake", "audit")),
    Topic("reports", ("intake",), "case_id", 12, FOREVER, ("triage", "notification", "audit")),
    Topic("cases", ("triage",), "case_id", 12, FOREVER, ("intake", "notification", "audit")),
    Topic("erasures", ("intake",), "case_id", 1, FOREVER, ("intake", "triage", "audit")),
    Topic("notifications", ("notification",), "case_id", 12, FOREVER, ("audit",)),
    Topic("access", ("intake", "triage", "notification", "audit"), "case_id", 12, FOREVER, ("audit",)),
    # Each record holds the whole entry, so the newest of each is enough; the record keeps all of them.
    Topic("roster", ("triage",), "person or token", 1, FOREVER, ("intake", "notification", "audit"), "compact"),
    Topic("audit.seals", ("audit",), "origin", 1, FOREVER),
)


def dead_letters_of(topic: str) -> str:
    """The topic that keeps what could not be understood on `topic`."""
    return f"{topic}.dlq"


PROJECTED = frozenset({"roster"})
"""Topics that audit understands as well as records."""

# A dead letter is keyed by where it came from; a tombstone on that key marks it dealt with, hence compaction.
DEAD_LETTER_TOPICS = tuple(
    Topic(
        dead_letters_of(t.name),
        # What audit only records, it takes whatever comes, and so it gives nothing up.
        tuple(consumer for consumer in t.consumers if consumer != "audit" or t.name in PROJECTED),
        "group|partition|offset",
        1,
        FOREVER,
        (),
        "compact",
        LARGEST_DEAD_LETTER,
    )
    for t in FACT_TOPICS
    if t.consumers
)

TOPICS: tuple[Topic, ...] = FACT_TOPICS + DEAD_LETTER_TOPICS


@dataclass(frozen=True, slots=True)
class Drift:
    """One way in which the broker differs from the table."""

    topic: str
    what: str
    wanted: str
    found: str


async def find_drift(admin: AIOKafkaAdminClient, prefix: str = "", topics: Iterable[Topic] = TOPICS) -> list[Drift]:
    """Where the broker differs from the table: missing topics, partitions, retention, clean-up."""
    present = set(await admin.list_topics())
    drift = []
    for topic in topics:
        name = prefix + topic.name
        if name not in present:
            drift.append(Drift(topic.name, "topic", "present", "missing"))
            continue
        (description,) = await admin.describe_topics([name])
        partitions = len(description["partitions"])
        if partitions != topic.partitions:
            drift.append(Drift(topic.name, "partitions", str(topic.partitions), str(partitions)))
        found = await _read_config(admin, name)
        drift += [
            Drift(topic.name, key, wanted, found.get(key, "unset"))
            for key, wanted in topic.config().items()
            if found.get(key) != wanted
        ]
    return drift


async def create_topics(
    admin: AIOKafkaAdminClient, prefix: str = "", topics: Iterable[Topic] = TOPICS, replication: int = 1
) -> list[str]:
    """Create what is missing and add missing partitions; returns the names it touched. Safe to repeat."""
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
    grown = []
    for topic in topics:
        if topic in missing:
            continue
        (description,) = await admin.describe_topics([prefix + topic.name])
        if len(description["partitions"]) < topic.partitions:
            await admin.create_partitions({prefix + topic.name: NewPartitions(topic.partitions)})
            grown.append(topic)
    return [t.name for t in (*missing, *grown)]


async def _read_config(admin: AIOKafkaAdminClient, name: str) -> dict[str, str]:
    responses = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    return {
        entry[0]: str(entry[1]) for response in responses for resource in response.resources for entry in resource[4]
    }
