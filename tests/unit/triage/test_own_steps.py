"""What triage does by itself leads from no case to another."""

from datetime import timedelta

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from services.triage import own_steps
from services.triage.author import TRIAGE
from services.triage.case.attendance import People
from services.triage.case.commands.opening import Open
from services.triage.case.commands.table import carry_out
from services.triage.case.commands.waking import Wake
from services.triage.own_steps import own_step
from services.triage.stored import StoredCase
from shared.events import ReportReceived
from shared.telemetry import traceparent_of
from shared.times import now
from tests.support.triage_rig import POLICY, Everywhere, reported

PEOPLE = People(dict.fromkeys(POLICY.bodies, Everywhere.two))


def test_the_facts_of_a_step_have_one_trace_and_not_that_of_other_work(monkeypatch: pytest.MonkeyPatch) -> None:
    tracer = TracerProvider().get_tracer("test")
    monkeypatch.setattr(own_steps, "_tracer", tracer)
    event, at = reported(), now()
    assert isinstance(event.fact, ReportReceived)
    case, _ = carry_out(
        None, Open("a-b", event.fact, PEOPLE), POLICY, PEOPLE, at, case_id="c", actor=TRIAGE, cause="c", trace=None
    )
    assert case is not None
    with tracer.start_as_current_span("another case") as other:
        done = own_step(StoredCase(case, frozenset(), {}, {}), Wake(), PEOPLE, POLICY, at + timedelta(days=60))
        theirs = traceparent_of(other)
    assert done is not None
    assert len(done.events) > 1
    (own,) = {event.trace for event in done.events}
    assert own is not None
    assert theirs is not None
    assert own.split("-")[1] != theirs.split("-")[1]
    assert not trace.get_current_span().get_span_context().is_valid
