"""A case on its way: people and services try every command on it, through the real actions over memory.

What is tried is made up from the tables: each command of TRANSITIONS, and for each of its fields values that fit its
kind and values that do not. Only PLANS knows commands of people by name: what has to come before some of them.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from typing import Any, TypeVar

from hypothesis import strategies as st

from services.triage.actions import Desk
from services.triage.case.case import Case
from services.triage.case.commands.appeals import ReceiveAppeal
from services.triage.case.commands.asking import ReceiveRecusalAsk
from services.triage.case.commands.check_ins import ReceiveCheckIn, ReceiveConsent
from services.triage.case.commands.command import (
    CaseField,
    ChoiceField,
    ChoicesField,
    DayField,
    Field,
    PartiesField,
    ReferenceField,
    WordsField,
)
from services.triage.case.commands.importing import ImportMeasure
from services.triage.case.commands.inquiry import LoseReporter, ReceiveAnswer
from services.triage.case.commands.opening import Open
from services.triage.case.commands.parties import ReceiveReply
from services.triage.case.forms import FORMS, Form, resource_of
from services.triage.case.lifecycle import TRANSITIONS, permitted_in, states_of
from services.triage.case.timers.table import wakes_at
from services.triage.case.tokens import Tokens
from services.triage.measures.imports import MeasureImport
from services.triage.measures.sheet import Row, RowResult, Table
from services.triage.patterns.actions import Patterns
from services.triage.reports import DigestEraser, ReportFollower
from services.triage.requests import CommandRequest, CommandResult
from services.triage.sight import Sight
from services.triage.watch import CaseWatch
from shared.access.authorization import allow
from shared.access.conditions import Permit
from shared.access.principal import Grant, Principal, Role, Training, has_ended
from shared.access.roster import Staff
from shared.events import (
    APPEAL_GROUNDS,
    Actor,
    CaseState,
    Event,
    Fact,
    MeasureImported,
    ReportAnswered,
    ReportAppealed,
    ReportCheckedIn,
    ReportConsented,
    ReportErased,
    ReportParties,
    ReportReceived,
    ReportRecusalAsked,
    ReportReplied,
)
from shared.ids import case_id_of, derive
from shared.parties import Parties
from shared.policy import load_policy
from shared.problems import Problem
from tests.fakes.memory_marks import MemoryMarks
from tests.fakes.memory_parties import MemoryParties
from tests.support.people import LONG_AGO, auditor, coordinator, enforcer, operator, person, responder
from tests.support.triage_rig import MemoryCases, MemoryVault, from_intake, reported

T = TypeVar("T")
POLICY = load_policy(None)
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
REPORT = "r1"
CASE = case_id_of(REPORT)
RESPONDENT = "7" * 32
"""The token of the respondent in a report that has no names in itself."""
CANARY = "heron"
"""Stands in all words that handlers write, and so must stand in no event."""
_LAST = tuple(body.id for body in POLICY.bodies.values() if body.last_resort)
_BODIES = tuple(body for body in POLICY.bodies if body not in _LAST)


def _people() -> Iterator[Principal]:
    """Three who may handle nearly everything, one more in each body, coordinators, and people who lack one thing.

    Behind them those of other roles, and an integrator, who has none of a person.
    """
    yield from (responder(name, *_BODIES) for name in ("a1a1", "b1b1", "c1c1"))
    yield from (responder(f"b0d{number:x}", body) for number, body in enumerate(_BODIES))
    yield from (responder(name, *_LAST) for name in ("e1e1", "f1f1"))
    yield from (coordinator("c0ac", *_BODIES), coordinator("c0ad", *_BODIES, *_LAST))
    yield replace(responder("0001", *_BODIES), confidential_until=None)
    yield replace(responder("0002", *_BODIES), confidential_until=AT + timedelta(days=2))
    yield replace(responder("0003", *_BODIES), trainings=(Training("A", LONG_AGO),))
    yield person("0004", Grant(Role.RESPONDER, _BODIES, expires_at=AT + timedelta(days=3)))
    yield responder("0005", *_BODIES, communities=("one without cases",))
    yield from (auditor(), operator(), enforcer("e4f0"), enforcer("e4f1", *_BODIES))
    yield replace(responder("0006", *_BODIES), grants=(Grant(Role.INTEGRATOR, communities=tuple(POLICY.communities)),))


PEOPLE: Mapping[str, Principal] = {who.ref: who for who in _people()}
IMPORTER = PEOPLE["person:e4f0e4f0e4f0e4f0"]
"""An enforcer, who brings measures from before Hearth in."""
STAFF: Staff = {
    body: [who for who in PEOPLE.values() if any(body in grant.bodies for grant in who.grants)]
    for body in POLICY.bodies
}


class Roster:
    """What the desk and the watch ask of a roster."""

    async def staff(self) -> Staff:
        return STAFF

    async def person(self, ref: str, *, began_at: datetime, authenticated_at: datetime | None) -> Principal | None:
        return PEOPLE.get(ref)

    async def refs(self) -> Collection[str]:
        return PEOPLE


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """What work comes to that waits for nothing. Over memory nothing does, so no loop is needed."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waits for something")


@dataclass(frozen=True, slots=True)
class Try:
    """A command as a person sent it, and what it came to: a result, or the code of a problem, and fields at fault."""

    who: Principal
    request: CommandRequest
    came_to: CommandResult | str
    status: int
    at_fault: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Came:
    """What came to a walk: work for that one, or for another one. `is_message`: it can come again."""

    work: Callable[["Walk"], Coroutine[Any, Any, Any]]
    is_message: bool = True


@dataclass
class Walk:
    """One case, with everything that was tried on it. `clock` stands still between the steps."""

    clock: datetime = AT
    cases: MemoryCases = field(default_factory=MemoryCases)
    vault: MemoryVault = field(default_factory=MemoryVault)
    tried: list[Try] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)
    parties: MemoryParties = field(default_factory=MemoryParties)
    report: str = REPORT
    came: list[Came] = field(default_factory=list)
    """All that came and left its trace, in its order: another walk that does the same comes to the same."""

    def __post_init__(self) -> None:
        named, tokens, roster = Parties(self.parties, patience=0.0), Tokens(b"t" * 32), Roster()
        sight, now = Sight(named, tokens, self.cases), lambda: self.clock
        self.tokens, self.sight = tokens, sight
        self.eraser = DigestEraser(self.cases, POLICY, _forget_drafts)
        self.imports = MeasureImport(self.cases, self.cases, self.vault, POLICY, now)
        self.intake = ReportFollower(self.cases, POLICY, named, roster, tokens, now)
        patterns = Patterns(MemoryMarks(), self.cases, sight, POLICY, now)
        self.desk = Desk(self.cases, self.vault, POLICY, b"k" * 32, roster, sight, roster, tokens, patterns, now, now)
        self.watch = CaseWatch(self.cases, named, roster, POLICY, tokens, every=1, clock=now)

    @property
    def case_id(self) -> str:
        """The case of the report."""
        return case_id_of(self.report)

    @property
    def case(self) -> Case:
        """As it is stored."""
        return self.cases.stored[self.case_id].case

    @property
    def names(self) -> frozenset[str]:
        """The pseudonyms and references of those who are named beside the case."""
        return at_once(self.sight.names_of(self.case))

    @property
    def other(self) -> Case:
        """The case beside it, as it is stored."""
        return self.cases.stored[case_id_of("r2")].case

    @property
    def third(self) -> Case:
        """A case of which only the one beside the case could become a part."""
        return self.cases.stored[case_id_of("r3")].case

    @property
    def events(self) -> list[Event]:
        """All events of the case, in the order in which they were stored."""
        return [event for event in self.cases.events if event.case_id == self.case_id]

    @property
    def carried_out(self) -> Counter[str]:
        """How often each command was carried out, and left its trace."""
        causes = {event.cause for event in self.cases.events}
        done = (tried.request for tried in self.tried if tried.status == 200)
        told = (COMMAND_OF[type(event.fact)] for event in self.told if event.id in causes)
        first = [step.fact for step in self.case.history[:1] if step.fact == MeasureImported.name]
        return Counter(
            (
                *(request.command for request in done if request.cause in causes),
                *told,
                *(ImportMeasure.name for _ in first),
            )
        )

    def open(self, *, alike: bool = True, names: Collection[str] | None = None, **report: object) -> None:
        """The case of this report, and two others beside it: of reports of the same kind, or of any.

        `names`: pseudonyms of those that the report names, where only the topic `parties` has them.
        """
        if names is not None:
            report |= {"parties_apart": True, "subjects": (RESPONDENT,), "contactable": True}
        for one in (REPORT, "r2", "r3"):
            if names is not None:
                self.name(names if one == REPORT else (), one)
            mine = report if one == REPORT else {**report, "subjects": ()} if alike else {}
            self.tell(reported(one, AT, **mine))

    def bring_in(self, who: Principal, values: Mapping[str, str], names: Collection[str]) -> RowResult:
        """An enforcer brings a measure from before Hearth in: the case of this walk is the case of that measure."""
        self.report = derive("measure", values["community"], values["id"])
        self.name(names, self.report)
        results: list[RowResult] = self._do(Came(lambda walk: walk.imports.take(who, Table([Row(2, values)]))))
        return results[0]

    def name(self, names: Collection[str], report_id: str | None = None, **changed: object) -> None:
        """The topic `parties` tells who is named in a report, for the first time or anew; the watch looks at that."""
        report_id = report_id or self.report
        fact = ReportParties.model_validate(
            {"report_id": report_id, "mentioned": tuple(names), "salt": "5" * 32, **changed}
        )
        before = self.parties.told.get(case_id_of(report_id))
        at = max(self.clock, before.event.time + timedelta.resolution) if before else self.clock
        event = from_intake(report_id, fact, 1, at=at, cause=f"{report_id} named {at}")
        self._do(Came(lambda walk: walk.parties.follow([event])))

    def tell(self, event: Event) -> None:
        """What intake reports for the first time."""
        self.take(event)
        self.told.append(event)

    def take(self, *events: Event) -> None:
        """What Kafka delivers in one batch. Raises what triage raises."""
        self._do(Came(lambda walk: walk.taken(events)))

    async def taken(self, events: Sequence[Event]) -> None:
        """Take a batch. Intake has erased the words of a report before it tells so."""
        for erases, some in groupby(events, key=lambda event: isinstance(event.fact, ReportErased)):
            self.vault.erased.update([self.report] if erases else [])
            await (self.eraser if erases else self.intake).take([*some])

    def _do(self, one: Came) -> Any:
        done = at_once(one.work(self))
        self.came.append(one)
        return done

    def report_fact(self, fact: Fact, cause: str | None = None) -> None:
        """What intake tells of the report of this walk, now."""
        self.tell(from_intake(self.report, fact, 2, at=self.clock, cause=cause))

    def answer(self, question_id: str, answer_id: str) -> None:
        self.report_fact(ReportAnswered(report_id=self.report, question_id=question_id, answer_id=answer_id))

    def appeal(self, appeal_id: str, ground: str, respondent: str | None = None) -> None:
        party = "respondent" if respondent else "reporter"
        self.report_fact(
            ReportAppealed(
                report_id=self.report, appeal_id=appeal_id, appeal_ground=ground, party=party, respondent=respondent
            )
        )

    def ask_recusal(self, ask_id: str, respondent: str | None = None) -> None:
        party = "respondent" if respondent else "reporter"
        asked = ReportRecusalAsked(report_id=self.report, ask_id=ask_id, party=party, respondent=respondent)
        self.report_fact(asked, f"asked {ask_id}")

    def check_in(self, number: int, due_at: datetime, answer: str, *, stop: bool, answer_id: str, cause: str) -> None:
        told = {"report_id": self.report, "number": number, "due_at": due_at, "answer": answer}
        self.report_fact(ReportCheckedIn.model_validate({**told, "stop": stop, "answer_id": answer_id}), cause)

    def consent(self, consent: str) -> None:
        fact = ReportConsented.model_validate({"report_id": self.report, "consent": consent})
        self.report_fact(fact, f"consent {len(self.told)}")

    def reply(self, party: str, reply_id: str) -> None:
        self.report_fact(ReportReplied(report_id=self.report, party=party, reply_id=reply_id), f"reply {reply_id}")

    def erase(self) -> None:
        """Intake erases the report: first its words, then the names in it, but not who of the roster is shut out."""
        names = self.parties.told[self.case_id].fact.names if self.case_id in self.parties.told else frozenset()
        if names:
            there = [who.ref for who in PEOPLE.values() if not names.isdisjoint((who.ref, *who.pseudonyms))]
            self.name((), shut_out=tuple(there), named=True, erased_at=self.clock)
        self.report_fact(ReportErased(report_id=self.report, reason="requested", request_id="e1"), "erased")

    def wait(self, time: timedelta) -> None:
        """Time passes, and the watch looks at all cases."""
        self._do(Came(lambda walk: walk.waited(time), is_message=False))

    async def waited(self, time: timedelta) -> None:
        """Let time pass, and have the watch look."""
        self.clock += time
        await self.watch.look()

    def send(self, who: Principal, command: str, values: Mapping[str, object], *, behind: int = 0) -> Try:
        """A person gives a command for the first time. `behind`: so many events are not in what the person saw."""
        request = CommandRequest(command, values, self.case.seq - behind, f"request {len(self.tried)}")
        tried = self.carry_out(who, request)
        self.tried.append(tried)
        return tried

    def carry_out(self, who: Principal, request: CommandRequest, case_id: str | None = None) -> Try:
        """A request as it comes in, for the first time or again."""
        try:
            came = Came(lambda walk: walk.desk.carry_out(who, case_id or walk.case_id, request))
            done = at_once(came.work(self))
            # A request that had nothing to do left no trace, so that it may be told that the case has changed.
            is_message = any(event.cause == request.cause for event in self.cases.events)
            self.came.append(replace(came, is_message=is_message))
            return Try(who, request, done, 200)
        except Problem as problem:
            at_fault = frozenset(error.pointer.removeprefix("/") for error in problem.errors)
            return Try(who, request, problem.code, problem.status, at_fault)

    def able(self, form: Form) -> list[str]:
        """The people (references) that the table of access lets give it to the case now, after a fresh sign-in."""
        case, asked = self.case, form.kind.by_asked
        resource = resource_of(case, POLICY, self.tokens.shut_out(case, PEOPLE) | self.names, asked=asked)
        bodies = {case.asked.to_body} if asked and case.asked else set(case.bodies)
        people = {who.ref: who for body in bodies for who in STAFF[body]}
        allowed = ((ref, allow(self.signed_in(who), form.action, resource, self.clock)) for ref, who in people.items())
        return [ref for ref, answer in allowed if isinstance(answer, Permit)]

    def signed_in(self, who: Principal) -> Principal:
        """The person, just now."""
        return replace(who, authenticated_at=self.clock)

    def offered(self) -> list[str]:
        """The commands of people that the state permits and that could be about something."""
        return [name for name in permitted_in(self.case.state) if name in FORMS and FORMS[name].kind.applies(self.case)]


async def _forget_drafts(_code_name: str) -> None:
    """Nobody types anything into a form here."""


arriving = st.fixed_dictionaries(
    {
        "category": st.sampled_from(sorted(POLICY.categories)),
        "flags": st.lists(st.sampled_from(POLICY.flags), unique=True, max_size=2),
        "community": st.sampled_from([*POLICY.communities, "one that the policy has forgotten"]),
        "setting": st.sampled_from(POLICY.settings),
        "subjects": st.sampled_from([(), (), (), tuple(PEOPLE["person:b1b1b1b1b1b1b1b1"].pseudonyms)]),
    }
)
named_apart = st.sampled_from(
    [None, (), (), *(tuple(PEOPLE[f"person:{one * 4}"].pseudonyms) for one in ("b1b1", "c0ac"))]
)
"""Nobody is named apart from the report; nobody of the roster is; or a person of it."""
brought_in = st.builds(
    lambda kind, scope, days: {
        "id": "row-1",
        "kind": kind,
        "scope": scope,
        "community": "enwiki",
        "body": "enwiki_arbcom",
        "begun_at": (AT - timedelta(days=30)).date().isoformat(),
        "until": (AT + timedelta(days=days)).date().isoformat(),
        "names": "Zebedee",
    },
    kind=st.sampled_from(["temporary_suspension", "restriction", "protective_measure"]),
    scope=st.just("community"),
    days=st.sampled_from([1, 9, 100]),
)
"""A row of a table of measures from before Hearth."""
_ODDS = st.integers(0, 9)
_MADE_UP = st.sampled_from(
    ["pillory", "", "  ", "Ann Example", "person:zz", "2026-13-01", "x" * 5_001, 7, None, ["pillory"]]
)
_WORDS = st.sampled_from([f"The {CANARY} stood in the reeds.", f"{CANARY}\n\u202eand more"])
_OWN = st.sampled_from([*PEOPLE])
_STEPS_AHEAD = 16
_PATIENCE = 6
_DAYS = (-3, 0, 1, 29, 400)
_FITTING_DAYS = (1, 29)


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a plan. `values`: for some of its fields, those of which one is to be given; `times`: of tries."""

    command: str
    values: Callable[[Case], Mapping[str, Sequence[object]]] = lambda _case: {}
    times: int = _PATIENCE


def _voters(case: Case) -> Sequence[str]:
    votes = case.proposal.votes if case.proposal else ()
    return [vote.by for vote in votes] or [*PEOPLE]


_OUTCOMES = POLICY.outcomes.values()
_VOTED = [one.code for one in _OUTCOMES if one.needs != "alone"]
_MAJORITY = [one.code for one in _OUTCOMES if one.needs == "two_thirds"]
_TALKED = [code for code in POLICY.emergency_outcomes if POLICY.after_measure(code).talk]
_PROPOSE = Step("propose_decision", lambda _case: {"outcome": _VOTED})
_SECOND, _OBJECT, _DECIDE, _ACT = Step("second"), Step("object"), Step("decide"), Step("act_in_emergency")
_TOO_EARLY = Step("decide", times=1)
_VOTES = (_PROPOSE, _SECOND, _SECOND, _SECOND)
_SHUT_OUT = Step("recuse", lambda _case: {"person": [*PEOPLE]})
_SHUT_OUT_VOTER = Step("recuse", lambda case: {"person": _voters(case)})
_INVITE = Step("invite_body")
PLANS: Mapping[str, Sequence[Step]] = {
    "second": [_PROPOSE, _TOO_EARLY, _SECOND],
    "object": [
        Step("propose_decision", lambda _case: {"outcome": _MAJORITY}),
        _SECOND,
        _OBJECT,
        _OBJECT,
        _TOO_EARLY,
    ],
    "decide": [*_VOTES, _SHUT_OUT_VOTER, _DECIDE],
    "appeal": [*_VOTES, _DECIDE, Step("appeal")],
    "decide_appeal": [*_VOTES, _DECIDE, Step("appeal"), Step("decide_appeal")],
    "reopen": [*_VOTES, _DECIDE, Step("reopen")],
    "review_emergency": [_ACT, Step("review_emergency")],
    "end_measure": [_ACT, Step("review_emergency"), Step("end_measure"), Step("end_measure")],
    "note_return": [Step("act_in_emergency", lambda _case: {"measure": _TALKED}), Step("note_return")],
    "confirm": [_SHUT_OUT, Step("confirm")],
    "withdraw": [_SHUT_OUT, Step("withdraw")],
    "disclose": [Step("add_party", lambda _case: {"party_role": ["respondent"]}), Step("disclose")],
    "unlink": [Step("link"), Step("unlink")],
    "unmerge": [Step("merge"), Step("unmerge")],
    "unwatch": [Step("watch"), Step("unwatch")],
    "resume": [Step("pause"), Step("resume")],
    "unsnooze": [Step("snooze"), Step("unsnooze")],
    "take_answer": [Step("ask"), Step("take_answer")],
    "accept_invitation": [_INVITE, Step("accept_invitation"), _DECIDE],
    "decline_invitation": [_INVITE, Step("decline_invitation")],
    "end_joint": [_INVITE, Step("accept_invitation"), Step("end_joint")],
    "check_in": [Step("follow_up", lambda _case: {"consent": ["yes"]}), Step("check_in")],
    "check_agreement": [Step("agree"), Step("check_agreement")],
    "receive_answer": [Step("ask"), Step("receive_answer")],
    "receive_check_in": [Step("follow_up", lambda _case: {"consent": ["yes"]}), Step("receive_check_in")],
    "receive_reply": [Step("add_party", lambda _case: {"party_role": ["respondent"]}), Step("receive_reply")],
}
"""What comes before and after a command, so that it can be given, and is given where most depends on it.

A command that is not here is a plan of itself: `lead` brings the case to a state that permits it.
"""


def _answer(walk: Walk, data: st.DataObject, name: str) -> None:
    if questions := walk.case.questions:
        walk.answer(data.draw(st.sampled_from(questions)).id, name)


def _check_in(walk: Walk, data: st.DataObject, name: str) -> None:
    # Intake names the answers of one check-in alike, and tells a stop behind them by another message.
    for one in [data.draw(st.sampled_from(walk.case.check_ins))] if walk.case.check_ins else ():
        said, stop = data.draw(st.sampled_from([("answered", False), ("declined", False), ("declined", True)]))
        walk.check_in(one.number, one.due_at, said, stop=stop, answer_id=f"check-in {one.number}", cause=name)


def _party(walk: Walk, data: st.DataObject) -> str | None:
    return data.draw(st.sampled_from([None, *walk.case.respondents]))


TOLD: Mapping[str, Callable[[Walk, st.DataObject, str], None]] = {
    ReceiveAnswer.name: _answer,
    ReceiveCheckIn.name: _check_in,
    ReceiveConsent.name: lambda walk, data, _: walk.consent(data.draw(st.sampled_from(["yes", "no"]))),
    ReceiveReply.name: lambda walk, data, name: walk.reply(_party(walk, data) or RESPONDENT, name),
    ReceiveAppeal.name: lambda walk, data, name: walk.appeal(
        name, data.draw(st.sampled_from(APPEAL_GROUNDS)), _party(walk, data)
    ),
    ReceiveRecusalAsk.name: lambda walk, data, name: walk.ask_recusal(name, _party(walk, data)),
    LoseReporter.name: lambda walk, _data, _name: walk.erase(),
}
"""The commands that parties give through intake: how one is told, under a name of its own. Intake tells of erasures."""
COMMAND_OF: Mapping[type[Fact], str] = {
    ReportReceived: Open.name,
    ReportAnswered: ReceiveAnswer.name,
    ReportCheckedIn: ReceiveCheckIn.name,
    ReportConsented: ReceiveConsent.name,
    ReportReplied: ReceiveReply.name,
    ReportAppealed: ReceiveAppeal.name,
    ReportRecusalAsked: ReceiveRecusalAsk.name,
    ReportErased: LoseReporter.name,
}


def tell(walk: Walk, command: str, data: st.DataObject) -> None:
    """Intake tells of the report of the walk what leads to this command of TOLD."""
    TOLD[command](walk, data, f"told {len(walk.told)}")


def draw_command(walk: Walk, data: st.DataObject) -> Try:
    """A person gives a command: most often one that is permitted, a person who may, and values that fit."""
    offered = walk.offered()
    moving = [name for name in offered if states_of(TRANSITIONS[name][walk.case.state]) != (walk.case.state,)]
    # What is seldom possible is taken up while it is, and so is what few states permit.
    seldom = [name for name in offered if "applies" in vars(FORMS[name].kind)]
    few = [name for name in offered if len(TRANSITIONS[name]) < 4]
    odds = data.draw(_ODDS)
    chosen = seldom if odds < 3 else few if odds < 5 else moving if odds < 7 else [*FORMS] if odds == 7 else offered
    done, names = walk.carried_out, chosen or offered or [*FORMS]
    # What was seldom done goes first, or a walk would go to and fro between two people.
    rarest = [name for name in names if done[name] == min(done[one] for one in names)]
    return _give(walk, FORMS[data.draw(st.sampled_from(rarest))], data)


def fulfil(walk: Walk, wish: str, data: st.DataObject) -> Iterator[None]:
    """Carry out the plan of a command; a yield after each step of the walk."""
    for _ in range(2):
        for step in PLANS.get(wish, [Step(wish)]):
            yield from _insist(walk, step, data)
        if walk.carried_out[wish]:
            return


def _insist(walk: Walk, step: Step, data: st.DataObject) -> Iterator[None]:
    """Have it carried out once more, as far as that can be: in a state that permits it, and once its time has come."""
    command, tried = step.command, None
    before = walk.carried_out[command]
    for _ in range(step.times):
        case, states = walk.case, [state for state in TRANSITIONS[command] if state]
        if not states:
            # It begins a case.
            return
        if case.state not in states:
            for _ in lead(walk, min(states, key=lambda to: _distance(case.state, to)), data):
                yield
        elif command in TOLD:
            tell(walk, command, data)
            yield
            if walk.carried_out[command] > before:
                return
        elif FORMS[command].kind.applies(case):
            tried = _give_fitting(walk, FORMS[command], step.values(case), tried, data)
            yield
            if walk.carried_out[command] > before:
                return
        elif wakes := wakes_at(case):
            walk.wait(wakes - walk.clock)
            yield


def lead(walk: Walk, to: CaseState, data: st.DataObject) -> Iterator[None]:
    """Bring the case closer to a state, as far as a few commands do. What is refused too often is passed over."""
    refused: Counter[tuple[CaseState, str]] = Counter()
    last: dict[str, Try] = {}
    for _ in range(_STEPS_AHEAD):
        here = walk.case.state
        if here is to:
            return
        far = {
            name: _distance(end, to)
            for name in walk.offered()
            for end in states_of(TRANSITIONS[name][here])
            if end is not here and refused[here, name] < _PATIENCE
        }
        nearest = [name for name, distance in far.items() if distance == min(far.values())]
        if not nearest:
            return
        done = walk.carried_out
        name = data.draw(st.sampled_from([one for one in nearest if done[one] == min(done[two] for two in nearest)]))
        last[name] = _give_fitting(walk, FORMS[name], {}, last.get(name), data)
        refused[here, name] += walk.case.state is here
        yield


@cache
def _distance(at: CaseState, to: CaseState) -> int:
    """So many commands of people lead for certain from one state to another, at least."""
    reached, far = {at}, 0
    while to not in reached and far < len(CaseState):
        for ways in (ways for name, ways in TRANSITIONS.items() if name in FORMS):
            reached |= {way for here in reached & ways.keys() if isinstance(way := ways[here], CaseState)}
        far += 1
    return far


def _give(walk: Walk, form: Form, data: st.DataObject) -> Try:
    able = walk.able(form) if data.draw(_ODDS) != 5 else []
    who = PEOPLE[data.draw(st.sampled_from(able or [*PEOPLE]))]
    # Zero and nine come more often than other odds, so what is to be rare has another number.
    if data.draw(_ODDS) != 5:
        who = walk.signed_in(who)
    wrong = data.draw(_ODDS) - 5
    values = {
        one.name: data.draw(_MADE_UP) if number == wrong else _fitting(one, walk, data)
        for number, one in enumerate(form.fields)
    }
    behind = 1 if data.draw(_ODDS) == 5 else 0
    return walk.send(who, form.command, values, behind=behind)


def _give_fitting(
    walk: Walk, form: Form, values: Mapping[str, Sequence[object]], before: Try | None, data: st.DataObject
) -> Try:
    """A person who may gives a command with values that fit; what was at fault in the try before is another one now."""
    case = walk.case
    able = walk.able(form)
    suited = [ref for ref in able if form.kind.suits(case, ref, Role.RESPONDER)]
    who = walk.signed_in(PEOPLE[data.draw(st.sampled_from(suited or able or [*PEOPLE]))])
    at_fault = before.at_fault if before else frozenset[str]()
    last = before.request.values if before else {}
    given: dict[str, object] = {}
    for one in form.fields:
        if one.name in values:
            given[one.name] = data.draw(st.sampled_from(values[one.name]))
        elif at_fault and one.name not in at_fault:
            given[one.name] = last[one.name]
        elif one.optional and (not at_fault or last[one.name] is not None):
            given[one.name] = None
        elif isinstance(one, DayField):
            given[one.name] = _day(walk, data, _FITTING_DAYS)
        else:
            given[one.name] = _fitting(replace(one, optional=False), walk, data)
    return walk.send(who, form.command, given)


def _fitting(one: Field, walk: Walk, data: st.DataObject) -> object:
    """A value that a field of this kind takes: what it offers, what the case holds, or words."""
    if one.optional and not isinstance(one, ChoicesField | PartiesField) and data.draw(_ODDS) < 5:
        return None
    match one:
        case WordsField():
            return data.draw(_WORDS)
        case PartiesField():
            return list(dict.fromkeys(_known(one, walk, data) for _ in range(data.draw(st.integers(0, 2)))))
        case ChoicesField():
            return data.draw(st.lists(st.sampled_from(one.options(POLICY)), unique=True, max_size=3))
        case ChoiceField():
            options = one.options(POLICY)
            # What is proposed is what others decide on.
            held = [walk.case.proposal.outcome] if walk.case.proposal else []
            return data.draw(st.sampled_from([code for code in held if code in options] * 9 + [*options]))
        case CaseField():
            names = [walk.other.code_name, walk.other.id, walk.other.code_name, walk.case.code_name]
            return data.draw(st.sampled_from(names))
        case DayField():
            return _day(walk, data, _DAYS)
        case _:
            return _known(one, walk, data)


def _day(walk: Walk, data: st.DataObject, days: Sequence[int]) -> str:
    return (walk.clock + timedelta(days=data.draw(st.sampled_from(days)))).date().isoformat()


def _known(one: Field, walk: Walk, data: st.DataObject) -> object:
    """A person, a token or an id: from the case, where it holds one that the field takes."""
    many = f"{one.name.removesuffix('_id')}s"
    ends_so = [attribute.name for attribute in dataclasses.fields(Case) if attribute.name.endswith(many)]
    meant = getattr(walk.case, (ends_so or [many])[0], ())
    texts = dict.fromkeys(_texts([getattr(entry, "id", entry) for entry in meant] or walk.case))
    held = [text for text in texts if one.fault_of(text, POLICY) is None]
    if held and not (isinstance(one, ReferenceField) and one.gets_case) and data.draw(_ODDS) < 6:
        return data.draw(st.sampled_from(held))
    if not isinstance(one, ReferenceField):
        return "0" * 32
    handlers = walk.able(FORMS["start"]) if one.gets_case and data.draw(_ODDS) != 5 else []
    return data.draw(st.sampled_from(handlers)) if handlers else data.draw(_OWN)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _texts(part)
    elif dataclasses.is_dataclass(value):
        for one in dataclasses.fields(value):
            if one.name != "history":
                yield from _texts(getattr(value, one.name))


def qualified(
    actor: Actor, case: Case, at: datetime, bodies: Collection[str], tokens: Tokens, names: Collection[str] = ()
) -> bool:
    """Whether a person could take a step of this case in one of the bodies then, told without the table of access.

    `names`: the pseudonyms and references of those who are named beside the case.
    """
    who = PEOPLE[actor.ref]
    modules = {training.module for training in who.trainings}
    return (
        who.ref not in case.recused
        and tokens.of(case.id, who.ref) not in case.recused
        and who.pseudonyms.isdisjoint((*case.parties, *names))
        and who.ref not in names
        and who.confidential_until is not None
        and who.confidential_until > at
        and any(
            grant.role == actor.role
            and body in grant.bodies
            and (grant.role != Role.RESPONDER or modules.issuperset(POLICY.bodies[body].training))
            and (not grant.communities or case.community in grant.communities)
            and not has_ended(grant.expires_at, at)
            for grant in who.grants
            for body in bodies
        )
    )
