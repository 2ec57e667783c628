"""A start of a Kafka client that is cancelled is let come to its end, for a while."""

import asyncio

import pytest

from shared.connections import connected


async def test_a_cancelled_start_comes_to_its_end_first() -> None:
    said: list[str] = []

    async def start() -> None:
        said.append("begun")
        await asyncio.sleep(0.02)
        said.append("ended")

    task = asyncio.create_task(connected(start()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert said == ["begun", "ended"]


async def test_a_start_that_hangs_is_cut_short_when_patience_ends() -> None:
    cut = asyncio.Event()

    async def start() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cut.set()

    task = asyncio.create_task(connected(start(), patience=0.01))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cut.is_set()


async def test_what_a_start_raises_comes_through() -> None:
    async def start() -> None:
        raise OSError("refused")

    with pytest.raises(OSError, match="refused"):
        await connected(start())
