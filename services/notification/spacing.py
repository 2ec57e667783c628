"""At most one acknowledgement an hour for each address: nobody fills another person's mailbox by sending reports."""

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol
from unicodedata import normalize

from services.notification.delivery import Suppressed
from services.notification.routing.audiences import Located
from services.notification.routing.table import Routes
from shared.input.mail_addresses import BadAddress, wire_form

PERIOD = timedelta(hours=1)
TOLD = Suppressed("told_already")
"""The address has had the notice within the hour. Nobody may learn that of an address, so it looks like a mail sent."""


class Turns(Protocol):
    """Keeps for all replicas which delivery an address had last, under a name that is no address."""

    async def take_turns(self, wanted: Mapping[str, str], now: datetime, until: datetime) -> set[str]:
        """`wanted`: the name of the address by the id of each delivery. Returns the ids that may go out now.

        They have the turn until `until`, and may take it again. Of several callers at once exactly one gets a turn.
        """
        ...


class Spacing:
    """Holds back what an address has had already. `key` keeps addresses out of the store: it holds HMACs."""

    def __init__(self, turns: Turns, key: bytes, routes: Routes) -> None:
        self._turns = turns
        self._key = key
        self._notices = {row.notice for rows in routes.values() for row in rows if row.at_most == "hourly"}

    async def space(
        self, found: Mapping[str, Located | Suppressed], now: datetime
    ) -> Mapping[str, Located | Suppressed]:
        """The same, but suppressed where the address has had its mail of this hour. Raises Unavailable."""
        wanted = {
            i: self._name(place)
            for i, place in found.items()
            if isinstance(place, Located) and place.delivery.notice in self._notices
        }
        if not wanted:
            return found
        may_go = await self._turns.take_turns(wanted, now, now + PERIOD)
        return {i: TOLD if i in wanted and i not in may_go else place for i, place in found.items()}

    def _name(self, place: Located) -> str:
        text = f"{place.delivery.channel}\x1f{fold(place.address)}"
        return hmac.digest(self._key, b"hourly\x1f" + text.encode(), "sha256").hex()


def fold(address: str) -> str:
    """One spelling for all that usually reach one mailbox: without case, dots, and what follows a plus."""
    try:
        address = wire_form(address)
    except BadAddress:
        # No mail goes there.
        return address
    local, _, domain = normalize("NFKC", address).casefold().rpartition("@")
    local = local.strip('"')
    return f"{local.partition('+')[0].replace('.', '') or local}@{domain}"
