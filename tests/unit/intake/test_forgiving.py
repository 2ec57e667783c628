"""Each row of the table of what is forgiven says what happens to its example."""

import json

import pytest

from services.intake.report.submission import find_faults
from services.intake.sources import read as read_source
from services.intake.sources.api import from_nobody
from services.intake.sources.arrival import Arrival, Context, Raw, Writer
from services.intake.sources.forgiving import AT, CLOUDEVENT, FORGIVEN, PASSED_OVER, REFUSED, Row
from services.intake.sources.form import FormUnusable
from services.intake.sources.parsing import RECORD_CHARACTERS
from shared.policy import load_policy
from shared.problems import Malformed, Problem

POLICY = load_policy()


def arrivals(row: Row) -> list[Arrival]:
    example = row.example
    raw = Raw(example.channel, {"content-language": "en", **example.headers}, example.body)
    writer = Writer(example.writer, None) if example.writer else None
    found = read_source(raw, Context(POLICY, AT, taken_at=AT, writer=writer)).arrivals
    return [from_nobody(arrival) if example.channel == "http" else arrival for arrival in found]


@pytest.mark.parametrize("row", FORGIVEN, ids=lambda row: f"{row.place}: {row.odd}")
def test_what_is_forgiven_is_a_report_and_is_said(row: Row) -> None:
    (arrival,) = arrivals(row)
    assert not find_faults(arrival.submission, POLICY, AT)
    assert tuple(dict.fromkeys(remark.code for remark in arrival.remarks)) == row.codes


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: f"{row.place}: {row.odd}")
def test_what_is_refused_says_why(row: Row) -> None:
    codes: list[str] = []
    try:
        (arrival,) = arrivals(row)
        codes += [fault.code for fault in find_faults(arrival.submission, POLICY, AT)]
    except Malformed as error:
        codes.append(error.code)
    except Problem as problem:
        codes += [error.code for error in problem.errors] or [problem.code]
    except FormUnusable as form:
        codes += [error.message for error in form.errors]
    assert tuple(codes) == row.codes


@pytest.mark.parametrize("row", PASSED_OVER, ids=lambda row: f"{row.place}: {row.odd}")
def test_what_is_passed_over_is_no_report_and_no_fault(row: Row) -> None:
    assert arrivals(row) == []


@pytest.mark.parametrize("content_type", ["application/cloudevents+json", "application/json"])
def test_a_record_holds_the_characters_that_are_promised_however_they_are_escaped(content_type: str) -> None:
    report = {"community": "enwiki", "narrative": RECORD_CHARACTERS * "😀"}
    headers = {"content-type": content_type}
    body: object = {**CLOUDEVENT, "data": report}
    if content_type == "application/json":
        headers |= {f"ce_{name}": text for name, text in CLOUDEVENT.items()}
        body = report
    (arrival,) = read_source(Raw("kafka", headers, json.dumps(body).encode()), Context(POLICY, AT)).arrivals
    assert len(arrival.submission.narrative) == RECORD_CHARACTERS
