"""Which cases are similar, and why. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from services.triage.patterns.marks import Marks
from shared.policy import About

CLOSE_IN_TIME = "close_in_time"
"""Never a reason by itself: in a large community something is reported at any time."""
REASONS: Mapping[About, str] = MappingProxyType({"person": "same_person", "page": "same_page", "source": "same_source"})
"""What two reports have in common, the weightiest first."""
_WEIGHTS = {"same_person": 8, "same_page": 4, "same_source": 2, CLOSE_IN_TIME: 1}


@dataclass(frozen=True, slots=True)
class Likeness:
    """Why another case is similar: codes of REASONS, the weightiest first, and `close_in_time`."""

    case_id: str
    reasons: tuple[str, ...]
    apart: timedelta

    @property
    def rank(self) -> tuple[int, timedelta, str]:
        """The most similar come first, then those that are nearest in time."""
        return -sum(_WEIGHTS[reason] for reason in self.reasons), self.apart, self.case_id


def likenesses(own: Marks, others: Iterable[Marks], close: timedelta) -> list[Likeness]:
    """Of the others, those that have something in common with the report, the most similar first."""
    found = {other.id: _likeness(own, other, close) for other in others if other.id != own.id}
    return sorted((one for one in found.values() if one.reasons), key=lambda one: one.rank)


def _likeness(own: Marks, other: Marks, close: timedelta) -> Likeness:
    apart = abs(own.reported_at - other.reported_at)
    reasons = tuple(reason for about, reason in REASONS.items() if own.shares(about, other))
    return Likeness(other.id, (*reasons, CLOSE_IN_TIME) if reasons and apart <= close else reasons, apart)
