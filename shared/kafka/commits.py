"""Which offsets a consumer has handled, and when it tells Kafka.

It does so at most once a second, because a commit costs the broker as much as a fetch.
"""

import logging
from collections.abc import Callable, Mapping
from time import monotonic

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError

from shared.problems import reason_of

log = logging.getLogger(__name__)

COMMIT_EVERY = 1.0
"""Least seconds between two commits. After a kill, what came since the last one is handled again."""


class Commits(ConsumerRebalanceListener):  # type: ignore[misc]
    """The commits of one consumer. It also commits before other members of its group get its partitions."""

    def __init__(self, group: str, consumer: Callable[[], AIOKafkaConsumer | None]) -> None:
        self._group = group
        self._consumer = consumer
        # Offsets after the last handled record that Kafka has not been told.
        self.owed: dict[TopicPartition, int] = {}
        self._next_at = 0.0

    def note(self, done: Mapping[TopicPartition, int]) -> None:
        """Everything before these offsets is handled."""
        self.owed.update(done)

    async def commit_when_due(self) -> None:
        """Commit, unless the last commit was less than COMMIT_EVERY ago."""
        if self.owed and monotonic() >= self._next_at:
            await self.commit()

    async def commit(self) -> None:
        """Commit what is noted. What Kafka could not take is owed on; what another member has by now is not."""
        owed, self.owed = self.owed, {}
        self._next_at = monotonic() + COMMIT_EVERY
        consumer = self._consumer()
        assigned = consumer.assignment() if consumer else ()
        if consumer is None or not (offsets := {tp: offset for tp, offset in owed.items() if tp in assigned}):
            return
        try:
            await consumer.commit(offsets)
        except KafkaError as error:
            if not isinstance(error, CommitFailedError):
                self.owed = offsets | self.owed
            log.warning("offsets are not committed", extra={"group": self._group, "reason": reason_of(error)})

    async def on_partitions_revoked(self, _: object) -> None:
        """See the class."""
        await self.commit()

    async def on_partitions_assigned(self, _: object) -> None:
        """Part of what a listener has; there is nothing to do."""
