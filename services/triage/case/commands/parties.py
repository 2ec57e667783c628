"""Further people are parties to a case, and respondents are told what they are said to have done, or not. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from services.triage.case.case import RESPONDENT, TARGET, Case
from services.triage.case.commands.command import ChoiceField, Command, NameField, PartyField, Words, WordsField
from shared.events import CaseDisclosed, CaseFact, CaseState, PartyAdded, RespondentReplied
from shared.policy import Policy
from shared.problems import FieldError

ROLES = (RESPONDENT, "witness", TARGET)
"""What a person is in a case who did not report it."""
WITHHELD = "withheld"
DISCLOSURES = ("given", "redacted", WITHHELD)
"""What a respondent got of the particulars: all, a part, or nothing yet."""
WITHHELD_FOR = ("danger", "reprisal", "inquiry", "law")
"""Why particulars are withheld: from danger to a person, from revenge, for the inquiry, by law."""


@dataclass(frozen=True, slots=True)
class AddParty(Command):
    """Say that a further person is a party to the case. A person on the roster who has this name is shut out at once.

    The words of the name are the token of the party: the vault keeps them under it, and finds the person in them.
    """

    name = "add_party"

    party_role: Annotated[str, ChoiceField(offers=lambda _policy: ROLES, said_as="party-role")]
    party_name: Annotated[Words, NameField(kept_as="party")]

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The party."""
        return [PartyAdded(previous=case.state, state=state, party=self.party_name.id, party_role=self.party_role)]


@dataclass(frozen=True, slots=True)
class Disclose(Command):
    """Record what a respondent was told of the particulars, and why no more.

    Words for the respondent make a receipt, by which the respondent reads them and replies.
    """

    name = "disclose"

    respondent: Annotated[str, PartyField()]
    disclosure: Annotated[str, ChoiceField(offers=lambda _policy: DISCLOSURES)]
    withheld_for: Annotated[
        str, ChoiceField(offers=lambda _policy: WITHHELD_FOR, said_as="withheld-for", optional=True)
    ]
    why: Annotated[Words | None, WordsField(kept_as="disclosure", optional=True)] = None
    for_respondent: Annotated[Words | None, WordsField(kept_as="told", optional=True)] = None

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where there is a respondent."""
        return bool(case.respondents)

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """A person who is no respondent, particulars that are withheld without a ground, or with one that are not.

        Where a respondent gets less than all, the reasons are kept.
        """
        if self.respondent and self.respondent not in case.respondents:
            yield FieldError("/respondent", "unknown_choice", "Choose one of the respondents.")
        if self.disclosure == WITHHELD and not self.withheld_for:
            yield FieldError("/withheld_for", "missing", ChoiceField.missing)
        if self.disclosure not in ("", WITHHELD) and self.withheld_for:
            yield FieldError("/withheld_for", "not_withheld", "Only what is withheld has such a ground.")
        if self.disclosure == WITHHELD and self.for_respondent:
            yield FieldError(
                "/for_respondent", "withheld", "All is withheld from this respondent, so nothing can be told."
            )
        if self.disclosure not in ("", DISCLOSURES[0]) and self.why is None:
            yield FieldError("/why", "missing", WordsField.missing)

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The disclosure; none where the same was recorded before, and there are no new reasons."""
        before = case.disclosure_to(self.respondent)
        same = before and (before.disclosure, before.withheld_for) == (self.disclosure, self.withheld_for or None)
        if same and self.why is None and self.for_respondent is None:
            return []
        return [
            CaseDisclosed(
                previous=case.state,
                state=state,
                party=self.respondent,
                disclosure=self.disclosure,
                previous_disclosure=before.disclosure if before else None,
                withheld_for=self.withheld_for or None,
                reason_id=self.why.id if self.why else None,
                told_id=self.for_respondent.id if self.for_respondent else None,
            )
        ]


@dataclass(frozen=True, slots=True)
class ReceiveReply(Command):
    """A respondent replied, by a receipt of their own. A reply is never refused, however late it comes."""

    name = "receive_reply"
    by_people = False

    party: str
    reply_id: str

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The reply, once. A person who waits for the reporter waits on."""
        if self.reply_id in {reply.id for reply in case.replies}:
            return []
        return [RespondentReplied(previous=state, state=state, party=self.party, reply_id=self.reply_id)]
