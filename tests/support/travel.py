"""A clock that a test moves on, for everything that asks `shared.times.now`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo

import pytest

from shared import times


class Travel:
    """How far the clock is ahead of that of the machine."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def to(self, at: datetime) -> None:
        """Have it be `at` (UTC-aware), unless it is later already."""
        self.ahead += max(at - times.now(), timedelta())


@contextmanager
def travelling() -> Iterator[Travel]:
    """Time as a test wants it, until the end of the block."""
    travel = Travel()

    class _AnyTime(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, datetime)

    class _Ahead(datetime, metaclass=_AnyTime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # it is a time, of no class of ours
            return datetime.now(tz) + travel.ahead

        @classmethod
        def fromisoformat(cls, text: str) -> datetime:  # type: ignore[override]  # as above
            return datetime.fromisoformat(text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(times, "datetime", _Ahead)
        yield travel
