"""An integrator learns what became of each of its submissions, and nothing of those of others."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from services.intake.consumer import decode_inbox, take_in
from services.intake.erasure.actions import Erasure
from shared.access.principal import Grant, Role
from shared.events import FACTS, Actor, Event, SubmissionAccepted, SubmissionRefused, decode
from shared.ids import case_id_of
from shared.kafka.burials import Fault
from shared.kafka.records import Record
from shared.problems import Malformed, Unavailable
from tests.support.intake_rig import POLICY, START, Rig
from tests.support.people import COPIES
from tests.support.service_keys import call_of

REPORT = {"community": "enwiki", "narrative": "Sekret words"}
STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
TOPIC = "reports.inbox.wiki"


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.published.there = {"reports.outcomes.wiki", "reports.outcomes.event-app"}
    return rig


def event(name: str, source: str = "wiki", **report: Any) -> dict[str, Any]:
    given = {"specversion": "1.0", "id": name, "source": source, "type": "hearth.report.submitted.v1"}
    return given | {"data": REPORT | report}


def record(value: object, kind: str = STRUCTURED, *, offset: int = 7, topic: str = TOPIC) -> Record:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    at = int(START.timestamp() * 1000)
    return Record(topic, 0, offset, at, None, (("content-type", kind.encode()),), raw)


def grants_for(source: str, _: object) -> Sequence[Grant]:
    return [] if source == "unknown" else [Grant(Role.INTEGRATOR, sources=(source,))]


async def consume(rig: Rig, *records: Record) -> list[Event]:
    """What is told of a batch, as the consumption goes through it."""
    read = decode_inbox(POLICY, grants_for, is_open=True, clock=rig.clock)
    before = len(rig.published.messages)
    items, sources = [], []
    for each in records:
        try:
            items.append(read(each, None))
            sources.append(each)
        except Malformed as error:
            await rig.outcomes.tell_buried([Fault.of(each, error)])
    refused = await take_in(rig.submissions, rig.outcomes)([item for item in items if item])
    await rig.outcomes.tell_buried([Fault.of(sources[place], error) for place, error in (refused or {}).items()])
    return [_event_in(message) for message in rig.published.messages[before:]]


def _event_in(message: Any) -> Event:
    headers = {name: (value or b"").decode() for name, value in message.headers}
    found = decode(FACTS, headers, message.key, message.value)
    assert found is not None
    assert b"Sekret" not in message.value
    return found


async def test_unknown_fields_are_kept_with_the_words_until_they_are_erased(rig: Rig) -> None:
    (told,) = await consume(rig, record(event("1", device="Sekret phone")))
    assert isinstance(told.fact, SubmissionAccepted)
    assert [(odd.pointer, odd.code) for odd in told.fact.remarks] == [("/data", "unknown_field")]
    report_id = told.fact.report_id
    assert "Sekret" not in f"{rig.store.reports}{rig.published.messages}"
    read = {"purpose": "review", "reads": [{"report_id": report_id, "sections": ["unknown"]}]}
    async with rig.http() as http:
        answer = await http.post("/v1/vault/read", json=read, headers=call_of())
        assert answer.json()["items"][0]["sections"] == {"unknown": {"/device": "Sekret phone"}}
        await rig.erasing.erase([report_id], Erasure("requested", "e-1", Actor("operator:1", "operator")))
        answer = await http.post("/v1/vault/read", json=read, headers=call_of())
        assert answer.json()["items"] == [{"report_id": report_id, "erased": True}]
    assert rig.store.reports[report_id]["vault"] is None


async def test_another_value_of_an_unknown_field_makes_no_other_report(rig: Rig) -> None:
    (first,) = await consume(rig, record(event("1", sent=1)))
    (again,) = await consume(rig, record(event("1", sent=2)))
    assert isinstance(first.fact, SubmissionAccepted)
    assert isinstance(again.fact, SubmissionAccepted)
    assert first.fact.report_id == again.fact.report_id


async def ask(rig: Rig, source: str, name: str, *, token: str | None = None) -> tuple[int, dict[str, Any]]:
    given = token or COPIES.token(grants=[Grant(Role.INTEGRATOR, sources=("wiki",))])
    async with rig.http() as http:
        path = f"/v1/submissions/{quote(source, safe='')}/{quote(name, safe='')}"
        answer = await http.get(path, headers={"authorization": f"Bearer {given}"})
    return answer.status_code, answer.json()


@pytest.mark.parametrize("name", ["...", "/", "a/", "a.", "。", " ", "%2E", "!", "a/../b", "A", "é"])
async def test_an_id_is_found_however_its_signs_look(rig: Rig, name: str) -> None:
    (told,) = await consume(rig, record(event(name)))
    assert isinstance(told.fact, SubmissionAccepted)
    given = {"authorization": f"Bearer {COPIES.token(grants=[Grant(Role.INTEGRATOR, sources=('wiki',))])}"}
    encoded = "".join(f"%{byte:02X}" for byte in name.encode())
    async with rig.http() as http:
        for path in ("/v1/submissions/wiki/", "/V1/Submissions/wiki/"):
            for end in ("", "/"):
                answer = await http.get(f"{path}{encoded}{end}", headers=given)
                assert answer.json().get("report_id") == told.fact.report_id
        assert (await http.get("/v1/submissions/wiki", headers=given)).status_code == 404
        assert (await http.get(f"/v1/submissions/wiki/x{encoded}", headers=given)).status_code == 404


async def test_what_is_stored_is_told_with_the_report_id_and_by_its_case(rig: Rig) -> None:
    (told,) = await consume(rig, record(event("one")))
    assert isinstance(told.fact, SubmissionAccepted)
    assert (told.fact.source, told.fact.id, told.fact.partition, told.fact.offset) == ("wiki", "one", 0, 7)
    assert list(rig.store.reports) == [told.fact.report_id]
    assert told.case_id == case_id_of(told.fact.report_id)
    assert rig.published.messages[0].topic == "reports.outcomes.wiki"
    assert b"receipt" not in (rig.published.messages[0].value or b"")


async def test_a_record_that_is_read_again_gives_the_same_outcome(rig: Rig) -> None:
    (first,) = await consume(rig, record(event("one")))
    (again,) = await consume(rig, record(event("one")))
    assert (again.id, again.fact) == (first.id, first.fact)


async def test_a_duplicate_is_told_with_the_same_report_id(rig: Rig) -> None:
    (first,) = await consume(rig, record(event("one")))
    same, duplicate = await consume(rig, record(event("two"), offset=8), record(event("one"), offset=9))
    assert isinstance(first.fact, SubmissionAccepted)
    assert isinstance(duplicate.fact, SubmissionAccepted)
    assert isinstance(same.fact, SubmissionAccepted)
    assert duplicate.fact.report_id == first.fact.report_id != same.fact.report_id
    assert duplicate.id != first.id


async def test_what_is_refused_is_told_with_its_code_and_place_and_without_words(rig: Rig) -> None:
    (told,) = await consume(rig, record(event("one", community="Sekret")))
    assert isinstance(told.fact, SubmissionRefused)
    assert (told.fact.id, told.fact.code) == ("one", "unknown_community")
    assert [(error.pointer, error.code) for error in told.fact.errors] == [("/data/community", "unknown_community")]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"{Sekret", "malformed_json"),
        (b"", "empty"),
        (b'"' + b"x" * 65_536 + b'"', "too_large"),
        (b"7", "invalid_data"),
    ],
)
async def test_what_has_no_name_is_told_by_its_offset(rig: Rig, value: bytes, code: str) -> None:
    (told,) = await consume(rig, record(value, offset=12))
    assert isinstance(told.fact, SubmissionRefused)
    assert (told.fact.source, told.fact.id, told.fact.offset, told.fact.code) == (None, None, 12, code)


async def test_each_submission_of_a_batch_has_an_outcome_of_its_own(rig: Rig) -> None:
    batch = record([event("a"), event("b", narrative=7), event("c"), "Sekret"], BATCHED)
    told = {event.fact.place: event.fact for event in await consume(rig, batch, record(event("next"), offset=8))}
    assert [type(told[place]) for place in range(4)] == [
        SubmissionAccepted, SubmissionRefused, SubmissionAccepted, SubmissionRefused
    ]  # fmt: skip
    assert told[1].errors[0].pointer == "/1/data/narrative"
    assert len({report["_id"] for report in rig.store.reports.values()}) == 3


async def test_an_id_that_another_report_has_is_refused_while_the_rest_is_stored(rig: Rig) -> None:
    told = await consume(rig, record(event("a")), record(event("a", narrative="Other"), offset=8))
    assert [type(event.fact) for event in told] == [SubmissionAccepted, SubmissionRefused]
    assert told[1].fact.code == "id_reused"
    assert (await ask(rig, "wiki", "a"))[1]["outcome"] == "accepted"


async def test_each_integrator_is_told_of_its_own_and_the_open_inbox_of_nothing(rig: Rig) -> None:
    told = await consume(
        rig,
        record(event("a")),
        record(event("b", "event-app"), topic="reports.inbox.event-app"),
        record(event("c"), topic="reports.inbox"),
        record(b"{", topic="reports.inbox"),
        record(event("a", "wiki"), topic="reports.inbox.event-app", offset=9),
    )
    topics = [message.topic for message in rig.published.messages]
    assert sorted(topics) == ["reports.outcomes.event-app"] * 2 + ["reports.outcomes.wiki"]
    assert len(told) == 3
    # What another one claims in its name changes nothing of what a source is told.
    assert (await ask(rig, "wiki", "a"))[1]["outcome"] == "accepted"


async def test_an_integrator_without_a_topic_is_told_nothing_and_its_reports_are_stored(rig: Rig) -> None:
    rig.published.there = set()
    assert await consume(rig, record(event("a")), record(b"{", offset=8)) == []
    assert len(rig.store.reports) == 1
    assert (await ask(rig, "wiki", "a"))[0] == 200


async def test_an_integrator_is_told_by_a_topic_made_since_the_last_look(rig: Rig) -> None:
    rig.published.there = {"reports.outcomes.wiki"}
    await consume(rig, record(event("a")))
    rig.published.there |= {"reports.outcomes.event-app", "reports.outcomes.unknown"}
    (told,) = await consume(rig, record(event("a", "event-app"), topic="reports.inbox.event-app"))
    assert isinstance(told.fact, SubmissionAccepted)
    (told,) = await consume(rig, record(b"{", topic="reports.inbox.unknown"))
    assert isinstance(told.fact, SubmissionRefused)


async def test_a_batch_is_read_again_until_kafka_takes_its_outcomes(rig: Rig) -> None:
    rig.published.away = True
    with pytest.raises(Unavailable):
        await consume(rig, record(event("a")))
    rig.published.away = False
    (told,) = await consume(rig, record(event("a")))
    assert list(rig.store.reports) == [told.fact.report_id]  # type: ignore[attr-defined]  # an accepted one


async def test_a_writer_whose_token_ended_is_told_why(rig: Rig) -> None:
    rig.published.there.add("reports.outcomes.unknown")
    (told,) = await consume(rig, record(event("a", "unknown"), topic="reports.inbox.unknown"))
    assert told.fact.code == "no_good_token"  # type: ignore[attr-defined]  # a refused one


ODD = [
    "one",
    "a/b",
    "/",
    "ünïcödé",
    "a b",
    "%2F",
    "?x=1#y",
    "a+b",
    "сообщение/1",
    "🔥",
    "..a",
    "a//b",
    "\x1f",
    "x" * 300,
]


@pytest.mark.parametrize("name", ODD)
async def test_any_id_can_be_asked_for(rig: Rig, name: str) -> None:
    await consume(rig, record(event(name, "wiki/части и/части")))
    status, found = await ask(rig, "wiki/части и/части", name)
    (report_id,) = rig.store.reports
    assert (status, found["outcome"], found["report_id"], found["id"]) == (200, "accepted", report_id, name)


async def test_what_is_refused_is_found_with_its_reason_until_it_is_accepted(rig: Rig) -> None:
    await consume(rig, record(event("a", community="Sekret")))
    status, found = await ask(rig, "wiki", "a")
    assert (status, found["outcome"], found["code"]) == (200, "refused", "unknown_community")
    assert found["errors"] == [{"pointer": "/data/community", "code": "unknown_community"}]
    await consume(rig, record(event("a"), offset=8))
    assert (await ask(rig, "wiki", "a"))[1]["outcome"] == "accepted"


@pytest.mark.parametrize("name", ["never", "a", ""])
async def test_what_has_never_come_is_not_there(rig: Rig, name: str) -> None:
    assert (await ask(rig, "wiki", name))[0] == 404


async def test_no_token_reads_what_became_of_anothers(rig: Rig) -> None:
    await consume(rig, record(event("a")))
    theirs = COPIES.token(grants=[Grant(Role.INTEGRATOR, sources=("event-app",))])
    known = await ask(rig, "wiki", "a", token=theirs)
    unknown = await ask(rig, "wiki", "b", token=theirs)
    assert known[0] == unknown[0] == 403
    assert {**known[1], "request_id": ""} == {**unknown[1], "request_id": ""}
    ended = COPIES.token(grants=[Grant(Role.INTEGRATOR, sources=("wiki",))], expires_at=START - timedelta(days=400))
    assert (await ask(rig, "wiki", "a", token=ended))[0] == 401


@pytest.mark.parametrize("path", ["/v1/submissions%2Fevent-app/wiki/one", "/v1%2Fsubmissions/event-app/wiki/one"])
async def test_a_slash_in_percent_signs_opens_no_outcome_of_another_source(rig: Rig, path: str) -> None:
    await consume(rig, record(event("one")))
    token = COPIES.token(grants=[Grant(Role.INTEGRATOR, sources=("event-app",))])
    async with rig.http() as http:
        answer = await http.get(path, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code in (403, 404)
    assert "report_id" not in answer.json()


async def test_a_report_over_http_is_found_under_its_key_by_its_own_token(rig: Rig) -> None:
    own, other = (COPIES.token(grants=[Grant(Role.INTEGRATOR, sources=("wiki",))]) for _ in range(2))
    async with rig.http() as http:
        headers = {"authorization": f"Bearer {own}", "idempotency-key": "my/own-key"}
        report_id = (await http.post("/v1/reports", json=REPORT, headers=headers)).json()["report_id"]
    status, found = await ask(rig, "wiki", "my/own-key", token=own)
    assert (status, found["report_id"]) == (200, report_id)
    assert "receipt" not in found
    assert (await ask(rig, "wiki", "my/own-key", token=other))[0] == 404
