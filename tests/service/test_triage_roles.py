"""Deny by default: every route of triage, with every role, with wrong tokens and without any."""

import pytest
from fastapi.routing import APIRoute

from shared.access import Principal, Role
from tests.forms import token_from
from tests.triage_rig import ALICE, Rig, bearer, make_rig, token

READERS = {Role.RESPONDER, Role.COORDINATOR}
OPEN = {"/health/live", "/health/ready", "/metrics", "/asyncapi", "/openapi.json", "/desk/sign-in", "/desk/sign-out"}
PUBLIC_ASSETS = "/assets/{digest}/{name}"
READS = {"/v1/cases", "/v1/cases/{case_id}", "/desk", "/desk/cases/{code_name}"}
CONTENT = "/v1/cases/{case_id}/content"
COMMANDS = {"/v1/cases/{case_id}/{command}", "/desk/cases/{code_name}/{command}"}


def routes_of(app) -> set[tuple[str, str]]:
    """Every (method, path), also of routers that the framework keeps as they are."""
    found: set[tuple[str, str]] = set()
    todo = list(app.routes)
    while todo:
        route = todo.pop()
        todo += getattr(getattr(route, "original_router", None), "routes", [])
        if isinstance(route, APIRoute):
            found |= {(method, route.path) for method in route.methods}
    return found


@pytest.fixture
async def rig():
    async with make_rig() as rig:
        yield rig


def person(role: Role) -> Principal:
    return Principal(f"{role.value}:12345678", role, ALICE.bodies)


async def call(rig: Rig, method: str, path: str, command: str, headers: dict[str, str]) -> int:
    case = await rig.open()
    address = path.format(case_id=case.id, code_name=case.code_name, command=command)
    sent: dict[str, object] = {"json": {}} if method == "POST" else {}
    if method == "POST" and path.startswith("/desk"):
        sent = {"data": {"version": str(case.seq), **await token_from(rig.http, "/desk/sign-in")}}
    headers = {**headers, "if-match": f'"{case.seq}"', "origin": "https://desk.example"}
    answer = await rig.http.request(method, address, headers=headers, **sent)
    assert rig.cases.stored[case.id].case.code_name == case.code_name
    if answer.status_code in (401, 403, 404):
        assert case.id not in answer.text
        assert rig.cases.stored[case.id].case == case
        assert not rig.vault.reads
    return answer.status_code


async def test_every_route_is_known_to_this_test(rig: Rig) -> None:
    known = OPEN | READS | {CONTENT, PUBLIC_ASSETS} | COMMANDS
    assert {path for _, path in routes_of(rig.app)} | {"/openapi.json"} == known


async def test_no_route_opens_without_a_token(rig: Rig) -> None:
    for method, path in routes_of(rig.app):
        if path not in OPEN | {PUBLIC_ASSETS}:
            assert await call(rig, method, path, "assign", {}) == 401, path


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_opens_only_what_it_may(rig: Rig, role: Role) -> None:
    for method, path in routes_of(rig.app):
        if path in OPEN | {PUBLIC_ASSETS}:
            continue
        commands = ("assign", "start", "ask", "decide", "close") if path in COMMANDS else ("",)
        for command in commands:
            status = await call(rig, method, path, command, bearer(person(role)))
            rig.vault.reads.clear()
            if path in READS:
                allowed = role in READERS
            elif path == CONTENT:
                allowed = role is Role.RESPONDER
            else:
                allowed = role is Role.RESPONDER or (role is Role.COORDINATOR and command == "assign")
            assert (status not in (401, 403, 404)) == allowed, (path, command, status)


WRONG = {
    "empty": lambda: "",
    "no token": lambda: "Bearer",
    "nonsense": lambda: "Bearer nonsense",
    "another scheme": lambda: f"Basic {token(ALICE)}",
    "for this service": lambda: f"Bearer {token(ALICE, audience='triage')}",
    "for another service": lambda: f"Bearer {token(ALICE, audience='intake')}",
    "expired": lambda: f"Bearer {token(ALICE, hours=-1)}",
    "another key": lambda: f"Bearer {token(ALICE, key=b'x' * 32)}",
    "another signature": lambda: f"Bearer {token(ALICE)[:-6]}AAAAAA",
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_token_opens_nothing(rig: Rig, wrong: str) -> None:
    for path in ("/v1/cases", "/desk"):
        answer = await rig.http.get(path, headers={"authorization": WRONG[wrong]()})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_coordinator_without_a_body_sees_no_case(rig: Rig) -> None:
    case = await rig.open()
    nobody = Principal("coordinator:12345678", Role.COORDINATOR)
    assert (await rig.http.get("/v1/cases", headers=bearer(nobody))).json() == {"items": [], "next": None}
    assert (await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(nobody))).status_code == 404
