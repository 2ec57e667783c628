"""The envelope: what is written can be read, and what cannot be read says why without quoting it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events import FACTS, Actor, CaseClosed, CaseDecided, Draft, Event, Message, decode, encode, stamp
from shared.events.envelope import REQUIRED
from shared.ids import case_id_of, derive
from shared.problems import Malformed

AT = datetime(2026, 5, 1, 12, 30, 15, 250000, tzinfo=UTC)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)


def an_event(outcome: str = "warning", trace: str | None = None, policy: str | None = None) -> Event:
    draft = Draft(
        CaseDecided(previous="investigating", state="decided", outcome=outcome, reason_id="r"),
        Actor("responder:5f2c", "responder"), AT, "cause-1", policy,
    )  # fmt: skip
    (event,) = stamp([draft], source="hearth/triage", subject="case/1", case_id="1", last_seq=4, trace=trace)
    return event


def texts(message: Message) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in message.headers}


@given(TEXTS, st.none() | st.just("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), st.none() | TEXTS)
def test_an_event_survives_the_wire(outcome: str, trace: str | None, policy: str | None) -> None:
    event = an_event(outcome, trace, policy)
    message = encode(event)
    assert decode(FACTS, texts(message), message.key, message.value or b"") == event


def test_an_event_carries_the_attributes_of_cloudevents_and_ours() -> None:
    headers = texts(encode(an_event(policy="2026-11")))
    assert headers["ce_type"] == "hearth.case.decided.v1"
    assert headers["ce_dataschema"] == "http://127.0.0.1:8001/schemas/case.decided/1.4.json"
    assert headers["ce_time"] == "2026-05-01T12:30:15.250Z"
    assert headers["ce_caseseq"] == "5"
    assert headers["ce_policyversion"] == "2026-11"
    assert set(REQUIRED) <= set(headers)


def test_ids_follow_from_the_cause_and_only_from_it() -> None:
    assert an_event().id == an_event().id
    assert derive("a", "b") != derive("ab", "")
    assert case_id_of("r1") == case_id_of("r1") != case_id_of("r2")


def test_events_of_one_change_are_numbered_without_gaps() -> None:
    draft = Draft(CaseClosed(previous="decided", state="closed"), Actor("x", "responder"), AT, "c")
    events = stamp([draft] * 3, source="s", subject="case/1", case_id="1", last_seq=7, trace=None)
    assert [e.case_seq for e in events] == [8, 9, 10]
    assert len({e.id for e in events}) == 3


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_attribute_is_named(name: str) -> None:
    message = encode(an_event())
    headers = texts(message)
    del headers[name]
    with pytest.raises(Malformed) as caught:
        decode(FACTS, headers, message.key, message.value or b"")
    assert caught.value.code == "missing_attribute"
    assert name in caught.value.detail


@pytest.mark.parametrize(
    ("change", "value", "code"),
    [
        ({"ce_type": "hearth.case.decided.v2"}, None, "unknown_version"),
        ({"ce_specversion": "0.3"}, None, "unknown_specversion"),
        ({"ce_time": "yesterday"}, None, "invalid_attribute"),
        ({"ce_caseseq": "many"}, None, "invalid_attribute"),
        ({}, b"{", "invalid_data"),
        ({}, b"\xff\xfe", "invalid_data"),
        ({}, b'{"state": 7, "secret words": 1}', "invalid_data"),
    ],
)
def test_what_cannot_be_understood_has_a_reason_without_its_content(
    change: dict[str, str], value: bytes | None, code: str
) -> None:
    message = encode(an_event())
    with pytest.raises(Malformed) as caught:
        decode(FACTS, texts(message) | change, message.key, value or message.value or b"")
    assert caught.value.code == code
    assert "secret words" not in str(caught.value)


def test_a_type_nobody_here_knows_is_passed_over() -> None:
    message = encode(an_event())
    assert (
        decode(FACTS, texts(message) | {"ce_type": "elsewhere.happened.v1"}, message.key, message.value or b"") is None
    )


def test_a_field_of_a_later_minor_is_ignored() -> None:
    message = encode(an_event())
    value = (message.value or b"").replace(b"{", b'{"later":true,', 1)
    event = decode(FACTS, texts(message), message.key, value)
    assert event is not None
    assert event.fact == an_event().fact
