"""Times are UTC-aware everywhere. On the wire they are RFC 3339 with `Z`."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

Utc = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]
"""A time as pydantic reads it: one without an offset is refused, any other is told in UTC."""


def now() -> datetime:
    """The current time, UTC-aware, cut to milliseconds because MongoDB stores no finer."""
    at = datetime.now(UTC)
    return at - timedelta(microseconds=at.microsecond % 1000)  # in a third of the time that `replace` takes


def rfc3339(at: datetime) -> str:
    """`at` (UTC-aware) as RFC 3339 with milliseconds and `Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """The UTC-aware time that `text` names. Raises ValueError when it is not RFC 3339, or has no offset."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time needs an offset, such as Z")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("this time is beyond the calendar of UTC") from None
