"""The folder of a stack's data and logs. It is locked while its stack runs."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from infra.local.processes import StackError

FOLDER_PREFIX = "hearth-stack-"
LOCK_FILE = "lock"
LOGS_KEPT_SECONDS = 24 * 3600


@contextmanager
def locked_folder(kept: Path | None) -> Iterator[Path]:
    """The folder `kept`, or a new one in the temporary folder. Raises StackError while another stack uses it.

    The lock goes with the process, so what a killed stack left can be swept away.
    """
    if kept:
        folder = kept
        folder.mkdir(parents=True, exist_ok=True)
    else:
        sweep()
        folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getuid()}-"))
    with (folder / LOCK_FILE).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"Another stack is using {folder}.") from None
        yield folder


def sweep() -> None:
    """Throw away what killed stacks of this user left in the temporary folder, and logs older than a day."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}{os.getuid()}-*"):
        with suppress(OSError), (folder / LOCK_FILE).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            throw_away(folder, keep_logs=time.time() - folder.stat().st_mtime < LOGS_KEPT_SECONDS)


def throw_away(folder: Path, *, keep_logs: bool) -> None:
    """Remove a stack's folder, or all of it but the logs."""
    if not keep_logs:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in folder.iterdir():
        if path.is_dir() and path.name != "logs":
            shutil.rmtree(path, ignore_errors=True)
