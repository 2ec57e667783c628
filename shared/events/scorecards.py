"""Facts on `scorecards`: which results audit has shown to the public, so that they stand in the record."""

from typing import ClassVar

from pydantic import AwareDatetime

from shared.events.envelope import Fact


class ScorecardShown(Fact):
    """The scorecard of a community as the public could see it, once a day.

    `as_of`: the time of the seals that it was computed from, `sealed`: how many entries the seal log had then.
    `digest`: SHA-256 (hex) of the canonical JSON of the result.
    """

    topic: ClassVar[str] = "scorecards"
    name: ClassVar[str] = "scorecard.shown"

    community: str
    catalogue_version: str
    as_of: AwareDatetime
    sealed: int
    level: int
    digest: str
