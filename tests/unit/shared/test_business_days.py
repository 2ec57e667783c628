"""Deadlines that count business days: weekends, holidays and zones of handling bodies."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.policy import PolicyError, load_policy
from shared.policy.business_days import WEEKDAYS, Calendar

BERLIN = Calendar(
    ZoneInfo("Europe/Berlin"), holidays=frozenset({date(2026, 12, 25), date(2026, 12, 26), date(2027, 1, 1)})
)
SAO_PAULO = Calendar(ZoneInfo("America/Sao_Paulo"), holidays=frozenset({date(2026, 11, 30)}))
"""A place where the clocks never change."""
START = datetime(2026, 1, 1, tzinfo=UTC)
CAIRO = Calendar(ZoneInfo("Africa/Cairo"), weekend=frozenset({"friday", "saturday"}))


@pytest.mark.parametrize(
    ("calendar", "at", "days", "due"),
    [
        # A Tuesday, and the next Tuesday.
        (BERLIN, datetime(2026, 11, 24, 9, 0, tzinfo=UTC), 5, datetime(2026, 12, 1, 9, 0, tzinfo=UTC)),
        # A Saturday counts from Monday on.
        (BERLIN, datetime(2026, 11, 28, 9, 0, tzinfo=UTC), 1, datetime(2026, 11, 30, 9, 0, tzinfo=UTC)),
        # Christmas and New Year.
        (BERLIN, datetime(2026, 12, 23, 9, 0, tzinfo=UTC), 6, datetime(2027, 1, 4, 9, 0, tzinfo=UTC)),
        # Late on a Friday in UTC is Saturday in Berlin.
        (BERLIN, datetime(2026, 11, 27, 23, 30, tzinfo=UTC), 1, datetime(2026, 11, 29, 23, 30, tzinfo=UTC)),
        # The clocks change on 2027-03-28: it is due at the same time of the day there.
        (BERLIN, datetime(2027, 3, 26, 9, 0, tzinfo=UTC), 1, datetime(2027, 3, 29, 8, 0, tzinfo=UTC)),
        (CAIRO, datetime(2026, 11, 26, 9, 0, tzinfo=UTC), 1, datetime(2026, 11, 29, 9, 0, tzinfo=UTC)),
        (Calendar(), datetime(2026, 11, 27, 9, 0, tzinfo=UTC), 1, datetime(2026, 11, 30, 9, 0, tzinfo=UTC)),
    ],
)
def test_business_days_are_counted_in_the_place_of_the_body(
    calendar: Calendar, at: datetime, days: int, due: datetime
) -> None:
    assert calendar.after(at, days) == due


@pytest.mark.parametrize(
    ("calendar", "start", "end", "time"),
    [
        (BERLIN, datetime(2026, 11, 27, 9, tzinfo=UTC), datetime(2026, 11, 30, 9, tzinfo=UTC), timedelta(days=1)),
        # A Saturday is over on Sunday at eleven in the evening of UTC.
        (BERLIN, datetime(2026, 11, 28, 9, tzinfo=UTC), datetime(2026, 11, 30, 9, tzinfo=UTC), timedelta(hours=10)),
        (BERLIN, datetime(2026, 12, 24, 9, tzinfo=UTC), datetime(2026, 12, 28, 9, tzinfo=UTC), timedelta(days=1)),
        (CAIRO, datetime(2026, 11, 26, 9, tzinfo=UTC), datetime(2026, 11, 29, 9, tzinfo=UTC), timedelta(days=1)),
        (Calendar(), datetime(2026, 11, 28, 9, tzinfo=UTC), datetime(2026, 11, 29, 9, tzinfo=UTC), timedelta()),
        (Calendar(), datetime(2026, 11, 30, 9, tzinfo=UTC), datetime(2026, 11, 27, 9, tzinfo=UTC), timedelta()),
    ],
)
def test_business_time_leaves_out_all_other_days(
    calendar: Calendar, start: datetime, end: datetime, time: timedelta
) -> None:
    assert calendar.between(start, end) == time


@given(
    st.sampled_from((BERLIN, CAIRO, Calendar())),
    st.integers(0, 730 * 1_440).map(lambda minutes: START + timedelta(minutes=minutes)),
    st.timedeltas(timedelta(), timedelta(days=40)),
)
def test_business_time_is_added_and_taken_away_as_it_is_counted(
    calendar: Calendar, at: datetime, time: timedelta
) -> None:
    later, earlier = calendar.later(at, time), calendar.earlier(at, time)
    hour = timedelta(hours=1)
    # Within the hour that there is twice, or not at all, the time on the wall says less.
    assert abs(calendar.between(at, later) - time) <= hour
    assert abs(calendar.between(earlier, at) - time) <= hour
    assert calendar.is_business_day(later.astimezone(calendar.zone).date())
    assert not time or calendar.is_business_day(earlier.astimezone(calendar.zone).date())


@given(
    st.sampled_from((SAO_PAULO, Calendar())),
    st.integers(0, 730 * 1_440).map(lambda minutes: START + timedelta(minutes=minutes)),
    st.integers(1, 30),
)
def test_a_clock_of_business_days_is_due_as_before_behind_a_pause_of_no_time(
    calendar: Calendar, at: datetime, days: int
) -> None:
    due = calendar.after(at, days)
    assert calendar.later(at, calendar.between(at, due)) == due


PACKAGED = Path(__file__).parents[3] / "shared/policy"


def own(folder: Path, **changes: tuple[str, str]) -> Path:
    """A folder with policy files that differ from the packaged ones: by file, what is replaced by what."""
    for name, (before, after) in changes.items():
        text = (PACKAGED / f"{name}.toml").read_text(encoding="utf-8")
        assert before in text
        (folder / f"{name}.toml").write_text(text.replace(before, after, 1), encoding="utf-8")
    return folder


CALENDAR = 'id = "utc"\nzone = "Etc/UTC"\nholidays = []'
BRAZIL = 'id = "br"\nzone = "America/Sao_Paulo"\nholidays = [2026-11-30]'
BODY = 'id = "stewards"\n'
FIRST = 'starts = "received"\nwithin = "7 d"\n'


def test_a_policy_counts_business_days_of_the_body_that_has_the_case(tmp_path: Path) -> None:
    policy = load_policy(
        own(
            tmp_path,
            holidays=(CALENDAR, BRAZIL),
            routing=(BODY, f'{BODY}calendar = "br"\n'),
            deadlines=(FIRST, 'starts = "received"\nwithin = "5 d"\nbusiness = true\n'),
        )
    )
    at = datetime(2026, 11, 26, 15, 0, tzinfo=UTC)

    def due(body: str) -> timedelta:
        return next(d.due_at for d in policy.deadlines_for("standard", at, body) if d.name == "first_response") - at

    assert (due("u4c"), due("stewards")) == (timedelta(days=7), timedelta(days=8))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"holidays": (CALENDAR, CALENDAR.replace("Etc/UTC", "Berlin"))}, "“Berlin” is no time zone"),
        ({"holidays": (CALENDAR, f'{CALENDAR}\nweekend = ["sunnyday"]')}, "“sunnyday” is no day of the week"),
        (
            {"holidays": (CALENDAR, f"{CALENDAR}\nweekend = {list(WEEKDAYS)}")},
            "no day of the week on which people",
        ),
        ({"holidays": (CALENDAR, f"{CALENDAR}\n[[calendar]]\n{CALENDAR}")}, "this id is already taken"),
        ({"routing": (BODY, f'{BODY}calendar = "mars"\n')}, "“mars” is no calendar of holidays.toml"),
        ({"deadlines": ('within = "3 h"', 'within = "3 h"\nbusiness = true')}, "business days are whole days"),
        ({"deadlines": ('warn = "1 h"', 'warn = "9 h"')}, "`warn` has to be shorter than `within`"),
    ],
    ids=["zone", "day of the week", "no working day", "twice", "no such calendar", "hours", "warned too early"],
)
def test_what_cannot_be_counted_is_refused_with_file_and_line(
    tmp_path: Path, changes: dict[str, tuple[str, str]], says: str
) -> None:
    with pytest.raises(PolicyError) as refused:
        load_policy(own(tmp_path, **changes))
    (name,) = changes
    found = [finding for finding in refused.value.findings if says in finding.text]
    assert found, refused.value.findings
    assert found[0].file == f"{name}.toml"
    assert found[0].line > 1
