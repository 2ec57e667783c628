"""What handlers tell the reporter. Pure."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Message:
    """That the reporter was told how it goes, at a UTC-aware time. The vault has the words."""

    id: str
    at: datetime
