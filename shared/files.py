"""Files that are read again when they have changed, such as those of keys.

They are written in place, because a container sees one file and not its folder.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from shared.problems import Unavailable

log = logging.getLogger(__name__)

LOOK = 5.0
"""Seconds for which a file is taken to be as it was."""
LARGEST = 1024 * 1024
SETTLED = 1.0
"""Seconds after which a file that changes again also gets another time of change, on every file system."""

T = TypeVar("T")


class WatchedFile(Generic[T]):
    """What a file holds. A file that cannot be used any more changes nothing."""

    def __init__(
        self, path: Path, read: Callable[[str], T], *, look: float = LOOK, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`read` makes of the text what is held; it raises ValueError for a text that cannot be used."""
        self.fault: str | None = None
        """Why the file as it is now cannot be used."""
        self._path = path
        self._read = read
        self._look = look
        self._clock = clock
        self._mark: tuple[int, ...] | None = None
        self._text: str | None = None
        self._held: T | None = None
        # At once, because the settings have just found it whole.
        self._look_again()
        self._next_look = clock() + look

    def current(self) -> T:
        """What it holds, at most `look` seconds old. Raises Unavailable while it could never be read."""
        if self._clock() >= self._next_look:
            self._next_look = self._clock() + self._look
            self._look_again()
        if self._held is None:
            raise Unavailable(f"{self._path.name} cannot be used")
        return self._held

    def _look_again(self) -> None:
        try:
            found = self._path.stat()
            mark = (found.st_mtime_ns, found.st_size, found.st_ino)
            if mark != self._mark:
                text = read_text(self._path)
                if text != self._text:
                    self._held, self._text = self._read(text), text
        except (OSError, ValueError) as error:
            # Half-written, most likely: the next look finds it whole. The mark stays, so that there is a next look.
            if self.fault is None:
                reason = f"{self._path.name}: {type(error).__name__}"
                log.error("a watched file cannot be used", extra={"reason": reason})
            self.fault = type(error).__name__
            return
        self._mark = mark if time.time() - found.st_mtime > SETTLED else None
        self.fault = None


def read_text(path: Path) -> str:
    """The text of a file. Raises OSError or ValueError."""
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError("is too large")
    return data.decode("utf-8")
