"""When it happened, as the form asks for it: days and a time by the clock of the reporter's own zone. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from shared.times import parse_clock, parse_day

EAST = timedelta(hours=14)
"""How long before UTC a day may begin, in the far east: so far ahead of UTC the reporter's present may be."""
AHEAD = timedelta(hours=1)
"""How far the reporter's own clock may be ahead of the clock of the zone that the form names."""


@dataclass(slots=True)
class FormTimes:
    """What the fields mean: `occurred` as a submission has it, and message keys of what is wrong, by field."""

    occurred: dict[str, datetime] | None = None
    faults: dict[str, str] = field(default_factory=dict)


@cache
def zones() -> frozenset[str]:
    """The names of the time zones that the form takes (IANA)."""
    return frozenset(available_timezones()) - {"localtime", "Factory"}


def read_times(value: Callable[[str], str], opened: datetime, now: datetime) -> FormTimes:
    """When it happened, by the fields `date`, `time`, `until` and `zone` (UTC where it is blank).

    A day is a range. A range ends when the form was opened (`opened`, UTC-aware), at the latest, so that the same form
    gives the same range. The reporter's present is never in the future: what is ahead of `now` (UTC-aware) by no more
    than clocks differ is taken as the time until the form was opened.
    """
    found = FormTimes()
    name = value("zone")
    if name and name not in zones():
        found.faults["zone"] = "field-unknown-choice"
    zone = ZoneInfo(name) if name in zones() else None
    first, last = _read_day(value("date"), "date", found), _read_day(value("until"), "until", found)
    clock = _read_clock(value("time"), found)
    if first is None and not value("date") and (value("until") or value("time")):
        found.faults["date"] = "field-not-a-date"
    if found.faults or first is None:
        return found
    try:
        found.occurred = _range_of(first, clock, last, zone, opened, now)
    except OverflowError:
        found.faults["date"] = "field-not-a-date"
    except _Reversed:
        found.faults["until"] = "report-range-reversed"
    return found


class _Reversed(Exception):
    """The end lies before the beginning."""


def _range_of(
    first: date, clock: time | None, last: date | None, zone: ZoneInfo | None, opened: datetime, now: datetime
) -> dict[str, datetime]:
    begin, end = _instants(datetime.combine(first, clock or time.min), zone)
    if clock is None or last is not None:
        end = _instants(datetime.combine((last or first) + timedelta(days=1), time.min), zone)[1]
        end -= timedelta(milliseconds=1)
    if end < begin:
        raise _Reversed
    ahead = AHEAD if zone else EAST
    if now < begin <= now + ahead:
        # Without a zone, this clock may be that of any place: the present of the east is the earliest that it can mean.
        begin = opened if zone else min(begin - EAST, opened)
    last_begin = _instants(datetime.combine(last or first, time.min), zone)[0]
    if end > now and last_begin <= now + ahead:
        end = max(begin, opened)
    return {"at": begin} if begin == end and clock and last is None else {"from": begin, "to": end}


def _instants(local: datetime, zone: ZoneInfo | None) -> tuple[datetime, datetime]:
    """The first and the last time in UTC that a local time may mean: two where clocks were put back or forward."""
    found = sorted(local.replace(tzinfo=zone or UTC, fold=fold).astimezone(UTC) for fold in (0, 1))
    return found[0], found[1]


def _read_day(text: str, name: str, found: FormTimes) -> date | None:
    try:
        return parse_day(text) if text else None
    except ValueError:
        found.faults[name] = "field-not-a-date"
        return None


def _read_clock(text: str, found: FormTimes) -> time | None:
    try:
        return parse_clock(text) if text else None
    except ValueError:
        found.faults["time"] = "report-not-a-time"
        return None
