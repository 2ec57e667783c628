"""Facts that triage writes to `cases`: a case has to do with another one, or is merged into it.

Both cases tell it, in one write.

`other_case` is a reference that holds within the case: only triage can tell which other case it is. Triage does not
show such a fact to a person who may not see the other case.
"""

from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from shared.events.cases import CaseFact, DeadlineSet


class CaseLinked(CaseFact):
    """The case has to do with `other_case`, by a `relation` that is said of both alike; the state stays.

    It takes the place of `previous_relation`. The vault has the handler's words under `note_id`, with the report of the
    case that the handler linked; the other case has no such id.

    `categories` and `flags`: those that `other_case` has or had and this case has not, where this case is one matter of
    its report. One handler alone said what this one is, so its reporter is heard by these as well, and where
    names mean no accounts by these flags, they mean none in this case either.
    """

    name: ClassVar[str] = "case.linked"
    version: ClassVar[str] = "1.2"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "relation"

    other_case: str
    relation: str
    previous_relation: str | None = None
    note_id: str | None = None
    categories: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


class CaseUnlinked(CaseFact):
    """What the case had to do with `other_case`, by this `relation`, was taken back; the state stays.

    The words of the reason stay in the vault under `reason_id`, with the report of the case that a person unlinked.
    """

    name: ClassVar[str] = "case.unlinked"
    version: ClassVar[str] = "1.1"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "relation"

    other_case: str
    relation: str
    reason_id: str | None = None


class CaseSplit(CaseFact):
    """One matter of the report is to become a case of its own, with this category and these flags; the state stays.

    The vault has the words under `part_id`. Intake makes a report of them, and triage links its case to this one.
    """

    name: ClassVar[str] = "case.split"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "category"

    part_id: str
    category: str
    flags: tuple[str, ...] = ()


class CaseMerged(CaseFact):
    """The case goes on as part of `other_case`, which tells `case.absorbed`. The vault has the reasons under `note_id`.

    Nothing is owed on it while it is merged. The reporter is not told, because that would tell of another report.
    """

    name: ClassVar[str] = "case.merged"

    other_case: str
    note_id: str | None = None


class CaseAbsorbed(CaseFact):
    """The case goes on for `other_case` as well; the state stays. It takes the stricter of both lanes.

    `deadlines` are those that run and come earlier, or are new, by the other case, and those that this one has missed
    and others hear of earlier by it. `assignee`: who has the case from now on; None where the person may not see the
    other case. `refusers`: the people (references) who refused a party of the other case a recusal, so they have no
    part in this one either. `took_part` and `had_it`: the people who took part in what was decided or done in the other
    case, and those who had it.
    """

    name: ClassVar[str] = "case.absorbed"
    unseen: ClassVar[bool] = True
    version: ClassVar[str] = "1.3"

    other_case: str
    lane: str
    previous_lane: str
    deadlines: tuple[DeadlineSet, ...] = ()
    assignee: str | None = None
    refusers: tuple[str, ...] = ()
    took_part: tuple[str, ...] = ()
    had_it: tuple[str, ...] = ()


class CaseUnmerged(CaseFact):
    """The case goes on for itself, in the state that it had before; its clocks have run on. See `case.detached`.

    `took_part` and `had_it`: people (references) of the case of which it was a part, as in `case.absorbed`, as far as
    they had to do with both while these were one. The words of the reason stay in the vault under `reason_id`.
    """

    name: ClassVar[str] = "case.unmerged"
    version: ClassVar[str] = "1.3"

    other_case: str
    took_part: tuple[str, ...] = ()
    had_it: tuple[str, ...] = ()
    reason_id: str | None = None


class CaseDetached(CaseFact):
    """`other_case` is no part of this case any more; the state, the lane and the deadlines stay.

    `stayed`: those people (references) of it who did something in either case while they were one; the others had no
    part in this one. None in events from before this was told: all of them count here for good.
    """

    name: ClassVar[str] = "case.detached"
    unseen: ClassVar[bool] = True
    version: ClassVar[str] = "1.1"

    other_case: str
    stayed: tuple[str, ...] | None = None


class CaseFollowed(CaseFact):
    """The merged case is in `body` from now on, where the case is of which it is a part; nobody has it.

    `own_body`: the body to which it belongs once it is a case for itself again.
    """

    name: ClassVar[str] = "case.followed"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "body"

    body: str
    previous_body: str
    own_body: str


class OutcomeFollowed(CaseFact):
    """The case of which this one is a part was decided so; None: that decision stands no longer.

    The reporter of the merged case hears of the outcome, and not of the other report.
    """

    name: ClassVar[str] = "case.outcome_followed"
    shows: ClassVar[str | None] = "outcome"

    outcome: str | None


class ClockThere(BaseModel):
    """How a clock stands for the reporter of a merged case; the fields are those of the facts of deadlines."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    due_at: AwareDatetime
    met_at: AwareDatetime | None = None
    breached_at: AwareDatetime | None = None
    remaining_seconds: int | None = None


class ClocksFollowed(CaseFact):
    """How the clocks of the case stand of which this one is a part, as far as the reporter of this one had them.

    They take the place of those of the merged case that nothing had kept; what is not among them binds nobody now.
    `told`: how often the reporter of that case was asked or told something since the merging.
    """

    name: ClassVar[str] = "case.clocks_followed"
    unseen: ClassVar[bool] = True

    deadlines: tuple[ClockThere, ...] = ()
    told: int = 0
