"""What the page of a case shows of its deadlines."""

from datetime import datetime
from typing import Any

from fastapi import Request

from services.triage.case.values import ANEW, ANSWER, MERGED, REOPENED, Deadline
from services.triage.desk.names import CaseNames


def deadline_of(names: CaseNames, request: Request, deadline: Deadline, at: datetime) -> dict[str, Any]:
    """A deadline in the reader's language, as it stands at a time (UTC-aware)."""
    met, left = deadline.met_at, deadline.remaining_seconds
    values: tuple[int, ...] = ()
    if deadline.anew_at and met is None:
        kind, key = ("late", "desk-deadline-missed") if deadline.was_missed else ("done", "desk-deadline-anew")
        left = None
    elif left is not None:
        kind, key, values = "paused", *_time_left(left)
    elif met is None:
        kind, key = ("late", "desk-deadline-overdue") if deadline.is_overdue(at) else ("due", "desk-deadline-open")
    else:
        kind, key = ("done", "desk-deadline-met") if met <= deadline.due_at else ("late", "desk-deadline-met-late")
    return {
        "kind": kind,
        "text": names.code(request, "deadline", deadline.name),
        "at": deadline.due_at if left is None else None,
        "status": names.said(request, key, *values),
        "moves": [
            *(_why(names, request, move.reason, move.before) for move in deadline.moves),
            *_stands(names, request, deadline),
        ],
    }


def _why(names: CaseNames, request: Request, reason: str, before: datetime) -> tuple[str, datetime]:
    """Why a deadline is due at another time, in words, and when it was due before."""
    own = reason in (ANSWER, REOPENED, ANEW, MERGED)
    return names.code(request, "desk-deadline-moved", reason) if own else names.code(request, "pause", reason), before


def _stands(names: CaseNames, request: Request, deadline: Deadline) -> list[tuple[str, datetime]]:
    """Why its clock stands still now."""
    stopped = deadline.stopped_for if deadline.remaining_seconds is not None else None
    return [_why(names, request, stopped, deadline.due_at)] if stopped else []


def _time_left(seconds: int) -> tuple[str, tuple[int]]:
    """The message of a paused deadline, and its number: of whole days, or else hours, or else minutes."""
    units = (("desk-deadline-paused-days", 86_400), ("desk-deadline-paused-hours", 3_600))
    for key, length in units:
        if seconds >= length:
            return key, (seconds // length,)
    return "desk-deadline-paused-minutes", (seconds // 60,)
