"""Group commit: all reports that came while the last write was under way go into the next durable write together."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.trace import Link, SpanContext

from services.intake.stored import Change
from shared import metrics
from shared.problems import Problem, Unavailable
from shared.rounds import Rounds, Steps

WRITERS = 2
"""One writer gathers while the other one writes; more writers only make the batches smaller."""
LARGEST_WRITE = 256
ROUNDS: Steps = ((12, 0.01), (2, 0.025), (0, 0.01))
"""By the reports in a write. After one of many, as many have come soon; one that comes alone does not wait."""
WRITE_PATIENCE = 4.0
"""Seconds after which a write counts as lost, and its callers are told that the store is away."""


@dataclass(slots=True)
class _Waiting:
    change: Change
    written: asyncio.Future[bool]
    span: SpanContext


class GroupCommit:
    """A bounded queue and two writers. `save` must be durable on return, and give the ids that exist already."""

    def __init__(
        self,
        save: Callable[[Sequence[Change]], Awaitable[set[str]]],
        *,
        bound: int = 2000,
        patience: float = WRITE_PATIENCE,
        writers: int = WRITERS,
        rounds: Steps = ROUNDS,
    ) -> None:
        self._save = save
        self._bound = bound
        self._patience = patience
        self._writers = writers
        self._rounds = Rounds(rounds)
        self._queue: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._tracer = trace.get_tracer(__name__)

    async def commit(self, change: Change) -> bool:
        """Return when the new report is durable: True, or False when its id exists already.

        Raises Problem 503 when too many reports wait; then it is not stored. Raises Unavailable when the store is away;
        then it may be stored, and may be sent again under the same id.
        """
        if len(self._queue) >= self._bound:
            raise Problem(503, "busy", "Too many reports at this moment; please send it again.", retry_after=2)
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(change, written, trace.get_current_span().get_span_context()))
        self._arrived.set()
        return await written

    async def run(self) -> None:
        """Write until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._writers):
                    group.create_task(self._write())
        finally:
            self._refuse(self._queue, Unavailable("intake is stopping"))

    async def _write(self) -> None:
        while True:
            while not self._queue:
                self._arrived.clear()
                await self._arrived.wait()
            if await self._rounds.wait():
                # Another writer may have taken what was there.
                continue
            self._rounds.begin(len(self._queue))
            await self._write_gathered()

    async def _write_gathered(self) -> None:
        batch: deque[_Waiting] = deque()
        ids: set[str] = set()
        # Two of the same id cannot be in one write: the second waits for the next, and then finds the first.
        while self._queue and len(batch) < LARGEST_WRITE and self._queue[0].change.id not in ids:
            waiting = self._queue.popleft()
            ids.add(waiting.change.id)
            batch.append(waiting)
        links = [Link(w.span) for w in batch if w.span.trace_flags.sampled]
        try:
            with self._tracer.start_as_current_span(
                "report.commit", context=trace.set_span_in_context(trace.INVALID_SPAN), links=links,
                attributes={"count": len(batch)}, record_exception=False, set_status_on_exception=False,
            ):  # fmt: skip
                async with asyncio.timeout(self._patience):
                    known = await self._save([w.change for w in batch])
        except (Unavailable, TimeoutError) as error:
            away = error if isinstance(error, Unavailable) else Unavailable("mongodb: TimeoutError")
            self._refuse(batch, away)
            # The others in the queue would wait for the same server, only longer.
            self._refuse(self._queue, away)
        except BaseException as error:
            self._refuse(
                batch, Unavailable("intake is stopping") if isinstance(error, asyncio.CancelledError) else error
            )
            if not isinstance(error, Exception):
                raise
        else:
            metrics.COMMIT_SIZE.observe(len(batch))
            for waiting in batch:
                if not waiting.written.done():
                    waiting.written.set_result(waiting.change.id not in known)

    @staticmethod
    def _refuse(batch: deque[_Waiting], error: BaseException) -> None:
        while batch:
            waiting = batch.popleft()
            if not waiting.written.done():
                waiting.written.set_exception(error)
