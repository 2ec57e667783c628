"""POST /v1/reports: what is accepted, what is refused and how it is said, and what stands in the store afterwards."""

import gzip
import json
from typing import Any

import pytest

from services.intake.report.receipt import read_receipt
from services.intake.report.submission import MOST_PEOPLE
from shared.events import ReportParties, ReportReceived, parties_of
from shared.ids import case_id_of
from shared.problems import Unavailable
from tests.support.cases import cases
from tests.support.intake_rig import START, Rig
from tests.support.people import COPIES, responder

FULL: dict[str, Any] = {
    "community": "enwiki",
    "category": "harassment.threats",
    "flags": ["physical_violence", "ongoing"],
    "setting": "hybrid",
    "language": "pt-br",
    "privacy": "named",
    "occurred": {"from": "2026-11-01T10:00:00+02:00", "to": "2026-11-02T10:00:00Z"},
    "narrative": "Sekretnarrative",
    "harmed": "Sekretharmed",
    "places": ["Sekretplace"],
    "anything_else": "Sekretelse",
    "reported": [{"name": "user:sekret_person", "details": "Sekretdetails"}],
    "reporter": {"name": "Sekretreporter", "email": "sekret@mail.example"},
}


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_a_report_becomes_one_fact_without_anybody_in_it(rig: Rig) -> None:
    accepted = await rig.post(**FULL)
    fact, apart = rig.store.events()
    assert isinstance(fact, ReportReceived)
    assert isinstance(apart, ReportParties)
    assert fact.report_id == accepted["report_id"]
    assert (fact.channel, fact.community, fact.category) == ("http", "enwiki", "harassment.threats")
    assert fact.flags == ("physical_violence", "ongoing")
    assert (fact.setting, fact.language, fact.privacy, fact.contactable) == ("hybrid", "pt-br", "named", True)
    assert fact.occurred_at is not None
    assert fact.occurred_at.isoformat() == "2026-11-01T08:00:00+00:00"
    assert fact.received_at == START
    assert "sekret" not in (fact.model_dump_json() + apart.model_dump_json()).lower()


async def test_nothing_of_anybody_stands_readable_in_the_store(rig: Rig) -> None:
    accepted = await rig.post(**FULL)
    document = rig.store.reports[accepted["report_id"]]
    flat = repr(document).lower()
    assert "sekret" not in flat
    assert read_receipt(accepted["receipt"]).lower() not in flat
    assert accepted["receipt"].lower() not in flat


async def test_reports_about_one_person_share_a_pseudonym(rig: Rig) -> None:
    for name in ("user:some_one", "Some one", " some  one "):
        await rig.post(reported=[{"name": name}])
    await rig.post(reported=[{"name": "Some two"}])
    subjects = [fact.subjects for fact in rig.store.events() if isinstance(fact, ReportParties)]
    assert set.intersection(*map(set, subjects[:3]))
    assert set(subjects[3]).isdisjoint(subjects[0])


async def test_what_the_record_shows_of_a_person_holds_within_one_report(rig: Rig) -> None:
    people = {"reported": [{"name": "Some one"}], "witnesses": ["Some one", "Some two"]}
    for _ in range(3):
        await rig.post(**people, reporter={"name": "Some one", "email": "me@mail.example"})
    shown = [fact for fact in rig.store.events() if isinstance(fact, ReportReceived)]
    for fact in shown:
        assert fact.parties_apart
        assert fact.subjects == (fact.reporter,)
        assert fact.reporter in fact.witnesses
    tokens = [token for fact in shown for token in set(parties_of(fact))]
    assert len(tokens) == len(set(tokens)) == 9
    told = {key for fact in rig.store.events() if isinstance(fact, ReportParties) for key in fact.names}
    assert told.isdisjoint(tokens)


async def test_equal_reports_have_different_digests(rig: Rig) -> None:
    await rig.post()
    await rig.post()
    digests = {fact.content_digest for fact in rig.store.events() if isinstance(fact, ReportReceived)}
    assert len(digests) == 2


async def test_the_event_is_keyed_by_the_case_and_caused_by_the_report(rig: Rig) -> None:
    accepted = await rig.post()
    event, apart = rig.store.reports[accepted["report_id"]]["outbox"]
    assert event.case_id == apart.case_id == case_id_of(accepted["report_id"])
    assert event.subject == f"report/{accepted['report_id']}"
    assert apart.subject == f"parties/{accepted['report_id']}"
    # What stands on a restricted topic leaves no gap in the numbers that everybody sees.
    assert (event.case_seq, apart.case_seq) == (1, 1)
    assert event.trace is None or event.trace.startswith("00-")


async def send(rig: Rig, content: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    async with rig.http() as http:
        answer = await http.post("/v1/reports", content=content, headers=headers)
    found: dict[str, Any] = answer.json()
    return answer.status_code, found


async def test_what_was_odd_is_said_beside_the_receipt(rig: Rig) -> None:
    body = b'\xef\xbb\xbf{"community": "enwiki", "narrative": "help \\ud83d", "language": "pt_BR.UTF-8", "flags": null}'
    status, answer = await send(rig, body)
    assert status == 202
    assert answer["remarks"] == [
        {"pointer": "", "code": "byte_order_mark"},
        {"pointer": "", "code": "half_a_character"},
        {"pointer": "/language", "code": "language_rewritten"},
    ]
    assert rig.store.reports[answer["report_id"]]["facts"]["language"] == "pt-BR"
    for language in ("no such language", "", "*", "i-klingon", 7, ["en"]):
        report = {"community": "enwiki", "narrative": "Something happened.", "language": language}
        status, answer = await send(rig, json.dumps(report).encode())
        assert (status, answer["remarks"]) == (202, [{"pointer": "/language", "code": "language_unknown"}])
    _, plain = await send(rig, json.dumps({"community": "enwiki", "narrative": "Nothing odd."}).encode())
    assert plain.keys() == {"report_id", "receipt", "status_url"}


@pytest.mark.parametrize("case", cases("keys_of_strangers"))
async def test_a_key_without_a_token_counts_only_if_nobody_can_guess_it(rig: Rig, case: dict[str, Any]) -> None:
    headers = {"Idempotency-Key": case["key"]}
    async with rig.http() as http:
        same = [await http.post("/v1/reports", json=FULL, headers=headers) for _ in range(2)]
        other = await http.post("/v1/reports", json={**FULL, "narrative": "What another was told."}, headers=headers)
    assert {answer.status_code for answer in (*same, other)} == {202}
    assert len({answer.json()["receipt"] for answer in same}) == (1 if case["counts"] else 2)
    assert other.json()["receipt"] not in {answer.json()["receipt"] for answer in same}
    remarks = None if case["counts"] else [{"pointer": "", "code": "key_not_random"}]
    assert [answer.json().get("remarks") for answer in (*same, other)] == [remarks] * 3


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed-json"),
        (b"{", 400, "malformed-json"),
        (b'{"community":"enwiki","narrative":"\xff\xfe"}', 400, "malformed-json"),
        (b"\xff\xfe{\x00}\x00", 400, "malformed-json"),
        (b"[]", 422, "invalid-fields"),
        (b"null", 422, "invalid-fields"),
    ],
)
async def test_what_cannot_be_read_is_refused(rig: Rig, body: bytes, status: int, code: str) -> None:
    got, problem = await send(rig, body)
    assert (got, problem["type"]) == (status, f"/errors/{code}")
    assert rig.store.reports == {}


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"narrative": None}, "/narrative", "string_type"),
        ({"narrative": " \n"}, "/narrative", "blank"),
        ({"narrative": "x" * 20_001}, "/narrative", "string_too_long"),
        ({"narrative": 5}, "/narrative", "string_type"),
        ({"community": "nowhere"}, "/community", "unknown_community"),
        ({"category": "harassment.unheard_of"}, "/category", "unknown_category"),
        ({"flags": ["ongoing", "unheard_of"]}, "/flags/1", "unknown_flag"),
        ({"flags": "ongoing"}, "/flags", "tuple_type"),
        ({"setting": "on the moon"}, "/setting", "unknown_setting"),
        ({"privacy": "secret"}, "/privacy", "literal_error"),
        ({"occurred": {}}, "/occurred", "exact_or_range"),
        ({"occurred": {"from": "2026-01-01T00:00:00Z"}}, "/occurred", "exact_or_range"),
        ({"occurred": {"at": "2026-11-24T12:05:01Z"}}, "/occurred/at", "future_date"),
        ({"occurred": {"at": "9999-12-31T23:59:59-14:00"}}, "/occurred/at", "future_date"),
        ({"occurred": {"at": "0001-01-01T00:00:00+14:00"}}, "/occurred/at", "date_too_old"),
        ({"occurred": {"at": "2026-11-24T10:00:00"}}, "/occurred/at", "timezone_aware"),
        ({"occurred": {"at": 5}}, "/occurred/at", "datetime_type"),
        (
            {"occurred": {"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}},
            "/occurred/to",
            "range_reversed",
        ),
        ({"privacy": "anonymous", "reporter": {"email": "a@b.example"}}, "/reporter", "anonymous_with_contact"),
        ({"reporter": {"email": "nobody"}}, "/reporter/email", "mail_address"),
        ({"reporter": {"email": "a@b.example\r\nBcc: c@d.example"}}, "/reporter/email", "mail_address"),
        ({"reporter": {"name": "a\r\nb"}}, "/reporter/name", "control_characters"),
        ({"witnesses": ["\u200b"]}, "/witnesses/0", "blank"),
        ({"places": [""]}, "/places/0", "string_too_short"),
        ({"reported": [{"name": "x", "age": 5}]}, "/reported/0", "extra_forbidden"),
        ({"unheard_of": 1}, "", "extra_forbidden"),
        ({"occurred": {"from_": "2026-01-01T00:00:00Z"}}, "/occurred", "extra_forbidden"),
    ],
)
async def test_a_wrong_field_is_named(rig: Rig, fields: dict[str, Any], pointer: str, code: str) -> None:
    body = {"community": "enwiki", "narrative": "Something happened.", **fields}
    status, problem = await send(rig, json.dumps(body).encode())
    assert status == 422
    assert (pointer, code) in [(error["pointer"], error["code"]) for error in problem["errors"]]
    assert problem["request_id"]
    assert rig.store.reports == {}


@pytest.mark.parametrize("case", cases("mail_addresses"))
async def test_every_address_that_mail_can_reach_is_taken(rig: Rig, case: dict[str, str]) -> None:
    body = {"community": "enwiki", "narrative": "Something happened.", "reporter": {"email": case["typed"]}}
    status, _ = await send(rig, json.dumps(body).encode())
    assert status == 202


@pytest.mark.parametrize("text", cases("no_mail_addresses"))
async def test_no_address_is_taken_that_mail_cannot_reach(rig: Rig, text: str) -> None:
    body = {"community": "enwiki", "narrative": "Something happened.", "reporter": {"email": text}}
    status, problem = await send(rig, json.dumps(body).encode())
    assert status == 422
    assert {error["pointer"] for error in problem.get("errors", ())} <= {"/reporter/email"}
    assert rig.store.reports == {}


async def test_names_are_kept_as_they_are_written(rig: Rig) -> None:
    names = [parameter.values[0] for parameter in cases("names_in_scripts")]
    for some in (names[:MOST_PEOPLE], names[MOST_PEOPLE:]):
        accepted = await rig.post(
            reported=[{"name": name} for name in some], witnesses=some, reporter={"name": some[-1]}
        )
        report = (await rig.store.load([accepted["report_id"]]))[accepted["report_id"]]
        assert report.vault is not None
        assert report.vault.content is not None
        kept = json.loads(rig.vault.open(f"{report.id}/content", report.vault.content))
        assert kept["witnesses"] == some


@pytest.mark.parametrize("case", cases("marks_of_copying"))
async def test_marks_that_copying_brings_along_cost_no_report(rig: Rig, case: tuple[str, str]) -> None:
    typed = case[0].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    lines = {"narrative": typed, "places": [typed], "witnesses": [typed], "reported": [{"name": typed}]}
    accepted = await rig.post(**lines, community="\ufeffenwiki\u200b ", category=" unclassified")
    async with rig.http() as http:
        receipt = f"\ufeff{accepted['receipt']}\u200b"
        assert (await http.post("/v1/follow-up", json={"receipt": receipt})).status_code == 200


async def test_a_clock_may_run_five_minutes_ahead(rig: Rig) -> None:
    await rig.post(occurred={"at": "2026-11-24T12:04:59Z"})


async def test_an_anonymous_report_needs_nothing_but_words(rig: Rig) -> None:
    accepted = await rig.post(privacy="anonymous")
    assert "reporter" not in rig.store.reports[accepted["report_id"]]["vault"]


async def test_more_than_two_megabytes_are_refused(rig: Rig) -> None:
    status, problem = await send(rig, b'{"narrative":"' + b"x" * 2_000_000 + b'"}')
    assert (status, problem["type"]) == (413, "/errors/too-large")


async def test_the_same_key_with_the_same_report_gives_the_same_answer(rig: Rig) -> None:
    key = {"Idempotency-Key": "5f6c1b52-7d0e-4c1a-9b1e-3a52c0ffee01"}
    async with rig.http() as http:
        first = await http.post("/v1/reports", json=FULL, headers=key)
        again = await http.post("/v1/reports", content=json.dumps(FULL, indent=3), headers=key)
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (202, first.json())
    assert len(rig.store.reports) == 1
    assert len(rig.store.events()) == 2


@pytest.mark.parametrize("change", [{"narrative": "Another"}, {"category": "harassment.other"}, {"reporter": None}])
async def test_the_same_key_with_another_report_is_refused_to_the_holder_of_a_token_alone(
    rig: Rig, change: dict[str, Any]
) -> None:
    mine = {"Idempotency-Key": "5f6c1b52-7d0e-4c1a-9b1e-3a52c0ffee01"}
    holder = mine | {"Authorization": f"Bearer {COPIES.token()}"}
    async with rig.http() as http:
        first = [(await http.post("/v1/reports", json=FULL, headers=key)).json() for key in (mine, holder)]
        other = await http.post("/v1/reports", json=FULL | change, headers=holder)
        assert (other.status_code, other.json()["type"]) == (422, "/errors/idempotency-key-reused")
        # A stranger who has seen the key gets a report of their own, and learns nothing of the first.
        strange = (await http.post("/v1/reports", json=FULL | change, headers=mine)).json()
    answers = [*first, strange]
    assert len({a["report_id"] for a in answers}) == len({a["receipt"] for a in answers}) == 3
    assert len(rig.store.reports) == 3


async def test_a_key_belongs_to_the_holder_of_a_token(rig: Rig) -> None:
    key = {"Idempotency-Key": "5f6c1b52-7d0e-4c1a-9b1e-3a52c0ffee01"}
    tokens = [COPIES.token(), COPIES.token(), COPIES.token(responder("a1", "enwiki_arbcom"))]
    callers: list[dict[str, str]] = [{}, *({"Authorization": f"Bearer {token}"} for token in tokens)]
    async with rig.http() as http:
        answers = [
            [(await http.post("/v1/reports", json=FULL, headers=key | caller)).json() for caller in callers]
            for _ in range(2)
        ]
    assert answers[0] == answers[1]
    assert len({a["receipt"] for a in answers[0]}) == len(rig.store.reports) == 4


async def test_different_keys_make_different_reports_and_receipts(rig: Rig) -> None:
    async with rig.http() as http:
        answers = [
            (
                await http.post(
                    "/v1/reports", json=FULL, headers={"Idempotency-Key": f"5f6c1b52-7d0e-4c1a-9b1e-3a52c0ffee0{n}"}
                )
            ).json()
            for n in range(3)
        ]
    assert len({a["report_id"] for a in answers}) == len({a["receipt"] for a in answers}) == 3


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", "identity, gzip", "deflate", "br", "zstd"])
async def test_a_compressed_body_hears_that_it_is_compressed(rig: Rig, coding: str) -> None:
    headers = {"Content-Encoding": coding}
    async with rig.http() as http:
        answer = await http.post("/v1/reports", content=gzip.compress(json.dumps(FULL).encode()), headers=headers)
        plain = await http.post("/v1/reports", json=FULL, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (415, "/errors/unsupported-media-type")
    assert "Content-Encoding" in answer.json()["detail"]
    assert answer.headers["accept-encoding"] == "identity"
    assert plain.status_code == 202


async def test_an_empty_key_is_no_key(rig: Rig) -> None:
    async with rig.http() as http:
        answers = [await http.post("/v1/reports", json=FULL, headers={"Idempotency-Key": ""}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert len({answer.json()["receipt"] for answer in answers}) == 2
    assert "remarks" not in answers[0].json()


@pytest.mark.parametrize("key", ["short", "with a space in it", "ü" * 10, "x" * 201])
async def test_a_key_that_cannot_serve_is_refused(rig: Rig, key: str) -> None:
    async with rig.http() as http:
        answer = await http.post("/v1/reports", json=FULL, headers={b"Idempotency-Key": key.encode()})
    assert (answer.status_code, answer.json()["type"]) == (422, "/errors/idempotency-key-malformed")


async def test_an_outage_is_said_and_nothing_is_half_stored(rig: Rig) -> None:
    rig.store.away = Unavailable("away")
    async with rig.http() as http:
        answer = await http.post("/v1/reports", json=FULL)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["type"] == "/errors/unavailable"
    assert rig.store.reports == {}


async def test_an_answer_is_kept_by_nobody_on_the_way(rig: Rig) -> None:
    async with rig.http() as http:
        answer = await http.post("/v1/reports", json=FULL)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["status_url"] == "/follow-up"
