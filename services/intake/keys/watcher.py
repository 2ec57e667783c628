"""Gives the vault the master keys of the keyring, and again when the keyring changes, while intake runs."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from services.intake.keys.keyring import Keyring, KeyringError, parse_keyring
from services.intake.keys.pace import PACE, Pace
from services.intake.keys.providers import unwrap_all
from services.intake.keys.replicas import Replicas
from services.intake.keys.rewrap import WrappedKeys
from services.intake.keys.settings import KeySettings
from services.intake.vault.cipher import Vault
from shared.files import WatchedFile
from shared.ids import new_id
from shared.problems import Unavailable

log = logging.getLogger(__name__)

SAMPLE = 400
PATIENCE = 15.0
"""Seconds for a provider to give all keys of a keyring. Meanwhile the keys in use stay, as long as the vault allows."""
PART = "master key"


class KeyringWatcher:
    """Loads the keyring, and again when its file changes. A keyring that cannot be used changes nothing.

    The vault seals only while the keyring is known to have every key that stored reports need, and to be no older than
    the last rotation. Readiness tells what is amiss.
    """

    def __init__(
        self,
        vault: Vault,
        settings: KeySettings,
        given: str,
        reports: WrappedKeys,
        replicas: Replicas,
        pace: Pace = PACE,
    ) -> None:
        """`given`: the keyring's text, for the time before its file can be read."""
        self.replica_id = new_id()
        self._vault = vault
        self._settings = settings
        self._given = given
        file = settings.master_key_file
        self._file = WatchedFile(file, str.strip, look=0.0) if file else None
        self._reports = reports
        self._replicas = replicas
        self._pace = pace
        self._say: Callable[[str, str | None], None] = lambda part, reason: None
        self._ring: Keyring | None = None
        self._loaded = asyncio.Event()
        self._text = ""
        self._complaint: str | None = None
        self._lack: str | None = None
        self._behind: str | None = None
        self._refused = ""
        self._next_tell = self._next_check = self._next_try = self._unwritten_until = 0.0

    def report_to(self, say: Callable[[str, str | None], None]) -> None:
        """Tell there what keeps intake from its work."""
        self._say = say
        say(PART, "not loaded yet")

    async def loaded(self) -> None:
        """Return when there is a master key to work with."""
        await self._loaded.wait()

    async def run(self) -> None:
        """Look, until cancelled."""
        # The file may have changed since the settings were read.
        text = await self._read() or self._given
        while True:
            # What is still due is done by the next look.
            try:
                await self._load(text)
                await self._tell_and_check()
            except Unavailable as error:
                log.warning("the keyring is not confirmed", extra={"reason": str(error)})
            await asyncio.sleep(self._pace.look)
            text = await self._read() or text

    async def leave(self) -> None:
        """Tell rotations that this replica has stopped."""
        await self._replicas.leave(self.replica_id)

    async def _read(self) -> str | None:
        if self._file is None:
            return None
        with suppress(Unavailable):
            text = await asyncio.to_thread(self._file.current)
        if self._file.fault:
            self._complain(f"its file cannot be read ({self._file.fault})")
            return None
        if text == self._text:
            self._complaint = None
        return text

    async def _load(self, text: str) -> None:
        if text == self._text:
            return
        # Asking again what every stored report needs would be slow.
        if text == self._refused and _time() < self._next_try:
            return
        try:
            ring = parse_keyring(text)
            if self._ring and ring != self._ring and ring.serial <= self._ring.serial:
                self._refused, self._next_try = text, _time() + self._pace.recheck
                await self._refuse_unfit(ring, self._ring)
        except (KeyringError, TimeoutError) as error:
            self._complain(str(error) or "its keys cannot be had in time")
            return
        try:
            async with asyncio.timeout(PATIENCE):
                keys = await unwrap_all(ring, self._settings)
        except (KeyringError, Unavailable, TimeoutError) as error:
            self._complain(str(error) or "its keys cannot be had in time")
            return
        # Asked before it is in use, so that a good keyring seals without a pause.
        lack = await self._find_lack(ring)
        if lack or self._ring is None:
            self._vault.withhold()
        current = keys.pop(ring.current.id)
        self._vault.adopt(current, list(keys.values()))
        self._text, self._ring, self._complaint = text, ring, None
        self._next_tell, self._lack = 0.0, lack
        self._next_check = _time() + (self._pace.recheck if lack else self._pace.check)
        self._loaded.set()
        log.info("the keyring is loaded", extra={"count": len(ring.keys), "event": ring.current.id})

    async def _refuse_unfit(self, ring: Keyring, used: Keyring) -> None:
        """Raise KeyringError for a keyring that is no newer than the one in use, unless it loses nothing."""
        known = {key.id for key in ring.keys}
        # A report that was sealed a moment ago may not be stored yet.
        if used.current.id not in known and _time() < self._unwritten_until:
            raise KeyringError("It is older than the keyring in use.")
        if behind := await self._find_newer(ring):
            raise KeyringError(f"It is older than the keyring in use, and {behind}.")
        async with asyncio.timeout(PATIENCE):
            needed = await self._reports.uses()
        if lacking := sorted(needed.keys() - known):
            raise KeyringError(
                f"It is older than the keyring in use, and {needed[lacking[0]]} reports need master key {lacking[0]}, "
                "which is not in it."
            )

    def _complain(self, reason: str) -> None:
        if self._ring is None:
            self._say(PART, reason)
        elif reason != self._complaint:
            log.warning("the keyring cannot be used; the one from before stays", extra={"reason": reason})
        self._complaint = reason

    async def _tell_and_check(self) -> None:
        ring, at = self._ring, _time()
        if ring is None:
            return
        if at >= self._next_check:
            before, self._lack = self._lack, await self._find_lack(ring)
            self._next_check = at + (self._pace.recheck if self._lack else self._pace.check)
            if before and not self._lack:
                self._next_tell = at
        told = at >= self._next_tell
        if told:
            await self._replicas.tell(self.replica_id, ring)
            # Asked after telling: a rotation that did not see this replica has named its newest key by now.
            self._behind = await self._find_newer(ring)
            self._next_tell = at + self._pace.tell
        reason = self._lack or self._behind
        if reason:
            self._vault.withhold()
        elif told:
            # Only together with telling, because a rotation waits for those replicas that tell.
            self._vault.confirm()
            self._unwritten_until = _time() + self._pace.settle
        if reason and self._complaint:
            reason = f"{reason}; and of its file as it is now: {self._complaint}"
        self._say(PART, reason)

    async def _find_lack(self, ring: Keyring) -> str | None:
        """The master keys that stored reports need and the keyring lacks, as a reason; None if there are none."""
        looked_at, needed = await self._reports.sample(SAMPLE)
        lacking = sorted(needed.keys() - {key.id for key in ring.keys})
        if not lacking:
            return None
        parts = [f"{needed[key_id]} need master key {key_id}" for key_id in lacking]
        return f"of {looked_at} reports looked at, {' and '.join(parts)}, which is not in the keyring"

    async def _find_newer(self, ring: Keyring) -> str | None:
        """What the last rotation has and the keyring lacks, as a reason; None if it lacks nothing."""
        newest = await self._replicas.newest()
        if newest is None:
            return None
        if newest.seals not in {key.id for key in ring.keys}:
            return f"the last rotation made master key {newest.seals} current, which is not in the keyring"
        if ring.current.id in newest.retired:
            return f"a rotation retired master key {ring.current.id}, which is current in the keyring"
        return None


def _time() -> float:
    return asyncio.get_running_loop().time()
