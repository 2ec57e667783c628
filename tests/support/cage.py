"""A memory cgroup for one process, as a container has it. Where nobody may make one, nothing is limited."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

V1 = Path("/sys/fs/cgroup/memory")
V2 = Path("/sys/fs/cgroup")


class Cage:
    """What starts inside `entered()` is killed by the kernel when it holds more than `limit` bytes."""

    def __init__(self, name: str, limit: int) -> None:
        self.limit = limit
        root, bound = (V1, "memory.limit_in_bytes") if V1.is_dir() else (V2, "memory.max")
        self._root = root
        self.folder: Path | None = root / f"hearth-{name}-{os.getpid()}"
        try:
            self.folder.mkdir()
            (self.folder / bound).write_text(str(limit))
            for swap in ("memory.memsw.limit_in_bytes", "memory.swap.max"):
                if (self.folder / swap).exists():
                    (self.folder / swap).write_text("0" if swap.endswith("max") else str(limit))
        except OSError:
            self.folder = None

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This process, and what it starts, is inside. What it held before still counts where it was."""
        if self.folder is None:
            yield
            return
        line = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if self._is_ours(line))
        home = self._root / line.rpartition(":")[2].lstrip("/")
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))
        try:
            yield
        finally:
            (home / "cgroup.procs").write_text(str(os.getpid()))

    def _is_ours(self, line: str) -> bool:
        return ":memory:" in line if self._root == V1 else line.startswith("0::")

    def killed(self) -> int:
        """How many processes the kernel has ended for their memory."""
        if self.folder is None:
            return 0
        text = (self.folder / ("memory.oom_control" if self._root == V1 else "memory.events")).read_text()
        return int(text.partition("oom_kill ")[2].split()[0])

    def close(self) -> None:
        """Remove it, once nothing runs inside."""
        if self.folder is not None:
            self.folder.rmdir()


def memory_of(pid: int, field: str = "VmRSS") -> int:
    """Bytes that a process holds: in all (VmRSS), or without the files that it has mapped (RssAnon)."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(text.partition(f"{field}:")[2].split()[0]) * 1024
