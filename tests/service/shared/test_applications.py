"""Tests build hundreds of applications; what makes that cheap keeps none of them."""

import gc
import weakref
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from shared.web.bodies import takes


def application() -> FastAPI:
    """One with more routes than any service, which lead back to it."""
    app = FastAPI()
    for number in range(100):

        @app.get(f"/{number}")
        async def show() -> str:
            return app.title

    return app


def test_an_application_that_nobody_uses_is_let_go() -> None:
    first = weakref.ref(application())
    for _ in range(3):
        application()
    gc.collect()
    assert first() is None


def application_that_reads(kind: type) -> FastAPI:
    app = FastAPI(title=kind.__name__)

    @app.get("/{value}")
    async def show(value: kind) -> tuple[str, kind]:  # type: ignore[valid-type]
        return app.title, value

    return app


@pytest.mark.parametrize("kinds", [(int, str, int, int), (str, str, int, str)])
async def test_an_endpoint_of_each_application_reads_and_answers_as_its_own_application_says(
    kinds: tuple[type, ...],
) -> None:
    apps = [application_that_reads(kind) for kind in kinds]
    for kind, app in zip(kinds, apps, strict=True):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://localhost") as http:
            answer = await http.get("/7")
            assert answer.json() == [kind.__name__, kind(7)]
            told = {int: "integer", str: "string"}[kind]
            (asked,) = app.openapi()["paths"]["/{value}"]["get"]["parameters"]
            assert asked["schema"]["type"] == told


class Body(BaseModel):
    number: int


def test_what_a_document_changes_of_a_body_stays_as_it_was_in_others() -> None:
    def schema() -> Any:
        told: Any = takes(Body)
        return told["requestBody"]["content"]["application/json"]["schema"]

    schema()["properties"].clear()
    assert schema()["properties"].keys() == {"number"}
