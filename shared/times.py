"""Times are UTC-aware everywhere. On the wire they are RFC 3339 with `Z`.

This is the one reader of times that others write: in envelopes, bodies, addresses and forms. It reads text alone, in
the grammar of RFC 3339, 5.6, and nothing that only looks like it: a text of digits is no time. What copying brings
along is no part of a text, and a sign that keyboards write for another one counts as this one.
"""

import re
import unicodedata
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

from shared.input.texts import trim_line

_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_HOUR = r"(?:[01][0-9]|2[0-3])"
_FULL_DATE = re.compile(_DAY)
# `T` and `Z` may be small letters, and a space may stand for `T` (RFC 3339, 5.6).
_DATE_TIME = re.compile(rf"{_DAY}[Tt ]{_HOUR}:[0-5][0-9]:([0-5][0-9]|60)(?:\.[0-9]+)?(?:[Zz]|[+-]{_HOUR}:[0-5][0-9])")
# What a browser sends of an input of a time (HTML, 2.3.5.4).
_CLOCK = re.compile(rf"{_HOUR}:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{{1,3}})?)?")
_SECONDS = slice(17, 19)
_WIDE = dict(zip("：．＋−ＴｔＺｚ", ":.+-TtZz", strict=True))  # what stands for signs of ASCII
_LONGEST = 200
_NOT_A_TIME = "a time is RFC 3339 with an offset, such as 2026-11-28T12:00:00Z"


def now() -> datetime:
    """The current time, UTC-aware, cut to milliseconds."""
    return cut(datetime.now(UTC))


def cut(at: datetime) -> datetime:
    """The time, cut to milliseconds because MongoDB stores no finer."""
    return at - timedelta(microseconds=at.microsecond % 1000)  # in a third of the time that `replace` takes


@lru_cache(maxsize=64)  # the facts of a step, and of the new cases of a batch, have one time
def rfc3339(at: datetime) -> str:
    """`at` (UTC-aware) as RFC 3339 with milliseconds and `Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """The UTC-aware time that `text` names, cut to microseconds. Raises ValueError when it is not RFC 3339.

    A leap second counts as the last moment of the second before it.
    """
    return _in_utc(_parse(text))


def read_isoformat(text: str) -> datetime:
    """A time that we wrote with `isoformat`, read fast. Not for what others write: it takes more than RFC 3339."""
    return datetime.fromisoformat(text)


def parse_query_time(text: str) -> datetime:
    """The time in the query of an address, where `+` is read as a space. Raises ValueError as parse_rfc3339 does."""
    text = _plain(text)
    return parse_rfc3339(f"{text[:-6]}+{text[-5:]}" if text[-6:-5] == " " else text)


def parse_day(text: str) -> date:
    """The day that `text` names: the full-date of RFC 3339, such as 2026-11-28. Raises ValueError for anything else."""
    if _FULL_DATE.fullmatch(text) is None and _FULL_DATE.fullmatch(text := _plain(text)) is None:
        raise ValueError("write a day such as 2026-11-28")
    return date.fromisoformat(text)


def parse_clock(text: str) -> time:
    """The time of a day as a form sends it, such as 17:30, without an offset. Raises ValueError for anything else."""
    if _CLOCK.fullmatch(text) is None and _CLOCK.fullmatch(text := _plain(text)) is None:
        raise ValueError("write a time such as 17:30")
    return time.fromisoformat(text)


def _plain(text: str) -> str:
    """The text as it is meant: without marks and blanks around it, with the digits and signs of ASCII."""
    return text if len(text) > _LONGEST else "".join(map(_plain_sign, trim_line(text)))


def _plain_sign(sign: str) -> str:
    if sign.isascii():
        return sign
    if sign.isdecimal():
        return str(unicodedata.decimal(sign))
    if sign in _WIDE or sign.isspace():
        return _WIDE.get(sign, " ")
    category = unicodedata.category(sign)
    return "-" if category == "Pd" else "" if category == "Cf" else sign


def _parse(text: str) -> datetime:
    """The time with its own offset, which may lie beyond the calendar of UTC."""
    found = _DATE_TIME.fullmatch(text) or _DATE_TIME.fullmatch(text := _plain(text))
    if found is None:
        raise ValueError(_NOT_A_TIME)
    if found[1] == "60":
        return _parse_leap_second(text)
    try:
        # It knows no small z.
        return datetime.fromisoformat(text if text[-1] != "z" else text[:-1] + "Z")
    except ValueError:
        raise ValueError(_NOT_A_TIME) from None


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("this time is beyond the calendar of UTC") from None


def _parse_leap_second(text: str) -> datetime:
    """RFC 3339, 5.7: a minute has a 61st second at the end of a month in UTC, and at no other time."""
    before = parse_rfc3339(f"{text[: _SECONDS.start]}59{text[_SECONDS.stop :]}")
    if (before.hour, before.minute) != (23, 59) or before.day != monthrange(before.year, before.month)[1]:
        raise ValueError(_NOT_A_TIME)
    return before.replace(microsecond=999_999)


def _read(value: object) -> datetime:
    """A time that pydantic reads: a text of RFC 3339, or a time of our own code."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("datetime_type", "Write a time as text, such as 2026-11-28T12:00:00Z.")
    try:
        return _parse(value)
    except ValueError:
        if _DATE_TIME.fullmatch(_plain(value) + "Z"):
            raise PydanticCustomError("timezone_aware", "Write the offset of the time, such as Z.") from None
        raise PydanticCustomError("datetime_parsing", "Write a time such as 2026-11-28T12:00:00Z.") from None


def _read_day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("date_type", "Write a day as text, such as 2026-11-28.")
    try:
        return parse_day(value)
    except ValueError:
        raise PydanticCustomError("date_parsing", "Write a day such as 2026-11-28.") from None


Written = Annotated[AwareDatetime, BeforeValidator(_read)]
"""A time in a model, with the offset that it was written with; it may lie beyond the calendar of UTC.

Any other text than RFC 3339, and any number, is refused.
"""
Utc = Annotated[Written, AfterValidator(_in_utc)]
"""A time in a model, told in UTC."""
Day = Annotated[date, BeforeValidator(_read_day)]
"""A day in a model. Any other text than a full-date of RFC 3339, and any number, is refused."""
