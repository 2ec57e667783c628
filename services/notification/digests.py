"""When several notices to one recipient become one mail: the first goes at once, then at most one in each period."""

from datetime import datetime, timedelta
from typing import Protocol

from shared.ids import derive
from shared.times import rfc3339


class Calendar(Protocol):
    """Keeps, for all replicas together, from when on the next gathered mail to a recipient may go."""

    async def open_window(self, recipient: str, now: datetime, until: datetime) -> datetime | None:
        """None if a mail may go now, and from now on none before `until`; otherwise when the next one may go.

        Of several callers at once exactly one gets None.
        """
        ...


class Digests:
    """Decides whether a gathered notice goes now, and asks the store only when the answer may have changed."""

    def __init__(self, calendar: Calendar, period: timedelta) -> None:
        self._calendar = calendar
        self._period = period
        self._next: dict[str, datetime] = {}

    async def next_mail(self, recipient: str, now: datetime) -> datetime:
        """When notices planned `now` go out. It is `now` exactly when the caller has to send them itself, at once."""
        known = self._next.get(recipient)
        if known is not None and known > now:
            return known
        until = now + self._period
        other = await self._calendar.open_window(recipient, now, until)
        self._next[recipient] = other or until
        return other or now


def name_mail(recipient: str, at: datetime) -> str:
    """The id of the digest of what waits for the recipient at this time."""
    return derive("gathering", recipient, rfc3339(at))
