"""Retention: reports that were closed as long ago as the policy says are erased, in small batches, all the time."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from services.intake.erasure.actions import RETENTION, Erasing, Erasure
from services.intake.stored import INTAKE, ReportOutline
from shared import metrics
from shared.events import CaseState
from shared.ids import new_id
from shared.policy import GLOBAL_COMMUNITY, Policy, ReportLife, Verdict
from shared.problems import Unavailable
from shared.times import now

log = logging.getLogger(__name__)

SWEPT_AT_ONCE = 100
PAUSE = 0.1
"""Seconds between two batches, so that a report that comes meanwhile does not wait for them."""
RETRY = 5.0


class LifeStore(Protocol):
    """What retention needs of the store."""

    async def closed_before(
        self, still_since: datetime, after: tuple[datetime, str] | None, limit: int
    ) -> list[ReportOutline]: ...

    async def count_undecided(self, received_before: datetime) -> int: ...


@dataclass(slots=True)
class Sweep:
    """What one sweep through all closed reports did: how many it erased, kept for now, and found held."""

    request_id: str = field(default_factory=new_id)
    erased: int = 0
    kept: int = 0
    held: int = 0


class RetentionSweeper:
    """Erases what is due. Every replica may run it, because a report is erased only once."""

    def __init__(
        self,
        store: LifeStore,
        erasing: Erasing,
        policy: Policy,
        *,
        every: float,
        pause: float = PAUSE,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`every`: seconds from the end of one sweep to the next."""
        self._store = store
        self._erasing = erasing
        self._policy = policy
        self._every = every
        self._pause = pause
        self._clock = clock

    async def run(self) -> None:
        """Sweep until cancelled; an outage only makes it wait."""
        while True:
            try:
                await self.sweep()
                await asyncio.sleep(self._every)
            except Unavailable as error:
                log.info("retention waits", extra={"reason": str(error)})
                await asyncio.sleep(RETRY)

    async def sweep(self) -> Sweep:
        """Go through all closed reports once and erase those that are due. Raises Unavailable."""
        at = self._clock()
        done = Sweep()
        retention = self._policy.retention
        after: tuple[datetime, str] | None = None
        while batch := await self._store.closed_before(at - retention.shortest, after, SWEPT_AT_ONCE):
            after = batch[-1].status.updated_at, batch[-1].id
            await self._erase_due(batch, at, done)
            if len(batch) < SWEPT_AT_ONCE:
                break
            await asyncio.sleep(self._pause)
        metrics.RETENTION_UNDECIDED.set(await self._store.count_undecided(at - retention.longest_undecided))
        metrics.RETENTION_SWEPT.set(at.timestamp())
        if done.erased:
            log.info("retention has erased what was due", extra={"request_id": done.request_id, "count": done.erased})
        return done

    async def _erase_due(self, batch: Sequence[ReportOutline], at: datetime, done: Sweep) -> None:
        due: dict[str | None, list[str]] = {}

        def judge(report: ReportOutline) -> Verdict:
            return self._policy.retention.judge(life_of(report, self._policy), at)

        for report in batch:
            verdict = judge(report)
            if verdict.fate == "due":
                due.setdefault(verdict.rule, []).append(report.id)
            elif verdict.fate == "kept":
                done.kept += 1
            else:
                done.held += 1
        metrics.RETENTION_DUE.set(sum(map(len, due.values())))
        for rule, report_ids in due.items():
            erasure = Erasure(RETENTION, done.request_id, INTAKE, rule, self._policy.version)
            # Each is judged once more, because its case may have been opened again since it was read.
            results = await self._erasing.erase(report_ids, erasure, lambda report: judge(report).fate == "due")
            erased = sum(result == "erased" for result in results.values())
            done.erased += erased
            log.info("retention erases", extra={"request_id": done.request_id, "reason": rule, "count": erased})
        metrics.RETENTION_DUE.set(0)


def life_of(report: ReportOutline, policy: Policy) -> ReportLife:
    """What the policy of retention looks at, of a report."""
    facts, status = report.facts, report.status
    community = policy.communities.get(facts.community) or policy.communities[GLOBAL_COMMUNITY]
    return ReportLife(
        report_id=report.id,
        community=facts.community,
        kind=community.kind,
        category=status.category or facts.category,
        lane=status.lane,
        outcome=status.outcome,
        received_at=report.received_at,
        still_since=status.updated_at,
        closed=status.state == CaseState.CLOSED,
    )
