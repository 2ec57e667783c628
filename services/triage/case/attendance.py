"""Whether a handling body can look after a case, and where the case goes if not. Pure.

A body can look after a case if everybody who hears of the case there may open it, and enough people may handle it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice

from services.triage.case.case import ENDED, Case
from services.triage.case.parts import had_part
from shared.access.authorization import is_permitted, is_shut_out
from shared.access.principal import Principal, Resource, serves
from shared.events import (
    CaseAttended,
    CaseFact,
    CasePassedOn,
    CaseState,
    CaseTriaged,
    CaseUnattended,
    DeadlineSet,
    HandlerApart,
    JointEnded,
    ReferralAccepted,
    mark_noted,
)
from shared.policy import QUORUM, Policy

_Question = tuple[str, str | None, frozenset[str], datetime, frozenset[str], frozenset[str]]
_GIVEN = (CaseTriaged.name, CasePassedOn.name, ReferralAccepted.name)
"""The facts that give a case to a body, which a history shows beside them."""

SILENCES = 2
"""After so many referrals, or invitations, that a body left unanswered, no responder alone asks it again."""
RENEWED_WITHIN = timedelta(hours=24)
"""For so long after the end of a role its person keeps the cases: what was begun need not begin anew with a renewal."""


@dataclass(frozen=True)
class People:
    """Who could handle a case: everybody with a role, by handling body.

    `parties`: pseudonyms and references of the people who are named in the report, with the marks of those that only
    words of handlers name (mark_noted). `meant`: those of the staff that handlers have ever named, by the tokens that
    the case has for them. It has no slots, because it remembers `names`.
    """

    staff: Mapping[str, Sequence[Principal]] = field(default_factory=dict)
    parties: frozenset[str] = frozenset()
    meant: Mapping[str, str] = field(default_factory=dict)
    _judged: dict["_Question", "Attendance"] = field(default_factory=dict, repr=False, compare=False)
    """What was asked of these people before: a batch of cases asks the same for most of them."""

    @cached_property
    def names(self) -> frozenset[str]:
        """The references and pseudonyms of all of them."""
        return frozenset(name for some in self.staff.values() for one in some for name in (one.ref, *one.pseudonyms))

    def beside(self, parties: frozenset[str], meant: Mapping[str, str] | None = None) -> "People":
        """The same people beside a case that names these parties, and all that was asked of them before.

        A party who is not on the roster changes no answer, so cases that name only such people share theirs.
        """
        found = parties & self.names
        noted = parties.intersection(map(mark_noted, found))
        return People(self.staff, found | noted, meant or {}, self._judged)

    def unnoted(self) -> "People":
        """The people as if words of handlers named nobody. Else one handler alone would take away what others said."""
        noted = {name for name in self.parties if mark_noted(name) in self.parties}
        return replace(self, parties=self.parties - noted) if noted else self

    def of(self, case: Case) -> tuple["People", frozenset[str]]:
        """The same people as the recusals of the case make them, and the references of those who are recused.

        A person named by one handler alone counts as recused. With a second handler the person counts as named,
        and the body loses the case.
        """
        if not self.meant:
            return self, frozenset(case.recused)
        named = {self.meant[r.person] for r in case.recusals if r.person in self.meant and r.confirm_by is None}
        parties = self.parties.difference(self.meant.values()) | named
        return replace(self, parties=parties), frozenset(self.meant.get(name, name) for name in case.recused)


NOBODY = People()
"""A roster without people."""


@dataclass(frozen=True, slots=True)
class Attendance:
    """The people of one body, as far as one case is concerned.

    `able`: how many may handle it, counted up to `quorum`, which the policy has for the body; `named`: one of them is
    named in it; `shut_out`: one is named in it or recused.
    """

    able: int
    named: bool
    shut_out: bool
    quorum: int

    @property
    def can_take(self) -> bool:
        """Whether the body can get the case: then all of its people hear of it, and one of them can act."""
        return self.able > 0 and not self.shut_out

    @property
    def can_keep(self) -> bool:
        """Whether the body can go on with the case. No person alone may do so where another was shut out."""
        return not self.named and self.able >= (self.quorum if self.shut_out else 1)


def attendance(
    body: str,
    community: str | None,
    people: People,
    policy: Policy,
    now: datetime,
    recused: frozenset[str] = frozenset(),
    apart: frozenset[str] = frozenset(),
) -> Attendance:
    """Who there is in a body for a case of this community. `now` is UTC-aware.

    `recused`: people (references) recused from it. `apart`: those who may handle it, and have no part in what it needs
    now.
    """
    question = (body, community, people.parties, now, recused, apart)
    known = people._judged.get(question)
    if known is None:
        about = _about(body, community, people, policy, recused)
        known = people._judged[question] = _attendance(body, about, people, policy, now, apart)
    return known


def _attendance(
    body: str, resource: Resource, people: People, policy: Policy, now: datetime, apart: frozenset[str]
) -> Attendance:
    known = policy.bodies.get(body)
    quorum = known.quorum if known else QUORUM
    serving = [person for person in people.staff.get(body, ()) if serves(person, body, now)]
    shut_out = [person for person in serving if is_shut_out(person, resource)]
    # No more are counted than anything depends on, because each new case of a large body asks for it.
    others = (one for one in serving if one.ref not in apart)
    able = islice((one for one in others if is_permitted(one, "case.start", resource, now)), quorum)
    return Attendance(
        able=sum(1 for _ in able),
        named=any(not resource.parties.isdisjoint((person.ref, *person.pseudonyms)) for person in shut_out),
        shut_out=bool(shut_out),
        quorum=quorum,
    )


def voters(case: Case, people: People, policy: Policy, now: datetime) -> frozenset[str]:
    """The people (references) who may vote on a decision: those of its bodies who may handle the case.

    So where bodies work together, a quorum counts the people of all of them: each of them may vote. `now` is UTC-aware.
    """
    return frozenset(one.ref for one in handlers(case, people, policy, now)) - case.refusers


def handlers(case: Case, people: People, policy: Policy, now: datetime) -> Iterator[Principal]:
    """The people who may handle the case, those of the body that has it first. `now` is UTC-aware."""
    people, recused = people.of(case)
    for body in case.bodies:
        about = _about(body, case.community, people, policy, recused)
        yield from (one for one in people.staff.get(body, ()) if is_permitted(one, "case.start", about, now))


def but_for_leaves(people: People, refs: Iterable[str]) -> People:
    """The people as if these (references) were on no leave."""
    at_work = {
        body: tuple(replace(one, leaves=()) if one.leaves and one.ref in refs else one for one in staff)
        for body, staff in people.staff.items()
    }
    return People(at_work, people.parties, people.meant)


def able(case: Case, people: People, policy: Policy, now: datetime) -> list[Principal]:
    """The people who can get the case, each once: they may handle it, and have a part in what it needs now."""
    # Who is apart is found in the whole history of the case, so it is asked once.
    apart = case.apart
    return list({one.ref: one for one in handlers(case, people, policy, now) if one.ref not in apart}.values())


def served_by(case: Case, person: str, people: People, now: datetime) -> tuple[str, ...]:
    """The bodies of the case that this person (a reference) serves, first the one that has it. `now` is UTC-aware."""
    return tuple(
        body
        for body in case.bodies
        if any(one.ref == person and serves(one, body, now) for one in people.staff.get(body, ()))
    )


def has_left(case: Case, people: People, now: datetime) -> bool:
    """Whether the person who has the case serves none of its bodies at `now` (UTC-aware). Leave is no end of a role.

    A role that ran out may be renewed for as long as RENEWED_WITHIN; nothing urgent waits for that.
    """
    since = now if case.is_urgent else now - RENEWED_WITHIN
    return case.assignee is not None and not served_by(case, case.assignee, people, since)


def choose_body(
    own: str, community: str, people: People, policy: Policy, now: datetime, recused: frozenset[str] = frozenset()
) -> str:
    """The body that gets a new case: `own`, or else the first stand-in that can take it.

    `recused`: people (references) who are recused before anybody hears of the case; so enough others may go on.
    Where no body can take it, that is the first in which a person may handle it, or else `own`.
    """
    able: list[str] = []
    for body in (own, *policy.stand_ins(own)):
        there = attendance(body, community, people, policy, now, recused)
        if there.can_keep if body == own else there.can_take:
            return body
        able += [body] if there.able else []
    return able[0] if able else own


def attend(case: Case, people: People, policy: Policy, now: datetime) -> list[CaseFact]:
    """What follows for the case from who is there for it: it stays, goes to another body, or is unattended.

    Its own body has it, or else the first stand-in that can look after it: it also comes back. So recusals that nobody
    confirms take it from a body for no longer than they hold. While an appeal waits, the case needs people who did not
    decide before: who has it and did so has it no longer.
    """
    if case.body is None or case.state in ENDED:
        return []
    people, recused = people.of(case)
    facts = _attend(case, people, recused, policy, now)
    if any(isinstance(fact, CasePassedOn) for fact in facts):
        # Nobody has it in the other body.
        case = replace(case, assignee=None)
    if case.state is CaseState.APPEALED and case.assignee in case.deciders:
        apart = HandlerApart(previous=case.state, state=case.state, previous_assignee=case.assignee or "")
        case, facts = replace(case, assignee=None), [*facts, apart]
    return [*facts, *_joint_ended(case, people, policy, now)] if case.referrals else facts


def but_for_waiting(case: Case, by: str | None = None) -> Case:
    """The case without the recusals that nobody has confirmed yet. `by`: only those of this person (a reference)."""
    waiting = {one.person for one in case.recusals if one.confirm_by is not None and by in (None, one.by)}
    if not waiting:
        return case
    return replace(case, recused=tuple(person for person in case.recused if person not in waiting))


def _attend(case: Case, people: People, recused: frozenset[str], policy: Policy, now: datetime) -> list[CaseFact]:
    assert case.body is not None  # noqa: S101  # only a case that has a body is judged
    state, own = case.state, case.own_body or case.body
    able: list[str] = []
    fit: list[str] = []
    apart = case.apart
    for body in _in_turn(case, own, policy):
        there = attendance(body, case.community, people, policy, now, recused, apart)
        if there.can_keep if body == own or body in _given_to(case) else there.can_take:
            fit.append(body)
            if _answers(case, body, people, recused, policy, now):
                break
        able += [body] if there.able else []
    else:
        # Where no body can answer a party, the case lies where it would without the request.
        del fit[1:]
    if fit:
        body = fit[-1]
        if body != case.body:
            return [_passed_on(case, body)]
        return [CaseAttended(previous=state, state=state, body=body)] if case.unattended else []
    # Nobody can be told of it. So at least it goes to where a person can open it.
    body = case.body if case.body in able or not able else able[0]
    if body != case.body:
        return [_passed_on(case, body), CaseUnattended(previous=state, state=state, body=body)]
    return [] if case.unattended else [CaseUnattended(previous=state, state=state, body=body)]


def _in_turn(case: Case, own: str, policy: Policy) -> Iterator[str]:
    """The bodies that may have the case, each once: the first that can look after it gets it."""
    yield own
    # Else the people of a body that joined could shut out those of the body that leads, and have the case.
    have_joined = {one.to_body for one in case.referrals if one.joint and one.ended == "accepted"}
    stand_ins = [body for body in policy.stand_ins(own) if body not in have_joined]
    yield from (body for body in dict.fromkeys((*stand_ins, case.body or own)) if body != own)


def _answers(case: Case, body: str, people: People, recused: frozenset[str], policy: Policy, now: datetime) -> bool:
    """Whether a person of this body can answer the reporter who asks for a recusal, if one does. Nothing urgent waits.

    A respondent who asks moves no case: or the accused would choose who judges.
    """
    if not case.recusal_asks or case.is_urgent or all(ask.party != "reporter" for ask in case.open_recusal_asks):
        return True
    about, took_part = _about(body, case.community, people, policy, recused), had_part(case)
    return any(
        is_permitted(one, "case.answer_recusal", about, now)
        for one in people.staff.get(body, ())
        if one.ref not in took_part
    )


def _joint_ended(case: Case, people: People, policy: Policy, now: datetime) -> Iterator[CaseFact]:
    """That bodies work on the case no more, because they could not keep a case of their own with these people.

    A recusal that one person alone declared ends nothing, nor do words of a handler: the votes of the others would be
    gone for good.
    """
    people, recused = people.unnoted().of(but_for_waiting(case))
    for body in case.joined:
        if not attendance(body, case.community, people, policy, now, recused).can_keep:
            fact = joint_ended(case, body, people, policy, now)
            case = replace(case, assignee=fact.assignee)
            yield fact


def joint_ended(
    case: Case, body: str, people: People, policy: Policy, now: datetime, reason_id: str | None = None
) -> JointEnded:
    """That a body works on the case no more. Who has the case loses it, unless another body of the case has the person.

    `now` is UTC-aware.
    """
    rest = replace(case, referrals=tuple(one for one in case.referrals if not (one.is_joined and one.to_body == body)))
    theirs, others = _refs(people, [body]), _refs(people, rest.bodies)
    # A person that no body knows any more was of this one, or may not see the case anyway.
    is_theirs = case.assignee in theirs or case.assignee not in others
    loses = is_theirs and case.assignee not in voters(rest, people, policy, now)
    return JointEnded(
        previous=case.state,
        state=case.state,
        body=body,
        reason_id=reason_id,
        assignee=None if loses else case.assignee,
    )


def _refs(people: People, bodies: Iterable[str]) -> set[str]:
    return {one.ref for body in bodies for one in people.staff.get(body, ())}


def can_take(case: Case, body: str, people: People, policy: Policy, now: datetime) -> bool:
    """Whether this body can get a case that it does not have."""
    people, recused = people.of(case)
    return attendance(body, case.community, people, policy, now, recused).can_take


def had_by(case: Case) -> frozenset[str]:
    """The bodies that have or had the case, and those that have declined it, or were silent about it too often."""
    return frozenset((*_given_to(case), *declined_by(case, joint=False)))


def declined_by(case: Case, *, joint: bool) -> frozenset[str]:
    """The bodies that have declined to take the case over, or twice not answered in time; with `joint`, to join it."""
    asked = [one for one in case.referrals if one.joint is joint]
    silent = Counter(one.to_body for one in asked if one.is_unanswered)
    return frozenset(one.to_body for one in asked if one.ended == "declined" or silent[one.to_body] >= SILENCES)


def _given_to(case: Case) -> set[str]:
    own = case.own_body or case.body or ""
    return {own, *(step.detail or "" for step in case.history if step.fact in _GIVEN)}


def _passed_on(case: Case, body: str) -> CasePassedOn:
    assert case.body is not None  # noqa: S101  # only a case that has a body can lose it
    return CasePassedOn(
        previous=case.state,
        state=case.state,
        lane=case.lane or "standard",
        body=body,
        previous_body=case.body,
        deadlines=tuple(
            DeadlineSet(name=d.name, due_at=d.due_at, warn_at=d.warn_at, escalate_at=d.escalate_at)
            for d in case.deadlines
            if d.is_running
        ),
    )


def _about(body: str, community: str | None, people: People, policy: Policy, recused: frozenset[str]) -> Resource:
    return Resource(
        body=body,
        community=community,
        parties=people.parties,
        recused=people.parties | recused,
        training=policy.training_of(body),
    )
