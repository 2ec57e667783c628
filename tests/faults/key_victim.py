"""A rotation of the master key that kills itself (SIGKILL) at a chosen point, or tells how many of them it passed.

Points: `sync N` (at the Nth time that something of the keyring goes to the disk), `read N` (a batch of reports is read,
nothing of it is written), `written N` (a batch is written). Each file is looked at again by replicas all the while.
"""

import asyncio
import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

from services.intake.keys import keyring, rewrap
from services.intake.keys.pace import Pace
from shared.mongo import connect
from tests.support.key_world import KeyWorld

QUICK = Pace(look=0.02, tell=0.1, lease=1)
passed: Counter[str] = Counter()
doomed = ("", 0)


def reach(point: str) -> None:
    """Be at a point; perhaps for the last time."""
    passed[point] += 1
    if (point, passed[point]) == doomed:
        os.kill(os.getpid(), signal.SIGKILL)


def set_traps() -> None:
    """Have every point reached on the way."""
    fsync, rewrapped, read = os.fsync, rewrap.WrappedKeys.rewrap, rewrap.WrappedKeys._read

    class Keyrings:
        """The part of `os` that the keyring uses."""

        @staticmethod
        def fsync(number: int) -> None:
            fsync(number)
            reach("sync")

    async def counted(self: Any, key_id: str, after: str) -> Any:
        batch = await read(self, key_id, after)
        if batch:
            reach("read")
        return batch

    async def told(self: Any, vault: Any, key_id: str, tell: Any) -> Any:
        def both(done: int) -> None:
            tell(done)
            reach("written")

        return await rewrapped(self, vault, key_id, both)

    keyring.os = Keyrings  # type: ignore[attr-defined]
    rewrap.WrappedKeys._read = counted  # type: ignore[method-assign]
    rewrap.WrappedKeys.rewrap = told  # type: ignore[method-assign]


async def work(mongo: str, database: str, file: str) -> None:
    client = connect(mongo, service="victim")
    await KeyWorld(client[database], Path(file), pace=QUICK, at_once=5).rotation(settle=0.1).rotate(drop=True)
    client.close()


def run(point: str, number: int, mongo: str, database: str, file: str) -> None:
    """In a process of its own. Whoever gets to the end writes how often each point was passed beside the keyring."""
    global doomed
    doomed = (point, number)
    set_traps()
    asyncio.run(work(mongo, database, file))
    Path(f"{file}.passed").write_text(json.dumps(passed))
