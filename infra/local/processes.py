"""Child processes. They start on a leash, are watched until ready, and stop in order. Each writes to its own log
file.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LEASH = Path(__file__).with_name("leash.py")
LOG_LINES_SHOWN = 15
COMPLAINT = re.compile(
    r"""\b(ERROR|FATAL|CRITICAL)\b|(Error|Exception)\b|"s":"[EF]"|"level":"(error|critical)\"""", re.ASCII
)
"""A line worth showing when a process failed: our services, Python, Java and mongod (severity in `"s"`)."""


class StackError(Exception):
    """A part of the local stack did not do what it must. The text says which part, and where its log is."""


class Process:
    """One child process. `stop` asks it to end (SIGTERM), `kill` ends it as a crash would (SIGKILL)."""

    def __init__(self, name: str, popen: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self.address = ""
        """The address, such as "http://127.0.0.1:8001"; empty if it is not an HTTP server."""
        self.inside = ""
        """Where one of our services shows its metrics, and what it waits for."""
        self._popen = popen

    @property
    def pid(self) -> int:
        """The process id of the program itself; no wrapper stands between."""
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._popen.poll()

    def alive(self) -> bool:
        return self._popen.poll() is None

    def wait(self, seconds: float | None = None) -> int:
        """The exit status, once it has ended. Raises TimeoutError after the given seconds."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} still runs after {seconds} s") from None

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._popen.kill()
        self._popen.wait()

    def stop(self, seconds: float = 15) -> int:
        """SIGTERM; after the given seconds SIGKILL. Returns the exit status."""
        if self.alive():
            self._popen.terminate()
            try:
                return self._popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        return self._popen.wait()

    def wait_ready(self, is_ready: Callable[[], bool], seconds: float = 60) -> None:
        """Ask until it is ready. Raises StackError if it has ended, or is not ready in time."""
        give_up = time.monotonic() + seconds
        while not is_ready():
            if not self.alive():
                raise StackError(f"{self.name} ended with status {self.returncode}. {self._complaints()}")
            if time.monotonic() > give_up:
                raise StackError(f"{self.name} is not ready after {seconds:g} s. {self._complaints()}")
            time.sleep(0.03)

    def _complaints(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        complaints = [line for line in lines if COMPLAINT.search(line)] or lines
        return "\n  ".join([f"From {self.log}:", *complaints[-LOG_LINES_SHOWN:]])


class Children:
    """Starts processes, all from one thread, because the leash ends with the thread that started it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="children")
        self._started: list[Process] = []

    def start(
        self, name: str, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
    ) -> Process:
        """Start a command in a session of its own, so that Ctrl-C reaches only its parent."""
        return self._thread.submit(self._start, name, command, log, environment).result()

    def _start(
        self, name: str, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None
    ) -> Process:
        leashed = [sys.executable, "-I", "-S", LEASH, str(os.getpid()), *command]
        with log.open("ab") as output:
            popen = subprocess.Popen(
                leashed,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        process = Process(name, popen, log)
        self._started.append(process)
        return process

    def close(self, seconds: float = 15) -> None:
        """Stop what still runs, the last one started first. A second Ctrl-C kills the rest at once."""
        try:
            while self._started:
                self._started[-1].stop(seconds)
                self._started.pop()
        finally:
            for process in self._started:
                process.kill()
            self._started.clear()
            self._thread.shutdown()
