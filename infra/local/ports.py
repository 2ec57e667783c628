"""TCP ports on loopback: the wanted port, or the next free one, and the process that holds the wanted one."""

import fcntl
import os
import socket
import tempfile
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from secrets import choice
from typing import Self

LOOPBACK = "127.0.0.1"
PRIVATE = range(15_000, 32_000)
"""The range in which any port is looked for: below the usual `net.ipv4.ip_local_port_range`."""
LISTEN = "0A"
"""The state of a listening socket in /proc/net/tcp (proc(5))."""


def is_free(port: int) -> bool:
    """Whether a server could listen there now. Connections left in TIME_WAIT do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen()
        except OSError:
            return False
        return True


class Ports:
    """Ports that are ours until `close`.

    A server listens only seconds after its port was chosen. Until then a lock keeps the choice, and every stack of this
    user on this machine respects it.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.gettempdir()) / f"hearth-ports-{os.getuid()}"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._locks = ExitStack()

    def choose(self, wanted: int, purpose: str, announce: Callable[[str], None], usual: Collection[int] = ()) -> int:
        """The wanted port, or the next free one, announced with the process that holds the wanted one. 0 asks for any.

        `usual` are ports of other servers: one of them is taken only if it is wanted.
        """
        if not wanted:
            return self.any_free()
        if self._reserve(wanted):
            return wanted
        later = (port for port in range(wanted + 1, 65536) if port not in usual and self._reserve(port))
        port = next(later, 0) or self.any_free()
        announce(f"Port {wanted} ({purpose}) is taken by {holder(wanted)}; using {port} instead.")
        return port

    def any_free(self) -> int:
        """A free port below the range of outgoing connections, which could take it meanwhile."""
        # Random, so that runs at the same time seldom ask for the same port.
        return next(port for port in iter(lambda: choice(PRIVATE), None) if self._reserve(port))

    def close(self) -> None:
        """Let others have them."""
        self._locks.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _reserve(self, port: int) -> bool:
        with ExitStack() as attempt:
            lock = attempt.enter_context((self._folder / str(port)).open("a"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            if not is_free(port):
                return False
            self._locks.push(attempt.pop_all())
        return True


def is_open(port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


def holder(port: int, proc: Path = Path("/proc")) -> str:
    """Who listens on a port, as far as /proc tells: "java (pid 4711)"."""
    inodes = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listeners(proc / "net" / table, port)}
    if inodes:
        for process in proc.glob("[0-9]*"):
            try:
                if any(str(link.readlink()) in inodes for link in (process / "fd").iterdir()):
                    return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
            except OSError:  # it ended meanwhile, or belongs to another user
                continue
    return "another process"


def _listeners(table: Path, port: int) -> list[str]:
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return []
    return [row[9] for row in rows if row[3] == LISTEN and int(row[1].rpartition(":")[2], 16) == port]
