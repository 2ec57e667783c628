"""Sends planned deliveries and marks them: at once when the planner wakes it, by a poll those that others left.

Delivery: at least once. If a replica is killed between sending and marking, another sends the same Message-ID again.
While the mail server, the vault or the database is away, each mail waits and is tried again, for ever.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Protocol

from opentelemetry import trace
from opentelemetry.trace import SpanKind

from services.notification.channels.channel import Channel, SendDeferred, SendRefused
from services.notification.delivery import (
    LONGEST_RETRY,
    LONGEST_RETRY_OF_SETUP,
    Delivery,
    Failed,
    Outcome,
    Sent,
    Settlement,
    Suppressed,
    by_mail,
    settle,
)
from services.notification.digests import Digests, name_mail
from services.notification.notices.notice import Notice
from services.notification.routing.audiences import AUDIENCES, Audience, Located, Sources
from services.notification.spacing import TOLD, Spacing
from shared import metrics, times
from shared.problems import Problem, Unavailable
from shared.rounds import Rounds, Steps
from shared.telemetry import span_for, traceparent_of

log = logging.getLogger(__name__)
_RANDOM = SystemRandom()

READS: Steps = ((2, 0.02), (0, 0.0))
"""By the notices of one read of the vault. After one that came alone, the next one will not have company either."""
MARKS: Steps = ((0, 0.02),)
"""Mails end one by one, so that a write of one is no sign of few."""
AGAIN = 0.02
"""Seconds until the store is asked for more, where it had something."""
LOCATE_BATCH = 100
"""The most mails for which an audience looks up addresses in one call."""
SETTLE_BATCH = 500
ROOM = 1000
"""The most notices that one digest tells of, and that a replica has in hand beside digests; more stay in the store."""
FIRST_GUESS = 0.05
"""Seconds that a mail may take, before one was sent."""
MARGIN = timedelta(seconds=12)
"""The longest time that sending takes: a lease has to last this much longer, or sending does not begin."""


class DeliveryStore(Protocol):
    """What sending needs of the store."""

    async def settle(self, settlements: Sequence[Settlement]) -> None: ...
    async def postpone(self, deliveries: Sequence[Delivery]) -> None: ...
    async def claim(self, now: datetime, until: datetime, limit: int) -> list[Delivery]: ...
    async def gather(self, recipient: str, mail: str, until: datetime, limit: int) -> list[Delivery]: ...
    async def waiting(self, now: datetime) -> list[str]: ...


class Sender:
    """Sends for one replica. `sources` have the addresses of all audiences; `write` makes the notice of a mail."""

    def __init__(
        self,
        store: DeliveryStore,
        channels: Mapping[str, Channel],
        digests: Digests,
        sources: Sources,
        spacing: Spacing,
        *,
        write: Callable[[Sequence[Delivery]], Notice],
        lease: timedelta,
        parallel: int = 6,
        poll: float = 1.0,
        clock: Callable[[], datetime] = times.now,
    ) -> None:
        self._store = store
        self._channels = channels
        self._digests = digests
        self._sources = sources
        self._spacing = spacing
        self._write = write
        self.lease = lease
        # With a lease shorter than the margin no sending would begin.
        self._margin = min(MARGIN, lease / 2)
        self._slots = {name: asyncio.Semaphore(parallel) for name in channels}
        self._poll = poll
        self._clock = clock
        self._queue: list[Delivery] = []
        self._woken = asyncio.Event()
        self._in_hand: set[str] = set()
        self._cut: set[str] = set()
        """The recipients for whom more waited than their last digest could tell; the rest follows without a pause."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._settled: list[Settlement] = []
        self._postponed: list[Delivery] = []
        self._to_mark = asyncio.Event()
        # How long the last mails took. The first value stands in until one is sent.
        self._seconds = deque([FIRST_GUESS], maxlen=100)
        self._tracer = trace.get_tracer(__name__)

    def has_room(self, count: int) -> bool:
        """Whether the sender can take so many more notices; if not, they stay due in the store."""
        return len(self._in_hand) + count <= ROOM

    def wake(self, deliveries: Sequence[Delivery]) -> None:
        """Send these soon. The caller has their lease, and hands over whole mails."""
        self._in_hand.update(d.id for d in deliveries)
        self._queue += deliveries
        self._woken.set()

    async def run(self) -> None:
        """Send what `wake` was given, until cancelled."""
        rounds = Rounds(READS)
        while True:
            await self._woken.wait()
            await rounds.wait()
            self._woken.clear()
            batch, self._queue = self._queue, []
            rounds.begin(len(batch))
            self._begin(batch)

    async def watch(self) -> None:
        """Take up what is due in the store, until cancelled."""
        while True:
            try:
                taken = await self._take_up()
            except Unavailable as error:
                log.warning("sending waits for the store", extra={"reason": str(error)})
                taken = False
            # More may be due, but what was taken goes first.
            await asyncio.sleep(AGAIN if taken else self._poll)

    async def mark(self) -> None:
        """Store what became of mails, until cancelled."""
        rounds = Rounds(MARKS)
        while True:
            await self._to_mark.wait()
            await rounds.wait()
            rounds.begin(len(self._settled) + len(self._postponed))
            try:
                await self._mark_all()
            except Unavailable as error:
                log.warning("marking waits for the store", extra={"reason": str(error)})
                await asyncio.sleep(1)

    async def stop(self) -> None:
        """Finish the mails that are being sent, mark them, and make the rest due for other replicas at once."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.2)
        for task in self._tasks:
            task.cancel()
        now = self._clock()
        self._postponed += [replace(delivery, due_at=now) for delivery in self._queue]
        self._queue.clear()
        await self._mark_all()

    async def _take_up(self) -> bool:
        now = self._clock()
        until = now + self.lease
        for recipient in await self._store.waiting(now):
            goes_on = recipient in self._cut and len(self._in_hand) < ROOM
            if goes_on or await self._digests.next_mail(recipient, now) == now:
                gathered = await self._store.gather(recipient, name_mail(recipient, now), until, ROOM)
                self.wake(gathered)
                (self._cut.add if len(gathered) == ROOM else self._cut.discard)(recipient)
        room = ROOM - len(self._in_hand)
        if room <= 0:
            return False
        claimed = await self._store.claim(now, until, room)
        if claimed:
            self.wake(claimed)
        return bool(claimed)

    def _begin(self, taken: Sequence[Delivery]) -> None:
        # If a lease ran out in our queue, this replica may have claimed the notice again: the later copy counts.
        batch = {delivery.id: delivery for delivery in taken}.values()
        found: dict[str, list[list[Delivery]]] = {}
        for mail in by_mail(batch).values():
            if mail[0].audience in AUDIENCES and mail[0].channel in self._channels:
                found.setdefault(mail[0].audience, []).append(mail)
            else:
                log.error("this version has no such audience or channel; its notices wait", extra={"count": len(mail)})
                self._put_off(mail)
        for name, mails in found.items():
            for start in range(0, len(mails), LOCATE_BATCH):
                self._start(self._tell(AUDIENCES[name], mails[start : start + LOCATE_BATCH]))

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, audience: Audience, mails: Sequence[Sequence[Delivery]]) -> None:
        """Find out where these mails go, all to one audience, and send them."""
        deliveries = [delivery for mail in mails for delivery in mail]
        try:
            found = await audience.locate(deliveries, self._sources, self._clock())
            found = await self._spacing.space(found, self._clock())
        except (Problem, Unavailable) as error:
            reason = error.code if isinstance(error, Problem) else str(error)
            extra = {"reason": reason, "count": len(deliveries)}
            log.warning("where notices go is not known; they wait", extra=extra)
            if isinstance(error, Problem) and len(mails) > 1:
                # The vault may refuse one report, and the others must not wait for that one.
                for mail in mails:
                    self._start(self._tell(audience, [mail]))
            else:
                self._put_off(deliveries)
            return
        if unknown := [delivery for delivery in deliveries if delivery.id not in found]:
            self._put_off(unknown)
        addressed: dict[str, Located] = {}
        for delivery in deliveries:
            match found.get(delivery.id):
                case Located() as located:
                    addressed[delivery.id] = located
                case Suppressed() as outcome if outcome == TOLD:
                    self._start(self._end_as_sent(delivery))
                case Suppressed() as outcome:
                    self._end([delivery], outcome)
                case None:
                    pass
        for name, mail in by_mail(located.delivery for located in addressed.values()).items():
            self._start(self._send(name, mail, addressed[mail[0].id].address))

    async def _send(self, name: str, mail: Sequence[Delivery], address: str) -> None:
        first = mail[0]
        async with self._slots[first.channel]:
            now = self._clock()
            if first.due_at is None or first.due_at - now < self._margin:
                # The lease ends soon, and another replica may send the mail then. So it has to be claimed again.
                self._let_go(mail)
                return
            links = tuple(d.trace for d in mail[1:20] if d.trace)
            with span_for(
                self._tracer, f"{first.channel} send", kind=SpanKind.CLIENT, parent=first.trace, links=links
            ) as span:
                traceparent = traceparent_of(span)
                began = asyncio.get_running_loop().time()
                try:
                    message_id = await self._channels[first.channel].send(address, self._write(mail), name, now)
                except SendDeferred as error:
                    span.set_attribute("error.type", error.reason)
                    extra = {"delivery_id": first.id, "reason": error.reason, "count": len(mail)}
                    if error.ours:
                        log.error("the mail server objects to our own set-up; mail is tried again", extra=extra)
                    else:
                        log.warning("a mail was not taken and is tried again", extra=extra)
                    self._put_off(mail, error)
                except SendRefused as error:
                    span.set_attribute("error.type", error.reason)
                    self._end(mail, Failed(error.reason), traceparent)
                except Exception as error:
                    # A mistake in our code must not lose the notice: it waits until we mend the mistake.
                    log.exception("a mail could not be made or sent", extra={"error": type(error).__name__})
                    self._put_off(mail)
                else:
                    self._seconds.append(asyncio.get_running_loop().time() - began)
                    self._end(mail, Sent(message_id), traceparent)

    async def _end_as_sent(self, delivery: Delivery) -> None:
        """End a notice that its address has had already, so that nothing tells it from one that is sent.

        Otherwise a report with the address of another person would show whether that person has reported.
        """
        with span_for(self._tracer, f"{delivery.channel} send", kind=SpanKind.CLIENT, parent=delivery.trace) as span:
            traceparent = traceparent_of(span)
            await asyncio.sleep(_RANDOM.choice(self._seconds))
        metrics.UNTOLD.labels(delivery.notice, TOLD.reason).inc()
        message_id = self._channels[delivery.channel].name_message(delivery.mail or delivery.id)
        self._end([delivery], Sent(message_id), traceparent)

    def _end(self, mail: Sequence[Delivery], outcome: Outcome, traceparent: str | None = None) -> None:
        now = self._clock()
        for delivery in mail:
            # The first event of a digest continues the span of its mail; the others stay in the traces of reports.
            own = traceparent if delivery is mail[0] else None
            self._settled.append(settle(delivery, outcome, now, own))
            metrics.DELIVERY_SECONDS.labels(delivery.notice).observe((now - delivery.planned_at).total_seconds())
        metrics.MAILS.labels(mail[0].notice, self._settled[-1].delivery.state.value).inc()
        if isinstance(outcome, Suppressed):
            metrics.UNTOLD.labels(mail[0].notice, outcome.reason).inc(len(mail))
        self._to_mark.set()

    def _put_off(self, mail: Sequence[Delivery], error: SendDeferred | None = None) -> None:
        now = self._clock()
        ours = error is not None and error.ours
        longest = LONGEST_RETRY_OF_SETUP if ours else LONGEST_RETRY
        self._postponed += [delivery.postpone(now, error.reason if error else None, longest) for delivery in mail]
        metrics.MAILS.labels(mail[0].notice, "refused_setup" if ours else "put_off").inc()
        self._to_mark.set()

    def _let_go(self, mail: Sequence[Delivery]) -> None:
        self._in_hand.difference_update(d.id for d in mail)

    async def _mark_all(self) -> None:
        self._to_mark.clear()
        try:
            while self._settled:
                chunk = self._settled[:SETTLE_BATCH]
                await self._store.settle(chunk)
                del self._settled[: len(chunk)]
                self._let_go([s.delivery for s in chunk])
            while self._postponed:
                later = self._postponed[:SETTLE_BATCH]
                await self._store.postpone(later)
                del self._postponed[: len(later)]
                self._let_go(later)
        finally:
            if self._settled or self._postponed:
                self._to_mark.set()
