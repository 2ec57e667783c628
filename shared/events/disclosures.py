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
    words stay in the vault under `reason_id`. The state stays.
    """

    name: ClassVar[str] = "case.disclosed"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "disclosure"

    party: str
    disclosure: str
    previous_disclosure: str | None = None
    withheld_for: str | None = None
    reason_id: str | None = None
