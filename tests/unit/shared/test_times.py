"""Times: UTC-aware, none that UTC does not have, and no text that only looks like a time."""

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.input.texts import trim_line
from shared.times import Day, Utc, parse_clock, parse_day, parse_query_time, parse_rfc3339, rfc3339
from tests.support.cases import cases

ROOT = Path(__file__).parents[3]


class Told(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    at: Utc | None = None
    on: Day | None = None


def is_read(text: str) -> bool:
    """Whether the reader and the model agree that this is a time."""
    try:
        at = parse_rfc3339(text)
    except ValueError:
        with pytest.raises(ValidationError) as caught:
            Told.model_validate({"at": text})
        assert caught.value.errors()[0]["type"] in ("datetime_parsing", "timezone_aware", "value_error")
        return False
    assert Told.model_validate({"at": text}).at == at
    assert at.tzinfo is UTC
    return True


@pytest.mark.parametrize("case", cases("times_that_are_read"))
def test_each_form_of_rfc_3339_is_the_moment_that_it_names(case: dict[str, str]) -> None:
    assert is_read(case["text"])
    assert rfc3339(parse_rfc3339(case["text"])) == case["is"]


@pytest.mark.parametrize("text", cases("times_that_are_refused"))
def test_what_only_looks_like_a_time_is_refused(text: str) -> None:
    assert not is_read(text)


@pytest.mark.parametrize("value", [1764298800, 1764298800.5, 0, True, "1764298800", ["2026-11-28T12:00:00Z"], {}])
def test_a_number_or_another_value_is_no_time_and_no_day(value: Any) -> None:
    for field, kind in (("at", "datetime"), ("on", "date")):
        with pytest.raises(ValidationError) as caught:
            Told.model_validate({field: value})
        (error,) = caught.value.errors()
        assert error["type"] == f"{kind}_{'parsing' if isinstance(value, str) else 'type'}"


OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=OFFSETS)  # noqa: DTZ001  # zones follow


@given(MOMENTS, st.sampled_from("Tt "), st.booleans())
def test_every_moment_is_read_as_it_is_written(at: datetime, between: str, small: bool) -> None:
    text = at.isoformat().replace("T", between)
    if at.utcoffset() == timedelta(0):
        text = text.replace("+00:00", "z" if small else "Z")
    assert parse_rfc3339(text) == at


def tells_something(sign: str) -> bool:
    """Whether a sign is none that copying brings along, and none that stands for a sign of a time."""
    if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Pd", "Nd", "Zs", "Zl", "Zp") or sign == "\u2212":
        return False
    return unicodedata.normalize("NFKC", sign) not in tuple("+.:TtZz") and trim_line(sign) == sign


@given(MOMENTS, st.data())
def test_a_text_that_differs_by_one_character_is_refused_or_is_a_time(at: datetime, data: st.DataObject) -> None:
    text = at.isoformat()
    place = data.draw(st.integers(0, len(text) - 1))
    strange = data.draw(st.characters(exclude_characters="0123456789+-.:TtZz ").filter(tells_something))
    for near_miss in (
        text[:place] + strange + text[place + 1 :],
        text[:place] + strange + text[place:],
        text + strange,
    ):
        assert not is_read(near_miss)
    shorter = text[:place] + text[place + 1 :]
    # Only a fraction may lose a digit.
    assert not is_read(shorter) or re.search(r"\.\d{5}\b", shorter)


@given(st.from_regex(r"[0-9]{1,20}", fullmatch=True))
def test_a_text_of_digits_is_never_a_time_a_day_or_a_clock(digits: str) -> None:
    assert not is_read(digits)
    for read in (parse_day, parse_clock, parse_query_time):
        with pytest.raises(ValueError, match="such as"):
            read(digits)


def test_an_address_may_have_lost_the_plus_sign_of_an_offset() -> None:
    for text in ("2026-11-28T12:00:00+05:30", "2026-11-28T12:00:00 05:30", "2026-11-28 12:00:00 05:30"):
        assert rfc3339(parse_query_time(text)) == "2026-11-28T06:30:00.000Z"
    assert rfc3339(parse_query_time("2026-11-28 12:00:00Z")) == "2026-11-28T12:00:00.000Z"
    for text in ("2026-11-28T12:00 05:30", "2026-11-28T12:00:00  05:30", " 05:30", ""):
        with pytest.raises(ValueError, match="RFC 3339"):
            parse_query_time(text)


def test_a_day_is_a_full_date_and_a_clock_is_what_a_browser_sends() -> None:
    assert parse_day("2028-02-29") == date(2028, 2, 29)
    for text in (
        "2026-02-29",
        "20261128",
        "2026-W48-6",
        "2026-332",
        "2026-11",
        "٢٠٢٦١١٢٨",
        "2026 -11-28",
    ):
        with pytest.raises(ValueError, match=r".+"):
            parse_day(text)
    assert parse_clock("17:30") == time(17, 30)
    assert parse_clock("17:30:05.250") == time(17, 30, 5, 250_000)
    for text in ("17", "1730", "5:30", "24:00", "17:30Z", "17:30+01:00", "T17:30", "17:60", "17:30:60", "١٧٣٠"):
        with pytest.raises(ValueError, match=r".+"):
            parse_clock(text)


def test_marks_of_copying_and_wide_signs_are_no_part_of_a_day_or_a_clock() -> None:
    for text in (
        " 2026-11-28\n",
        "\ufeff2026-11-28\u200e",
        "２０２６－１１－２８",
        "٢٠٢٦-١١-٢٨",
        "2026\u201111\u201128",
    ):
        assert parse_day(text) == date(2026, 11, 28)
        assert Told.model_validate({"on": text}).on == date(2026, 11, 28)
    for text in ("17:30 ", "\u200f17:30\ufeff", "１７：３０", "١٧:٣٠"):
        assert parse_clock(text) == time(17, 30)
    for text in (" 2026-11-28T12:00:00 05:30 ", "\ufeff2026-11-28T12:00:00+05:30", "２０２６-11-28 12:00:00 05:30"):
        assert rfc3339(parse_query_time(text)) == "2026-11-28T06:30:00.000Z"


READERS = re.compile(r"\.fromisoformat\(|strptime\(|AwareDatetime|NaiveDatetime|TypeAdapter\(date")


def test_nothing_else_reads_times() -> None:
    """Facts alone have pydantic's own type: only our own services write them, and their schemas are frozen."""
    found = {
        str(path.relative_to(ROOT))
        for part in ("services", "shared", "infra")
        for path in (ROOT / part).rglob("*.py")
        if READERS.search(path.read_text(encoding="utf-8"))
    }
    assert {path for path in found if not path.startswith("shared/events/")} == {"shared/times.py"}
