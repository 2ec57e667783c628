"""The steps that triage itself takes on a case."""

from dataclasses import replace
from datetime import datetime

from opentelemetry import trace
from opentelemetry.context import Context

from services.triage.author import TRIAGE
from services.triage.case.attendance import People
from services.triage.case.commands.command import Command, takes
from services.triage.case.commands.table import carry_out
from services.triage.case.lifecycle import NotPermitted
from services.triage.stored import CaseChange, StoredCase
from shared.ids import new_id
from shared.policy import Policy
from shared.telemetry import traceparent_of

_tracer = trace.get_tracer(__name__)


def own_step(stored: StoredCase, command: Command, people: People, policy: Policy, now: datetime) -> CaseChange | None:
    """What a command changes `now` (UTC-aware); None where it changes nothing, or the case permits it no more.

    `people`: who could handle the case; a command that asks for them gets them.
    """
    cause = new_id()
    if takes(type(command), "people"):
        # mypy cannot know that every command is a dataclass.
        command = replace(command, people=people)  # type: ignore[type-var]
    # The facts of a step have one trace, or each would begin its own when it is published. It is no part of the trace
    # that is at work here: that may be of another case, and nothing may lead from one to the other.
    span = _tracer.start_span(f"triage {command.name}", context=Context())
    try:
        after, events = carry_out(
            stored.case,
            command,
            policy,
            people,
            now,
            case_id=stored.case.id,
            actor=TRIAGE,
            cause=cause,
            trace=traceparent_of(span),
        )
    except NotPermitted:
        return None
    finally:
        span.end()
    return CaseChange(after, stored, events, [cause]) if after and events else None
