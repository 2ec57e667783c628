"""The verb of audit: it records what Kafka delivers. writer.py says how that is safe."""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from opentelemetry import trace
from opentelemetry.trace import Span

from services.audit.record.leaf import Leaf, Place
from services.audit.writer import DisplacedError, LogWriter
from shared import metrics
from shared.kafka.topics import INBOX, is_inbox
from shared.problems import Unavailable
from shared.telemetry import context_of, is_unsampled
from shared.times import now

log = logging.getLogger(__name__)

CONTENTIONS = 10

Rewind = Callable[[str, int, int], None]
"""Has Kafka deliver a partition of a topic again, from this offset on: `rewind(topic, partition, offset)`."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A leaf that is to be recorded, and the traceparent of the span that consumed it."""

    leaf: Leaf
    trace: str | None


class Recorder:
    """Puts leaves into their logs, each exactly once."""

    def __init__(self, writer: LogWriter, rewind: Rewind) -> None:
        self._writer = writer
        self._rewind = rewind
        self._rewound: dict[str, int] = {}
        self._tracer = trace.get_tracer(__name__)

    async def record(self, arrivals: Sequence[Arrival]) -> None:
        """Record a batch of any partitions, in the order given; returns when committed heads cover every leaf.

        Raises Unavailable after every failure, even an unexpected one: then Kafka delivers the batch again, for ever.
        Audit never gives a record up.
        """
        spans = [self._span(arrival.trace) for arrival in arrivals if arrival.trace and not is_unsampled(arrival.trace)]
        by_log: dict[str, list[Leaf]] = defaultdict(list)
        for arrival in arrivals:
            by_log[arrival.leaf.place.log].append(arrival.leaf)
        try:
            await self._settle(by_log)
        except Unavailable:
            self._writer.forget(by_log)
            raise
        except Exception as error:
            self._writer.forget(by_log)
            log.exception("the record cannot go on", extra={"error": type(error).__name__})
            raise Unavailable(f"record: {type(error).__name__}") from error
        finally:
            for span in spans:
                span.end()

    async def _settle(self, by_log: dict[str, list[Leaf]]) -> None:
        for _ in range(CONTENTIONS):
            try:
                at = now()
                additions, lagging = await self._plan(by_log, at)
                if additions:
                    await self._writer.append(additions, at)
            except DisplacedError:
                self._writer.forget(by_log)
                continue
            for name, added in additions.items():
                topic = name.rpartition("/")[0]
                metrics.RECORDED.labels(INBOX if is_inbox(topic) else topic).inc(len(added))
            # Only now: of a batch that failed, Kafka delivers the same records again, and not those from there on.
            for first, expected in lagging:
                self._rewound[first.log] = expected
                log.warning("the record lags behind the committed offset", extra={"log": first.log, "offset": expected})
                self._rewind(first.topic, first.partition, expected)
            return
        raise Unavailable("record: contended")

    async def _plan(
        self, by_log: dict[str, list[Leaf]], at: datetime
    ) -> tuple[dict[str, list[Leaf]], list[tuple[Place, int]]]:
        """What is not in the record yet, by log. Where it lags behind what Kafka delivers: the record that came first,
        and from which offset on Kafka is to deliver again.
        """
        additions, lagging = dict[str, list[Leaf]](), list[tuple[Place, int]]()
        for name, state in (await self._writer.states(list(by_log), at)).items():
            expected, first = state.head.next_offset, by_log[name][0].place
            if state.fresh and first.offset > expected:
                if self._rewound.get(name) != expected:
                    lagging.append((first, expected))
                    continue
                log.warning("Kafka has no such records any more", extra={"log": name, "offset": expected})
            added = [leaf for leaf in by_log[name] if leaf.place.offset >= expected]
            if added:
                additions[name] = added
        return additions, lagging

    def _span(self, parent: str | None) -> Span:
        return self._tracer.start_span("record", context=context_of(parent))
