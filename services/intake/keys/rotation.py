"""Replacing the master key while intake runs: announce it, wait until every replica has it, make it current, re-wrap.

Each step stands in the keyring before the next one begins, so that a rotation that was killed can be gone on with. The
sealed data stays as it is; only the keys of reports are wrapped by the new master key.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from os import urandom
from pathlib import Path
from typing import Protocol, TypeVar

from services.intake.keys.keyring import (
    KEY_BYTES,
    Keyring,
    KeyringBusy,
    KeyringError,
    KeyState,
    locked,
    parse_keyring,
    write_keyring,
)
from services.intake.keys.pace import PACE, Pace
from services.intake.keys.providers import KEY_PROVIDERS, unwrap_all
from services.intake.keys.replicas import Replica, Replicas
from services.intake.keys.rewrap import WrappedKeys
from services.intake.keys.settings import KeySettings
from services.intake.vault.cipher import Vault, key_id_of
from shared.ids import new_id
from shared.problems import Unavailable
from shared.times import now

T = TypeVar("T")

ROUNDS = 50
"""Passes without any progress after which a rotation gives up."""


class Halted(Exception):
    """The rotation cannot go on; the message is a sentence that says why. Its finished steps stay."""


class Showing(Protocol):
    """Where a rotation shows its progress."""

    def step(self, text: str) -> None: ...

    def begin(self, total: int) -> None: ...

    def advance(self, count: int) -> None: ...


@dataclass(slots=True)
class Outcome:
    """What a rotation did. `damaged`: places with a key that no master key unwraps. `dropped`, `needed`: versions."""

    ring: Keyring
    resumed: bool = False
    reports: int = 0
    damaged: list[str] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    needed: dict[int, int] = field(default_factory=dict)


class Rotation:
    """Changes the keyring in `path`, which running intakes read too, and re-wraps the keys of all reports."""

    def __init__(
        self,
        path: Path,
        settings: KeySettings,
        reports: WrappedKeys,
        replicas: Replicas,
        showing: Showing,
        *,
        patience: float = 90.0,
        pace: Pace = PACE,
    ) -> None:
        """`patience`: seconds that running intakes have for each step."""
        self._path = path
        self._settings = settings
        self._reports = reports
        self._replicas = replicas
        self._showing = showing
        self._patience = patience
        self._pace = pace
        self._vault = Vault()
        self._settled_at = 0.0
        self._reached = False

    async def rotate(self, source: str | None = None, *, drop: bool = False) -> Outcome:
        """Make a new version by this source (None: that of the current one), or finish a rotation that was cut short.

        Raises Halted.
        """
        async with self._alone():
            outcome = Outcome(await self._open())
            outcome.resumed = outcome.ring.coming is not None or bool(outcome.ring.retiring)
            if not outcome.resumed:
                outcome.ring = await self._announce(outcome.ring, source or outcome.ring.current.source)
            if coming := outcome.ring.coming:
                await self._name(outcome.ring)
                await self._wait_for(f"have loaded version {coming.version}", lambda r: coming.id in r.opens)
                outcome.ring = self._write(outcome.ring.promote(now()))
            await self._finish(outcome)
            if drop:
                await self._drop(outcome)
        return outcome

    async def drop(self) -> Outcome:
        """Remove every retired version that no report needs. Raises Halted."""
        async with self._alone():
            outcome = Outcome(await self._open())
            if outcome.ring.coming or outcome.ring.retiring:
                raise Halted("A rotation was not finished: run `hearth secrets rotate` first.")
            await self._finish(outcome)
            await self._drop(outcome)
        return outcome

    async def _open(self) -> Keyring:
        """The keyring in the file, which must open everything stored. Raises Halted when it does not."""
        ring = self._read()
        await self._adopt(ring)
        known = {key.id for key in ring.keys}
        if lacking := {i: count for i, count in (await self._surely(self._reports.uses)).items() if i not in known}:
            parts = " and ".join(f"{count} reports need master key {i}" for i, count in sorted(lacking.items()))
            raise Halted(f"This is not the keyring of what is stored: {parts}, which is not in it.")
        return ring

    async def _announce(self, ring: Keyring, source: str) -> Keyring:
        if source not in KEY_PROVIDERS:
            raise Halted(f"There is no source {source}; there are: {', '.join(KEY_PROVIDERS)}.")
        key = urandom(KEY_BYTES)
        try:
            kept = await KEY_PROVIDERS[source](self._settings).wrap(key)
            # A key that cannot be unwrapped later must never wrap anything.
            if await KEY_PROVIDERS[source](self._settings).unwrap(key_id_of(key), kept) != key:
                raise KeyringError("What was wrapped is not what is unwrapped.")
        except (Unavailable, KeyringError) as error:
            raise Halted(f"No new master key can be kept: {_sentence(error)}") from None
        return self._write(ring.announce(key_id_of(key), source, kept, now()))

    async def _finish(self, outcome: Outcome) -> None:
        """Re-wrap every key that is not under the current version, then retire the versions before it."""
        current = outcome.ring.current
        await self._adopt(outcome.ring)
        await self._name(outcome.ring)
        await self._wait_for(f"seal with version {current.version}", lambda r: r.seals == current.id)
        self._settled_at = asyncio.get_running_loop().time() + self._pace.settle
        await self._rewrap(outcome)
        if outcome.ring.retiring:
            outcome.ring = self._write(outcome.ring.retire(now()))

    async def _rewrap(self, outcome: Outcome) -> None:
        key_id = outcome.ring.current.id
        self._showing.step("re-wrapping")
        left = await self._surely(lambda: self._reports.count_without(key_id))
        self._showing.begin(left)
        stuck = 0
        while left:
            found = await self._surely(lambda: self._reports.rewrap(self._vault, key_id, self._showing.advance))
            outcome.reports += found.reports
            outcome.damaged = sorted(found.damaged)
            before, left = left, await self._surely(lambda: self._reports.count_without(key_id))
            if left <= len({place.partition("/")[0] for place in found.damaged}):
                return
            stuck = 0 if left < before else stuck + 1
            if stuck > ROUNDS:
                raise Halted(f"{left} reports cannot be re-wrapped; nothing is lost, and the old version stays.")
            # A report that changed just now is left alone for a moment.
            await asyncio.sleep(0.1 if stuck else 0)

    async def _drop(self, outcome: Outcome) -> None:
        current = outcome.ring.current
        await self._name(outcome.ring)
        # A replica that started with an older copy, before the name was kept, may have sealed since.
        if await self._wait_for(f"seal with version {current.version}", lambda r: r.seals == current.id):
            self._settled_at = asyncio.get_running_loop().time() + self._pace.settle
        while (rest := self._settled_at - asyncio.get_running_loop().time()) > 0:
            self._showing.step(f"waiting {rest:.0f} s for writes under way")
            await asyncio.sleep(min(1.0, rest))
        # A report that was sealed just before the new version was current may have been written since.
        await self._rewrap(outcome)
        uses = await self._surely(self._reports.uses)
        retired = [key for key in outcome.ring.keys if key.state is KeyState.RETIRED]
        outcome.needed = {key.version: uses[key.id] for key in retired if key.id in uses}
        outcome.dropped = [key.version for key in retired if key.id not in uses]
        if outcome.dropped:
            outcome.ring = self._write(outcome.ring.drop(set(outcome.dropped)))

    async def _name(self, ring: Keyring) -> None:
        await self._surely(lambda: self._replicas.name_newest(ring))

    async def _wait_for(self, what: str, has: Callable[[Replica], bool]) -> bool:
        """Wait until all running intakes have done it; returns whether any had not. Raises Halted after `patience`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience
        waited = False
        while True:
            running = await self._surely(self._replicas.running)
            late = [replica for replica in running if not has(replica)]
            if not late:
                return waited
            waited = True
            self._showing.step(f"{len(running) - len(late)} of {len(running)} running intakes {what}")
            if loop.time() >= until:
                raise Halted(
                    f"{len(late)} of {len(running)} running intakes do not {what}. Do they read {self._path}? "
                    "Their logs and /health/ready say what keeps them. Run it again to go on."
                )
            await asyncio.sleep(self._pace.ask)

    def _read(self) -> Keyring:
        try:
            return parse_keyring(self._path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise Halted(f"{self._path} cannot be read ({type(error).__name__}).") from None
        except KeyringError as error:
            raise Halted(f"{self._path} is no keyring. {error}") from None

    def _write(self, ring: Keyring) -> Keyring:
        try:
            write_keyring(self._path, ring)
        except OSError as error:
            raise Halted(f"{self._path} cannot be written: {error.strerror}.") from None
        return ring

    async def _adopt(self, ring: Keyring) -> None:
        try:
            keys = await unwrap_all(ring, self._settings)
        except (Unavailable, KeyringError) as error:
            raise Halted(f"The master key cannot be had: {_sentence(error)}") from None
        self._vault.adopt(keys.pop(ring.current.id), list(keys.values()))

    async def _surely(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer of MongoDB. After a first answer, an outage is waited for; before one, it raises Halted."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._pace.outage
        while True:
            try:
                answer = await ask()
                self._reached = True
                return answer
            except Unavailable as error:
                if not self._reached:
                    raise Halted("MongoDB does not answer there. Nothing was done.") from None
                self._showing.step(f"MongoDB is away ({str(error).removeprefix('mongodb: ')})")
                if loop.time() > until:
                    raise Halted("MongoDB does not answer. Run it again to go on.") from None
                await asyncio.sleep(self._pace.ask)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Keep every other rotation away: from this keyring on this machine, and from the reports on any."""
        owner = new_id()
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(self._path))
            except KeyringBusy:
                raise Halted("Another rotation of this keyring is under way.") from None
            except OSError as error:
                raise Halted(f"{self._path} cannot be written: {error.strerror}.") from None
            await self._lease(owner)
            try:
                async with asyncio.TaskGroup() as group:
                    renewing = group.create_task(self._renew(owner))
                    yield
                    renewing.cancel()
            except ExceptionGroup as errors:
                # When both end together, the first error is the cause.
                raise errors.exceptions[0] from None
            finally:
                with suppress(Unavailable):
                    await self._replicas.release(owner)

    async def _lease(self, owner: str) -> None:
        loop = asyncio.get_running_loop()
        # A rotation that was killed has its lease for a while longer.
        until = loop.time() + self._pace.lease + 5
        while not await self._surely(lambda: self._replicas.lease(owner, self._pace.lease)):
            self._showing.step("another rotation is under way, or has just been ended")
            if loop.time() > until:
                raise Halted("Another rotation is under way on another machine.")
            await asyncio.sleep(self._pace.ask)

    async def _renew(self, owner: str) -> None:
        while True:
            await asyncio.sleep(self._pace.lease / 4)
            with suppress(Unavailable):
                if not await self._replicas.lease(owner, self._pace.lease):
                    raise Halted("Another rotation took over, because this one did not move for too long.")


def _sentence(error: Exception) -> str:
    text = str(error)
    return text if text.endswith(".") else f"{text}."
