"""Requests made up from each OpenAPI document: never a failure of ours, never an answer that the document denies."""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping, MutableMapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
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

from services.audit.record.leaf import Leaf, Place, write_seal
from services.audit.record.log import SEALS
from services.notification.store import DeliveryPlace
from shared.access.principal import Grant, Role
from shared.events import InformationRequested
from shared.web.openapi import PROBLEM_TYPE
from shared.web.paging import Cursors
from tests.support import audit_rig, intake_rig, notification_rig, triage_rig
from tests.support.audit_world import AuditWorld
from tests.support.baseline_world import CATALOGUE, CONTACTS, FIRST, WORDS
from tests.support.examples import up_to
from tests.support.people import COPIES, bearer, operator, person
from tests.support.scorecards import as_of, scorecard
from tests.support.service_keys import call_of

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
OPEN = {
    "POST /v1/reports", "GET /v1/policy", "POST /v1/follow-up", "POST /v1/follow-up/answers", "GET /v1/record/keys",
} | {
    f"GET /scorecard{end}"
    for end in (
        ".json", ".csv", "/{community}.json", "/{community}.csv", "/{community}.svg", "/{community}.wikitext",
        "/{community}.gemara.json", "/{community}/diff.json",
    )
}  # fmt: skip
"""What anybody may call."""
ADDRESS = "https://localhost"


@dataclass(frozen=True)
class World:
    """An application that is not started; a good caller's headers, by operation; what is in it, by field name; how
    many requests to make up for each operation; and what fields of one operation name apart from the others.

    `bodies`: a whole body of an operation whose document joins the bodies of several changes.
    """

    app: FastAPI
    caller: Callable[[str], Mapping[str, str]]
    known: Mapping[str, Sequence[Any]]
    examples: int = 25
    apart: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    bodies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


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
        return self._runner.run(self._http.request(str(made.method), str(made.url), headers=given, content=made.body))

    def close(self) -> None:
        """Let go of the client and its loop."""
        self._runner.run(self._http.aclose())
        self._runner.close()


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


PURPOSES = {
    "PUT": "correspond", "POST /v1/vault/pseudonyms": "sign_in", "POST /v1/vault/given-names": "enrol",
    "PUT /v1/vault/reports/{report_id}/named/{token}": "name",
}  # fmt: skip
"""What intake's callers say they call for; the rest is for review."""


async def make_intake() -> World:
    rig = intake_rig.Rig()
    sent = await rig.post(reporter={"email": "someone@example.org"})
    report_id = sent["report_id"]
    await rig.mailbox.keep_statement(report_id, "q-1", "question", "When?")
    asked = InformationRequested(previous="investigating", state="awaiting_information", question_id="q-1")
    await rig.mailbox.project([intake_rig.case_event(report_id, 1, asked)])
    chief = person("c1", Grant(Role.COORDINATOR))
    COPIES.enrol(chief)
    integrator = {"Authorization": f"Bearer {COPIES.token(grants=[Grant(Role.INTEGRATOR, sources=('wiki',))])}"}
    async with rig.http() as http:
        body = {"community": "enwiki", "narrative": "Words."}
        answer = await http.post("/v1/reports", json=body, headers={**integrator, "Idempotency-Key": "submission-1"})
    assert answer.status_code == 202
    known = {
        "report_id": [report_id], "statement_id": ["statement-1"], "question_id": ["q-1"], "text": ["Yes."],
        "receipt": [sent["receipt"]], "community": ["enwiki"], "category": ["harassment.insults"], "flags": [[]],
        "setting": ["online"], "occurred": [None], "privacy": ["named"], "purpose": ["review"],
        "narrative": ["Words."], "report_ids": [[report_id]], "reason": ["requested"],
        "person": ["person:5f2c81aa90b1c2d3"], "token": ["7" * 32],
        "kind": ["question"], "names": [["Some one"]], "ticket": [rig.keys._ticket(chief.ref)],
        **{name: [token] for name, token in rig.proof().items()},
        "source": ["wiki"], "id": ["submission-1"],
        "reads": [[{"report_id": report_id, "sections": ["content", "correspondence"]}]],
    }  # fmt: skip

    def caller(operation: str) -> Mapping[str, str]:
        if operation == "POST /v1/erasures":
            return bearer(operator())
        if operation == "GET /v1/submissions/{source}/{id}":
            return integrator
        return intake_rig.bearer(PURPOSES.get(operation) or PURPOSES.get(operation.partition(" ")[0], "review"))

    return World(rig.app, caller, known)


async def make_triage() -> World:
    async with triage_rig.make_rig() as rig:
        case = await rig.open()
        rig.entries.enrol(triage_rig.ALICE)
    # At the version of the case, which the known header names.
    rig.entries.documents[triage_rig.ALICE.ref]["seq"] = case.seq
    chief = person("c1", Grant(Role.COORDINATOR))
    known = {
        "person": [triage_rig.ALICE.ref, chief.ref],
        "change": ["sign_out", "grant", "revoke", "training", "agreement", "leave", "names", "name_away"],
        "responsibility_id": [CONTACTS], "statement": [WORDS], "community": ["enwiki"],
        "old": [FIRST.dated], "new": [CATALOGUE.dated],
        "access_token": [triage_rig.PROOF.access_token], "id_token": [triage_rig.PROOF.id_token],
        "role": ["responder", "operator"], "bodies": [["u4c"], ["none"]], "communities": [["enwiki"]],
        "expires_at": ["2999-01-01T00:00:00Z"], "until": [None], "module": ["A"],
        "case_id": [case.id],
        "command": ["assign", "start", "ask", "decide", "recuse", "confirm", "withdraw", "clear", "name", "close"],
        "If-Match": [f'"{number}"' for number in (case.seq, case.seq + 1, case.seq + 2)],
        "body": [["trust_safety"], []], "assignee": ["person:b0b0b0b0b0b0b0b0"],
    }  # fmt: skip

    def caller(operation: str) -> Mapping[str, str]:
        if operation == "POST /v1/sign-ins":
            return call_of("audit", "note_names", "triage")
        return triage_rig.bearer(chief if operation.split("/")[2] in ("roster", "baseline") else triage_rig.ALICE)

    said = {"change": ["annotate", "attest", "list_project"], "If-Match": ['"0"', '"1"', '"2"']}
    change = "POST /v1/baseline/{community}/{change}"
    body = {"responsibility_id": CONTACTS, "statement": WORDS}
    return World(rig.app, caller, known, examples=50, apart={change: said}, bodies={change: body})


async def make_notification() -> World:
    stored = [notification_rig.delivery(number) for number in range(5)]
    app = notification_rig.app_over(notification_rig.holding(*stored))
    return World(
        app,
        lambda _: notification_rig.bearer(),
        {
            "cursor": [
                Cursors(DeliveryPlace, notification_rig.KEY).write(DeliveryPlace(stored[2].planned_at, stored[2].id))
            ]
        },
    )


async def make_audit() -> World:
    world = AuditWorld()
    await world.fill()
    entry = write_seal("2026-11-24T09:00:00Z", f"{audit_rig.ORIGIN}/cases/0", "a\n300\nb\n")
    await world.add(SEALS, [Leaf(Place("audit.seals", 0, 0, 0), entry)])
    world.scorecards.cards += [scorecard(as_of=as_of(sealed)) for sealed in (1, 300)]
    await world.client.aclose()
    known = {
        "topic": ["cases"], "partition": ["0"], "path": ["0/000", "entries/000", "0/000.p/1", "entries/000.p/1"],
        "case_id": ["case-7"], "event_id": [audit_rig.event_of("case-7", 2).id], "log": ["cases/0"],
        "purpose": ["quarterly-review"], "from": ["1", "2026-11-24T09:00:00Z"], "to": ["300"],
        "community": ["enwiki", "swwiki"], "as_of": [120],
    }  # fmt: skip
    return World(world.app, lambda _: audit_rig.bearer(), known)


SERVICES = {"intake": make_intake, "triage": make_triage, "notification": make_notification, "audit": make_audit}


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    with closing(Service(SERVICES[request.param])) as service:
        yield service


def bounded(examples: int) -> settings:
    """At most so many requests, and no time spent on making a found one smaller."""
    return up_to(examples, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))


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
    if share == "only" and body is not None:
        case.body = dict(body)
    for place in (case.path_parameters, case.query, case.headers, case.body):
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
    service: Service, operation: APIOperation, callers: Sequence[Callable[[str], Mapping[str, str]]], examples: int
) -> list[httpx.Response]:
    """The answers to made-up requests; fails for the first that is a failure, or not as the document says."""
    answers = []

    @bounded(examples)
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
    pytest.param(1, id="long", marks=[pytest.mark.slow, pytest.mark.hypothesis]),
]
"""By what the number of made-up requests is divided; the long walks belong to the search of `make fuzz`, too."""


@pytest.mark.parametrize("part", LENGTHS)
def test_no_request_that_a_document_leads_to_makes_a_service_fail(service: Service, part: int) -> None:
    for operation in service.operations:
        answers = walk(service, operation, [service.world.caller], service.world.examples // part)
        # A walk that only ever meets refusals has looked at nothing.
        statuses = Counter(answer.status_code for answer in answers)
        assert any(status < 300 for status in statuses), (operation.label, statuses)


@pytest.mark.parametrize("part", LENGTHS)
def test_no_request_without_a_good_token_is_granted_or_makes_a_service_fail(service: Service, part: int) -> None:
    callers = [lambda _, headers=headers: headers for headers in NOBODY]
    for operation in service.operations:
        for answer in walk(service, operation, callers, service.world.examples // 2 // part):
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
