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

News = Callable[[OpenPage], Awaitable[list[bytes]]]
"""What a page is told when it is woken, or once in a while. Raises Problem where its reader may hear no more."""


async def hear(
    request: Request, live: Live, person: str, seen: Mapping[str, int], news: News, *, looks: bool = True
) -> AsyncIterator[bytes]:
    """The events of a page of this person (a reference), which shows these versions by case id.

    `looks`: it is the page of one case, and others there are told that the person looks at it.
    """
    if live.is_full(person):
        yield format_sse_event(retry=COME_BACK_LATER)
        return
    until = monotonic() + live.life
    yield format_sse_event(retry=COME_BACK)
    # While the store is away the page asks anew.
    with suppress(Unavailable):
        async with live.open(person, seen, looks=looks) as page:
            while True:
                page.woken.clear()
                try:
                    news_now = await news(page)
                except Problem:
                    yield told("gone", {})
                    return
                for one in news_now:
                    yield one
                left = until - monotonic()
                if left <= 0 or await request.is_disconnected():
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left, TELL_EVERY)):
                        await page.woken.wait()


def told(event: str, data: Mapping[str, str | int]) -> bytes:
    """An event by its name, with what a script needs of it."""
    return format_sse_event(event=event, data_str=orjson.dumps(dict(data)).decode())
