"""Business days: the days on which the people of a handling body work. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
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

    def counting(self, *, business: bool) -> "Calendar | PlainTime":
        """What a clock counts there: its business time, or time as it passes."""
        return self if business else PLAIN

    def between(self, start: datetime, end: datetime) -> timedelta:
        """The business time between two times (UTC-aware): each business day has 24 hours, and others none."""
        first, last = self._local(start), self._local(end)
        days = (first.date() + timedelta(days=n) for n in range((last.date() - first.date()).days + 1))
        spans = (min(last, _begin(day, 1)) - max(first, _begin(day)) for day in days if self.is_business_day(day))
        return max(sum(spans, timedelta()), timedelta())

    def later(self, at: datetime, left: timedelta) -> datetime:
        """When so much business time has passed since `at`: a time of a business day. Both are UTC-aware."""
        local = self._local(at)
        day = local.date()
        while not self.is_business_day(day) or left >= _begin(day, 1) - local:
            left -= _begin(day, 1) - local if self.is_business_day(day) else timedelta()
            day += timedelta(days=1)
            local = _begin(day)
        return self._utc(local + left)

    def earlier(self, at: datetime, left: timedelta) -> datetime:
        """So much business time before `at`: a time of a business day, if `left` is more than none. Both UTC-aware."""
        local = self._local(at)
        day = local.date()
        while not self.is_business_day(day) or left > local - _begin(day):
            left -= local - _begin(day) if self.is_business_day(day) else timedelta()
            local = _begin(day)
            day -= timedelta(days=1)
        return self._utc(local - left)

    def _local(self, at: datetime) -> datetime:
        """The time on the wall there: where the clocks change, a day has 24 hours as well."""
        return at.astimezone(self.zone).replace(tzinfo=None)

    def _utc(self, local: datetime) -> datetime:
        return local.replace(tzinfo=self.zone).astimezone(UTC)

    def _days_after(self, day: date) -> Iterator[date]:
        while True:
            day += timedelta(days=1)
            if self.is_business_day(day):
                yield day


class PlainTime:
    """Time as it passes, on every day alike; the times are UTC-aware."""

    def between(self, start: datetime, end: datetime) -> timedelta:
        """The time between two times."""
        return end - start

    def later(self, at: datetime, left: timedelta) -> datetime:
        """When so much time has passed since `at`."""
        return at + left

    def earlier(self, at: datetime, left: timedelta) -> datetime:
        """So much time before `at`."""
        return at - left


PLAIN = PlainTime()


def _begin(day: date, days: int = 0) -> datetime:
    """The midnight at which a day begins, so many days later."""
    return datetime.combine(day, time()) + timedelta(days=days)
