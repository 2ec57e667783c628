"""Reports a second through all four services with nothing lost, and the memory they need for it."""

import time
from pathlib import Path

from benchmarks.load import make_requests
from benchmarks.results import Result
from benchmarks.rig import Counts, load, wait_until
from infra.local.stack import Stack, StackSettings
from infra.local.system import run_system

REPORTS = 9_000
OFFERED = 300
CONTACT_SHARE = 1 / 3


def run() -> list[Result]:
    """Offer more than the goal, then time until the last event is in the record and the last mail is out."""
    with Stack(StackSettings.private()) as stack, run_system(stack) as system:
        counts = Counts(system)
        load(f"{system.url('intake')}/v1/reports", limit=300, rate=100, seconds=60)
        _drained(counts, 300, 0)
        mails_before = counts.mails()
        began = time.monotonic()
        posted = load(
            f"{system.url('intake')}/v1/reports",
            limit=REPORTS, rate=OFFERED, seconds=300, contact_share=CONTACT_SHARE,
        )  # fmt: skip
        contacts = _contacts(REPORTS)
        wait_until(lambda: _is_drained(counts, 300 + REPORTS, mails_before + contacts), 300, every=0.5)
        seconds = time.monotonic() - began
        memory = {name: _resident_mb(process.pid) for name, process in system.processes.items()}
        recorded = counts.recorded()
    rate = posted["accepted"] / seconds
    lost = REPORTS - (recorded["reports"] - 300) + (posted["sent"] - posted["accepted"])
    total = sum(memory.values())
    return [
        Result("reports through all four", rate, "/s", None, None, "≥ 150/s", rate >= 150),
        Result("reports lost or refused", lost, "", None, None, "0", lost == 0),
        Result("events recorded", sum(recorded.values()) / seconds, "/s", None, None, "", True),
        Result("memory of four services", total, "MB", None, None, "≤ 600 MB", total <= 600),
        *(Result(f"memory of {name}", value, "MB", None, None, "", True) for name, value in memory.items()),
    ]


def _drained(counts: Counts, reports: int, mails: int) -> None:
    wait_until(lambda: _is_drained(counts, reports, mails), 60, every=0.5)


def _is_drained(counts: Counts, reports: int, mails: int) -> bool:
    recorded = counts.recorded()
    # Every report makes one event on reports, and its case two at its opening.
    return recorded.get("reports", 0) >= reports and recorded.get("cases", 0) >= 2 * reports and counts.mails() >= mails


def _contacts(count: int) -> int:
    """How many of the generator's reports leave an address."""
    requests = make_requests("http://x/", 2000, CONTACT_SHARE)
    return sum(b'"email"' in requests[turn % len(requests)] for turn in range(count))


def _resident_mb(pid: int) -> float:
    """The memory of a process and of its children, shared pages counted by share (PSS), in MB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    return int(text.partition("\nPss:")[2].split()[0]) / 1000
