"""A case has to do with another one, and both tell so. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from services.triage.case.case import Case
from services.triage.case.commands.command import CaseField, ChoiceField, Command, Words, WordsField
from shared.events import RETALIATION, CaseFact, CaseLinked, CaseState, CaseUnlinked
from shared.policy import Policy
from shared.problems import FieldError

LINK = "link"
"""As what the vault keeps why two cases are linked. Only those who may see both read it."""
SPLIT = "split"
"""The relation of two cases that were one report."""
RELATIONS = ("related", "same_people", RETALIATION, "duplicate", "follows", SPLIT)
"""What two cases have to do with each other. Each is said of both alike."""


@dataclass(frozen=True, slots=True)
class Link(Command):
    """Say what the case has to do with another one, by a relation of RELATIONS. Two cases have one relation."""

    name = "link"

    other: Annotated[Case | None, CaseField()]
    relation: Annotated[str, ChoiceField(offers=lambda _policy: RELATIONS)]
    link_note: Annotated[Words | None, WordsField(kept_as=LINK, optional=True)] = None
    other_ref: str = ""
    own_ref: str = ""

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """A case has nothing to do with itself."""
        if self.other is not None and self.other.id == case.id:
            yield FieldError("/other", "same_case", "This is the same case.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The relation; it takes the place of another one."""
        return self._told(case, self.other_ref, self.link_note.id if self.link_note else None)

    def decide_other(self, other: Case, case: Case, policy: Policy, now: datetime) -> list[CaseFact]:
        """The same relation, without the reasons: their words stand with the report of the first case."""
        return self._told(other, self.own_ref, None)

    def _told(self, case: Case, ref: str, note_id: str | None) -> list[CaseFact]:
        known = case.link_to(ref)
        if known and known.relation == self.relation:
            return []
        linked = CaseLinked(
            previous=case.state,
            state=case.state,
            other_case=ref,
            relation=self.relation,
            previous_relation=known.relation if known else None,
            note_id=note_id,
        )
        return [linked]


@dataclass(frozen=True, slots=True)
class Unlink(Command):
    """Take back that the case has to do with another one, and say why."""

    name = "unlink"
    own_place = True

    other: Annotated[Case | None, CaseField()]
    why: Annotated[Words, WordsField(kept_as=LINK, outlived=True)]
    other_ref: str = ""
    own_ref: str = ""

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where it has to do with any."""
        return bool(case.links)

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The end of the relation, if there is one."""
        return _unlinked(case, self.other_ref, self.why.id)

    def decide_other(self, other: Case, case: Case, policy: Policy, now: datetime) -> list[CaseFact]:
        """The same, without the reasons: their words stand with the report of the first case."""
        return _unlinked(other, self.own_ref, None)


def _unlinked(case: Case, ref: str, reason_id: str | None) -> list[CaseFact]:
    known = case.link_to(ref)
    if known is None:
        return []
    return [
        CaseUnlinked(
            previous=case.state, state=case.state, other_case=ref, relation=known.relation, reason_id=reason_id
        )
    ]
