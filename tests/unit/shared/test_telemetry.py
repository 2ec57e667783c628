"""Logs carry the trace and never what an exception quotes; spans continue the trace they are given."""

import json
import logging
import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.telemetry import (
    JsonLines,
    Sparing,
    is_unsampled,
    make_tracer_provider,
    span_for,
    traceparent_of,
)

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE_ID = TRACE.split("-")[1]


@pytest.mark.parametrize(
    ("traceparent", "unsampled"),
    [
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", True),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02", True),
        (TRACE, False),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03", False),
        ("00-00000000000000000000000000000000-b7ad6b7169203331-00", False),
        ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-00", False),
        ("nonsense-00", False),
        ("", False),
        (None, False),
    ],
)
def test_only_a_valid_trace_without_the_sampled_flag_is_handed_on_without_spans(
    traceparent: str | None, unsampled: bool
) -> None:
    assert is_unsampled(traceparent) is unsampled


def line_of(record: logging.LogRecord) -> dict[str, object]:
    parsed: dict[str, object] = json.loads(JsonLines("intake").format(record))
    return parsed


def test_a_log_line_names_the_exception_and_never_its_text() -> None:
    try:
        raise ValueError("Jane Doe wrote: they threatened me")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "it failed", (), sys.exc_info())
    line = line_of(record)
    assert line["exception"] == "ValueError"
    assert "Jane" not in json.dumps(line)
    assert line["stack"]


def test_a_library_that_repeats_itself_is_heard_every_ten_seconds_with_a_count() -> None:
    at = 0.0
    sparing = Sparing(clock=lambda: at)

    def say(text: str) -> logging.LogRecord | None:
        record = logging.makeLogRecord({"name": "aiokafka.conn", "msg": text, "args": (1,)})
        return record if sparing.filter(record) else None

    assert [bool(say(text)) for text in ("away %s", "away %s", "away %s", "other %s")] == [True, False, False, True]
    at = 10.0
    heard = say("away %s")
    assert heard is not None
    assert line_of(heard)["count"] == 2
    at = 20.0
    again = say("away %s")
    assert again is not None
    assert "count" not in line_of(again)


def test_only_listed_fields_reach_the_log() -> None:
    record = logging.makeLogRecord({"msg": "hello", "case_id": "c1", "narrative": "they threatened me"})
    line = line_of(record)
    assert line["case_id"] == "c1"
    assert "narrative" not in line


def test_a_span_continues_the_trace_and_leaves_only_the_type_of_an_error() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    try:
        with span_for(provider.get_tracer("t"), "work", parent=TRACE) as span:
            assert str(traceparent_of(span)).split("-")[1] == TRACE_ID
            record = logging.makeLogRecord({"msg": "inside"})
            assert line_of(record)["trace_id"] == TRACE_ID
            raise ValueError("they threatened me")
    except ValueError:
        pass
    (done,) = exporter.get_finished_spans()
    assert done.attributes == {"error.type": "ValueError"}
    assert not done.events


def test_without_a_collector_ids_still_travel() -> None:
    provider = make_tracer_provider("intake", None)
    span = provider.get_tracer("t").start_span("POST")
    assert not span.is_recording()
    assert traceparent_of(span)
    provider.shutdown()


def test_a_broken_traceparent_starts_a_new_trace() -> None:
    provider = make_tracer_provider("intake", None)
    with span_for(provider.get_tracer("t"), "work", parent="\x00 nonsense") as span:
        assert traceparent_of(span)
    provider.shutdown()
