"""Facts that triage writes to `cases`: a body asks another one to take a case over, and gets an answer or none."""

from typing import ClassVar

from pydantic import AwareDatetime

from shared.events.cases import CaseFact


class CaseReferred(CaseFact):
    """`from_body` asks `to_body` to take the case over. It keeps the case, and its clocks run, until that one accepts.

    `accept_by`: until when `to_body` can accept. The words of the reason stay in the vault under `reason_id`.
    """

    name: ClassVar[str] = "case.referred"
    shows: ClassVar[str | None] = "to_body"

    from_body: str
    to_body: str
    reason_id: str
    accept_by: AwareDatetime


class ReferralAccepted(CaseFact):
    """The case belongs to `body` from now on, and nobody has it until a person of that body takes it.

    Its deadlines go on as they were.
    """

    name: ClassVar[str] = "case.referral_accepted"
    shows: ClassVar[str | None] = "body"

    body: str
    previous_body: str
    previous_assignee: str | None = None


class ReferralDeclined(CaseFact):
    """`to_body` does not take the case over; it goes on where it is. The reason stays in the vault."""

    name: ClassVar[str] = "case.referral_declined"
    shows: ClassVar[str | None] = "to_body"

    to_body: str
    reason_id: str


class ReferralReturned(CaseFact):
    """`to_body` gave no answer in time, or cannot take the case any more; it goes on where it is.

    `reason_id`: the sender has recalled the referral before that. The words of the reason stay in the vault.
    """

    name: ClassVar[str] = "case.referral_returned"
    version: ClassVar[str] = "1.1"
    shows: ClassVar[str | None] = "to_body"

    to_body: str
    reason_id: str | None = None
