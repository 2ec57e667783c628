"""Requests made up from each OpenAPI document: never a failure of ours, never an answer that the document denies."""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping, MutableMapping, Sequence
from contextlib import closing
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import PlainTextResponse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from shared.web.openapi import PROBLEM_TYPE
from tests.support.examples import MANY, up_to
from tests.support.rosters import refresh_rosters
from tests.support.worlds import WORLDS, World

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
OPEN = {
    "POST /v1/reports", "GET /v1/policy", "POST /v1/follow-up", "POST /v1/follow-up/answers", "GET /v1/record/keys",
    "POST /v1/follow-up/check-ins", "POST /v1/follow-up/appeals", "POST /v1/respondent",
    "POST /v1/respondent/replies", "POST /v1/respondent/appeals", "POST /v1/follow-up/recusals",
    "POST /v1/respondent/recusals", "POST /v1/follow-up/consent",
    "GET /v1/record/verify.py",
} | {
    f"GET /scorecard{end}"
    for end in (
        ".json", ".csv", "/{community}.json", "/{community}.csv", "/{community}.svg", "/{community}.wikitext",
        "/{community}.gemara.json", "/{community}/diff.json",
    )
}  # fmt: skip
"""What anybody may call."""
ADDRESS = "https://localhost"


class Service:
    """The operations of an application, and the way to send them something."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, World]]) -> None:
        self._runner = asyncio.Runner()
        self.world = self._runner.run(make())
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(self.world.app), base_url=ADDRESS)
        schema = schemathesis.openapi.from_dict(self.world.app.openapi())
        self.operations = [found.ok() for found in schema.get_all_operations()]

    def send(self, case: Case, headers: Mapping[str, str]) -> httpx.Response:
        """The answer to a made-up request with these headers."""
        made = requests.Request(**case.as_transport_kwargs(base_url=ADDRESS, headers=dict(headers))).prepare()
        # As bytes, because made-up ones are not all ASCII.
        given = [(_bytes(name), _bytes(value)) for name, value in made.headers.items()]
        return self._runner.run(self._ask(made, given))

    async def _ask(self, made: requests.PreparedRequest, headers: Sequence[tuple[bytes, bytes]]) -> httpx.Response:
        # On a busy machine a walk takes longer than the minute after which nobody is let in by an old roster.
        await refresh_rosters(self.world.app)
        return await self._http.request(str(made.method), str(made.url), headers=headers, content=made.body)

    def close(self) -> None:
        """Let go of the client and its loop."""
        self._runner.run(self._http.aclose())
        self._runner.close()


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


@pytest.fixture(params=WORLDS)
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    with closing(Service(WORLDS[request.param])) as service:
        yield service


def bounded(whole: int, part: int) -> settings:
    """At most this part of so many requests, and no time spent on making a found one smaller.

    `make fuzz` makes up many times the whole, whatever the part.
    """
    phases = [Phase.explicit, Phase.generate]
    return up_to(whole // part, searching=whole * MANY, phases=phases, suppress_health_check=list(HealthCheck))


def requests_for(operation: APIOperation) -> st.SearchStrategy[Case]:
    """Requests that the document permits, and where it forbids anything also some that it does not."""
    permitted = operation.as_strategy(GenerationMode.POSITIVE)
    takes_something = operation.query or operation.path_parameters or operation.headers or operation.body
    return permitted | operation.as_strategy(GenerationMode.NEGATIVE) if takes_something else permitted


def name_known(
    case: Case, known: Mapping[str, Sequence[Any]], data: st.DataObject, body: Mapping[str, Any] | None = None
) -> None:
    """Let no, some or all fields name what is there, because made-up ones never do; or leave a body nothing else, or
    send this `body`.
    """
    share = data.draw(st.sampled_from(["only", "all", "some", "none"]))
    places = [case.path_parameters, case.query, case.headers]
    if share == "only" and body is not None:
        case.body = dict(body)
    else:
        places.append(case.body)
    for place in places:
        if share == "none" or not isinstance(place, MutableMapping):
            continue
        for name in sorted(map(str, place)):
            if name not in known:
                if share == "only" and place is case.body:
                    del place[name]
            elif share == "only":
                place[name] = known[name][0]
            elif share == "all" or data.draw(st.booleans()):
                place[name] = data.draw(st.sampled_from(known[name]))


def unsigned_token() -> str:
    """A token that names its algorithm “none”, as libraries once accepted."""
    claims = {"sub": "operator:1", "role": "operator", "bodies": [], "aud": "people", "exp": 9_999_999_999}
    parts = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in ({"alg": "none"}, claims)]
    return f"{parts[0]}.{parts[1]}."


NOBODY: Sequence[Mapping[str, str]] = (
    {},
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": f"Bearer {unsigned_token()}"},
    {"Authorization": "Basic b3BlcmF0b3I6b3BlcmF0b3I="},
    {"Authorization": "Bearer " + "a" * 5_000},
    {"Authorization": "Bearer \u00e9\u00ff"},
)


def walk(
    service: Service,
    operation: APIOperation,
    callers: Sequence[Callable[[str], Mapping[str, str]]],
    whole: int,
    part: int = 1,
) -> list[httpx.Response]:
    """The answers to made-up requests; fails for the first that is a failure, or not as the document says."""
    answers = []

    @bounded(whole, part)
    @given(requests_for(operation), st.sampled_from(callers), st.data())
    def step(case: Case, caller: Callable[[str], Mapping[str, str]], data: st.DataObject) -> None:
        world, label = service.world, operation.label
        name_known(case, {**world.known, **world.apart.get(label, {})}, data, world.bodies.get(label))
        answer = service.send(case, caller(operation.label))
        case.validate_response(answer, checks=CHECKS)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == PROBLEM_TYPE
        answers.append(answer)

    step()
    return answers


LENGTHS = [
    pytest.param(3, id="short"),
    pytest.param(2, id="long", marks=[pytest.mark.slow, pytest.mark.hypothesis]),
]
"""By what the number of made-up requests is divided; the long walks belong to the search of `make fuzz`, too."""


@pytest.mark.parametrize("part", LENGTHS)
def test_no_request_that_a_document_leads_to_makes_a_service_fail(service: Service, part: int) -> None:
    for operation in service.operations:
        answers = walk(service, operation, [service.world.caller], service.world.examples, part)
        # A walk that only ever meets refusals has looked at nothing.
        statuses = Counter(answer.status_code for answer in answers)
        assert any(status < 300 for status in statuses), (operation.label, statuses)


@pytest.mark.parametrize("part", LENGTHS)
def test_no_request_without_a_good_token_is_granted_or_makes_a_service_fail(service: Service, part: int) -> None:
    callers = [lambda _, headers=headers: headers for headers in NOBODY]
    for operation in service.operations:
        for answer in walk(service, operation, callers, service.world.examples // 2, part):
            assert operation.label in OPEN or answer.status_code >= 400, (operation.label, answer.text)


def break_down(number: int) -> Response:
    return Response(b'{"type": "about:blank"}', 500 if number > 3 else 200, media_type="application/json")


def answer_as_text(number: int) -> Response:
    return PlainTextResponse(f"{number}")


def refuse_as_text(number: int) -> Response:
    raise HTTPException(404, "none of ours")


@pytest.mark.parametrize("endpoint", [break_down, answer_as_text, refuse_as_text])
def test_a_walk_sees_failures_and_answers_that_the_document_denies(endpoint: Callable[[int], Response]) -> None:
    async def make() -> World:
        app = FastAPI()
        app.get("/broken/{number}")(endpoint)
        return World(app, lambda _: {}, {})

    with closing(Service(make)) as service, pytest.raises((FailureGroup, Failure, AssertionError)):
        walk(service, service.operations[0], [service.world.caller], 25)
