"""A route without an action, or behind no gate, keeps a service from starting, whatever kind of route it is."""

from collections.abc import Callable
from typing import cast

import pytest
from fastapi import APIRouter, FastAPI, Request, Response, WebSocket

from shared.lifecycle import Lifecycle
from shared.web.app import make_app
from shared.web.gate import Callers, Gate, Undeclared, does
from tests.support.notification_rig import Still
from tests.support.people import gate_of


async def answer(request: Request) -> Response:
    return Response("open to all")


async def speak(socket: WebSocket) -> None:
    await socket.accept()


def gated(gate: Gate) -> APIRouter:
    return gate.router(Callers.PROGRAMS)


def without_an_action(gate: Gate) -> APIRouter:
    router = gated(gate)
    router.get("/v1/open")(answer)
    return router


def with_an_unknown_action(gate: Gate) -> APIRouter:
    router = gated(gate)
    router.get("/v1/open", openapi_extra={"x-hearth-action": "case.steal"})(answer)
    return router


def behind_no_gate(gate: Gate) -> APIRouter:
    router = APIRouter()
    router.get("/v1/open", **does("case.read"))(answer)
    return router


def below_a_gated_one(gate: Gate) -> APIRouter:
    router = gated(gate)
    router.include_router(behind_no_gate(gate))
    return router


def of_the_framework_below(gate: Gate) -> APIRouter:
    router = gated(gate)
    router.add_route("/v1/open", answer)
    return router


def as_a_socket(gate: Gate) -> APIRouter:
    router = gated(gate)
    router.websocket("/v1/open")(speak)
    return router


def as_a_mounted_application(gate: Gate) -> APIRouter:
    router = gated(gate)
    router.mount("/v1/open", FastAPI())
    return router


WRONG = [
    without_an_action,
    with_an_unknown_action,
    behind_no_gate,
    below_a_gated_one,
    of_the_framework_below,
    as_a_socket,
    as_a_mounted_application,
]


@pytest.mark.parametrize("make", WRONG)
def test_a_service_does_not_start_with_a_route_that_nobody_guards(make: Callable[[Gate], APIRouter]) -> None:
    gate = gate_of()
    with pytest.raises(Undeclared):
        make_app("test", cast(Lifecycle, Still()), gate=gate, routers=[make(gate)], asyncapi=dict)


def test_an_action_that_is_not_in_the_table_cannot_be_declared() -> None:
    with pytest.raises(Undeclared):
        does("case.steal")
