"""The vault over HTTP: only services read, every read is on record first, and words are bound to their place."""

from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.intake.vault.cipher import Vault, VaultError
from shared.access.purposes import PURPOSES
from shared.events import Actor, ContentRead, ReportReceived
from shared.ids import case_id_of
from shared.problems import Unavailable
from tests.support.intake_rig import Rig, bearer
from tests.support.people import COPIES, SERVED, coordinator
from tests.support.service_keys import signer

CONTENT = {
    "narrative": "He followed me.",
    "harmed": "me",
    "places": ["Talk:Example", "room 4"],
    "anything_else": None,
    "witnesses": ["Passer By"],
}
REPORTED = [{"name": "Some one", "details": "a red badge"}]
REPORTER = {"name": "Me", "email": "me@mail.example"}


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
async def report_id(rig: Rig) -> str:
    return (await rig.post(**CONTENT, reported=REPORTED, reporter=REPORTER))["report_id"]


async def read(rig: Rig, body: dict[str, Any], headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    async with rig.http() as http:
        answer = await http.post("/v1/vault/read", json=body, headers=bearer() if headers is None else headers)
    found: dict[str, Any] = answer.json()
    return answer.status_code, found


def reading(report_id: str, *sections: str) -> dict[str, Any]:
    return {"purpose": "review", "reads": [{"report_id": report_id, "sections": sections or ["content"]}]}


async def test_a_service_gets_the_sections_it_asks_for(rig: Rig, report_id: str) -> None:
    status, body = await read(rig, reading(report_id, "content", "reported"))
    assert status == 200
    # Each person has the token that the events of the report have.
    (stored,) = rig.store.reports.values()
    received = next(event.fact for event in stored["outbox"] if isinstance(event.fact, ReportReceived))
    people = [{**person, "party": token} for person, token in zip(REPORTED, received.subjects, strict=True)]
    sections = {"content": CONTENT, "reported": {"people": people}}
    assert body == {"items": [{"report_id": report_id, "sections": sections}]}


async def test_who_looks_into_a_case_does_not_get_the_reporter(rig: Rig, report_id: str) -> None:
    status, body = await read(rig, reading(report_id, "content", "reporter"))
    assert (status, body["type"]) == (403, "/errors/purpose-not-permitted")
    assert rig.store.accesses == {}


async def test_for_a_notice_the_address_of_the_reporter_is_all(rig: Rig, report_id: str) -> None:
    asked = reading(report_id, "reporter") | {"purpose": "notify"}
    _, body = await read(rig, asked, bearer("notify", service="notification"))
    assert body["items"] == [{"report_id": report_id, "sections": {"reporter": {"email": REPORTER["email"]}}}]
    for section in ("content", "reported", "correspondence"):
        asked = reading(report_id, "reporter", section) | {"purpose": "notify"}
        status, body = await read(rig, asked, bearer("notify", service="notification"))
        assert (status, body["type"]) == (403, "/errors/purpose-not-permitted")
    assert len(rig.store.accesses) == 1


async def test_a_person_who_enforces_a_measure_gets_names_and_nothing_else(rig: Rig) -> None:
    sent = await rig.post(narrative="They shouted.", reported=[{"name": "Zebedee", "details": "A beard."}])
    await rig.statements.keep(sent["report_id"], "7" * 32, "party", "Quixotina")
    await rig.statements.keep(sent["report_id"], "n-1", "note", "He is loud.")
    await rig.statements.keep(sent["report_id"], "p-1", "pages", "Talk:Tea")
    body = {"purpose": "enforce", "reads": [{"report_id": sent["report_id"], "sections": ["names"]}]}
    _, answer = await read(rig, body, bearer("enforce"))
    names = answer["items"][0]["sections"]["names"]
    (named, added) = names["people"]
    assert names["pages"] == [{"id": "p-1", "text": "Talk:Tea"}]
    assert (named.keys(), named["name"]) == ({"party", "name"}, "Zebedee")
    assert added == {"party": "7" * 32, "name": "Quixotina"}
    body["reads"][0]["sections"] = ["reported"]
    assert (await read(rig, body, bearer("enforce")))[0] == 403


@pytest.mark.parametrize("purpose", ["review", "correspond"])
async def test_a_call_says_for_which_person_it_is_made(rig: Rig, report_id: str, purpose: str) -> None:
    nobody = {"Authorization": f"Bearer {signer('triage').token('intake', purpose)}"}
    assert await call(rig, report_id, purpose, nobody) == 403
    assert rig.store.accesses == {}
    assert rig.store.reports[report_id]["statements"] == {}
    assert await call(rig, report_id, purpose, bearer(purpose)) in (200, 204)


async def test_a_read_is_on_record_with_who_why_and_what(rig: Rig, report_id: str) -> None:
    behalf = Actor("responder:7", "responder")
    await read(rig, reading(report_id, "content", "reported"), bearer(behalf=behalf))
    (access,) = rig.store.accesses.values()
    (event,) = access["outbox"]
    assert event.fact == ContentRead(report_id=report_id, sections=("content", "reported"), purpose="review")
    assert event.actor == behalf
    assert event.case_id == case_id_of(report_id)
    assert event.subject == f"access/{access['_id']}"
    assert event.case_seq == 1


async def test_reading_twice_is_two_entries(rig: Rig, report_id: str) -> None:
    for _ in range(2):
        await read(rig, reading(report_id), bearer() | {"X-Request-Id": "the-same-request"})
    assert len(rig.store.accesses) == 2


async def test_nothing_is_handed_out_when_the_read_cannot_be_recorded(rig: Rig, report_id: str) -> None:
    class Deaf(type(rig.store)):  # type: ignore[misc]  # the class of a value, to override one method
        async def save_accesses(self, saves: object) -> None:
            raise Unavailable("away")

    rig.store.__class__ = Deaf
    status, body = await read(rig, reading(report_id))
    assert status == 503
    assert "items" not in body


async def test_the_correspondence_is_read_like_any_section(rig: Rig, report_id: str) -> None:
    await rig.statements.keep(report_id, "q-1", "question", "When was it?")
    _, body = await read(rig, reading(report_id, "correspondence"))
    (statement,) = body["items"][0]["sections"]["correspondence"]["statements"]
    assert (statement["id"], statement["kind"], statement["text"]) == ("q-1", "question", "When was it?")
    assert len(rig.store.accesses) == 1


async def test_a_missing_section_is_left_out(rig: Rig) -> None:
    report_id = (await rig.post(privacy="anonymous"))["report_id"]
    _, body = await read(rig, reading(report_id, "content", "reported"))
    body["items"][0]["sections"].pop("content")
    assert body["items"] == [{"report_id": report_id, "sections": {}}]


async def test_unknown_and_erased_reports_are_told_apart(rig: Rig, report_id: str) -> None:
    rig.store.reports[report_id]["vault"] = None
    reads = [{"report_id": i, "sections": ["content"]} for i in (report_id, "nobody")]
    _, body = await read(rig, {"purpose": "review", "reads": reads})
    assert body["items"] == [{"report_id": report_id, "erased": True}, {"report_id": "nobody", "unknown": True}]
    assert rig.store.accesses == {}


READ = {"reads": [{"report_id": "x", "sections": ["content"]}]}
READ_ADDRESS = {"reads": [{"report_id": "x", "sections": ["reporter"]}]}
READ_REFERRAL = {"reads": [{"report_id": "x", "sections": ["referral"]}]}
READ_NAMES = {"reads": [{"report_id": "x", "sections": ["names"]}]}
HINT = {"community": "enwiki", "flag": "systemic_failure", "key": "a-rule", "words": "10 were missed."}
MEASURE = {"community": "wikimania_2026", "key": "row-1", "name": "Zebedee", "words": "From before. AC-17"}
ROUTES: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "review": ("POST", "/v1/vault/read", {"purpose": "review", **READ}, 200),
    "identify": ("POST", "/v1/vault/read", {"purpose": "identify", **READ_ADDRESS}, 200),
    "notify": ("POST", "/v1/vault/read", {"purpose": "notify", **READ_ADDRESS}, 200),
    "refer": ("POST", "/v1/vault/read", {"purpose": "refer", **READ_REFERRAL}, 200),
    "enforce": ("POST", "/v1/vault/read", {"purpose": "enforce", **READ_NAMES}, 200),
    "correspond": ("PUT", "/v1/vault/reports/{}/statements/s-1", {"kind": "question", "text": "When?"}, 204),
    "name": ("PUT", f"/v1/vault/reports/{{}}/named/{'7' * 32}", {"person": "person:5f2c81aa90b1c2d3"}, 204),
    "import": ("POST", "/v1/vault/measures", {"measures": [MEASURE]}, 200),
    "hint": ("POST", "/v1/vault/hints", HINT, 204),
    "sign_in": ("POST", "/v1/vault/pseudonyms", {}, 200),
    "enrol": ("POST", "/v1/vault/given-names", {"names": ["Some one"]}, 200),
    "search": ("POST", "/v1/vault/sought-names", {"name": "Some one"}, 200),
}
CALLS = [
    (service, purpose.name)
    for purpose in PURPOSES.values()
    if purpose.action.startswith("vault.")
    for service in purpose.callers
]
CHIEF = coordinator("c1ef")


async def call(rig: Rig, report_id: str, route: str, headers: dict[str, str]) -> int:
    method, path, body, _ = ROUTES[route]
    if route == "sign_in":
        body = rig.proof()
    if route == "enrol":
        body = body | {"ticket": rig.keys._ticket(CHIEF.ref)}
        COPIES.enrol(CHIEF)
    if route == "search":
        COPIES.enrol(SERVED)
    async with rig.http() as http:
        answer = await http.request(method, path.format(report_id), json=body, headers=headers)
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
    return answer.status_code


@pytest.mark.parametrize(("service", "purpose"), CALLS)
async def test_a_service_gets_what_it_asks_for_in_its_own_purposes_and_nothing_else(
    rig: Rig, report_id: str, service: str, purpose: str
) -> None:
    answers = {route: await call(rig, report_id, route, bearer(purpose, service=service)) for route in ROUTES}
    assert answers == {route: good if route == purpose else 403 for route, (*_, good) in ROUTES.items()}


def test_every_purpose_of_a_service_has_its_route() -> None:
    assert {purpose for _, purpose in CALLS} == ROUTES.keys()


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "wrong",
    [
        lambda route: {},
        lambda route: {"Authorization": "Bearer nonsense"},
        lambda route: {"Authorization": "Basic eA=="},
        lambda route: bearer("sign_in", audience="triage"),
        lambda route: {"Authorization": bearer("sign_in", service="audit")["Authorization"][:-2]},
    ],
    ids=["none", "nonsense", "basic", "for another service", "truncated"],
)
async def test_no_token_or_a_wrong_one_is_refused(rig: Rig, report_id: str, wrong: Any, route: str) -> None:
    assert await call(rig, report_id, route, wrong(route)) == 401


async def test_a_token_opens_once(rig: Rig, report_id: str) -> None:
    headers = bearer()
    assert [await call(rig, report_id, "review", headers) for _ in range(2)] == [200, 401]
    assert rig.store.accesses == {}


async def test_a_person_who_is_refused_learns_nothing_of_what_is_there(rig: Rig, report_id: str) -> None:
    bodies = (reading(report_id), reading("nobody"), {"purpose": "Just curious!"})
    async with rig.http() as http:
        # Each needs a token of its own, because a token opens once.
        answers = [await http.post("/v1/vault/read", json=body, headers=bearer("sign_in")) for body in bodies]
    told = {(a.status_code, a.json()["type"], a.json()["title"]) for a in answers}
    assert told == {(403, "/errors/purpose-not-permitted", "This may not be asked for that purpose.")}


async def test_a_read_for_another_purpose_than_it_was_signed_for_is_refused(rig: Rig, report_id: str) -> None:
    status, body = await read(rig, reading(report_id) | {"purpose": "notify"}, bearer("review"))
    assert (status, body["type"]) == (403, "/errors/purpose-not-permitted")
    assert rig.store.accesses == {}


async def test_who_signs_in_stands_in_no_log_and_no_span(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr("opentelemetry.trace.get_tracer", provider.get_tracer)
    caplog.set_level(0)
    rig = Rig()
    COPIES.enrol(SERVED)
    rig.provider.account.claims = {"preferred_username": "Canary Name", "email": "canary@mail.example"}
    given = {"names": ["Canary Name"], "ticket": "canary"}
    async with rig.http() as http:
        for path, sent, purpose in (
            ("pseudonyms", rig.proof(), "sign_in"),
            ("pseudonyms", rig.proof() | {"id_token": "canary"}, "sign_in"),
            ("given-names", given, "enrol"),
            ("given-names", given | {"names": "Canary Name"}, "enrol"),
            ("sought-names", {"name": "Canary Name"}, "search"),
            ("sought-names", {"name": ["Canary Name"]}, "search"),
        ):
            await http.post(f"/v1/vault/{path}", json=sent, headers=bearer(purpose))
    told = caplog.text + "".join(span.to_json() for span in spans.get_finished_spans())
    assert spans.get_finished_spans()
    assert "canary" not in told.casefold()


@pytest.mark.parametrize(
    "body",
    [
        {"purpose": "Just curious!", "reads": []},
        {"purpose": "", "reads": []},
        {"reads": []},
        {"purpose": "review", "reads": [{"report_id": "x", "sections": ["receipt"]}]},
        {"purpose": "review", "reads": [{"report_id": "x", "sections": []}]},
        {"purpose": "review", "reads": [{"report_id": "x", "sections": ["content"]}] * 501},
    ],
)
async def test_a_read_without_a_stated_purpose_or_known_sections_is_refused(rig: Rig, body: dict[str, Any]) -> None:
    assert (await read(rig, body))[0] == 422


async def test_a_statement_is_stored_once_and_never_changed(rig: Rig, report_id: str) -> None:
    path = f"/v1/vault/reports/{report_id}/statements/s-1"
    async with rig.http() as http:
        for text, status in (("When was it?", 204), ("When was it?", 204), ("Something else", 409)):
            headers = bearer("correspond")
            answer = await http.put(path, json={"kind": "question", "text": text}, headers=headers)
            assert answer.status_code == status
        reason = {"kind": "reason", "text": "x"}
        unknown = await http.put(path.replace(report_id, "nobody"), json=reason, headers=bearer("correspond"))
        strange = await http.put(f"{path}.key", json=reason, headers=bearer("correspond"))
    assert unknown.status_code == 404
    assert strange.status_code == 422
    assert "When was it?" not in repr(rig.store.reports)


async def test_a_statement_for_an_erased_report_is_refused(rig: Rig, report_id: str) -> None:
    rig.store.reports[report_id]["vault"] = None
    path = f"/v1/vault/reports/{report_id}/statements/s-1"
    async with rig.http() as http:
        answer = await http.put(path, json={"kind": "reason", "text": "x"}, headers=bearer("correspond"))
    assert answer.status_code == 410


def test_a_section_cannot_be_moved_to_another_place() -> None:
    vault = Vault(b"m" * 32)
    sealed = vault.seal("one/content", b"words")
    assert vault.open("one/content", sealed) == b"words"
    for place in ("two/content", "one/reporter"):
        with pytest.raises(VaultError):
            vault.open(place, sealed)


@pytest.mark.parametrize("part", ["key", "data"])
def test_damage_is_noticed(part: str) -> None:
    vault = Vault(b"m" * 32)
    sealed = vault.seal("one/content", b"words")
    whole: bytes = getattr(sealed, part)
    damaged = replace(sealed, **{part: whole[:-1] + bytes([whole[-1] ^ 1])})
    with pytest.raises(VaultError):
        vault.open("one/content", damaged)


def test_a_retired_master_key_still_opens_and_no_other_does() -> None:
    sealed = Vault(b"1" * 32).seal("one/content", b"words")
    assert Vault(b"2" * 32, retired=[b"1" * 32]).open("one/content", sealed) == b"words"
    with pytest.raises(VaultError):
        Vault(b"2" * 32).open("one/content", sealed)


def test_every_section_has_its_own_key() -> None:
    vault = Vault(b"m" * 32)
    sealed, *_ = vault.seal_report("one", {"content": b"a", "reporter": b"b"})
    assert sealed.content
    assert sealed.reporter
    assert len({sealed.digest.key, sealed.content.key, sealed.reporter.key}) == 3


def test_a_content_digest_is_of_these_sections_only() -> None:
    vault = Vault(b"m" * 32)
    sealed, digest, _ = vault.seal_report("one", {"content": b"a", "reporter": b"b"})
    assert vault.matches("one", sealed, digest, {"reporter": b"b", "content": b"a"})
    assert not vault.matches("one", sealed, digest, {"content": b"ab"})
    assert not vault.matches("one", sealed, digest, {"content": b"a", "reported": b"b"})
