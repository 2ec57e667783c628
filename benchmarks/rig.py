"""What the benchmarks share: child processes of bare programs and of the load generator, and counts of what arrived."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from infra.local import ports
from infra.local.system import System
from shared.access.principal import Role


@contextmanager
def bare_program(*arguments: str) -> Iterator[None]:
    """`python -m benchmarks.floor …` while the block runs."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.floor", *arguments])
    try:
        yield
    finally:
        process.terminate()
        process.wait(15)


@contextmanager
def bare_http(mongo: str, *kafka: str) -> Iterator[str]:
    """The bare HTTP program, with Kafka as the first stage of the bare pipeline; gives the URL to post to."""
    with ports.Ports() as free:
        port = free.any_free()
        with bare_program("http", mongo, str(port), *kafka):
            wait_until(lambda: ports.is_open(port), 15)
            yield f"http://127.0.0.1:{port}/v1/reports"


def load(url: str, **options: float | int) -> dict[str, Any]:
    """Run the load generator in a process of its own and return what it measured."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", url, *flags], check=True, capture_output=True, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def wait_until(condition: Callable[[], object], seconds: float, every: float = 0.1) -> float:
    """Wait until the condition holds. Returns the seconds that it took. Raises TimeoutError."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise TimeoutError("it did not come to pass in time")
        time.sleep(every)
    return time.monotonic() - began


class Counts:
    """What arrived where, as the services say."""

    def __init__(self, system: System) -> None:
        token = system.token(Role.AUDITOR)
        self._audit = httpx.Client(base_url=system.url("audit"), headers={"Authorization": f"Bearer {token}"})
        self._notification = httpx.Client(base_url=system.processes["notification"].inside)

    def recorded(self) -> dict[str, int]:
        """Entries in the record's signed logs, by topic."""
        sizes: dict[str, int] = {}
        for item in self._audit.get("/v1/record/logs").raise_for_status().json()["items"]:
            topic = item.get("topic") or "seals"
            sizes[topic] = sizes.get(topic, 0) + item["size"]
        return sizes

    def acknowledged(self) -> int:
        """Acknowledgements handed over to the mail server."""
        lines = self._notification.get("/metrics").raise_for_status().text.splitlines()
        sent = 'hearth_mails_total{notice="acknowledgement",result="sent"} '
        return sum(int(float(line.removeprefix(sent))) for line in lines if line.startswith(sent))


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has used, in seconds (proc(5), fields 14 and 15 of `stat`)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """The memory of a process, shared pages counted by share (PSS), in MB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    return int(text.partition("\nPss:")[2].split()[0]) / 1000
