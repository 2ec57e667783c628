"""Digests: several notices to one recipient as one mail. The first goes at once, then at most one in each period."""

from datetime import datetime, timedelta
from typing import Protocol

from shared.ids import derive
from shared.times import rfc3339

GIVES_WAY = timedelta(seconds=2)
"""How long after the end of a period a new notice leaves the next mail to those that wait. The sender takes them up."""


class Calendar(Protocol):
    """Keeps for all replicas the time of the next digest to each recipient."""

    async def open_window(self, recipient: str, now: datetime, until: datetime) -> datetime | None:
        """None if a digest may go `now`; then the next one waits until `until`. Otherwise the time of the next one.

        Of several callers at once exactly one gets None.
        """
        ...


class Digests:
    """Decides when a notice goes out, and asks the store only when the answer may have changed."""

    def __init__(self, calendar: Calendar, period: timedelta) -> None:
        self._calendar = calendar
        self._period = period
        self._next: dict[str, datetime] = {}

    async def next_mail(self, recipient: str, now: datetime, *, gives_way: bool = False) -> datetime:
        """When notices planned `now` go out. If the answer is `now`, the caller has to send them itself, at once.

        `gives_way`: the notice is new, and others may wait; for GIVES_WAY it waits with them.
        """
        known = self._next.get(recipient)
        if known is not None and known > now:
            return known
        until = now + self._period
        other = await self._calendar.open_window(recipient, now - GIVES_WAY if gives_way else now, until)
        self._next[recipient] = other or until
        return other or now


def name_mail(recipient: str, at: datetime) -> str:
    """The id of the digest that goes to the recipient at this time."""
    return derive("gathering", recipient, rfc3339(at))
