"""Tests build hundreds of applications; what makes that cheap keeps none of them."""

import gc
import weakref

from fastapi import FastAPI


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
