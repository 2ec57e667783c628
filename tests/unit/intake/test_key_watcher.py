"""A watcher of the keyring that cannot confirm it says so."""

import asyncio
from typing import cast

import pytest
from pymongo.errors import OperationFailure

from services.intake.keys.keyring import keep
from services.intake.keys.pace import Pace
from services.intake.keys.replicas import Replicas
from services.intake.keys.rewrap import WrappedKeys
from services.intake.keys.settings import KeySettings
from services.intake.keys.watcher import KeyringWatcher
from services.intake.vault.cipher import Vault
from shared.mongo import reaching


class NothingStored:
    async def sample(self, _: int) -> tuple[int, dict[str, int]]:
        return 0, {}


class Full:
    """The collection of replicas on a disk that is full."""

    async def tell(self, *_: object) -> None:
        with reaching():
            raise OperationFailure("the disk is full", 14031)


async def test_a_keyring_that_cannot_be_confirmed_is_told_with_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    reports, replicas = cast(WrappedKeys, NothingStored()), cast(Replicas, Full())
    watcher = KeyringWatcher(Vault(), KeySettings(), keep(b"k" * 32), reports, replicas, Pace(look=0.01))
    running = asyncio.create_task(watcher.run())
    await watcher.loaded()
    await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait([running])
    warned = {getattr(line, "reason", None) for line in caplog.records if line.levelname == "WARNING"}
    assert warned == {"mongodb: OperationFailure 14031"}
