"""Every source: the same report comes out, and what is wrong with a record is said without quoting it."""

import base64
import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.consumer import decode_inbox
from services.intake.report.receipt import derive_report_id
from services.intake.sources import names_in
from services.intake.sources import read as read_source
from services.intake.sources.arrival import Context, Parsed, Raw
from services.intake.sources.parsing import LARGEST
from shared.access.principal import Grant, Role
from shared.kafka.records import Record
from shared.policy import load_policy
from shared.problems import Malformed, Unavailable

POLICY = load_policy()
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
REPORT: dict[str, Any] = {
    "community": "enwiki",
    "category": "harassment.threats",
    "narrative": "Sekret words",
    "occurred": {"at": "2026-11-23T10:00:00Z"},
}
BINARY = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "here", "ce_type": "hearth.report.submitted.v1"}
EVENT = {name[3:]: value for name, value in BINARY.items()} | {"data": REPORT}
STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCHED = {"content-type": "Application/CloudEvents-Batch+JSON; charset=utf-8"}
NONCE = "6b04d7ec-abcdefghijklmnopqrstuvwx"
FILLED = {name: REPORT[name] for name in ("community", "category", "narrative")} | {"nonce": NONCE}
PLATFORM: dict[str, Any] = {
    "$schema": "/hearth/report/submitted/1.2.0",
    "meta": {"stream": "here", "id": "1", "dt": "2026-11-24T11:00:00Z"},
    "dt": "2026-11-24T10:59:00Z",
    "report": REPORT,
}


GRANTS = {
    "wiki-bot": [
        Grant(Role.INTEGRATOR, sources=("wiki-bot",), communities=("enwiki",)),
        Grant(Role.INTEGRATOR, sources=("wiki-bot",), communities=("swwiki",)),
    ],
    "everywhere": [Grant(Role.INTEGRATOR, sources=("everywhere",))],
    "ended": [],
}
"""What the roster gives, by source."""
ENDED_AT = NOW - timedelta(hours=1)


def grants_for(source: str, sent_at: datetime) -> list[Grant]:
    if source == "over":
        return [Grant(Role.INTEGRATOR, sources=("over",))] if sent_at < ENDED_AT else []
    return GRANTS[source]


def record(
    value: object, headers: dict[str, str] | None = None, taken: datetime = NOW, topic: str = "reports.inbox"
) -> Record:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    encoded = tuple((name, text.encode()) for name, text in (headers or {}).items())
    return Record(topic, 0, 0, int(taken.timestamp() * 1000), None, encoded, raw)


def read(value: object, headers: dict[str, str] | None = None) -> Parsed:
    return decode(record(value, headers))


def decode(record: Record) -> Parsed:
    parsed = decode_inbox(POLICY, grants_for, is_open=True, clock=lambda: NOW)(record, "trace")
    assert parsed is not None
    return parsed


def ignores(value: object, headers: dict[str, str] | None = None) -> bool:
    """Whether the record is passed over: it is counted, and neither a report nor a dead letter."""
    return decode_inbox(POLICY, grants_for, is_open=True, clock=lambda: NOW)(record(value, headers), None) is None


def fault(value: object, headers: dict[str, str] | None = None) -> Malformed:
    with pytest.raises(Malformed) as caught:
        read(value, headers)
    assert "Sekret" not in caught.value.detail
    return caught.value


FORMATS: dict[str, tuple[str, object, dict[str, str]]] = {
    "api": ("http", REPORT, {"content-type": "application/json", "idempotency-key": "here\x1f1"}),
    "form": ("form", urlencode(FILLED).encode(), {"content-language": "en"}),
    "cloudevents-binary": ("kafka", REPORT, BINARY | {"content-type": "application/json"}),
    "cloudevents-structured": ("kafka", EVENT, STRUCTURED),
    "cloudevents-batched": ("kafka", [EVENT], BATCHED),
    "event-platform": ("kafka", PLATFORM, {}),
    "event-platform called structured": ("kafka", PLATFORM, STRUCTURED),
    "array called structured": ("kafka", [PLATFORM], STRUCTURED),
    "array called batched": ("kafka", [PLATFORM], BATCHED),
    "one event called batched": ("kafka", EVENT, BATCHED),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_report(name: str) -> None:
    channel, value, headers = FORMATS[name]
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    headers = {header.lower(): text for header, text in headers.items()}
    raw = Raw(channel, headers, body)
    (arrival,) = read_source(raw, Context(POLICY, NOW, "trace")).arrivals
    assert arrival.submission.narrative == "Sekret words"
    assert arrival.submission.category == "harassment.threats"
    assert arrival.key == (f"form-{NONCE}" if name == "form" else "here\x1f1")
    assert (arrival.channel, arrival.trace) == (channel, "trace")
    assert arrival.scope == ("kafka" if arrival.channel == "kafka" else "http")


def test_binary_data_may_be_wrapped_in_base64() -> None:
    data = base64.b64encode(json.dumps(REPORT).encode()).decode()
    event = {name: value for name, value in EVENT.items() if name != "data"} | {"data_base64": data}
    assert read(event, STRUCTURED).arrivals[0].submission.narrative == "Sekret words"
    assert fault(event | {"data_base64": "Sekret!"}, STRUCTURED).code == "invalid_data"


@pytest.mark.parametrize(
    ("value", "headers", "code"),
    [
        (b"", BINARY, "empty"),
        (b"{", BINARY, "malformed_json"),
        (b'{"narrative":"Sekret', STRUCTURED, "malformed_json"),
        (b'{"narrative":"\xff"}', BINARY, "broken_utf8"),
        (b'"' + b"x" * LARGEST + b'"', BINARY, "too_large"),
        ([], BINARY, "invalid_data"),
        ("Sekret", STRUCTURED, "invalid_data"),
        (REPORT, {}, "unknown_format"),
        (["Sekret"], {}, "unknown_format"),
        (REPORT, BINARY | {"ce_id": ""}, "missing_attribute"),
        (REPORT, {k: v for k, v in BINARY.items() if k != "ce_source"}, "missing_attribute"),
        (REPORT, BINARY | {"ce_id": "x" * 1001}, "invalid_attribute"),
        (REPORT, BINARY | {"ce_specversion": "0.3"}, "unknown_specversion"),
        (REPORT, BINARY | {"ce_type": "Sekret.v1"}, "unknown_type"),
        (REPORT, BINARY | {"ce_type": "hearth.report.submitted.v2"}, "unknown_schema_version"),
        (REPORT | {"community": "Sekret"}, BINARY, "unknown_community"),
        (REPORT | {"category": "Sekret"}, BINARY, "unknown_category"),
        (REPORT | {"occurred": {"at": "2026-11-25T00:00:00Z"}}, BINARY, "future_date"),
        (REPORT | {"narrative": ""}, BINARY, "invalid_data"),
        (EVENT | {"data": None}, STRUCTURED, "invalid_data"),
        (PLATFORM | {"$schema": "/Sekret/1.0.0"}, {}, "unknown_type"),
        (PLATFORM | {"$schema": 5}, {}, "unknown_type"),
        (PLATFORM | {"$schema": "/hearth/report/submitted/2.0.0"}, {}, "unknown_schema_version"),
        (PLATFORM | {"$schema": "/hearth/report/submitted/latest"}, {}, "unknown_schema_version"),
        (PLATFORM | {"meta": {}}, {}, "missing_attribute"),
        (PLATFORM | {"report": "Sekret"}, {}, "invalid_data"),
        (PLATFORM | {"$schema": f"/hearth/report/submitted/{'1' * 5000}.0.0"}, {}, "unknown_schema_version"),
        (PLATFORM | {"report": json.loads("[" * 900 + "]" * 900)}, {}, "invalid_data"),
        (EVENT | {"data_base64": "ü"}, STRUCTURED, "invalid_data"),
    ],
)
def test_what_cannot_be_used_says_why(value: object, headers: dict[str, str], code: str) -> None:
    assert fault(value, headers).code == code


def test_a_fault_points_at_the_field() -> None:
    assert fault(PLATFORM | {"report": REPORT | {"flags": ["Sekret"]}}).detail == "/report/flags/0: unknown_flag"
    assert "/data/narrative: missing" in fault(EVENT | {"data": {"community": "enwiki"}}, STRUCTURED).detail
    assert (
        fault(REPORT | {"Narative": 1, "narrative": None}, BINARY).detail == "/narrative: missing; /: extra_forbidden"
    )


def test_a_header_that_is_not_utf8_cannot_make_two_reports_one() -> None:
    broken = Record("reports.inbox", 0, 0, 0, None, (*record(REPORT, BINARY).headers, ("ce_id", b"\xff")), b"{}")
    with pytest.raises(Malformed) as caught:
        decode(broken)
    assert caught.value.code == "invalid_attribute"


def test_the_good_ones_of_a_batch_are_kept() -> None:
    bad = EVENT | {"id": "2", "data": REPORT | {"community": "Sekret"}}
    parsed = read([EVENT, bad, "Sekret", EVENT | {"id": "3"}], BATCHED)
    assert [arrival.key for arrival in parsed.arrivals] == ["here\x1f1", "here\x1f3"]
    assert [(f.code, f.detail) for f in parsed.faults] == [
        ("unknown_community", "item 1: /1/data/community: unknown_community"),
        ("invalid_data", "item 2: /2: object_type"),
    ]


def test_a_batch_without_any_good_one_is_a_fault() -> None:
    assert fault(["Sekret"], BATCHED).code == "invalid_data"
    assert ignores([], BATCHED)


def test_a_report_was_received_when_kafka_took_it_or_as_it_says_shortly_before() -> None:
    taken = datetime(2026, 11, 24, 11, 4, tzinfo=UTC)
    for value, headers, received in (
        (PLATFORM, {}, datetime(2026, 11, 24, 11, tzinfo=UTC)),
        (PLATFORM | {"meta": {"stream": "here", "dt": "2020-01-01T00:00:00Z"}}, {}, taken),
        (PLATFORM | {"meta": {"stream": "here", "dt": "2026-11-24T11:59:00Z"}}, {}, taken),
        (PLATFORM | {"meta": {"stream": "here"}}, {}, datetime(2026, 11, 24, 10, 59, tzinfo=UTC)),
        (REPORT, BINARY, taken),
        (EVENT | {"time": "2020-01-01T00:00:00Z"}, STRUCTURED, taken),
    ):
        (arrival,) = decode(record(value, headers, taken)).arrivals
        assert arrival.received_at == received


@pytest.mark.parametrize("timestamp", [-1, 0, 10**18, int(NOW.timestamp() * 1000) + 86_400_000])
def test_a_forged_time_of_a_record_reaches_no_further_than_an_inbox_keeps_it(timestamp: int) -> None:
    forged = replace(record(REPORT, BINARY), timestamp=timestamp)
    (arrival,) = decode(forged).arrivals
    assert arrival.received_at is not None
    assert NOW - timedelta(days=8) <= arrival.received_at <= NOW


def test_a_record_holds_twenty_submissions_and_no_more() -> None:
    assert len(read([EVENT | {"id": str(n)} for n in range(20)], BATCHED).arrivals) == 20
    assert fault([EVENT | {"id": str(n)} for n in range(21)], BATCHED).code == "too_many_submissions"
    assert fault([0] * 4_000, BATCHED).code == "too_many_submissions"


def test_without_an_id_the_same_bytes_are_the_same_report() -> None:
    first, again, other = (
        read(PLATFORM | {"meta": {"stream": "here"}, "dt": dt}).arrivals[0].key
        for dt in ("2026-11-24T10:00:00Z", "2026-11-24T10:00:00Z", "2026-11-24T10:00:01Z")
    )
    assert first == again != other


def as_told(source: str, name: str) -> list[tuple[object, dict[str, str]]]:
    """The same report in every format of Kafka."""
    event = EVENT | {"source": source, "id": name}
    return [
        (REPORT, BINARY | {"ce_source": source, "ce_id": name}),
        (event, STRUCTURED),
        ([event], BATCHED),
        (PLATFORM | {"meta": {"stream": source, "id": name}}, {}),
    ]


@pytest.mark.parametrize("place", range(4), ids=["binary", "structured", "batched", "platform"])
def test_an_integrators_own_inbox_binds_source_and_community_to_the_writer(place: int) -> None:
    def told(source: str, topic: str) -> Parsed:
        value, headers = as_told(source, "1")[place]
        return decode(record(value, headers, topic=topic))

    for source in ("wiki-bot", "wiki-bot/of/talk pages"):
        (arrival,) = told(source, "reports.inbox.wiki-bot").arrivals
        assert (arrival.writer, arrival.scope) == ("wiki-bot", "kafka\x1fwiki-bot")
    for source, topic, code in (
        ("everywhere", "reports.inbox.wiki-bot", "source_not_permitted"),
        ("wiki-bot.evil", "reports.inbox.wiki-bot", "source_not_permitted"),
        ("Wiki-Bot", "reports.inbox.wiki-bot", "source_not_permitted"),
        ("/wiki-bot", "reports.inbox.wiki-bot", "source_not_permitted"),
        ("ended", "reports.inbox.ended", "no_good_token"),
    ):
        with pytest.raises(Malformed) as caught:
            told(source, topic)
        assert caught.value.code == code
    assert told("everywhere", "reports.inbox.everywhere").arrivals[0].writer == "everywhere"
    assert told("anything", "reports.inbox").arrivals[0].writer is None


def test_a_community_that_is_not_the_writers_is_a_fault_of_that_submission_alone() -> None:
    elsewhere = EVENT | {"source": "wiki-bot", "id": "2", "data": REPORT | {"community": "arwiki"}}
    here = EVENT | {"source": "wiki-bot", "id": "1", "data": REPORT | {"community": "swwiki"}}
    parsed = decode(record([here, elsewhere], BATCHED, topic="reports.inbox.wiki-bot"))
    assert [arrival.submission.community for arrival in parsed.arrivals] == ["swwiki"]
    assert [(fault.code, fault.detail) for fault in parsed.faults] == [
        ("community_not_permitted", "item 1: /1/data/community: not one of this writer")
    ]


def platform(number: int, **changed: Any) -> dict[str, Any]:
    return PLATFORM | {"meta": PLATFORM["meta"] | {"id": str(number)}} | changed


def test_each_event_of_an_array_of_event_platform_is_a_report_of_its_own() -> None:
    bad = platform(2, report=REPORT | {"community": "nowhere"})
    parsed = read([platform(1), bad, REPORT, platform(3)])
    assert [arrival.key for arrival in parsed.arrivals] == ["here\x1f1", "here\x1f3"]
    assert [(fault.code, fault.detail) for fault in parsed.faults] == [
        ("unknown_community", "item 1: /1/report/community: unknown_community"),
        ("unknown_format", "item 2: neither a CloudEvent nor an Event Platform event"),
    ]
    assert [arrival.key for arrival in read(platform(1)).arrivals] == ["here\x1f1"]
    both = read([platform(1), EVENT | {"id": "2"}])
    assert [arrival.key for arrival in both.arrivals] == ["here\x1f1", "here\x1f2"]


def test_events_of_an_array_without_ids_are_known_by_their_own_bytes() -> None:
    one, other = ({**PLATFORM, "meta": {"stream": "here"}, "dt": f"2026-11-24T10:5{n}:00Z"} for n in (1, 2))
    first, second = read([one, other]).arrivals
    again, repeated = read([other, other]).arrivals
    assert first.key != second.key
    assert again.key == repeated.key == second.key


def test_an_event_of_an_array_that_is_nested_too_deeply_is_a_fault_of_its_own() -> None:
    event = {"$schema": "/hearth/report/submitted/1.0.0", "meta": {"stream": "event-app", "id": "1"}}
    good = json.dumps({**event, "report": REPORT})
    deep = json.dumps({**event, "report": 1})[:-2] + "[" * 900 + "]" * 900 + "}"
    raw = Raw("kafka", {}, f"[{deep}, {good}]".encode())
    found = read_source(raw, Context(POLICY, NOW))
    assert [fault.code for fault in found.faults] == ["invalid_data"]
    assert [arrival.place for arrival in found.arrivals] == [1]
    assert [name and name.id for name in names_in(raw, "event-app")] == [None, "1"]


def test_data_that_is_told_twice_and_nested_too_deeply_is_malformed() -> None:
    deep = "[" * 1020 + "]" * 1020
    event = {**EVENT, "data": 1, "data_base64": base64.b64encode(deep.encode()).decode()}
    body = json.dumps(event).replace('"data": 1', f'"data": {deep}').encode()
    with pytest.raises(Malformed, match="nested too deeply"):
        read_source(Raw("kafka", {"content-type": "application/cloudevents+json"}, body), Context(POLICY, NOW))


def test_an_array_of_event_platform_has_bounds() -> None:
    assert fault([platform(n) for n in range(21)]).code == "too_many_submissions"
    assert fault([]).code == "unknown_format"
    assert fault([platform(1, report="never"), 1]).code == "invalid_data"


@pytest.mark.parametrize("headers", [{}, STRUCTURED, BATCHED, BINARY])
def test_a_record_of_too_many_values_is_refused_unread(headers: dict[str, str]) -> None:
    for body in (b"[" * 6_000, b'{"a":[' + b"0," * 6_000 + b"0]}", json.dumps([EVENT | {"x": [0] * 6_000}]).encode()):
        assert fault(body, headers).code == "too_many_values"
    wrapped = EVENT | {"data_base64": base64.b64encode(b"[" * 6_000).decode()}
    assert fault(wrapped, STRUCTURED).code == "too_many_values"


def test_the_same_id_of_two_writers_names_two_reports() -> None:
    scopes = {
        derive_report_id(b"p" * 32, arrival.scope, str(arrival.key))
        for topic in ("reports.inbox", "reports.inbox.wiki-bot")
        for arrival in decode(record(*as_told("wiki-bot", "1")[1], topic=topic)).arrivals
    }
    assert len(scopes) == 2


def test_a_closed_open_inbox_says_where_to_write() -> None:
    closed = decode_inbox(POLICY, grants_for, is_open=False, clock=lambda: NOW)
    with pytest.raises(Malformed) as caught:
        closed(record(REPORT, BINARY), None)
    assert caught.value.code == "open_inbox_closed"
    assert closed(record(*as_told("wiki-bot", "1")[0], topic="reports.inbox.wiki-bot"), None)


@pytest.mark.parametrize("earlier", [timedelta(seconds=1), timedelta(days=6)])
def test_what_was_written_while_a_token_was_good_is_taken_after_its_end(earlier: timedelta) -> None:
    value, headers = as_told("over", "1")[0]
    assert decode(record(value, headers, ENDED_AT - earlier, "reports.inbox.over")).arrivals
    with pytest.raises(Malformed) as caught:
        decode(record(value, headers, ENDED_AT + earlier, "reports.inbox.over"))
    assert caught.value.code == "no_good_token"


def test_records_wait_while_the_roster_is_not_known() -> None:
    def unknown(_: str, sent_at: datetime) -> list[Grant]:
        raise Unavailable("the roster has not been read for a minute")

    with pytest.raises(Unavailable):
        decode_inbox(POLICY, unknown, is_open=True)(record(*as_told("x", "1")[0], topic="reports.inbox.x"), None)


headers = st.dictionaries(
    st.sampled_from([*BINARY, "content-type", "ce_time", "x"]),
    st.sampled_from([*BINARY.values(), *STRUCTURED.values(), *BATCHED.values()]) | st.text(max_size=10),
)
values = st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*EVENT, *PLATFORM, *REPORT]), inner),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode())


@given(values, headers)
def test_whatever_strangers_write_is_either_read_or_malformed(value: bytes, strange: dict[str, str]) -> None:
    encoded = tuple((name, text.encode("utf-8", "surrogatepass")) for name, text in strange.items())
    strangers = Record("reports.inbox", 0, 0, 0, None, encoded, value)
    with suppress(Malformed):
        assert isinstance(decode_inbox(POLICY, grants_for, is_open=True)(strangers, None), Parsed | None)


@pytest.mark.parametrize(
    "name", ["anonymous", "isAnonymous", "privacyLevel", "reporter_name", "reporterEmail", "accused", "witness_names"]
)
def test_an_unknown_field_that_says_who_is_concerned_is_never_passed_over(name: str) -> None:
    with pytest.raises(Malformed):
        read(PLATFORM | {"report": {"community": "enwiki", "narrative": "words", name: "x"}})
