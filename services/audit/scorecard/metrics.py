"""Metrics: what can be measured of a community, as a closed table of functions. Pure.

`shared/policy/baseline/metrics.py` has the same names, with what each counts and its units. Cases count by the date
when their report was received. An open case counts with the time that it has waited so far.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from types import MappingProxyType

from services.audit.scorecard.lives import RECEIVED, Life
from services.audit.scorecard.people import Member
from services.audit.scorecard.result import Measured, ReasonCode
from shared.events import CaseState
from shared.policy import GLOBAL_COMMUNITY, Policy, ReportLife
from shared.policy.baseline.model import MeasuredRule

RETENTION_GRACE = timedelta(days=2)
"""How long after its day intake may erase what is due: sweeps take turns, and a service may be away for a while."""
MEASURE_GRACE = timedelta(days=1)
"""How long after its last day triage may tell that a measure has ended: it may be away for a while."""
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Question:
    """What is measured: the rule, at which time (UTC-aware), in what community, and which cases and people there are.

    `lives` are in the order of receipt. `members`: the people who may handle cases of the community.
    """

    rule: MeasuredRule
    at: datetime
    policy: Policy
    community: str
    lives: Sequence[Life]
    members: Sequence[Member] = ()

    @property
    def begin(self) -> datetime:
        """The beginning of the window, which is not part of it."""
        return self.at - self.rule.window


@dataclass(slots=True)
class Finding:
    """What a metric found. `settled`: of `n`, how many cannot change any more, or have missed the threshold for good.

    `value` is in the unit of the threshold; None where nothing can be said, whatever `n` is.
    """

    value: float | None = None
    n: int = 0
    open_count: int = 0
    settled: int = 0
    excluded: Counter[str] = field(default_factory=Counter)


Metric = Callable[[Question], Finding]


def measure(question: Question, min_cases: int = 0) -> tuple[Measured, ReasonCode]:
    """The measured value, and the reason code that goes with it. Raises KeyError for a metric that does not exist.

    With fewer than `min_cases` received in the window, there is no value.
    """
    rule, at = question.rule, question.at
    found = METRICS[rule.metric](question)
    value, holds = found.value, None
    is_small = has_fewer(question, min_cases)
    if is_small or found.n < max(rule.min_n, 1) or value is None:
        value, reason = None, ReasonCode.TOO_FEW_CASES
    elif not rule.threshold.holds(value):
        holds, reason = False, ReasonCode.THRESHOLD_MISSED
    elif found.settled < rule.min_n:
        reason = ReasonCode.WINDOW_NOT_CLOSED
    else:
        holds, reason = True, ReasonCode.MEASURED
    measured = Measured(
        metric=rule.metric,
        value=value,
        unit=rule.threshold.unit,
        op=rule.threshold.op,
        limit=rule.threshold.limit,
        holds=holds,
        n=found.n,
        open_count=found.open_count,
        min_n=max(rule.min_n, min_cases) if is_small else rule.min_n,
        window_from=question.begin,
        window_until=at,
        excluded=tuple(sorted(found.excluded.items())),
    )
    return measured, reason


def has_fewer(question: Question, cases: int) -> bool:
    """Whether the community received fewer cases in the window, usable or not."""
    first, last = (bisect_right(question.lives, at, key=RECEIVED) for at in (question.begin, question.at))
    return last - first < cases


def percentile(values: Sequence[timedelta], percent: float) -> timedelta | None:
    """The nearest-rank percentile: the least value that so many percent of the values do not exceed."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(percent / 100 * len(values)) - 1)]


def _received(question: Question, found: Finding) -> list[Life]:
    """The cases of the window that can be measured; the others are counted as excluded."""
    usable, begin = [], question.begin
    for life in question.lives[bisect_right(question.lives, begin, key=RECEIVED) :]:
        reason = life.flaw or ("clock" if life.received_at > question.at else None)
        if reason is None:
            usable.append(life)
        else:
            found.excluded[reason] += 1
    return usable


def _time_until(deadline: str, *, updates: bool = False) -> Metric:
    """The time from the receipt of a report until triage saw the deadline kept, as a percentile.

    `updates`: a case counts with no more than the limit, while the reporter sees a new state every `update_days`.
    """

    def metric(question: Question) -> Finding:
        rule, found = question.rule, Finding()
        known = question.policy.deadlines.get(deadline)
        pausable = rule.clock == "policy" and known is not None and known.pausable
        unit = _UNITS[rule.threshold.unit]
        limit = rule.threshold.limit * unit
        values: list[timedelta] = []
        for life in _received(question, found):
            met = life.met_at(deadline)
            done = met is not None and met <= question.at
            end = met if met is not None and done else question.at
            if not done:
                if not rule.open_count:
                    found.excluded["open"] += 1
                    continue
                found.open_count += 1
            taken = end - life.received_at - (life.paused(deadline, end) if pausable else timedelta())
            taken = max(taken, timedelta())
            found.settled += done or taken > limit
            if updates and taken > limit and _is_kept_up_to_date(rule, life, end):
                taken = limit
            values.append(taken)
        found.n = len(values)
        middle = percentile(values, _number(rule, "percentile"))
        found.value = None if middle is None else middle / unit
        return found

    return metric


def _is_kept_up_to_date(rule: MeasuredRule, life: Life, end: datetime) -> bool:
    moments = [life.received_at, *sorted(at for at in life.updates if life.received_at < at < end), end]
    silence = timedelta(days=_number(rule, "update_days"))
    return all(after - before <= silence for before, after in pairwise(moments))


def _decided_by_recused(question: Question) -> Finding:
    """In how many cases a person decided who was recused from the case at that time."""
    found = Finding()
    usable = _received(question, found)
    decided = [life for life in usable if life.decided_at is not None]
    found.n = found.settled = len(decided)
    found.open_count = len(usable) - len(decided)
    found.value = float(sum(life.recused_decided for life in decided))
    return found


def _share_of_members(is_current: Callable[[Member, datetime], bool]) -> Metric:
    """How many percent of the people who may handle cases of the community pass a test at this time."""

    def metric(question: Question) -> Finding:
        current = sum(is_current(member, question.at) for member in question.members)
        n = len(question.members)
        return Finding(value=_share(current, n), n=n, settled=n)

    return metric


def _retention_kept(question: Question) -> Finding:
    """How many percent of the reports that were due by the policy of retention were erased in time.

    A report that is due and not erased counts whenever it was received. Intake may take RETENTION_GRACE. Where another
    policy held at the erasure, today's policy does not judge it.
    """
    found, at, kept = Finding(), question.at, 0
    community = question.policy.communities.get(question.community) or question.policy.communities[GLOBAL_COMMUNITY]
    retention = question.policy.retention
    for life in question.lives:
        if life.state != CaseState.CLOSED or life.still_since is None:
            continue
        report = ReportLife(
            life.report_id, question.community, community.kind, life.category, life.lane, life.outcome,
            life.received_at, life.still_since, closed=True,
        )  # fmt: skip
        due = life.still_since + retention.rule_for(report).keep
        erased = life.erased_at if life.erased_at is not None and life.erased_at <= at else None
        if due + RETENTION_GRACE > at or (erased is not None and life.received_at <= question.begin):
            continue
        if any(hold.covers(report) for hold in retention.holds):
            found.excluded["held"] += 1
        elif life.flaw is not None:
            found.excluded[life.flaw] += 1
        elif erased is not None and life.erased_policy not in (None, question.policy.version):
            found.excluded["older_policy"] += 1
        elif erased is not None and erased < due:
            found.excluded["erased_before"] += 1
        else:
            found.n += 1
            found.open_count += erased is None
            kept += erased is not None and erased <= due + RETENTION_GRACE
    found.settled = found.n
    found.value = _share(kept, found.n)
    return found


def _appeals_decided_by_others(question: Question) -> Finding:
    """In how many percent of the cases with appeals people without a part in the case decided all of them.

    A case counts once one of its appeals is decided.
    """
    found, kept = Finding(), 0
    for life in _received(question, found):
        verdicts = list((life.appeals or {}).values())
        decided = [by_others for by_others in verdicts if by_others is not None]
        found.open_count += len(decided) < len(verdicts)
        found.n += bool(decided)
        kept += bool(decided) and all(decided)
    found.settled = found.n
    found.value = _share(kept, found.n)
    return found


def _follow_up_offered(question: Question) -> Finding:
    """After how many percent of the closed cases follow-up was begun.

    Then a handler has asked the reporter whether to be asked again.
    """
    found = Finding()
    usable = _received(question, found)
    closed = [life for life in usable if life.state == CaseState.CLOSED]
    found.n = found.settled = len(closed)
    found.open_count = len(usable) - len(closed)
    found.value = _share(sum(life.followed_up for life in closed), found.n)
    return found


def _measures_ended_on_time(question: Question) -> Finding:
    """In how many percent of the cases with timed measures none went on beyond its last day.

    A case counts once such a measure has ended, or its last day is over. Triage may take MEASURE_GRACE to tell.
    """
    found, kept = Finding(), 0
    for life in _received(question, found):
        over = [one for one in life.measures if one.ended_at or one.until + MEASURE_GRACE < question.at]
        found.n += bool(over)
        found.open_count += any(one.ended_at is None for one in life.measures)
        kept += bool(over) and all(one.ended_at and one.ended_at <= one.until + MEASURE_GRACE for one in over)
    found.settled = found.n
    found.value = _share(kept, found.n)
    return found


def _share(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def _number(rule: MeasuredRule, name: str) -> float:
    return float(rule.params[name])


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "acknowledged_within": _time_until("acknowledgement"),
        "first_response_within": _time_until("first_response"),
        "decided_within": _time_until("decision", updates=True),
        "decided_by_recused": _decided_by_recused,
        "agreements_current": _share_of_members(Member.has_agreement),
        "trainings_current": _share_of_members(Member.is_trained),
        "retention_kept": _retention_kept,
        "appeals_decided_by_others": _appeals_decided_by_others,
        "follow_up_offered": _follow_up_offered,
        "measures_ended_on_time": _measures_ended_on_time,
    }
)
"""The functions by name."""
