"""Facts that triage writes to `cases`: a direct party appeals, others decide on the appeal, and a case is reopened."""

from typing import ClassVar

from shared.events.cases import CaseFact


class AppealLodged(CaseFact):
    """A direct party appeals against the decision, or against the lack of one; the words stay in the vault.

    `party`: `reporter` or `respondent`. `outcome`: the decision that is appealed; None where there is none.
    """

    name: ClassVar[str] = "appeal.lodged"
    follows_policy: ClassVar[bool] = True
    shows: ClassVar[str | None] = "appeal_ground"

    appeal_id: str
    party: str
    appeal_ground: str
    reason_id: str
    outcome: str | None = None


class AppealDecided(CaseFact):
    """People who did not decide the case decided on the appeal; the reasons stay in the vault under `reason_id`.

    With `overturned` and `remanded` the case is reopened, and the outcome before (`previous_outcome`) stands no longer.
    """

    name: ClassVar[str] = "appeal.decided"
    shows: ClassVar[str | None] = "verdict"

    appeal_id: str
    party: str
    verdict: str
    reason_id: str
    previous_outcome: str | None = None
    outcome: str | None = None


class CaseReopened(CaseFact):
    """A closed case is looked into again; the outcome before (`previous_outcome`) stands no longer."""

    name: ClassVar[str] = "case.reopened"

    previous_outcome: str | None = None
    reason_id: str
