"""The fact on `audit.seals`: a checkpoint of one partition's log was sealed."""

from typing import ClassVar

from pydantic import AwareDatetime

from shared.events.envelope import Fact


class CheckpointSealed(Fact):
    """The log named `origin` had `size` entries and this root (base64) when it was sealed."""

    topic: ClassVar[str] = "audit.seals"
    name: ClassVar[str] = "checkpoint.sealed"

    origin: str
    size: int
    root: str
    sealed_at: AwareDatetime
