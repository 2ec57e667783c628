"""People are recused from a case. To recuse another person takes two people, or a coordinator. Pure.

To recuse a person who objects to an outcome takes two people always: nobody alone takes an objection away. So it does
between the bodies of a joint case; and one of the body that leads says so of each of its own people.

What a party asks for (ASKED) others decide, so it takes two people always, whatever their roles.

Where the case is about the person, the ground is NAMED, it always takes two people, and the events have a token of the
case instead of a reference: who is named in a case must not be read in the record.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated

from services.triage.author import TRIAGE
from services.triage.case.attendance import NOBODY, People
from services.triage.case.case import Case
from services.triage.case.commands.asking import ASKED, granted, waits_again
from services.triage.case.commands.command import TOKEN, ChoiceField, Command, ReferenceField
from services.triage.case.values import Recusal
from shared.access.principal import PEOPLE, Role
from shared.events import (
    Actor,
    CaseFact,
    CaseState,
    RecusalConfirmed,
    RecusalDeclared,
    RecusalWithdrawn,
)
from shared.policy import Policy
from shared.problems import FieldError

NAMED = "named"
"""The ground of a person that the case is about."""
DECIDED_BEFORE = "prior_knowledge"
"""The ground of a person who decided in an earlier case that this one follows."""
OTHER = "other"
GROUNDS = (NAMED, "involved", "related", "same_employer", DECIDED_BEFORE, ASKED, OTHER)
"""Why a person is recused: the conflicts that handling bodies' manuals name."""
BY_TWO = (NAMED, ASKED)
"""The grounds on which nobody, not even a coordinator, recuses another person alone."""
WITHDRAWALS = ("mistaken", "unfounded", "resolved")
"""Why a recusal is taken back."""
CONFIRM_WITHIN = timedelta(hours=24)
"""How long a recusal of another person holds by the word of one person."""

LEAD_CONFIRMS = FieldError("/person", "lead_confirms", "A person of the body that leads has to confirm this.")


@dataclass(frozen=True, slots=True)
class Recuse(Command):
    """Shut a person out of the case, on a ground of GROUNDS. It holds at once.

    A recusal of another person lapses, unless a second person or a coordinator confirms it in time. `token` stands for
    the person within this case.
    """

    name = "recuse"

    ground: Annotated[str, ChoiceField(offers=lambda _policy: GROUNDS)]
    person: Annotated[str, ReferenceField(oneself=PEOPLE)]
    by: Actor
    token: str = ""
    people: People = NOBODY

    @property
    def named(self) -> Mapping[str, str]:
        """The person, where the case is about the person."""
        return {self.token: self.person} if self.ground == NAMED else {}

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """Nobody is recused as named by themselves.

        Nobody declares again what was taken back or has lapsed: with each round, the person would be away for a day.
        """
        if self.ground == NAMED and self.person == self.by.ref:
            yield FieldError("/person", "missing", ReferenceField.missing)
        elif self._meant not in case.recused and self._is_alone(case) and self._was_declared(case):
            yield FieldError("/person", "declared_before", "You have declared this before. Another person may do so.")
        elif (known := self._waiting(case)) and _lacks_lead(case, known.person, (known.by, self.by.ref), self.people):
            yield LEAD_CONFIRMS

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The recusal, once; it takes the case from the person who has it. A second person who says so confirms it."""
        is_named, person = self.ground == NAMED, self._meant
        if person in case.recused:
            known = self._waiting(case)
            return _confirmed(case, state, known) if known else []
        alone = self._is_alone(case)
        return [
            RecusalDeclared(
                previous=case.state,
                state=state,
                person=person,
                ground=self.ground,
                # By who has it no longer, everybody could tell who is named.
                assignee=None if is_named or person == case.assignee else case.assignee,
                confirm_by=now + CONFIRM_WITHIN if alone else None,
            ),
        ]

    @property
    def _meant(self) -> str:
        """The person as the events tell it."""
        return self.token if self.ground == NAMED else self.person

    def _waiting(self, case: Case) -> Recusal | None:
        """The recusal of the person by another one that nobody has confirmed yet."""
        known = case.recusal_of(self._meant)
        return known if known and known.confirm_by is not None and known.by != self.by.ref else None

    def _is_alone(self, case: Case) -> bool:
        """Whether another person has to confirm it."""
        if self.person == self.by.ref:
            return False
        if self.ground in BY_TWO or self.by.role != Role.COORDINATOR:
            return True
        return _takes_another(case, self.person, {self.by.ref}, self.people)

    def _was_declared(self, case: Case) -> bool:
        return _kept_away(case, {self.person, self.token}, self.by.ref)


@dataclass(frozen=True, slots=True)
class Confirm(Command):
    """Confirm a recusal that another person has declared."""

    name = "confirm"
    own_place = True

    person: Annotated[str, ReferenceField(oneself=(), by_token=True)]
    by: Actor
    people: People = NOBODY

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where a recusal waits for it."""
        return case.lapses_at is not None

    @classmethod
    def suits(cls, case: Case, person: str, role: Role | None) -> bool:
        """Where another person has declared the recusal."""
        return any(one.confirm_by is not None and one.by != person for one in case.recusals)

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """Nothing waits for it, or the person who declared the recusal gives it, in whatever role.

        People of bodies that joined shut out nobody of the body that leads.
        """
        recusal = case.recusal_of(self.person)
        if recusal is None or recusal.confirm_by is None or recusal.confirm_by <= now:
            yield FieldError("/person", "not_pending", "No recusal of this person waits to be confirmed.")
        elif recusal.by == self.by.ref:
            yield FieldError("/person", "own_recusal", "Another person has to confirm what you have declared.")
        elif _lacks_lead(case, self.person, (recusal.by, self.by.ref), self.people):
            yield LEAD_CONFIRMS

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The confirmation."""
        recusal = case.recusal_of(self.person)
        return _confirmed(case, state, recusal) if recusal else []


@dataclass(frozen=True, slots=True)
class Withdraw(Command):
    """Take back a recusal, for a reason of WITHDRAWALS."""

    name = "withdraw"
    own_place = True

    person: Annotated[str, ReferenceField(oneself=(), by_token=True)]
    withdrawal: Annotated[str, ChoiceField(offers=lambda _policy: WITHDRAWALS)]
    by: Actor

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where a person was recused by another one."""
        return any(recusal.person != recusal.by for recusal in case.recusals)

    @classmethod
    def suits(cls, case: Case, person: str, role: Role | None) -> bool:
        """For people who `may_withdraw` one of the recusals."""
        return role is None or any(may_withdraw(recusal, Actor(person, role)) for recusal in case.recusals)

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """Only those who `may_withdraw` it do."""
        recusal = case.recusal_of(self.person)
        if recusal is None or not may_withdraw(recusal, self.by):
            yield FieldError("/person", "not_to_withdraw", "You cannot take back a recusal of this person.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The withdrawal, and that what it granted to a party waits again."""
        return [
            RecusalWithdrawn(previous=case.state, state=state, person=self.person, withdrawal=self.withdrawal),
            *(waits_again(ask, state) for ask in case.granted_by(self.person)),
        ]


def _confirmed(case: Case, state: CaseState, recusal: Recusal) -> list[CaseFact]:
    """That a second person says so, too. If a party asked for it, that is granted by it."""
    confirmed = RecusalConfirmed(previous=case.state, state=state, person=recusal.person)
    return [confirmed, *(granted(case, state, recusal.person) if recusal.ground == ASKED else ())]


def recusals_of(case: Case) -> list[Recusal]:
    """How each person came to be recused from a case."""
    # Nobody knows any more who recused a person in an older case, or why.
    bare = (Recusal(one, TRIAGE.ref, TRIAGE.role, OTHER) for one in case.recused if not case.recusal_of(one))
    return [*case.recusals, *bare]


def detected(person: str) -> Recusal:
    """That a person had a part in the case from which this one came, as triage itself found."""
    return Recusal(person, TRIAGE.ref, TRIAGE.role, DECIDED_BEFORE)


def carried(source: Case, case: Case, people: People, now: datetime) -> Iterator[tuple[Recusal, Recusal | None]]:
    """The recusals of another case that change something for this one, each as it holds in this one by the same words.

    None where it does not hold at all: its author has kept the person away from this case before. Where this case takes
    more people than have said so, it waits for another one. A token of another case is nothing to this one.
    `people`: with those that handlers have named in this case. `now` is UTC-aware.
    """
    for recusal in recusals_of(source):
        known = case.recusal_of(recusal.person)
        waits = known is not None and known.confirm_by is not None
        if TOKEN.fullmatch(recusal.person) or (recusal.person in case.recused and not waits):
            continue
        if not (waits and recusal.confirm_by):
            yield recusal, _as_carried(recusal, known, case, people, now)


def _as_carried(recusal: Recusal, known: Recusal | None, case: Case, people: People, now: datetime) -> Recusal | None:
    if recusal.person == recusal.by:
        # Nobody takes back what a person has said of themselves.
        return recusal
    said_by = recusal.said_by | (known.said_by if known else frozenset())
    if recusal.confirm_by is None and _takes_another(case, recusal.person, said_by, people):
        recusal = replace(recusal, confirm_by=now + CONFIRM_WITHIN)
    meant = {recusal.person, *(token for token, person in people.meant.items() if person == recusal.person)}
    return None if recusal.confirm_by and _kept_away(case, meant, recusal.by) else recusal


def declared_anew(recusal: Recusal, state: CaseState, assignee: str | None) -> RecusalDeclared:
    """That a case takes over a recusal, with who had declared and confirmed it. `assignee`: who has had the case."""
    return RecusalDeclared(
        previous=state,
        state=state,
        person=recusal.person,
        ground=recusal.ground,
        assignee=None if assignee == recusal.person else assignee,
        confirm_by=recusal.confirm_by,
        declared_by=recusal.by,
        declared_role=recusal.role,
        confirmed_by=recusal.confirmed_by,
    )


def taken_over(recusals: Iterable[Recusal], state: CaseState, assignee: str | None) -> Iterator[RecusalDeclared]:
    """That a case takes these recusals over, as `declared_anew`."""
    for recusal in recusals:
        declared = declared_anew(recusal, state, assignee)
        assignee = declared.assignee
        yield declared


def _kept_away(case: Case, person: Set[str], by: str) -> bool:
    """Whether this actor has kept a person away before, or does so now, on whatever ground. `person`: all its names."""
    waiting = (recusal for recusal in case.recusals if recusal.confirm_by is not None)
    return any(one.by == by and one.person in person for one in (*waiting, *case.ended_recusals))


def _takes_another(case: Case, person: str, said_by: Set[str], people: People) -> bool:
    """Whether it takes another person, beside those who say so, to shut a person out of this case for good."""
    if _lacks_lead(case, person, said_by, people):
        return True
    joined = (_refs(people, body) for body in case.joined)
    theirs = {one for refs in joined if person in refs for one in refs}
    is_from_outside = bool(theirs) and theirs.isdisjoint(said_by)
    return len(said_by) == 1 and (case.objects(person) or is_from_outside)


def _lacks_lead(case: Case, person: str, said_by: Iterable[str], people: People) -> bool:
    """Whether a person (a reference or token) is of the body that leads a joint case, and nobody who says so is.

    The body to which the case belongs counts as well: while its people are shut out, another one may have the case.
    """
    leading = {ref for body in {case.body, case.own_body}.difference(case.joined) for ref in _refs(people, body)}
    return people.meant.get(person, person) in leading and leading.isdisjoint(said_by)


def _refs(people: People, body: str | None) -> frozenset[str]:
    return frozenset(one.ref for one in people.staff.get(body or "", ()))


def may_withdraw(recusal: Recusal, by: Actor) -> bool:
    """Whether this actor may take a recusal back. What was confirmed stays, unless a coordinator or its author does so.

    Nobody takes back what a person has said of themselves, and nobody alone what two have done for a party.
    """
    if recusal.person == recusal.by:
        return False
    if recusal.ground == ASKED and recusal.confirm_by is None:
        return by.role == Role.COORDINATOR and by.ref != recusal.by
    return recusal.confirm_by is not None or by.role == Role.COORDINATOR or by.ref == recusal.by
