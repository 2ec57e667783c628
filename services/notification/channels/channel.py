"""What every channel promises."""

from datetime import datetime
from typing import Protocol

from services.notification.notices.notice import Notice


class SendDeferred(Exception):
    """Not now: the server or its network is away, or it says so itself. `reason` is a code and holds no address."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SendRefused(Exception):
    """Never: this recipient or this mail was turned down for good. `reason` is a stable code such as `smtp_550`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Channel(Protocol):
    """Hands one notice to the service that carries it on. Used by many tasks at once."""

    async def send(self, address: str, notice: Notice, mail: str, at: datetime) -> str:
        """Return the message id when the other side took responsibility; the same `mail` always has the same id.

        Raises SendDeferred or SendRefused. At least once: after a failure the notice may be sent a second time.
        """
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...
