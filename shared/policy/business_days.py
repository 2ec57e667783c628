"""Business days: the days on which the people of a handling body work. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEKEND = ("saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of one place: `weekend` by the names of WEEKDAYS, and `holidays`, in its own time zone."""

    zone: tzinfo = UTC
    weekend: frozenset[str] = frozenset(WEEKEND)
    holidays: frozenset[date] = field(default=frozenset())

    def is_business_day(self, day: date) -> bool:
        """Whether people work on that day."""
        return day not in self.holidays and WEEKDAYS[day.weekday()] not in self.weekend

    def after(self, at: datetime, days: int) -> datetime:
        """The same time of day, so many business days (one or more) after `at`. Both are UTC-aware."""
        local = at.astimezone(self.zone)
        day = next(islice(self._days_after(local.date()), days - 1, None))
        return datetime.combine(day, local.timetz()).astimezone(UTC)

    def _days_after(self, day: date) -> Iterator[date]:
        while True:
            day += timedelta(days=1)
            if self.is_business_day(day):
                yield day
