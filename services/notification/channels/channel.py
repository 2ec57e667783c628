"""What every channel promises."""

from datetime import datetime
from typing import Protocol

from services.notification.notices.notice import Notice


class SendDeferred(Exception):
    """Not now: the server is away, asks us to try later, or objects to our own set-up (`ours`).

    `reason` is a stable code and holds no address.
    """

    def __init__(self, reason: str, *, ours: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.ours = ours


class SendRefused(Exception):
    """Never: the server refuses this recipient for good. `reason` is a stable code such as `smtp_550_5.1.1`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Channel(Protocol):
    """Hands one notice to the service that carries it on. Used by many tasks at once."""

    async def send(self, address: str, notice: Notice, mail: str, at: datetime) -> str:
        """Send the notice, render it for this channel, and return the message id once a server has taken it.

        `mail` names what is sent: the same `mail` always has the same message id. `at` is UTC-aware. Raises
        SendDeferred or SendRefused. At least once: after a failure the notice may be sent a second time.
        """
        ...

    def name_message(self, mail: str) -> str:
        """The message id that `send` returns for this `mail`."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
