"""Facts that triage writes to `cases`: what happens after a case is decided, until it is closed."""

from datetime import date
from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from shared.events.cases import CaseFact


class CheckInSet(BaseModel):
    """One moment at which the reporter is to be asked how it goes. `number` counts from 1."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: int
    due_at: AwareDatetime


class FollowUpBegun(CaseFact):
    """The case is decided, and is followed up. `consent`: whether the reporter may be asked again, `yes` or `no`.

    `check_ins`: when, as the policy says for the outcome and the setting; none without consent.
    They take the place of those of the follow-up before. `measures_stay`: those of measures that are still to be asked
    stay; in events from before this was told, they went as well.
    """

    name: ClassVar[str] = "case.follow_up_begun"
    version: ClassVar[str] = "1.1"
    shows: ClassVar[str | None] = "consent"

    consent: str
    check_ins: tuple[CheckInSet, ...] = ()
    measures_stay: bool = False


class ConsentGiven(CaseFact):
    """The reporter said, without a handler, that Hearth may ask again how it goes; the state stays.

    `after_silence`: the asking had ended without an answer, and may begin again.
    """

    name: ClassVar[str] = "case.consent_given"
    version: ClassVar[str] = "1.1"
    unseen: ClassVar[bool] = True

    after_silence: bool = False


class CheckInDue(CaseFact):
    """The reporter is asked how it goes, for the first time or once more; the state stays.

    `again_at`: when the reporter is asked once more, or no more, if no answer comes; None in events from before Hearth
    asked by itself.
    """

    name: ClassVar[str] = "case.check_in_due"
    version: ClassVar[str] = "1.1"
    unseen: ClassVar[bool] = True

    number: int
    due_at: AwareDatetime
    attempt: int = 1
    again_at: AwareDatetime | None = None


class CheckInKept(CaseFact):
    """What became of a check-in: `answered`, `declined` or `no_answer`; the state stays.

    The vault has the answers under ids that begin with `answer_id`, which is None where a handler noted the check-in.
    No answer is no answer, and never means that all is well.
    """

    name: ClassVar[str] = "case.check_in_kept"
    version: ClassVar[str] = "1.1"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "answer"

    number: int
    due_at: AwareDatetime
    answer: str
    answer_id: str | None = None


class CheckInsEnded(CaseFact):
    """The reporter is never asked again of this case: the reporter wants it so (`stopped`), or does not answer.

    `why` is `stopped` or `no_answer`; the state stays.
    """

    name: ClassVar[str] = "case.check_ins_ended"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "why"

    why: str


class AgreementMade(CaseFact):
    """People agreed on a step of repair; the state stays. Hearth tracks such an agreement, and never arranges one.

    `who` is to take the step: a role in the case, never a person. `by_when`: until which day. The vault has the words
    of what was agreed under `agreement_id`.
    """

    name: ClassVar[str] = "case.agreement_made"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "who"

    agreement_id: str
    who: str
    by_when: date


class AgreementChecked(CaseFact):
    """A handler found out whether an agreement is kept: `yes`, `partly`, `no` or `unknown`; the state stays."""

    name: ClassVar[str] = "case.agreement_checked"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "kept"

    agreement_id: str
    previous_kept: str
    kept: str


class AgreementDue(CaseFact):
    """The day until which an agreement is to be kept is over, and handlers find out whether it is; the state stays."""

    name: ClassVar[str] = "case.agreement_due"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "who"

    agreement_id: str
    who: str
    by_when: date
