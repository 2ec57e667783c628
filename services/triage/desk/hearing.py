"""How an open page of the desk hears of changes: server-sent events until its time is over, and it asks anew."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from time import monotonic

import orjson
from fastapi import Request
from fastapi.sse import format_sse_event

from services.triage.desk.live import TELL_EVERY, Live, OpenPage
from shared.problems import Problem, Unavailable

COME_BACK = 1_000
"""Milliseconds until a page asks anew, once its stream has ended."""
COME_BACK_LATER = 30_000
"""The same where so many pages are open that no further one is told anything."""

News = Callable[[], Awaitable[list[bytes]]]
"""What a page is told at first, and when it is woken. Raises Problem where its reader may hear no more."""


async def hear(request: Request, live: Live, page: OpenPage, news: News) -> AsyncIterator[bytes]:
    """The events of a page. What happens in its pause is told when that is over."""
    if live.is_full(page.person):
        yield format_sse_event(retry=COME_BACK_LATER)
        return
    until = monotonic() + live.life
    yield format_sse_event(retry=COME_BACK)
    # While the store is away the page asks anew.
    with suppress(Unavailable):
        async with live.open(page):
            while True:
                page.woken.clear()
                rested = monotonic() + page.pause
                try:
                    news_now = await news()
                except Problem:
                    yield told("gone", {})
                    return
                for one in news_now:
                    yield one
                while not page.woken.is_set() or monotonic() < rested:
                    left = until - monotonic()
                    if left <= 0 or await request.is_disconnected():
                        return
                    await _wait(page, rested - monotonic(), min(left, TELL_EVERY))


async def _wait(page: OpenPage, pause: float, most: float) -> None:
    """Wait for a pause of so many seconds, if there is one, and then until the page is woken; `most` seconds in all."""
    if pause > 0:
        await asyncio.sleep(min(pause, most))
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(most):
            await page.woken.wait()


def told(event: str, data: Mapping[str, str | int]) -> bytes:
    """An event by its name, with what a script needs of it."""
    return format_sse_event(event=event, data_str=orjson.dumps(dict(data)).decode())
