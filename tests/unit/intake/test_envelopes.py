"""The envelope never costs the report, and never changes what it says."""

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.consumer import decode_inbox
from services.intake.sources.arrival import Arrival, Parsed
from services.intake.sources.forgiving import PLATFORM
from services.intake.sources.mending import MOST_UNKNOWN
from services.intake.sources.parsing import is_usable
from shared.access.principal import Grant, Role
from shared.input.languages import read_language
from shared.kafka.records import Record
from shared.policy import load_policy
from shared.problems import Malformed, pointer
from shared.times import rfc3339
from tests.support.cases import cases

POLICY = load_policy()
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
REPORT = {"community": "enwiki", "narrative": "Something happened."}
EVENT = {"specversion": "1.0", "id": "1", "source": "event-app", "type": "hearth.report.submitted.v1"}
OPEN, OWN = "reports.inbox", "reports.inbox.event-app"


def decode(value: object, headers: dict[str, str], topic: str = OPEN) -> Parsed | None:
    raw = value.encode() if isinstance(value, str) else json.dumps(value).encode()
    encoded = tuple((name, text.encode()) for name, text in headers.items())
    reader = decode_inbox(
        POLICY, lambda *_: [Grant(Role.INTEGRATOR, sources=("event-app",))], is_open=True, clock=lambda: NOW
    )
    return reader(Record(topic, 0, 7, int(NOW.timestamp() * 1000), None, encoded, raw), None)


def binary(event: dict[str, Any]) -> tuple[object, dict[str, str]]:
    return REPORT, {f"ce_{name}": str(value) for name, value in event.items() if value is not None}


def structured(event: dict[str, Any]) -> tuple[object, dict[str, str]]:
    return {**event, "data": REPORT}, {"content-type": "application/cloudevents+json"}


def wrapped(event: dict[str, Any]) -> tuple[object, dict[str, str]]:
    data = base64.b64encode(json.dumps(REPORT).encode()).decode()
    return [{**event, "data_base64": data, "data": None}], {"content-type": "application/cloudevents-batch+json"}


MODES = (binary, structured, wrapped)


def said(arrival: Arrival) -> list[str]:
    return [f"{remark.pointer} {remark.code}" for remark in arrival.remarks]


@pytest.mark.parametrize("case", cases("envelopes_of_reports"))
def test_what_is_odd_about_an_envelope_costs_no_report(case: dict[str, Any]) -> None:
    own = {f"ce_{name}": text for name, text in EVENT.items()} | case.get("headers", {})
    parsed = decode(case.get("value", REPORT), case.get("bare", own))
    if case.get("passed_over"):
        assert parsed is None
        return
    assert parsed is not None
    (arrival,) = parsed.arrivals
    assert arrival.submission.narrative == case.get("narrative", "Something happened.")
    assert said(arrival) == case.get("remarks", [])
    assert arrival.received_at is not None
    assert rfc3339(arrival.received_at) == case.get("received_at", "2026-11-28T12:00:00.000Z")


ODD = (None, "", "nonsense", "\x00", "x" * 1001, 7, 1.0, True, [], {}, "2026-11-28T03:00:00", "2999-01-01T00:00:00Z")
NEEDED = {
    "id": {"missing_attribute", "invalid_attribute"},
    "source": {"missing_attribute", "invalid_attribute"},
    "type": {"missing_attribute", "unknown_type"},
    "specversion": {"unknown_specversion"},
}
"""Without these it is no report, or could not be known again when it comes twice; and the codes that say so."""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("attribute", [*NEEDED, "time", "subject", "dataschema", "datacontenttype", "comexample"])
def test_an_attribute_is_as_strict_as_what_it_is_used_for(attribute: str, mode: Any) -> None:
    for value in ODD:
        event = {**EVENT, attribute: value}
        if value is None and mode is not binary:
            event.pop(attribute)
        try:
            parsed = decode(*mode(event))
        except Malformed as error:
            refused = error.code in NEEDED.get(attribute, ())
            assert refused, value
        else:
            assert parsed is not None
            (arrival,) = parsed.arrivals
            assert arrival.submission.narrative == "Something happened."
            assert attribute in ("id", "source") or arrival.key == "event-app\x1f1"
            assert attribute != "type"


PLATFORM_NEEDED = {
    "$schema": {"unknown_format", "unknown_type", "unknown_schema_version"},
    "meta": {"missing_attribute"},
    "meta/stream": {"missing_attribute", "invalid_attribute"},
    "report": {"invalid_data"},
}
"""The same for an event of the Event Platform."""
PLATFORM_UNUSED = (
    "dt", "meta/dt", "meta/id", "meta/domain", "meta/uri", "meta/request_id", "meta/topic", "meta/partition", "http",
    "$id", "database", "page_id", "comexample",
)  # fmt: skip
PLATFORM_ODD = (
    *ODD, "2026-02-30T00:00:00Z", "1764298800", "1601-01-01T00:00:00Z", "2026-11-28T03:00:00z", "\ufeff", "9" * 400,
    {"dt": []}, [None], "/hearth/report/submitted/", "/hearth/report/submitted/1.9.9", "/hearth/report/submitted/2.0.0",
)  # fmt: skip
ABSENT = object()


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("field", [*PLATFORM_NEEDED, *PLATFORM_UNUSED])
def test_a_field_of_the_event_platform_is_as_strict_as_what_it_is_used_for(field: str, *, several: bool) -> None:
    for value in (ABSENT, *PLATFORM_ODD):
        event: dict[str, Any] = {**PLATFORM, "meta": dict(PLATFORM["meta"])}
        *above, name = field.split("/")
        holder = event[above[0]] if above else event
        holder.pop(name, None)
        if value is not ABSENT:
            holder[name] = value
        try:
            parsed = decode([event] if several else event, {})
        except Malformed as error:
            refused = error.code in PLATFORM_NEEDED.get(field, ())
            assert refused, value
        else:
            assert parsed is not None
            (arrival,) = parsed.arrivals
            assert arrival.submission.narrative == "Something happened."
            assert field in ("meta/stream", "meta/id") or arrival.key == "event-app\x1f1"
            assert arrival.name is not None
            assert is_usable(arrival.name.id)
            assert field not in ("meta", "report") or value is ABSENT
            assert arrival.received_at is not None
            assert arrival.received_at <= NOW


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("value", [None, ""])
def test_in_an_inbox_of_its_own_a_writer_need_not_say_who_it_is(mode: Any, value: str | None) -> None:
    parsed = decode(*mode({**EVENT, "source": value}), OWN)
    assert parsed is not None
    (arrival,) = parsed.arrivals
    assert (arrival.key, arrival.writer) == ("event-app\x1f1", "event-app")
    assert [remark.code for remark in arrival.remarks] == ["missing"]
    with pytest.raises(Malformed) as caught:
        decode(*mode({**EVENT, "source": value}))
    assert caught.value.code == "missing_attribute"


@pytest.mark.parametrize("slip", ["Privacy", "PRIVACY", "privcy", "privacy ", "-privacy", "flag", "Category", "e-mail"])
def test_a_slip_is_no_field_of_a_later_version(slip: str) -> None:
    value = {**REPORT, "reporter": {slip: "a@b.example"}} if slip == "e-mail" else {**REPORT, slip: "anonymous"}
    with pytest.raises(Malformed) as caught:
        decode(value, binary(EVENT)[1])
    assert caught.value.code == "invalid_data"
    assert slip.strip() not in caught.value.detail


@given(st.dictionaries(st.text(max_size=12), st.integers() | st.text(max_size=5) | st.none(), max_size=3))
def test_fields_of_later_versions_are_kept_or_named_as_slips(later: dict[str, Any]) -> None:
    fields = {"appeal_of", "page_id", *later} - set(POLICY.communities)
    value = {**dict.fromkeys(fields, 7), **later, **REPORT}
    try:
        parsed = decode(json.dumps(value), binary(EVENT)[1])
    except Malformed as error:
        is_slip = error.code in ("invalid_data", "unknown_category", "unknown_setting", "unknown_flag")
        assert is_slip
    else:
        assert parsed is not None
        assert said(parsed.arrivals[0]) == [" unknown_field"]
        kept = {pointer([name]): found for name, found in value.items() if found is not None and name not in REPORT}
        assert parsed.arrivals[0].unknown == kept


def test_of_unknown_fields_so_many_bytes_are_kept_and_the_rest_is_told() -> None:
    deep: Any = "x"
    for _ in range(60):
        deep = [deep]
    later = {"small": "x", "large": "x" * MOST_UNKNOWN, "deep": deep, "list": [{"a": [1]}]}
    parsed = decode({**REPORT, **later, "reported": [{"name": "A", "x/y": 1}]}, binary(EVENT)[1])
    assert parsed is not None
    (arrival,) = parsed.arrivals
    assert arrival.unknown == {"/small": "x", "/list": [{"a": [1]}], "/reported/0/x~1y": 1}
    assert set(said(arrival)) == {" unknown_field", " unknown_field_lost", "/reported/0 unknown_field"}


@pytest.mark.parametrize("inner", [{"isAnonymous": True}, [{"a": {"witness": "x"}}]])
def test_what_says_within_an_unknown_field_who_is_concerned_is_refused(inner: object) -> None:
    with pytest.raises(Malformed) as caught:
        decode({**REPORT, "options": inner}, binary(EVENT)[1])
    assert caught.value.code == "invalid_data"


@pytest.mark.parametrize("case", cases("languages_as_written"))
def test_a_language_is_read_from_what_programs_have(case: dict[str, str | None]) -> None:
    assert read_language(str(case["written"])) == case["is"]


def test_a_language_of_thousands_of_parts_takes_little_time() -> None:
    began = time.process_time()
    assert read_language("en" + "-a" * 30_000) == "en" + "-a" * 16
    assert time.process_time() - began < 0.5


@given(st.text(max_size=40))
def test_what_is_read_as_a_language_is_a_tag(text: str) -> None:
    tag = read_language(text)
    if tag is not None:
        parsed = decode({**REPORT, "language": tag}, binary(EVENT)[1])
        assert parsed is not None
        assert not parsed.arrivals[0].remarks
        assert parsed.arrivals[0].submission.language == tag
        assert read_language(tag) in (tag, "en")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("narrative", 5), ("narrative", True), ("community", 5), ("flags", "ongoing"), ("flags", {"ongoing": True}),
        ("flags", [1]), ("places", "here"), ("reported", {"name": "x"}), ("reported", ["x"]), ("witnesses", [7]),
        ("occurred", "2026-11-27T00:00:00Z"), ("occurred", {"at": 1764298800}), ("occurred", {"at": "1764298800"}),
        ("occurred", {"at": "20261127"}), ("occurred", {"at": True}), ("reporter", "a@b.example"), ("privacy", 0),
        ("language", 7), ("category", 7), ("setting", ["online"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_made_of_another_kind_of_value(mode: Any, field: str, value: object) -> None:
    body, headers = mode(EVENT)
    event = body[0] if isinstance(body, list) else body
    changed = {**REPORT, field: value}
    if mode is binary:
        body = changed
    else:
        event["data"], event["data_base64"] = changed, None
    if field == "language":
        parsed = decode(body, headers)
        assert parsed is not None
        assert (parsed.arrivals[0].submission.language, said(parsed.arrivals[0])[0][-16:]) == ("en", "language_unknown")
        return
    with pytest.raises(Malformed) as caught:
        decode(body, headers)
    assert caught.value.code == "invalid_data"
