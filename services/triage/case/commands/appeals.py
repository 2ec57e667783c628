"""A direct party appeals against a decision or the lack of one, others decide on it, and a case is reopened. Pure.

Who decides on an appeal took no part in what it is about (Enforcement Guidelines 3.3): did not propose a decision, vote
on one or make one, and took or reviewed no emergency measure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from services.triage.case.case import RESPONDENT, TARGET, Case
from services.triage.case.commands.command import ChoiceField, Command, PartyField, Words, WordsField
from services.triage.case.lifecycle import BEFORE_DECISION
from services.triage.case.measures import ended_by_appeal
from services.triage.case.values import Appeal, Deadline
from shared.access.principal import Role
from shared.events import (
    APPEAL_GROUNDS,
    INACTION,
    NOT_NOW,
    NOT_POSSIBLE,
    TAKES_NO_APPEAL,
    Actor,
    AppealDecided,
    AppealLodged,
    AppealRefused,
    AppealWindowMoved,
    CaseFact,
    CaseReopened,
    CaseState,
)
from shared.ids import PERSON
from shared.policy import Policy
from shared.problems import FieldError

REPORTER = "reporter"
PARTIES = (REPORTER, RESPONDENT, TARGET)
"""The direct parties of a case, with those who suffered it. Nobody else appeals: no witness, and no reader."""
OVERTURNED = "overturned"
VERDICTS = ("upheld", OVERTURNED, "remanded", "ineligible")
"""What becomes of an appeal."""
REOPENING = (OVERTURNED, "remanded")
"""The verdicts after which the case is looked into again."""
WINDOW = "appeal_window"
"""The deadline of the policy until which a decision can be appealed."""


@dataclass(frozen=True, slots=True)
class LodgeAppeal(Command):
    """Take down the appeal of a direct party."""

    name = "appeal"

    party: Annotated[str, ChoiceField(offers=lambda _policy: PARTIES)]
    ground: Annotated[str, ChoiceField(offers=lambda _policy: APPEAL_GROUNDS, said_as="appeal-ground")]
    respondent: Annotated[str, PartyField(optional=True)] = field(default="", kw_only=True)
    target: Annotated[str, PartyField(optional=True, role=TARGET)] = field(default="", kw_only=True)
    why: Annotated[Words, WordsField(kept_as="reason", outlived=True)]
    by: Actor

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where something is decided, or a measure of a decision stands, or a deadline was missed."""
        return case.outcome is not None or case.is_imposed or any(deadline.was_missed for deadline in _lines(case))

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """The person is no party, there is nothing to appeal against, it is too late, or it was appealed before.

        Of several people in one role the handler says which one it is: the appeal of one takes none from another.
        """
        if self.party in PARTIES and not _is_party(case, self.party, policy):
            yield FieldError("/party", "no_party", "The case has no such party.")
        else:
            for role, said in ((RESPONDENT, self.respondent), (TARGET, self.target)):
                known = _in_role(case, role) if self.party == role else ()
                if len(known) > 1 and not said:
                    yield FieldError(f"/{role}", "missing", PartyField.missing)
                elif said and said not in known:
                    yield FieldError(f"/{role}", "unknown_choice", f"Choose one of the {role}s.")
        if self.ground and (fault := _against(case, self.party, self.ground, policy, now, self._said)):
            yield fault

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The appeal."""
        sender = _sender(case, self.party, self._said)
        return [
            AppealLodged(
                previous=case.state,
                state=state,
                appeal_id=self.why.id,
                party=self.party,
                appeal_ground=self.ground,
                reason_id=self.why.id,
                outcome=case.outcome,
                respondent=sender if self.party == RESPONDENT else None,
                target=sender if self.party == TARGET else None,
                kept_back=bool(case.absorbed),
            )
        ]

    @property
    def _said(self) -> str:
        """The token of the party, where the handler says it."""
        return self.respondent or self.target


@dataclass(frozen=True, slots=True)
class ReceiveAppeal(Command):
    """A direct party appeals. It is lodged, or refused with the reason; each appeal gets one of the two, and once.

    `sent_at`: when intake took it (UTC-aware); it is in time where it was sent in time.
    """

    name = "receive_appeal"
    by_people = False

    appeal_id: str
    ground: str
    party: str = REPORTER
    respondent: str | None = None
    sent_at: datetime | None = None

    def leads(self, case: Case) -> CaseState:
        """The case is under appeal; where the appeal is refused, it stays."""
        return case.state if case.state in TAKES_NO_APPEAL else CaseState.APPEALED

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The appeal, or why it cannot be taken."""
        if self.appeal_id in {*(one.id for one in case.appeals), *(one.id for one in case.refused_appeals)}:
            return []
        fault = _against(case, self.party, self.ground, policy, now, self.respondent, self.sent_at, by_receipt=True)
        never = case.state is CaseState.MERGED or not _is_party(case, self.party, policy)
        if fault or never or case.state in TAKES_NO_APPEAL:
            return [
                AppealRefused(
                    previous=case.state,
                    state=case.state,
                    appeal_id=self.appeal_id,
                    party=self.party,
                    appeal_ground=self.ground,
                    refusal=fault.code if fault else NOT_POSSIBLE if never else NOT_NOW,
                )
            ]
        return [
            AppealLodged(
                previous=case.state,
                state=state,
                appeal_id=self.appeal_id,
                party=self.party,
                appeal_ground=self.ground,
                reason_id=self.appeal_id,
                outcome=case.outcome,
                respondent=self.respondent,
            )
        ]


@dataclass(frozen=True, slots=True)
class DecideAppeal(Command):
    """Decide on an appeal, with the reasons for it. Who took part in the decision before, or took it down, does not."""

    name = "decide_appeal"
    judges = True

    verdict: Annotated[str, ChoiceField(offers=lambda _policy: VERDICTS)]
    why: Annotated[Words, WordsField(kept_as="reason", outlived=True)]
    by: Actor
    told: Annotated[Words | None, WordsField(kept_as="reason", outlived=True, optional=True)] = None

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where an appeal waits."""
        return case.appeal is not None

    @classmethod
    def suits(cls, case: Case, person: str, role: Role | None) -> bool:
        """For people who took no part in the decision, and did not take the appeal down."""
        return person not in case.deciders

    def leads(self, case: Case) -> CaseState:
        """The case is reopened, or goes on where it was; before its decision, it waits to be taken if nobody has it."""
        if self.verdict in REOPENING or case.appeal is None:
            return CaseState.REOPENED
        before = case.going_on(case.appeal.state)
        if before in BEFORE_DECISION and case.assignee is None:
            return CaseState.TRIAGED
        return CaseState.ASSIGNED if before is CaseState.TRIAGED else before

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """Nothing waits, the person took part in the decision or took the appeal down, or nobody reads the words."""
        if case.appeal is None:
            yield FieldError("/verdict", "no_appeal", "No appeal waits to be decided.")
        elif self.by.ref in case.deciders:
            yield FieldError(
                "/verdict", "decided_before", "You took part before. Another person decides on the appeal."
            )
        if self.told and case.appeal and not _is_read(case.appeal):
            yield FieldError("/told", "read_by_nobody", "No receipt opens this appeal, so nobody reads these words.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The verdict. What is overturned, holds no longer."""
        appeal = case.appeal
        if appeal is None:
            return []
        imposed = self.verdict != OVERTURNED and case.is_imposed
        return [
            AppealDecided(
                previous=case.state,
                state=state,
                appeal_id=appeal.id,
                party=appeal.party,
                verdict=self.verdict,
                reason_id=self.why.id,
                previous_outcome=case.outcome,
                outcome=None if state is CaseState.REOPENED else case.outcome,
                told_id=self.told.id if self.told else None,
                still_imposed=state is CaseState.REOPENED and imposed,
                kept_back=appeal.kept_back,
                appeal_until=_until(case, policy, now) if state is not CaseState.REOPENED or imposed else None,
            ),
            *(ended_by_appeal(case, state, self.why.id) if self.verdict == OVERTURNED else ()),
        ]


@dataclass(frozen=True, slots=True)
class Reopen(Command):
    """Look into a closed case again, with the reasons for it. Its deadlines start anew."""

    name = "reopen"

    why: Annotated[Words, WordsField(kept_as="reason", outlived=True)]

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The case is open again."""
        return [
            CaseReopened(
                previous=case.state,
                state=state,
                previous_outcome=case.outcome,
                reason_id=self.why.id,
                still_imposed=case.is_imposed,
            )
        ]


def appealable_until(policy: Policy, decided_at: datetime, body: str | None) -> datetime | None:
    """Until when (UTC-aware) a decision of this time can be appealed; None where the policy has no such window."""
    return policy.deadline(WINDOW, decided_at, body).due_at if WINDOW in policy.deadlines else None


def follow_window(
    case: Case | None, facts: Sequence[CaseFact], policy: Policy, now: datetime
) -> list[AppealWindowMoved]:
    """Until when what stands can be appealed, where these facts end a time in which no appeal was taken.

    `now` is UTC-aware. The verdict on an appeal tells it itself.
    """
    if case is None or not facts or case.state not in TAKES_NO_APPEAL or facts[-1].state in TAKES_NO_APPEAL:
        return []
    until = None if any(isinstance(fact, AppealDecided) for fact in facts) else _until(case, policy, now)
    return [AppealWindowMoved(previous=facts[-1].state, state=facts[-1].state, appeal_until=until)] if until else []


def _until(case: Case, policy: Policy, now: datetime) -> datetime | None:
    """Until when (UTC-aware) the decision can be appealed: the time for it stands still while no appeal is taken."""
    decided = case.decided_at
    until = case.appeal_until or (appealable_until(policy, decided, case.body) if decided else None)
    return until + case.no_appeal_for(now) if decided and until else None


def _is_read(appeal: Appeal) -> bool:
    """Whether the party who appealed reads of it by a receipt. Of what handlers took down, a reporter alone does."""
    return not appeal.kept_back and (appeal.party == REPORTER or not _is_taken_down(appeal))


def _is_taken_down(appeal: Appeal) -> bool:
    """Whether handlers took it down. Nothing proves that the party wants it."""
    return PERSON.fullmatch(appeal.by) is not None


def _is_party(case: Case, party: str, policy: Policy) -> bool:
    """Whether the case has this direct party: a reporter always, a target that handlers have added, and a respondent
    where it accuses a person.

    It does so where the report names one, or a handler has added one as a party. One handler alone corrects a category,
    so that takes no appeal from a person who has something imposed on them.
    """
    category = policy.categories.get(case.category)
    accuses = category is None or category.accuses or bool(case.measures)
    return party == REPORTER or (bool(_in_role(case, party)) and (party == TARGET or accuses))


def _in_role(case: Case, party: str) -> tuple[str, ...]:
    """The tokens of the people in the role of this party; a reporter has none."""
    return {RESPONDENT: case.respondents, TARGET: case.targets}.get(party, ())


def _sender(case: Case, party: str, said: str | None) -> str | None:
    """The token of the respondent, or of the target, who appeals: the only one of the case, where nothing says it."""
    known = _in_role(case, party)
    return said or (known[0] if len(known) == 1 else None)


def _lines(case: Case) -> tuple[Deadline, ...]:
    """All lines of its clocks: that a clock started anew takes back no inaction."""
    return (*case.earlier_deadlines, *case.deadlines)


def _missed(case: Case, party: str, respondent: str | None, policy: Policy, now: datetime) -> list[datetime]:
    """When that was due (UTC-aware) which was owed to this party and missed, also in an answer to its own request."""
    lines = (d for d in _lines(case) if policy.is_owed_to_parties(d.name))
    asks = (ask for ask in case.recusal_asks if (ask.party, ask.respondent) == (party, respondent))
    answers = ((ask.since or ask.at, ask.answered_at or now) for ask in asks if ask.answered_at or not ask.answer)
    unanswered = [policy.unanswered(asked, until, case.body) for asked, until in answers]
    return [*(d.due_at for d in lines if d.was_missed or d.is_overdue(now)), *filter(None, unanswered)]


def _against(
    case: Case,
    party: str,
    ground: str,
    policy: Policy,
    now: datetime,
    said: str | None = None,
    sent_at: datetime | None = None,
    *,
    by_receipt: bool = False,
) -> FieldError | None:
    """What is wrong with an appeal of this party on this ground. The appeal of one respondent is none of another.

    `said`: the token of the respondent, or of the target, where something says it.

    What handlers took down takes no appeal `by_receipt` from the party. Handlers take down one for each of the reports
    that are merged into one case.
    """
    sender = _sender(case, party, said)
    theirs = (a for a in case.appeals if a.party == party and not (by_receipt and _is_taken_down(a)))
    same = [a for a in theirs if _sender(case, party, a.respondent or a.target) == sender]
    others = 0 if by_receipt else len(case.absorbed)
    decided = case.decided_at
    until = _until(case, policy, now)
    # What was missed before a decision that stands cannot be appealed for longer than the decision.
    is_bound = ground != INACTION or case.outcome is not None
    if is_bound and until is not None and until < (sent_at or now):
        return FieldError("/ground", "too_late", "The time for an appeal is over.")
    if ground == INACTION:
        missed = _missed(case, party, sender, policy, now)
        if not missed:
            return FieldError("/ground", "not_overdue", "No deadline was missed.")
        if sum(max(missed) <= a.at for a in same) > others:
            return FieldError("/ground", "appealed_before", "This party has appealed against this before.")
        return None
    if decided is None:
        return FieldError("/ground", "not_decided", "Nothing is decided yet: only inaction can be appealed.")
    if sum(a in case.appeals_since_decision for a in same) > others:
        return FieldError("/ground", "appealed_before", "This party has appealed against this before.")
    return None
