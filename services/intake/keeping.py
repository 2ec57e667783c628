"""Keeping the vault's master keys as the keyring says, while intake runs."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from services.intake.keys import unwrap_all
from services.intake.readers import Readers
from services.intake.rewrap import ReportKeys
from services.intake.settings import KeySettings
from services.intake.vault import Vault
from shared.ids import new_id
from shared.keyring import Keyring, KeyringError, parse_keyring
from shared.mongo import TRANSIENT
from shared.problems import Unavailable

log = logging.getLogger(__name__)

LOOK = 2.0
"""Seconds between two looks at the keyring's file; a rotation waits until everybody has looked."""
TELL = 5.0
CHECK = 300.0
"""Seconds between two looks at which master keys stored reports need; sooner when the keyring has changed."""
RECHECK = 15.0
SAMPLE = 400
PATIENCE = 15.0
"""Seconds for all keys of a keyring; what is in use stays in use meanwhile, but for no longer than the vault allows."""
PART = "master key"


class KeyKeeper:
    """Loads the keyring, and again when its file changes; what cannot be used changes nothing.

    Until the first one is loaded, and while stored reports need a master key that is not in it, readiness says why.
    """

    def __init__(self, vault: Vault, settings: KeySettings, given: str, reports: ReportKeys, readers: Readers) -> None:
        """`given`: the keyring's text, where no file of it can be read."""
        self.reader_id = new_id()
        self._vault = vault
        self._settings = settings
        self._given = given
        self._reports = reports
        self._readers = readers
        self._say: Callable[[str, str | None], None] = lambda part, reason: None
        self._ring: Keyring | None = None
        self._loaded = asyncio.Event()
        self._text = ""
        self._complaint: str | None = None
        self._next_tell = self._next_check = 0.0

    def report_to(self, say: Callable[[str, str | None], None]) -> None:
        """Say there what stands between intake and its work."""
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
            await self._load(text)
            if self._ring:
                self._vault.confirm()
            # While the server is away the lifecycle says so, and what was to be done is still due.
            with suppress(*TRANSIENT):
                await self._tell_and_check()
            if self._ring:
                self._vault.confirm()
            await asyncio.sleep(LOOK)
            text = await self._read() or text

    async def leave(self) -> None:
        """Let rotations know that this reader has stopped."""
        await self._readers.leave(self.reader_id)

    async def _read(self) -> str | None:
        file = self._settings.master_key_file
        if file is None:
            return None
        try:
            return await asyncio.to_thread(_text_of, file)
        except (OSError, UnicodeDecodeError) as error:
            self._complain(f"its file cannot be read ({type(error).__name__})")
            return None

    async def _load(self, text: str) -> None:
        if text == self._text:
            return
        try:
            ring = parse_keyring(text)
            if self._ring and ring != self._ring and ring.serial <= self._ring.serial:
                raise KeyringError("It is older than the keyring in use.")
            async with asyncio.timeout(PATIENCE):
                keys = await unwrap_all(ring, self._settings)
        except (KeyringError, Unavailable, TimeoutError) as error:
            self._complain(str(error) or "its keys cannot be had in time")
            return
        current = keys.pop(ring.current.id)
        self._vault.adopt(current, list(keys.values()))
        self._text, self._ring, self._complaint = text, ring, None
        self._next_tell = self._next_check = 0.0
        self._loaded.set()
        log.info("the keyring is loaded", extra={"count": len(ring.keys), "event": ring.current.id})

    def _complain(self, reason: str) -> None:
        if self._ring is None:
            self._say(PART, reason)
        elif reason != self._complaint:
            log.warning("the keyring cannot be used; the one from before stays", extra={"reason": reason})
        self._complaint = reason

    async def _tell_and_check(self) -> None:
        if self._ring is None:
            return
        at = asyncio.get_running_loop().time()
        if at >= self._next_tell:
            await self._readers.tell(self.reader_id, self._ring)
            self._next_tell = at + TELL
        if at >= self._next_check:
            lack = await self._find_lack(self._ring)
            self._say(PART, lack)
            self._next_check = at + (RECHECK if lack else CHECK)

    async def _find_lack(self, ring: Keyring) -> str | None:
        """What stored reports need and the keyring has not, as a reason."""
        looked_at, needed = await self._reports.sample(SAMPLE)
        lacking = sorted(needed.keys() - {key.id for key in ring.keys})
        if not lacking:
            return None
        parts = [f"{needed[key_id]} need master key {key_id}" for key_id in lacking]
        return f"of {looked_at} reports looked at, {' and '.join(parts)}, which is not in the keyring"


def _text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip()
