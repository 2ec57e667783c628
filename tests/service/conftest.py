"""tests/support/page_rules.py judges every page that a test of the services has made, also those nobody looks at."""

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.responses import HTMLResponse

from shared.web.pages import Pages
from tests.support.page_rules import faults_of

PROVIDERS = frozenset({"id.example"})
"""Where people sign in, in these tests: the pages for people who are signed in lead to it, and load nothing from it."""


@pytest.fixture(autouse=True)
def judged_pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The pages made so far in this test."""
    made: list[str] = []
    render = Pages.render

    def render_and_keep(*given: Any, **named: Any) -> HTMLResponse:
        response = render(*given, **named)
        body = bytes(response.body)
        packed = response.headers.get("content-encoding") == "gzip"
        made.append((gzip.decompress(body) if packed else body).decode())
        return response

    monkeypatch.setattr(Pages, "render", render_and_keep)
    yield made
    assert [fault for page in made for fault in faults_of(page, PROVIDERS)] == []
