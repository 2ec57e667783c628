"""Facts on `access`: every read of personal data and of the record. Intake, triage and audit each write their own."""

from datetime import date
from typing import ClassVar

from shared.events.envelope import Fact


class ContentRead(Fact):
    """Sections of a report were handed out of the vault, to whom (the actor) and for which `purpose`."""

    topic: ClassVar[str] = "access"
    name: ClassVar[str] = "content.read"

    report_id: str
    sections: tuple[str, ...]
    purpose: str


class NamesTried(Fact):
    """Names and addresses were turned into pseudonyms for a service (the actor): how many, and for which `purpose`.

    With those, whoever may read events could look for somebody in them.
    """

    topic: ClassVar[str] = "access"
    name: ClassVar[str] = "names.tried"

    count: int
    purpose: str


class RecordRead(Fact):
    """Someone queried the record: which query (route template), how many results, and the stated purpose."""

    topic: ClassVar[str] = "access"
    name: ClassVar[str] = "record.read"

    query: str
    results: int
    purpose: str


class AccessRefused(Fact):
    """The actor was refused something: the `action`, the `reason`, and how often within a short while.

    With a `day` (UTC) it is the total of that day, of a caller without a role. The actor is known only after showing
    who they are. Nothing says whether the thing exists.
    """

    topic: ClassVar[str] = "access"
    name: ClassVar[str] = "access.refused"
    version: ClassVar[str] = "1.1"

    service: str
    action: str
    reason: str
    count: int
    day: date | None = None
