"""Facts that triage writes to `cases`: a direct party appeals, others decide on the appeal, and a case is reopened."""

from typing import ClassVar

from pydantic import AwareDatetime

from shared.events import cases, decisions, measures
from shared.events.cases import CaseFact, CaseState

INACTION = "inaction"
"""The ground of an appeal against the lack of a decision."""
APPEAL_GROUNDS = (INACTION, "facts", "procedure", "proportion", "conflict", "new_information")
"""Against what an appeal is."""
TAKES_NO_APPEAL = (CaseState.REFERRED, CaseState.APPEALED, CaseState.MERGED)
"""The states after the opening in which a case takes no appeal."""
NOT_NOW = "not_now"
"""Why an appeal is refused in a state that takes none, and that ends."""
NOT_POSSIBLE = "not_possible"
"""Why an appeal is refused in a merged case. It tells nothing of the merging."""
REFUSALS = ("too_late", "not_decided", "not_overdue", "appealed_before", NOT_NOW, NOT_POSSIBLE)
"""Why an appeal is refused."""


class AppealLodged(CaseFact):
    """A direct party appeals against the decision, or against the lack of one; the words stay in the vault.

    `party`: `reporter`, `respondent` or `target`, a person who suffered it and did not report it. `outcome`: the
    decision that is appealed; None where there is none. `respondent`: the token of the respondent who appealed; None
    also where nothing says which one it was. `target`: the token of the person who suffered it and appealed.
    `kept_back`: no page of a receipt shows it, because handlers took it down in a case of several reports, and it may
    be that of a party of another one.
    """

    name: ClassVar[str] = "appeal.lodged"
    version: ClassVar[str] = "1.4"
    shows: ClassVar[str | None] = "appeal_ground"

    appeal_id: str
    party: str
    appeal_ground: str
    reason_id: str
    outcome: str | None = None
    respondent: str | None = None
    target: str | None = None
    kept_back: bool = False


class AppealRefused(CaseFact):
    """An appeal that the reporter sent could not be taken; the state stays. The words stay in the vault.

    `refusal` says why: `too_late`, `not_decided`, `not_overdue`, `appealed_before`, `not_now` where the case was in a
    state that takes no appeal, or `not_possible` where nothing is done on the case by itself any more.
    `respondent`: the token of the respondent who appealed.
    """

    name: ClassVar[str] = "appeal.refused"
    version: ClassVar[str] = "1.1"
    shows: ClassVar[str | None] = "refusal"

    appeal_id: str
    party: str
    appeal_ground: str
    refusal: str
    respondent: str | None = None


class AppealDecided(CaseFact):
    """People who did not decide the case decided on the appeal; the reasons stay in the vault under `reason_id`.

    With `overturned` and `remanded` the case is reopened, and the outcome before (`previous_outcome`) stands no longer.
    `told_id`: the vault has the words for the party who appealed, who reads them with the receipt; None where there are
    none. `still_imposed`: see CaseReopened. `appeal_until`: until when other parties can appeal what stands; the time
    for it stood still. `kept_back`: see AppealLodged.
    """

    name: ClassVar[str] = "appeal.decided"
    version: ClassVar[str] = "1.5"
    shows: ClassVar[str | None] = "verdict"

    appeal_id: str
    party: str
    verdict: str
    reason_id: str
    previous_outcome: str | None = None
    outcome: str | None = None
    told_id: str | None = None
    still_imposed: bool = False
    appeal_until: AwareDatetime | None = None
    kept_back: bool = False


class AppealWindowMoved(CaseFact):
    """The case takes appeals again after a referral; the time for them stood still, and ends at `appeal_until` now."""

    name: ClassVar[str] = "appeal.window_moved"
    unseen: ClassVar[bool] = True

    appeal_until: AwareDatetime


class CaseReopened(CaseFact):
    """A closed case is looked into again; the outcome before (`previous_outcome`) stands no longer.

    `still_imposed`: a measure of that decision stands. So it can be appealed for as long as before.
    """

    name: ClassVar[str] = "case.reopened"
    version: ClassVar[str] = "1.1"

    previous_outcome: str | None = None
    reason_id: str
    still_imposed: bool = False


TAKES_PART = frozenset(
    fact.name
    for fact in (
        decisions.DecisionProposed,
        decisions.DecisionSeconded,
        decisions.DecisionObjected,
        cases.CaseDecided,
        measures.EmergencyMeasureTaken,
        measures.EmergencyMeasureReviewed,
        AppealDecided,
    )
)
"""The facts of which the people decide on no appeal that comes after them, however they voted."""
