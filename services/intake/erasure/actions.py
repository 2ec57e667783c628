"""Erasing for good: one write destroys the data keys of a report and keeps the event that says so.

These stay: ids, the time of arrival, codes, the status of the case, the hash of the receipt, and the references of the
people on the roster in the report. By the hash, the reporter is told of the erasure, and the same report, sent
again, is not stored again. By the references, the report stays hidden from those it named, and from those that handlers
named, as long as the case says so. While a measure stands or can be appealed, the hashes of respondents' receipts stay:
they appeal by them. The pseudonyms of all people go, here and in every other service. docs/retention.md has the list.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol

from services.intake.report.status import Appeal
from services.intake.stored import (
    APPEAL,
    INTAKE,
    SOURCE,
    Change,
    ErasureMark,
    ReportOutline,
    Store,
    StoredReport,
    tell_erased,
    tell_parties,
)
from shared import metrics
from shared.aggregates import change
from shared.events import Actor, Draft, ReportErased, stamp
from shared.ids import derive
from shared.succession import Succession
from shared.telemetry import current_traceparent
from shared.times import now

ErasureReason = Literal["requested", "court_order", "legal_duty", "misdirected", "test"]
"""Why a person erases a report. The policy has a reason of its own, `retention`."""
RETENTION = "retention"
Result = Literal["erased", "already", "unknown"]
ERASED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure tells: why (a code), by which request, who asked, and by which row of the policy."""

    reason: str
    request_id: str
    actor: Actor
    rule: str | None = None
    policy_version: str | None = None


class KnownPeople(Protocol):
    """What erasing needs of the roster (shared.access.roster.Roster)."""

    async def people_of(self, names: Collection[str]) -> tuple[str, ...]:
        """The references of people on the roster who have one of these pseudonyms. Raises Unavailable."""
        ...


class Erasing:
    """Erases reports, each once, no matter how often it is asked to."""

    def __init__(
        self, store: Store, people: KnownPeople, succession: Succession, clock: Callable[[], datetime] = now
    ) -> None:
        self._store = store
        self._succession = succession
        self._people = people
        self._clock = clock

    async def erase(
        self, report_ids: Collection[str], erasure: Erasure, only_if: Callable[[ReportOutline], bool] = lambda _: True
    ) -> dict[str, Result]:
        """Erase these reports; durable on return. A report that another request erased gets `already`.

        A report for which `only_if` does not hold, in the very state that would be erased, stays and is missing from
        the answer. Raises Unavailable; then some reports may be erased, and the request may be repeated.
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
            return await self._erased(report, erasure) if only_if(report) else None

        done = await change(self._store, report_ids, decide)
        metrics.ERASED.labels(erasure.reason).inc(len(done))
        return results | dict.fromkeys(done, "erased")

    async def _erased(self, report: StoredReport, erasure: Erasure) -> Change:
        # Both events have one time, so that a replay can tell again, in the same place, what was told.
        at = self._succession.after(report.told_at, self._clock())
        shut_out = await shut_out_of(report, self._people)
        cause = derive("erase", erasure.request_id, report.id)
        fact = ReportErased(
            report_id=report.id, reason=erasure.reason, request_id=erasure.request_id, rule=erasure.rule
        )
        after, trace = emptied(report, fact, at, shut_out), current_traceparent()
        events = stamp(
            [Draft(fact, erasure.actor, at, cause, erasure.policy_version)],
            source=SOURCE,
            subject=f"report/{report.id}",
            case_id=report.case_id,
            last_seq=report.seq,
            trace=trace,
        )
        return Change(
            report, after, [*events, tell_parties(report, forgotten(report, shut_out, at, cause), trace)], [cause]
        )


async def shut_out_of(report: StoredReport, people: KnownPeople) -> tuple[str, ...]:
    """The references of those who stay shut out of a report that is erased. Raises Unavailable."""
    return tuple(dict.fromkeys((*report.shut_out, *await people.people_of(report.named))))


def forgotten(report: StoredReport, shut_out: tuple[str, ...], at: datetime, cause: str) -> Draft:
    """The last `report.parties` of a report erased at `at` (UTC-aware): every service forgets its pseudonyms."""
    named = bool(report.named or report.hidden_from)
    fact = tell_erased(replace(report, shut_out=shut_out), at, named=named)
    return Draft(fact, INTAKE, at, cause)


def emptied(report: StoredReport, fact: ReportErased, at: datetime, shut_out: tuple[str, ...]) -> StoredReport:
    """What an erasure at `at` (UTC-aware) leaves of a report. `shut_out`: people on the roster in it."""
    holds = report.status.binds(at)
    sent = (
        Appeal(key, kept.ground or "", kept.at, respondent=kept.party)
        for key, kept in report.statements.items()
        if kept.kind == APPEAL
    )
    return replace(
        report,
        vault=None,
        statements={},
        answers={},
        parties=(),
        mentioned=(),
        noted=(),
        cleared=(),
        pages=(),
        source=None,
        shut_out=shut_out,
        follows=None,
        doors=report.doors if holds else (),
        sent_appeals=(*report.sent_appeals, *sent) if holds else (),
        facts=replace(report.facts, occurred=None),
        erased=ErasureMark(at, fact.reason, fact.request_id),
    )


def _result(report: StoredReport | None, erasure: Erasure) -> Result:
    """The result for a report that is not here, or was erased before."""
    if report is None:
        return "unknown"
    return "erased" if report.erased and report.erased.request_id == erasure.request_id else "already"
