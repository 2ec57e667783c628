"""TCP ports on loopback: the wanted one, or the next free one, and who holds the wanted one."""

import socket
from collections.abc import Callable, Collection
from pathlib import Path

LOOPBACK = "127.0.0.1"
LISTEN = "0A"
"""The state of a listening socket in /proc/net/tcp (proc(5))."""


def is_free(port: int) -> bool:
    """Whether a server could listen there now; connections left in TIME_WAIT do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen()
        except OSError:
            return False
        return True


def any_free() -> int:
    """A port that the system says is free."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def choose(wanted: int, purpose: str, announce: Callable[[str], None], taken: Collection[int] = ()) -> int:
    """The wanted port, or the next free one, said aloud with who holds it; 0 asks for any. `taken` are given away."""
    if not wanted:
        port = any_free()
        while port in taken:
            port = any_free()
        return port
    if wanted not in taken and is_free(wanted):
        return wanted
    port = next((port for port in range(wanted + 1, 65536) if port not in taken and is_free(port)), 0) or any_free()
    if wanted not in taken:
        announce(f"Port {wanted} ({purpose}) is taken by {holder(wanted)}; using {port} instead.")
    return port


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
            except OSError:  # it ended meanwhile, or belongs to somebody else
                continue
    return "another process"


def _listeners(table: Path, port: int) -> list[str]:
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return []
    return [row[9] for row in rows if row[3] == LISTEN and int(row[1].rpartition(":")[2], 16) == port]
