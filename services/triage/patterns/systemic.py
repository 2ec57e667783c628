"""Which communities miss deadlines so often that the policy calls it systemic. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from services.triage.case.values import Systemic
from shared.policy import SystemicRule

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Breach:
    """A deadline that was missed in a case, and when triage told so (UTC-aware)."""

    case_id: str
    deadline: str
    at: datetime


def systemic(rule: SystemicRule, breaches: Iterable[Breach], now: datetime) -> Systemic | None:
    """What a rule finds among the breaches of a community; None where they are fewer. `now` is UTC-aware."""
    since = now - rule.within
    fitting = [one for one in breaches if since <= one.at <= now and one.deadline in rule.deadlines]
    cases = len({one.case_id for one in fitting})
    if len(fitting) < rule.breaches or cases < rule.cases:
        return None
    return Systemic(rule.id, since, tuple(sorted(Counter(one.deadline for one in fitting).items())), cases)


def period_of(rule: SystemicRule, now: datetime) -> int:
    """The number of the time within which a rule tells of a community once. `now` is UTC-aware."""
    return (now - _EPOCH) // rule.within
