"""Facts that triage writes to `cases`: who else is a party to a case, and what respondents were told of it."""

from typing import ClassVar

from shared.events.cases import CaseFact


class PartyAdded(CaseFact):
    """A handler says that a further person is a party to the case: respondent, witness or target; the state stays.

    `party` is a token that holds in this case only. The name stays in the vault under it, and intake alone tells the
    services that shut people out who on the roster has it.
    """

    name: ClassVar[str] = "case.party_added"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "party_role"

    party: str
    party_role: str


class CaseDisclosed(CaseFact):
    """A respondent was given the particulars of the case, or a part of them (`redacted`), or they are withheld.

    `party` is the token of the respondent in this case. `withheld_for`: the ground for which they are withheld. The
    words stay in the vault under `reason_id`. `told_id`: the vault has words for the respondent, and a receipt of the
    respondent opens them; the receipt of an earlier disclosure opens nothing any more. The state stays.
    """

    name: ClassVar[str] = "case.disclosed"
    version: ClassVar[str] = "1.1"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "disclosure"

    party: str
    disclosure: str
    previous_disclosure: str | None = None
    withheld_for: str | None = None
    reason_id: str | None = None
    told_id: str | None = None


class RespondentReplied(CaseFact):
    """A respondent replied to what they were told, by a receipt of their own; the state stays.

    `party` is the token of the respondent in this case. The words stay in the vault under `reply_id`.
    """

    name: ClassVar[str] = "case.respondent_replied"
    unseen: ClassVar[bool] = True

    party: str
    reply_id: str
