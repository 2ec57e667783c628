"""All timers, found in the chapters beside this module, and when a case is next to be woken. Pure."""

from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from pkgutil import iter_modules

from services.triage.case import timers
from services.triage.case.case import Case
from services.triage.case.timers.timer import Moment, Timer
from services.triage.case.values import earliest
from shared.events import CaseFact, CaseState


def _timers() -> Iterator[Timer]:
    for chapter in iter_modules(timers.__path__):
        if chapter.name != "table":
            yield from getattr(import_module(f"{timers.__name__}.{chapter.name}"), "TIMERS", ())


TIMERS = tuple(_timers())
_WHEN_MERGED = tuple(timer for timer in TIMERS if timer.when_merged)


def wakes_at(case: Case) -> datetime | None:
    """When the next timer of a case is due (UTC-aware); None where none is."""
    return earliest([at for timer in _timers_of(case) if (at := timer.next_at(case))])


def due(case: Case, moment: Moment) -> list[CaseFact]:
    """The facts of the timer that was due first, if one is due by this moment.

    One timer at a time: what another one tells may depend on what the first has changed.
    """
    timers = _timers_of(case)
    waiting = [(at, place) for place, timer in enumerate(timers) if (at := timer.next_at(case)) and at <= moment.now]
    return timers[min(waiting)[1]].facts(case, moment) if waiting else []


def _timers_of(case: Case) -> tuple[Timer, ...]:
    """Those that can come due: on a merged case few. It goes on where it was when it is a case for itself again."""
    return _WHEN_MERGED if case.state is CaseState.MERGED else TIMERS
