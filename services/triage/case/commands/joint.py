"""A joint case: other handling bodies join the work on it. The body that has the case leads and decides. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from services.triage.case.attendance import NOBODY, People, can_take, declined_by, joint_ended, served_by
from services.triage.case.case import Case
from services.triage.case.commands.command import ChoiceField, Command, Words, WordsField
from services.triage.case.commands.referral import ASKS_ANOTHER, CANNOT_TAKE, accept_by, taken
from services.triage.case.lifecycle import NotPermitted
from services.triage.case.voting import may_object, stands_against
from shared.access.principal import Role
from shared.events import Actor, BodyInvited, CaseFact, CaseState, InvitationAccepted, InvitationDeclined
from shared.policy import Policy
from shared.problems import FieldError


@dataclass(frozen=True, slots=True)
class InviteBody(Command):
    """Ask another handling body to join the work on the case. Nothing invites the body of last resort."""

    name = "invite_body"

    body: Annotated[str, ChoiceField(offers=lambda policy: policy.ordinary_bodies)]
    explanation: Annotated[Words, WordsField(kept_as="referral")]
    by: Actor
    people: People = NOBODY

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """A body of the case, one that has declined to join it, and one that cannot look after it.

        Why a body cannot is not told, because the report may name one of its people.
        """
        if not self.body:
            return
        if self.body in case.bodies:
            yield FieldError("/body", "own_body", "This body has the case.")
        elif case.asked:
            yield ASKS_ANOTHER
        elif self.by.role != Role.COORDINATOR and self.body in declined_by(case, joint=True):
            yield FieldError(
                "/body", "had_before", "This body has declined to join, or twice not answered. A coordinator may ask."
            )
        elif self.body not in policy.ordinary_bodies or not can_take(case, self.body, self.people, policy, now):
            yield CANNOT_TAKE

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The invitation, and until when it can be accepted."""
        return [
            BodyInvited(
                previous=case.state,
                state=state,
                from_body=case.body or "",
                to_body=self.body,
                reason_id=self.explanation.id,
                accept_by=accept_by(case, self.body, policy, now),
            )
        ]


@dataclass(frozen=True, slots=True)
class AcceptInvitation(Command):
    """The body that is invited joins: its people see the case and work on it."""

    name = "accept_invitation"
    by_asked = True

    people: People = NOBODY
    by: Actor | None = None

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where a body is invited that does not have the case itself by now."""
        return case.invitation is not None

    @classmethod
    def suits(cls, case: Case, person: str, role: Role | None) -> bool:
        """For people who did not invite their own body."""
        return case.asked is None or case.asked.by != person

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The acceptance. Raises NotPermitted as `taken` does."""
        asked = taken(case.invitation, self.name, case, self.by, self.people, policy, now)
        return [InvitationAccepted(previous=case.state, state=state, body=asked.to_body)]


@dataclass(frozen=True, slots=True)
class DeclineInvitation(Command):
    """The body that is invited does not join."""

    name = "decline_invitation"
    by_asked = True

    explanation: Annotated[Words, WordsField(kept_as="referral")]

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where a body is invited."""
        return case.asked is not None and case.asked.joint

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The refusal. Raises NotPermitted where no body is invited."""
        if case.asked is None or not case.asked.joint:
            raise NotPermitted(self.name, case.state)
        return [
            InvitationDeclined(
                previous=case.state, state=state, to_body=case.asked.to_body, reason_id=self.explanation.id
            )
        ]


@dataclass(frozen=True, slots=True)
class EndJoint(Command):
    """A body works on the case no more: it leaves, or the body that has the case lets it go."""

    name = "end_joint"
    own_place = True

    body: Annotated[str, ChoiceField(offers=lambda policy: policy.ordinary_bodies)]
    explanation: Annotated[Words, WordsField(kept_as="reason", outlived=True)]
    by: Actor
    people: People = NOBODY

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where a body has joined."""
        return bool(case.joined)

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """A body that has not joined, or another one than that of the person, who is not of the body that leads.

        Nobody ends it while another person of that body objects to an outcome, or is for a proposal that stands in the
        way of what the first one may want: the vote would count no more.
        """
        if not self.body:
            return
        theirs = [
            one
            for one in may_object(case, self.people, policy, now)
            if one != self.by.ref and self.body in served_by(case, one, self.people, now)
        ]
        if self.body not in case.joined:
            yield FieldError("/body", "not_joined", "This body has not joined the case.")
        elif {case.body, self.body}.isdisjoint(served_by(case, self.by.ref, self.people, now)):
            yield FieldError("/body", "not_yours", "Only the body that leads lets another body go.")
        elif any(case.objects(one) for one in theirs):
            yield FieldError("/body", "objects", "A person of this body objects to an outcome.")
        elif (
            case.proposal is not None
            and any(case.proposal.vote_of(one) for one in theirs)
            and stands_against(case, self.by.ref, self.people, policy, now)
        ):
            yield FieldError("/body", "proposal_stands", "A proposal stands that a person of this body is for.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The end. It takes the case from a person of that body who has it."""
        return [joint_ended(case, self.body, self.people, policy, now, self.explanation.id)]
