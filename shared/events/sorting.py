"""Facts that triage writes to `cases`: people confirm or correct what a case is, and its lane follows."""

from typing import ClassVar

from shared.events.cases import CaseFact, DeadlineSet


class CategoryConfirmed(CaseFact):
    """A person said that the case has this category: the one that it had, or another one. The state stays."""

    name: ClassVar[str] = "case.category_confirmed"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "category"

    previous_category: str
    category: str
    reason_id: str | None = None


class FlagsSet(CaseFact):
    """A person said which flags the case has. The state stays."""

    name: ClassVar[str] = "case.flags_set"
    unseen: ClassVar[bool] = True

    previous_flags: tuple[str, ...]
    flags: tuple[str, ...]
    reason_id: str | None = None


class LaneRaised(CaseFact):
    """The case goes into a more urgent lane, because of what it is now; its state and its handling body stay.

    `rule`: the row of the policy that says so. `deadlines`: those that the lane adds, from now on.
    """

    name: ClassVar[str] = "case.lane_raised"
    shows: ClassVar[str | None] = "lane"

    previous_lane: str
    lane: str
    rule: str
    deadlines: tuple[DeadlineSet, ...] = ()


class LaneLowered(CaseFact):
    """A coordinator let the case go into a less urgent lane. It keeps the deadlines that it has."""

    name: ClassVar[str] = "case.lane_lowered"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "lane"

    previous_lane: str
    lane: str
    rule: str
