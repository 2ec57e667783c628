"""Facts that triage writes to `cases`: other bodies join the work on a case. The body that has the case leads."""

from typing import ClassVar

from pydantic import AwareDatetime

from shared.events.cases import CaseFact


class BodyInvited(CaseFact):
    """`from_body`, which has the case, asks `to_body` to join the work on it; the state stays.

    `accept_by`: until when `to_body` can accept. The words of the reason stay in the vault under `reason_id`.
    """

    name: ClassVar[str] = "case.body_invited"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "to_body"

    from_body: str
    to_body: str
    reason_id: str
    accept_by: AwareDatetime


class InvitationAccepted(CaseFact):
    """The people of `body` may see the case and work on it from now on. The body that has the case stays the same."""

    name: ClassVar[str] = "case.invitation_accepted"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "body"

    body: str


class InvitationDeclined(CaseFact):
    """`to_body` does not join the work on the case. The reason stays in the vault."""

    name: ClassVar[str] = "case.invitation_declined"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "to_body"

    to_body: str
    reason_id: str


class InvitationLapsed(CaseFact):
    """`to_body` gave no answer in time."""

    name: ClassVar[str] = "case.invitation_lapsed"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "to_body"

    to_body: str


class JointEnded(CaseFact):
    """`body` works on the case no more: it leaves, the leading body ends it, or too few of its people may see the case.

    `reason_id`: the vault has the reason; None where nobody gave one. `assignee`: who has the case from now on.
    """

    name: ClassVar[str] = "case.joint_ended"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "body"

    body: str
    reason_id: str | None = None
    assignee: str | None = None
