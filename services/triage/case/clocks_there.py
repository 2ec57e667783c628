"""How the clocks stand for the reporter of a case that is part of another one. Pure."""

from collections.abc import Iterator
from datetime import datetime

from services.triage.case.case import Case
from services.triage.case.values import Deadline, Step
from shared.events import CaseAbsorbed, ClockThere, InformationRequested, ReporterTold
from shared.policy.business_days import Calendar

TELLING = frozenset({ReporterTold.name, InformationRequested.name})
"""The facts by which a reporter is told that people work on the case, or asked."""


def absorptions(survivor: Case) -> dict[str, tuple[Step, int]]:
    """By what the survivor calls each case that it took in: the last step that did, and how often it told since."""
    found, told = dict[str, tuple[Step, int]](), 0
    for step in reversed(survivor.history):
        told += step.fact in TELLING
        if step.fact == CaseAbsorbed.name and step.other_case:
            found.setdefault(step.other_case, (step, told))
    return found


def clocks_there(case: Case, survivor: Case, merged_at: datetime, calendar: Calendar) -> Iterator[Deadline]:
    """The clocks that no step of the case itself has kept: due as promised, and kept where the survivor's are since.

    `merged_at` is UTC-aware; `calendar`: of the body that has the case. The days of the survivor and what it did before
    would tell of the other report.
    """
    kept = {one.name: one.met_at for one in survivor.deadlines if one.met_at and one.met_at > merged_at}
    for own in case.deadlines:
        if own.met_at is None:
            yield Deadline(own.name, own.due_if_running(merged_at, calendar), kept.get(own.name))


def told_of(clock: Deadline) -> ClockThere:
    """The clock as a fact tells it."""
    return ClockThere(name=clock.name, due_at=clock.due_at, met_at=clock.met_at)
