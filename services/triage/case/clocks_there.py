"""How the clocks of a survivor stand for the reporter of a case that is part of it. Pure."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

from services.triage.case.case import Case
from services.triage.case.values import ClockThere, Step
from shared import events
from shared.events import CaseAbsorbed, InformationRequested, ReporterTold

TELLING = frozenset({ReporterTold.name, InformationRequested.name})
"""The facts by which a reporter is told that people work on the case, or asked."""


def absorption(survivor: Case, ref: str) -> Step | None:
    """The step with which the survivor took in, last, the case that it calls so."""
    steps = (step for step in reversed(survivor.history) if step.fact == CaseAbsorbed.name)
    return next((step for step in steps if step.other_case == ref), None)


def clocks_there(case: Case, survivor: Case, merged_at: datetime) -> Iterator[ClockThere]:
    """The clocks of the survivor that take the place of those which nothing had kept as the case was merged.

    `merged_at` is UTC-aware. What was due before that was promised to another reporter: the own day holds instead.
    """
    theirs = {deadline.name: deadline for deadline in survivor.deadlines}
    for own in case.deadlines:
        there = theirs.get(own.name)
        if there is None or any(one.met_at and one.met_at < merged_at for one in (own, there)):
            continue
        if there.due_at < merged_at:
            yield ClockThere(own.name, own.due_if_running(merged_at), there.met_at)
        else:
            yield ClockThere(own.name, there.due_at, there.met_at, there.breached_at, there.remaining_seconds)


def told_of(clock: ClockThere) -> events.ClockThere:
    """The clock as a fact tells it."""
    return events.ClockThere(**asdict(clock))
