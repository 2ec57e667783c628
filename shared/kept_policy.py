"""The last policy folder that worked, kept in a service's database: a mistake in the files stops no service.

A service keeps a copy of its folder once it has started with it. Where the files have a mistake at a later start, the
service goes on with the copy, and says so. Without a copy it does not start: no other policy is the operator's.
"""

import asyncio
import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared import metrics
from shared.mongo import Client, connect, reaching
from shared.policy import Finding, PolicyError, load_policy
from shared.problems import Unavailable
from shared.settings import Settings

log = logging.getLogger(__name__)

MOST_CHARACTERS = 4_000_000
"""The size of a folder that is kept; a document of MongoDB holds four times as many bytes."""
_PATTERNS = ("*.toml", "baseline/*.toml", "baseline/i18n/*.json")
_ID = "last_good"
_RETRY = 5.0


def texts_in(folder: Path) -> dict[str, str]:
    """The files of a policy folder, by their path in it. Raises OSError or ValueError for what cannot be read."""
    files = (file for pattern in _PATTERNS for file in sorted(folder.glob(pattern)))
    return {file.relative_to(folder).as_posix(): file.read_text(encoding="utf-8") for file in files}


@dataclass(slots=True)
class PolicyState:
    """How the files of the operator, and the cases that are open, stand to the policy in force.

    `findings`: the mistakes for which the files are not in force; `waiting`: the version that waits for the next start.
    `lost`: by handling body that the policy does not have, how many open cases lie there. `aside`: how many cases
    cannot be judged, and so were set aside.
    """

    findings: Sequence[Finding] = ()
    waiting: str | None = None
    lost: Mapping[str, int] = field(default_factory=dict)
    aside: int = 0

    @property
    def notice(self) -> str | None:
        """What an operator has to know of it, without a word of the files; None where all is in order."""
        lost = sorted(self.lost.items())
        said = [f"the policy has no body {body}, where open cases lie ({number})" for body, number in lost]
        if self.aside:
            said.append(f"cases cannot be judged and are set aside ({self.aside}): the log of the service names them")
        if self.findings:
            said.append(f"the files have mistakes ({len(self.findings)}), and the policy before is in force")
        elif self.waiting:
            said.append(f"version {self.waiting} waits for the next start")
        return "; ".join(said) or None

    def lose(self, lost: Mapping[str, int]) -> None:
        """These bodies, which the policy does not have, have so many open cases."""
        self.lost = lost
        metrics.CASES_OF_NO_BODY.set(sum(lost.values()))

    def set_aside(self, count: int) -> None:
        """So many cases cannot be judged."""
        self.aside = count
        metrics.CASES_SET_ASIDE.set(count)

    def refuse(self, error: PolicyError) -> None:
        """The files have mistakes."""
        self.findings, self.waiting = error.findings, None
        metrics.POLICY_REFUSED.set(len(error.findings))
        reason = f"{error.findings[0]} ({len(error.findings)} in all: see `hearth policy check`)"
        log.error("the policy files have mistakes, and the policy before stays in force", extra={"reason": reason})

    async def watch(self, folder: Path, version: str, every: float = 30.0) -> None:
        """Look at the files from time to time: whether they were changed, and could be used. `version`: in force."""
        seen = _mark(folder)
        while True:
            await asyncio.sleep(every)
            if (mark := _mark(folder)) != seen:
                await self.look(folder, version)
                seen = mark

    async def look(self, folder: Path, version: str) -> None:
        """Read the files as they are now."""
        try:
            found = await asyncio.to_thread(load_policy, folder)
        except PolicyError as error:
            self.refuse(error)
            return
        self.findings, self.waiting = (), found.version if found.version != version else None
        metrics.POLICY_REFUSED.set(0)
        if self.waiting:
            log.info("a changed policy waits for the next start", extra={"event": "policy", "reason": self.waiting})


def _mark(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """What changes with the files of a folder: their names, sizes and times."""
    try:
        found = [(file.name, file.stat()) for pattern in _PATTERNS for file in sorted(folder.glob(pattern))]
    except OSError:
        return ()
    return tuple((name, state.st_mtime_ns, state.st_size) for name, state in found)


class KeptPolicy:
    """The copy that one service keeps."""

    def __init__(self, service: str, settings: Settings) -> None:
        self._service = service
        self._settings = settings

    async def keep(self, texts: Mapping[str, str]) -> None:
        """Keep these files; while MongoDB is away, try again."""
        if sum(map(len, texts.values())) > MOST_CHARACTERS:
            log.warning("the policy folder is too large to be kept", extra={"event": "policy"})
            return
        # A name of a field cannot hold a dot everywhere, so the files are pairs.
        document = {"files": [[name, text] for name, text in sorted(texts.items())]}
        while True:
            try:
                await self._write(document)
            except Unavailable:
                await asyncio.sleep(_RETRY)
            else:
                return

    async def find(self) -> dict[str, str] | None:
        """The files that were kept, or None. Raises Unavailable while MongoDB is away."""
        client = self._connect()
        try:
            with reaching():
                found = await client[self._database]["policy"].find_one({"_id": _ID})
        finally:
            client.close()
        return dict(found["files"]) if found else None

    async def _write(self, document: Mapping[str, object]) -> None:
        client = self._connect()
        try:
            with reaching():
                await client[self._database]["policy"].replace_one({"_id": _ID}, document, upsert=True)
        finally:
            client.close()

    def _connect(self) -> Client:
        access = self._settings.mongo_access(self._service)
        return connect(self._settings.mongo, service=self._service, access=access)

    @property
    def _database(self) -> str:
        return f"{self._settings.database_prefix}{self._service}"


async def keep_folder(service: str, settings: Settings, folder: Path) -> None:
    """Keep the files of a folder. One that this service does not use may be unreadable, and stops nothing."""
    try:
        texts = texts_in(folder)
    except (OSError, ValueError) as error:
        reason = type(error).__name__
        log.warning(
            "the policy folder cannot be read whole and is not kept", extra={"event": "policy", "reason": reason}
        )
        return
    await KeptPolicy(service, settings).keep(texts)


def fall_back(service: str, settings: Settings) -> Path | None:
    """A folder with the copy, where the service has one.

    None where there is no copy, or MongoDB does not answer.
    """
    try:
        texts = asyncio.run(KeptPolicy(service, settings).find())
    except Unavailable:
        return None
    if texts is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="hearth-policy-"))
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder
