"""The roster of an application whose lifecycle does not run, kept fresh as the lifecycle would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from shared.access.roster import Roster
from shared.web.gate import GatedRoute


@asynccontextmanager
async def fresh_roster(app: FastAPI) -> AsyncIterator[None]:
    """Meanwhile the application may take longer than the minute after which nobody is let in by an old roster."""
    watching = [asyncio.create_task(roster.watch()) for roster in _rosters_of(app)]
    try:
        yield
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)


async def refresh_rosters(app: FastAPI) -> None:
    """Have the application look at once at what has changed of the roster."""
    for roster in _rosters_of(app):
        await roster.refresh()


def _rosters_of(app: FastAPI) -> list[Roster]:
    gates = {route.behind for route in getattr(app, "routes", ()) if isinstance(route, GatedRoute)}
    return [gate.roster for gate in gates if gate.roster]
