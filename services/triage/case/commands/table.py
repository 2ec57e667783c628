"""All commands, found in the chapters beside this module, and the one function that carries any of them out. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from pkgutil import iter_modules

from services.triage.author import SOURCE, TRIAGE
from services.triage.case import commands
from services.triage.case.attendance import People, attend
from services.triage.case.case import ENDED, Case
from services.triage.case.commands.appeals import follow_window
from services.triage.case.commands.command import Command
from services.triage.case.commands.importing import ImportMeasure
from services.triage.case.commands.opening import Open
from services.triage.case.deadlines import judge
from services.triage.case.evolve.fold import fold
from services.triage.case.lifecycle import TRANSITIONS, FieldsRefused, NotPermitted, cannot_have
from services.triage.case.measure_follow_up import follow_measures
from services.triage.case.waiting import woken
from shared.events import (
    Actor,
    AppealWindowMoved,
    CaseFact,
    CaseState,
    DeadlineFact,
    Draft,
    Event,
    MeasureFollowUpSet,
    stamp,
)
from shared.policy import Policy


def _commands() -> Iterator[type[Command]]:
    chapters = [chapter.name for chapter in iter_modules(commands.__path__) if chapter.name != "table"]
    for chapter in chapters:
        module = import_module(f"{commands.__name__}.{chapter}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Command) and "name" in vars(value):
                yield value


_BY_NAME = {command.name: command for command in _commands()}
COMMANDS: Mapping[str, type[Command]] = {name: _BY_NAME[name] for name in TRANSITIONS}
"""The class of each command, in the order of TRANSITIONS. A row there without a class is a KeyError here."""
_OWN = (DeadlineFact, MeasureFollowUpSet, AppealWindowMoved)
"""The facts that triage itself tells, also behind the command of a person."""


def decide(case: Case | None, command: Command, policy: Policy, now: datetime) -> list[CaseFact]:
    """The facts that `command` causes, and behind them those about deadlines that follow from them.

    None when the command has been done already. `now` is UTC-aware.

    Raises a CommandRefused: NotPermitted outside TRANSITIONS, FieldsRefused, else what the command raises.
    """
    facts = _step(case, command, policy, now)
    if case and case.snooze and case.state in ENDED and facts and facts[-1].state not in ENDED:
        # Its clocks ran on while it had ended: what comes back is put off no longer.
        facts = [*facts, woken(replace(case, state=CaseState(facts[-1].state)))]
    follows = [*judge(case, facts, policy, now), *follow_measures(case, facts, policy, now)]
    return [*facts, *follows, *follow_window(case, facts, policy, now)]


def _step(case: Case | None, command: Command, policy: Policy, now: datetime) -> list[CaseFact]:
    previous = case.state if case else None
    way = TRANSITIONS[command.name].get(previous)
    if way is None:
        raise NotPermitted(command.name, previous)
    if case is None:
        # TRANSITIONS has None only for these two, and one state for a new case.
        assert isinstance(command, Open | ImportMeasure) and isinstance(way, CaseState)  # noqa: S101, PT018
        return command.decide(case, way, policy, now)
    state = way if isinstance(way, CaseState) else command.leads(case)
    if command.judges and (by := getattr(command, "by", None)) and by.ref in case.refusers:
        raise FieldsRefused((cannot_have(),))
    if faults := tuple(command.faults(case, policy, now)):
        raise FieldsRefused(faults)
    return command.decide(case, state, policy, now)


def carry_out(
    case: Case | None,
    command: Command,
    policy: Policy,
    people: People,
    now: datetime,
    *,
    case_id: str,
    actor: Actor,
    cause: str,
    trace: str | None,
) -> tuple[Case | None, list[Event]]:
    """The case after a command that `actor` gives `now` (UTC-aware), and its stamped events.

    Behind the events of the command stand those that follow from who is there for the case then. Raises what `decide`
    raises.
    """
    events = events_of(case, command, policy, now, case_id=case_id, actor=actor, cause=cause, trace=trace)
    after = fold(events, case)
    if after is None:
        return None, events
    after, more = _attended(after, people, policy, now, cause=cause, trace=trace)
    return after, [*events, *more]


def carry_out_other(
    other: Case,
    case: Case,
    command: Command,
    policy: Policy,
    people: People,
    now: datetime,
    *,
    actor: Actor,
    cause: str,
    trace: str | None,
) -> tuple[Case, list[Event]]:
    """As carry_out, of the `other` case that a command on `case` names: what it is then, and its stamped events.

    `case` is the first as it was; `people` are those of the other.
    """
    facts = command.decide_other(other, case, policy, now)
    facts = [*facts, *judge(other, facts, policy, now)]
    events = _stamped(facts, actor, policy, now, other.seq, case_id=other.id, cause=cause, trace=trace)
    after = fold(events, other) or other
    after, more = _attended(after, people, policy, now, cause=cause, trace=trace)
    return after, [*events, *more]


def _attended(
    case: Case, people: People, policy: Policy, now: datetime, *, cause: str, trace: str | None
) -> tuple[Case, list[Event]]:
    """The case as it is by who is there for it, and the stamped events that say so."""
    judged = attend(case, people, policy, now)
    if not judged:
        return case, []
    events = _stamped(judged, TRIAGE, policy, now, case.seq, case_id=case.id, cause=cause, trace=trace)
    return fold(events, case) or case, events


def events_of(
    case: Case | None,
    command: Command,
    policy: Policy,
    now: datetime,
    *,
    case_id: str,
    actor: Actor,
    cause: str,
    trace: str | None,
) -> list[Event]:
    """The stamped events of a command and its deadlines alone. Triage itself judges deadlines; these facts are its own.

    Raises what `decide` raises.
    """
    facts, seq = decide(case, command, policy, now), case.seq if case else 0
    return _stamped(facts, actor, policy, now, seq, case_id=case_id, cause=cause, trace=trace)


def _stamped(
    facts: Sequence[CaseFact],
    actor: Actor,
    policy: Policy,
    now: datetime,
    last_seq: int,
    *,
    case_id: str,
    cause: str,
    trace: str | None,
) -> list[Event]:
    drafts = [
        Draft(
            fact,
            TRIAGE if isinstance(fact, _OWN) else actor,
            now,
            cause,
            policy.version,
        )
        for fact in facts
    ]
    subject = f"case/{case_id}"
    return stamp(drafts, source=SOURCE, subject=subject, case_id=case_id, last_seq=last_seq, trace=trace)
