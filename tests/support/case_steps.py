"""A case that is led step by step through the pure core of triage, without any store."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.triage.author import TRIAGE
from services.triage.case.case import Case
from services.triage.case.commands.command import Command
from services.triage.case.commands.opening import Open
from services.triage.case.commands.table import events_of
from services.triage.case.evolve.fold import fold
from shared.events import Actor, Event, ReportReceived
from tests.support.triage_rig import POLICY, reported


def open_case(at: datetime, **report: Any) -> Case:
    """A new case of a report that came at that time (UTC-aware)."""
    fact = reported(received_at=at, **report).fact
    assert isinstance(fact, ReportReceived)
    return step(None, Open("amber-harbour", fact), at)[0]


def step(case: Case | None, command: Command, at: datetime, by: Actor = TRIAGE) -> tuple[Case, list[Event]]:
    """The case after a command, and its events. The actor that the command itself has goes before `by`."""
    actor = getattr(command, "by", None) or by
    cause = f"c{case.seq if case else 0}"
    events = events_of(case, command, POLICY, at, case_id="c-1", actor=actor, cause=cause, trace=None)
    after = fold(events, case)
    assert after is not None
    return after, events


def names_of(events: Sequence[Event]) -> list[str]:
    """What happened, by the names of the facts."""
    return [event.fact.name for event in events]
