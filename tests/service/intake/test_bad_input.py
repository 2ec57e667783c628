"""Whatever is sent to a door that takes words: it is refused with a clear problem, and nothing of it is kept."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
import pytest

from shared.events import InformationRequested
from shared.web.bounds import BODY_LIMIT
from tests.support import intake_rig, triage_rig
from tests.support.forms import token_from
from tests.support.intake_rig import case_event
from tests.support.triage_rig import ALICE

FORM = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}


@dataclass
class Door:
    """A way in: what it takes, and what stands behind it."""

    http: httpx.AsyncClient
    method: str
    path: str
    headers: dict[str, str]
    good: dict[str, Any]
    behind: Callable[[], str]
    sign: Callable[[], dict[str, str]] = dict

    async def send(self, content: bytes | AsyncIterator[bytes]) -> httpx.Response:
        return await self.http.request(self.method, self.path, content=content, headers={**self.headers, **self.sign()})

    async def refusal(self, content: bytes | AsyncIterator[bytes]) -> dict[str, Any]:
        """The problem that answers this; nothing was kept, and nothing is repeated."""
        before = self.behind()
        answer = await self.send(content)
        assert answer.headers["content-type"] == "application/problem+json", (answer.status_code, answer.text)
        problem: dict[str, Any] = answer.json()
        assert (problem["status"], problem["request_id"]) == (answer.status_code, answer.headers["x-request-id"])
        assert problem["type"].startswith("/errors/")
        assert problem["title"]
        assert "Sekret" not in answer.text
        assert self.behind() == before
        return problem


Open = Callable[[], AbstractAsyncContextManager[Door]]


def of_intake(
    method: str,
    path: str,
    good: dict[str, Any],
    headers: dict[str, str] | None = None,
    sign: Callable[[], dict[str, str]] = dict,
) -> Open:
    """A door of intake, where a report is stored already and its reporter has been asked something."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Door]:
        rig = intake_rig.Rig()
        stored = await rig.post()
        await rig.statements.keep(stored["report_id"], "q-1", "question", "When was it?")
        asked = InformationRequested(previous="investigating", state="awaiting_information", question_id="q-1")
        await rig.progress.project([case_event(stored["report_id"], 1, asked)])
        filled = {name: stored["receipt"] if name == "receipt" else value for name, value in good.items()}
        async with rig.http() as http:
            place = path.format(id=stored["report_id"])
            if headers is FORM:
                filled |= await token_from(http, place)

            def behind() -> str:
                return f"{rig.store.reports}{rig.store.accesses}"

            yield Door(http, method, place, headers or {}, filled, behind, sign)

    return opened


def of_triage(path: str, good: dict[str, Any], headers: dict[str, str]) -> Open:
    """A door of the desk, at a case that is being looked into."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Door]:
        async with triage_rig.make_rig() as rig:
            case = await rig.open()
            for command in ("assign", "start"):
                await rig.order(case, command)
            place = path.format(id=case.id, name=case.code_name)
            given = {**triage_rig.bearer(ALICE), **headers}
            yield Door(rig.http, "POST", place, given, good, lambda: f"{rig.cases.stored}{rig.vault.statements}")

    return opened


REPORT = {"community": "enwiki", "narrative": "Sekret words"}
JSON: dict[str, Open] = {
    "report": of_intake("POST", "/v1/reports", REPORT),
    "follow-up": of_intake("POST", "/v1/follow-up", {"receipt": ""}),
    "answer": of_intake("POST", "/v1/follow-up/answers", {"receipt": "", "question_id": "q-1", "text": "Sekret"}),
    "vault read": of_intake(
        "POST",
        "/v1/vault/read",
        {"purpose": "review", "reads": [{"report_id": "x", "sections": ["content"]}]},
        sign=intake_rig.bearer,
    ),
    "statement": of_intake(
        "PUT",
        "/v1/vault/reports/{id}/statements/s-1",
        {"kind": "reason", "text": "Sekret words"},
        sign=lambda: intake_rig.bearer("correspond"),
    ),
    "command": of_triage("/v1/cases/{id}/ask", {"question": "Sekret?"}, {"if-match": '"5"'}),
}
FORMS: dict[str, Open] = {
    "report form": of_intake("POST", "/report", REPORT, FORM),
    "report form of a community": of_intake("POST", "/report/enwiki", REPORT, FORM),
    "follow-up page": of_intake("POST", "/follow-up", {"receipt": "", "question_id": "q-1", "answer": "Sekret"}, FORM),
    "desk": of_triage("/desk/cases/{name}/ask", {"version": "5", "question": "Sekret?"}, FORM),
}


@pytest.mark.parametrize("name", JSON)
async def test_every_door_for_programs_takes_what_it_is_made_for(name: str) -> None:
    async with JSON[name]() as flow:
        assert (await flow.send(orjson.dumps(flow.good))).is_success


@pytest.mark.parametrize("name", FORMS)
async def test_every_form_takes_what_it_is_made_for(name: str) -> None:
    async with FORMS[name]() as flow:
        answer = await flow.send(urlencode(flow.good).encode())
        assert answer.status_code in (200, 303), answer.text


NO_JSON = {
    "cut off": b'{"narrative": "Sekret',
    "broken UTF-8": b'{"narrative": "Sekret \xff\xfe"}',
    "UTF-16": '{"narrative": "Sekret"}'.encode("utf-16"),
    "nested without end": b'{"narrative": ' + b"[" * 4_000,
    "two documents": b'{"narrative": "Sekret"}{}',
    "a form": b"narrative=Sekret",
}


@pytest.mark.parametrize("name", JSON)
async def test_what_is_no_json_in_utf8_is_said_to_be_none(name: str) -> None:
    async with JSON[name]() as flow:
        for what, body in NO_JSON.items():
            problem = await flow.refusal(body)
            assert (problem["status"], problem["type"]) == (400, "/errors/malformed-json"), what


@pytest.mark.parametrize("name", JSON)
async def test_a_byte_order_mark_half_a_character_and_null_cost_nothing(name: str) -> None:
    async with JSON[name]() as flow:
        first = next(iter(flow.good))
        text = orjson.dumps(flow.good)
        absent = await flow.refusal(orjson.dumps({**flow.good, first: None}))
        assert [error["pointer"] for error in absent["errors"]] == [f"/{first}"]
        unknown = await flow.refusal(b'{"\\ud800": 1, ' + text[1:])
        assert [(error["pointer"], error["code"]) for error in unknown["errors"]] == [("", "extra_forbidden")]
        assert (await flow.send(b"\xef\xbb\xbf" + text)).is_success


@pytest.mark.parametrize("name", JSON)
async def test_what_is_no_object_is_pointed_at_as_a_whole(name: str) -> None:
    async with JSON[name]() as flow:
        for body in (b"[]", b"null", b"7", b'"Sekret"', b"true"):
            problem = await flow.refusal(body)
            assert (problem["status"], problem["type"]) == (422, "/errors/invalid-fields"), body
            assert [error["pointer"] for error in problem["errors"]] == [""], body


@pytest.mark.parametrize("name", JSON)
async def test_every_field_of_a_wrong_type_is_pointed_at(name: str) -> None:
    async with JSON[name]() as flow:
        wrongs: tuple[object, ...] = (7, True, ["Sekret"], {"Sekret": "Sekret"})
        for field, wrong in product(flow.good, wrongs):
            problem = await flow.refusal(orjson.dumps(flow.good | {field: wrong}))
            assert (problem["status"], problem["type"]) == (422, "/errors/invalid-fields")
            (pointer,) = {error["pointer"].split("/")[1] for error in problem["errors"]}
            assert pointer == field
            assert all(error["code"] and error["detail"] for error in problem["errors"])


@pytest.mark.parametrize("name", JSON)
async def test_every_missing_field_and_every_field_too_many_is_pointed_at(name: str) -> None:
    async with JSON[name]() as flow:
        for field in flow.good:
            rest = {other: value for other, value in flow.good.items() if other != field}
            problem = await flow.refusal(orjson.dumps(rest))
            assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [(f"/{field}", "missing")]
        problem = await flow.refusal(orjson.dumps(flow.good | {"Sekret": "Sekret"}))
        assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [("", "extra_forbidden")]


MANY = {
    "elements": b'{"%s": [' + b",".join([b"[]"] * 300_000) + b"]}",
    "numbers": b'{"%s": [' + b",".join([b"1"] * 400_000) + b"]}",
    "names": b'{"%s": 1,' + b",".join(b'"Sekret%d": 1' % number for number in range(50_000)) + b"}",
    "the same name": b'{"%s": 1,' + b",".join([b'"Sekret": 1'] * 70_000) + b"}",
    "no JSON": b"%s" + b"[[[" * 300_000,
}


@pytest.mark.parametrize("name", JSON)
async def test_a_body_of_too_many_values_is_refused_unread(name: str) -> None:
    async with JSON[name]() as flow:
        field = next(iter(flow.good)).encode()
        for what, body in MANY.items():
            problem = await flow.refusal(body.replace(b"%s", field))
            assert (problem["status"], problem["type"]) == (413, "/errors/too-many-values"), what


SHORT = {
    "elements": b'{"%s": [' + b",".join([b'"Sekret"'] * 2_000) + b"]}",
    "names": b"{" + b",".join(b'"Sekret%d": 1' % number for number in range(2_000)) + b"}",
    "the same name": b"{" + b",".join([b'"Sekret": 1'] * 2_000) + b"}",
    "a number": b'{"%s": ' + b"9" * 900_000 + b"}",
    "a small number": b'{"%s": 0.' + b"9" * 900_000 + b"}",
    "a high number": b'{"%s": 1e' + b"9" * 900_000 + b"}",
}


@pytest.mark.parametrize("name", JSON)
async def test_an_answer_names_few_faults_and_nothing_that_was_sent(name: str) -> None:
    async with JSON[name]() as flow:
        field = next(iter(flow.good)).encode()
        for what, body in SHORT.items():
            problem = await flow.refusal(body.replace(b"%s", field))
            assert problem["status"] in (400, 422), what
            assert len(problem.get("errors", ())) <= 20
            assert len(orjson.dumps(problem)) < 5_000


@pytest.mark.parametrize("name", [*JSON, *FORMS])
async def test_no_name_in_address_or_headers_comes_back(name: str) -> None:
    async with (JSON | FORMS)[name]() as flow:
        flow.path += "?Sekret=Sekret&limit=Sekret"
        flow.headers = {**flow.headers, "Sekret": "Sekret", "Cookie": "Sekret=Sekret", "If-None-Match": "Sekret"}
        await flow.refusal(b'{"Sekret": "Sekret"}')


async def test_a_report_in_json_tells_its_faults_of_shape_policy_and_calendar_at_once() -> None:
    body = {
        "community": "nowhere", "category": "rudeness", "flags": ["ongoing", "loud", 5], "setting": "moon",
        "occurred": {"at": "2099-01-01T00:00:00Z"}, "privacy": "anonymous", "reporter": {"email": "nobody"}, "more": 1,
    }  # fmt: skip
    async with JSON["report"]() as door:
        problem = await door.refusal(orjson.dumps(body))
    assert {error["pointer"] for error in problem["errors"]} == {
        "", "/narrative", "/community", "/category", "/flags/1", "/flags/2", "/setting", "/occurred/at",
        "/reporter/email", "/reporter",
    }  # fmt: skip


async def piece_by_piece(total: int) -> AsyncIterator[bytes]:
    for _ in range(total // 50_000 + 1):
        yield b"x" * 50_000


@pytest.mark.parametrize("name", [*JSON, *FORMS])
async def test_more_than_two_megabytes_are_refused_whether_its_length_is_declared_or_not(name: str) -> None:
    async with (JSON | FORMS)[name]() as flow:
        for body in (b"x" * (BODY_LIMIT + 1), piece_by_piece(BODY_LIMIT)):
            problem = await flow.refusal(body)
            assert (problem["status"], problem["type"]) == (413, "/errors/too-large")


NO_FORM = {
    "broken UTF-8": b"version=4&narrative=Sekret&question=Sekret+%ff%fe",
    "raw bytes": b"version=4&question=Sekret \xff",
    "too many fields": b"&".join([b"a=Sekret"] * 101),
}


@pytest.mark.parametrize("name", FORMS)
async def test_a_form_that_cannot_be_read_as_it_was_written_is_refused(name: str) -> None:
    async with FORMS[name]() as flow:
        for what, body in NO_FORM.items():
            problem = await flow.refusal(body)
            assert (problem["status"], problem["type"]) == (400, "/errors/malformed-form"), what


@pytest.mark.parametrize("name", FORMS)
async def test_what_is_no_form_is_refused(name: str) -> None:
    async with FORMS[name]() as flow:
        for media_type in ("application/json", "multipart/form-data; boundary=x", "text/plain", ""):
            flow.headers = {**flow.headers, "content-type": media_type}
            problem = await flow.refusal(b"version=4&question=Sekret")
            assert (problem["status"], problem["type"]) == (415, "/errors/unsupported-media-type"), media_type


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("community", "Sekret"),
        ("category", "harassment.Sekret"),
        ("flags", "Sekret"),
        ("setting", "Sekret"),
        ("privacy", "Sekret"),
        ("date", "2031-01-01"),
        ("narrative", "x" * 20_001),
    ],
)
async def test_what_the_policy_or_the_calendar_does_not_know_brings_the_form_back(field: str, value: str) -> None:
    async with FORMS["report form"]() as flow:
        before = flow.behind()
        answer = await flow.send(urlencode(flow.good | {field: value, "harmed": "my words"}).encode())
        assert answer.status_code == 422
        assert f'href="#{field}"' in answer.text
        assert "my words" in answer.text
        assert flow.behind() == before
