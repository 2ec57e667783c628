"""Erasing for good: the data keys of a report are destroyed in one write, together with the event that says so.

What stays: ids, when it came, codes, the status of its case, the hash of its receipt, so that the reporter is told
and the same report, sent again, is known and not stored again, and the pseudonyms of those it named, to whom there is
no such report, erased or not. docs/retention.md has the list.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from services.intake.stored import SOURCE, Change, ErasureMark, ReportOutline, Store, StoredReport
from shared import metrics
from shared.aggregates import change
from shared.events import Actor, Draft, ReportErased, stamp
from shared.ids import derive
from shared.telemetry import current_traceparent
from shared.times import now

ErasureReason = Literal["requested", "court_order", "legal_duty", "misdirected", "test"]
"""Why somebody erases a report; `retention` is the policy's own."""
RETENTION = "retention"
Result = Literal["erased", "already", "unknown"]
ERASED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is to be told of an erasure: a code, the id of the request, who asked, and by which row of the policy."""

    reason: str
    request_id: str
    actor: Actor
    rule: str | None = None
    policy_version: str | None = None


class Erasing:
    """Erases reports, each once, whoever asks how often."""

    def __init__(self, store: Store, clock: Callable[[], datetime] = now) -> None:
        self._store = store
        self._clock = clock

    async def erase(
        self, report_ids: Collection[str], erasure: Erasure, only_if: Callable[[ReportOutline], bool] = lambda _: True
    ) -> dict[str, Result]:
        """Erase these reports; durable on return. `already`: by another request; the same request gets `erased` again.

        What `only_if` does not hold of, in the very state that is erased, is left alone and missing from the answer.
        Raises Unavailable; then some may be erased, and the request may be repeated.
        """
        results: dict[str, Result] = {}
        ids = list(dict.fromkeys(report_ids))
        for start in range(0, len(ids), ERASED_AT_ONCE):
            results |= await self._erase(ids[start : start + ERASED_AT_ONCE], erasure, only_if)
        return results

    async def _erase(
        self, report_ids: Sequence[str], erasure: Erasure, only_if: Callable[[ReportOutline], bool]
    ) -> dict[str, Result]:
        results: dict[str, Result] = {}

        async def decide(report_id: str, report: StoredReport | None) -> Change | None:
            if report is None or report.vault is None:
                results[report_id] = _result(report, erasure)
                return None
            return self._erased(report, erasure) if only_if(report) else None

        done = await change(self._store, report_ids, decide)
        metrics.ERASED.labels(erasure.reason).inc(len(done))
        return results | dict.fromkeys(done, "erased")

    def _erased(self, report: StoredReport, erasure: Erasure) -> Change:
        at = self._clock()
        cause = derive("erase", erasure.request_id, report.id)
        fact = ReportErased(
            report_id=report.id, reason=erasure.reason, request_id=erasure.request_id, rule=erasure.rule
        )
        events = stamp(
            [Draft(fact, erasure.actor, at, cause, erasure.policy_version)],
            source=SOURCE,
            subject=f"report/{report.id}",
            case_id=report.case_id,
            last_seq=report.seq,
            trace=current_traceparent(),
        )
        return Change(report, emptied(report, fact, at), events, [cause])


def emptied(report: StoredReport, fact: ReportErased, at: datetime) -> StoredReport:
    """What an erasure at `at` (UTC-aware) leaves of a report."""
    return replace(
        report,
        vault=None,
        statements={},
        answers={},
        facts=replace(report.facts, occurred=None),
        erased=ErasureMark(at, fact.reason, fact.request_id),
    )


def _result(report: StoredReport | None, erasure: Erasure) -> Result:
    """What is told of a report that is not here, or erased before."""
    if report is None:
        return "unknown"
    return "erased" if report.erased and report.erased.request_id == erasure.request_id else "already"
