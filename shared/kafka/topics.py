"""The topics, as a table: who writes each, what keys it, and how long it keeps records.

infra.kafka.topics makes a broker agree with it.
"""

import re
from dataclasses import dataclass, replace

HOUR_MS = 60 * 60 * 1000
DAY_MS = 24 * HOUR_MS
FOREVER = -1
ANYONE = "anyone"
"""The writer of a topic that integrators write."""
INBOX = "reports.inbox"
OUTCOMES = "reports.outcomes"
NO_TOKEN = "no_good_token"  # noqa: S105  # no password: the code of a dead letter
"""Why a record of an inbox waits as a dead letter when no token of its writer is, or was, good."""
COMPACTION_LAG_MS = 30 * DAY_MS
STRANGERS_LETTERS_MS = 30 * DAY_MS
LARGEST_RECORD = 1024 * 1024
# A dead letter is a record with the reason beside it. It must fit into its topic if the record fit into its own.
LARGEST_DEAD_LETTER = LARGEST_RECORD + 64 * 1024


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: its writers, its key, its partitions, and how long it keeps records (in ms; -1: for ever).

    `restricted`: a restricted topic tells who is named in reports. The record holds its records as digests alone, no
    page, API or command shows them, and nothing of it becomes a dead letter.
    """

    name: str
    writers: tuple[str, ...]
    key: str
    partitions: int
    retention_ms: int
    consumers: tuple[str, ...] = ()
    cleanup: str = "delete"
    max_bytes: int = LARGEST_RECORD
    segment_ms: int | None = None
    restricted: bool = False

    def config(self) -> dict[str, str]:
        """The broker settings that make the topic what the table says."""
        found = {
            "retention.ms": str(self.retention_ms),
            "cleanup.policy": self.cleanup,
            "max.message.bytes": str(self.max_bytes),
        }
        if self.segment_ms is not None:
            # Kafka neither deletes nor compacts a segment that it still writes to.
            found["segment.ms"] = str(self.segment_ms)
        if ANYONE in self.writers:
            # A sender would choose the time from which deadlines run. One in the future would keep a whole segment.
            found["message.timestamp.type"] = "LogAppendTime"
        if self.cleanup == "compact" and "audit" in self.consumers and not self.restricted:
            # Audit records every change. Until audit has read it, also after an outage, Kafka may delete nothing.
            found["min.compaction.lag.ms"] = str(COMPACTION_LAG_MS)
        elif self.cleanup.startswith("compact"):
            # What was settled or erased may be personal data. It is to be gone soon, even if it is little.
            found["max.compaction.lag.ms"] = str(DAY_MS)
            found["min.cleanable.dirty.ratio"] = "0.01"
            found["delete.retention.ms"] = str(HOUR_MS)
        return found


FACT_TOPICS = (
    Topic(INBOX, (ANYONE,), "any", 12, 7 * DAY_MS, ("intake", "audit"), segment_ms=6 * HOUR_MS),
    Topic("reports", ("intake",), "case_id", 12, FOREVER, ("triage", "notification", "audit")),
    Topic(
        "parties", ("intake",), "case_id", 12, FOREVER, ("triage", "notification", "audit"), "compact",
        segment_ms=6 * HOUR_MS, restricted=True,
    ),
    Topic("cases", ("triage",), "case_id", 12, FOREVER, ("intake", "notification", "audit")),
    Topic("erasures", ("intake",), "case_id", 1, FOREVER, ("intake", "triage", "audit")),
    Topic("notifications", ("notification",), "case_id", 12, FOREVER, ("audit",)),
    Topic("access", ("intake", "triage", "notification", "audit"), "case_id", 12, FOREVER, ("audit",)),
    # Each record holds a whole entry, so the newest of each entry is enough. Audit keeps all of them.
    Topic("roster", ("triage",), "person or token", 1, FOREVER, ("intake", "notification", "audit"), "compact"),
    Topic(
        "names", ("triage",), "person", 1, FOREVER, ("intake", "notification", "audit"), "compact",
        segment_ms=6 * HOUR_MS, restricted=True,
    ),
    Topic("baseline", ("triage",), "community", 1, FOREVER, ("audit",)),
    Topic("scorecards", ("audit",), "community", 1, FOREVER, ("audit",)),
    Topic("audit.seals", ("audit",), "origin", 1, FOREVER),
)  # fmt: skip
RESTRICTED = frozenset(topic.name for topic in FACT_TOPICS if topic.restricted)
SUPERSEDED = frozenset(topic.name for topic in FACT_TOPICS if topic.cleanup == "compact")
"""Topics on which a fact takes the place of the earlier ones of its key. Of two, the one with the later time counts."""


_INTEGRATOR = r"(?!dlq$)[a-z0-9][a-z0-9._-]*"
LONGEST_INTEGRATOR = 64


def is_integrator(name: str) -> bool:
    """Whether an integrator can have this name: its source on the roster, its user at Kafka, the end of its inbox."""
    return len(name) <= LONGEST_INTEGRATOR and re.fullmatch(_INTEGRATOR, name) is not None


def inbox_of(integrator: str) -> Topic:
    """The inbox that this integrator alone may write. With one partition, what it floods takes little memory."""
    return replace(FACT_TOPICS[0], name=f"{INBOX}.{integrator}", partitions=1)


def outcomes_of(integrator: str) -> Topic:
    """Where this integrator alone reads what became of the records of its inbox."""
    return Topic(f"{OUTCOMES}.{integrator}", ("intake",), "case_id", 1, 7 * DAY_MS, segment_ms=6 * HOUR_MS)


def topics_of(integrator: str) -> tuple[Topic, Topic]:
    """The topics of one integrator: its inbox, and what became of it."""
    return inbox_of(integrator), outcomes_of(integrator)


def is_inbox(topic: str) -> bool:
    """Whether strangers write the topic."""
    return topic == INBOX or writer_of(topic) is not None


def writer_of(topic: str) -> str | None:
    """The integrator that alone may write this inbox; None for the open inbox and for every other topic."""
    found = re.fullmatch(rf"{re.escape(INBOX)}\.({_INTEGRATOR})", topic)
    return found[1] if found else None


def inboxes(prefix: str = "") -> str:
    """The expression for the names of all inboxes, also of those to come."""
    return rf"^{re.escape(prefix)}{re.escape(INBOX)}(\.{_INTEGRATOR})?$"


def dead_letters_of(topic: str) -> str:
    """The topic that keeps what could not be understood on `topic`. All inboxes share one."""
    return f"{INBOX if is_inbox(topic) else topic}.dlq"


PROJECTED = frozenset({"roster"})
"""Topics that audit understands, besides recording them."""

# A dead letter is keyed by where it came from, and a tombstone on that key settles it: hence compaction.
DEAD_LETTER_TOPICS = tuple(
    Topic(
        dead_letters_of(t.name),
        # What audit only records, it takes as it comes, and so it gives nothing up.
        tuple(consumer for consumer in t.consumers if consumer != "audit" or t.name in PROJECTED),
        "group|partition|offset",
        1,
        # Strangers can write any number of records that become dead letters.
        STRANGERS_LETTERS_MS if ANYONE in t.writers else FOREVER,
        (),
        "compact,delete" if ANYONE in t.writers else "compact",
        LARGEST_DEAD_LETTER,
        HOUR_MS,
    )
    for t in FACT_TOPICS
    if t.consumers and not t.restricted
)

TOPICS: tuple[Topic, ...] = FACT_TOPICS + DEAD_LETTER_TOPICS
