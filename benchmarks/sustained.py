"""Reports a second through all four services with nothing lost, what each service uses, and its memory."""

import time
from contextlib import ExitStack

from pymongo import MongoClient

from benchmarks import floor
from benchmarks.costs import costs_of
from benchmarks.load import make_requests
from benchmarks.results import Result
from benchmarks.rig import Counts, bare_http, bare_program, load, resident_mb, wait_until
from infra.local.stack import Stack, StackSettings
from infra.local.system import System, create_topics_on, run_system
from shared.kafka.topics import TOPICS

WARM_UP = 300
STEADY = 9_000
OFFERED = 300
BURST = 6_000
CONTACT_SHARE = 1 / 3
PARTITIONS = next(topic.partitions for topic in TOPICS if topic.name == "reports")


def run() -> list[Result]:
    """Offer twice the goal for half a minute. Then send as fast as intake takes them, which is more than the rest can
    carry.

    A bare pipeline of the same writes carries the burst, too, on the same Kafka and MongoDB, in the same run.
    """
    with Stack(StackSettings.private()) as stack:
        with run_system(stack) as system:
            carrying = Carrying(system)
            carrying.carry(WARM_UP, rate=100)
            steady, posted = carrying.carry(STEADY, rate=OFFERED)
            costs = carrying.costs(STEADY)
            burst, _ = carrying.carry(BURST)
            memory = {name: resident_mb(process.pid) for name, process in system.processes.items()}
            lost = carrying.lost()
        bare = _carry_bare(stack)
    total = sum(memory.values())
    return [
        Result(f"reports, {OFFERED}/s offered", steady, "/s", None, None, "≥ 150/s", steady >= 150),
        Result("answer meanwhile, p99", posted["p99_ms"], "ms", None, None, "", True),
        Result("reports, as fast as they come", burst, "/s", bare, burst / bare, "ratio ≥ 0.35", burst >= 0.35 * bare),
        Result("reports lost or refused", lost, "", None, None, "0", lost == 0),
        Result("memory of four services", total, "MB", None, None, "≤ 400 MB", total <= 400),
        *(Result(f"memory of {name}", value, "MB", None, None, "", True) for name, value in memory.items()),
        *(Result(f"processor time of {name}", value, "µs a report", None, None, "", True) for name, value in costs),
    ]


class Carrying:
    """Sends reports through the whole system and waits until everything about them has arrived."""

    def __init__(self, system: System) -> None:
        self._counts = Counts(system)
        self._url = f"{system.url('intake')}/v1/reports"
        self._system = system
        self._sent = self._accepted = self._contacts = 0
        self._earlier = self._counts.recorded()
        """What the record held before; the services count mails from their own start on."""
        self.before = costs_of(system)
        """What it had cost when the reports carried last began."""

    def carry(self, count: int, **options: float) -> tuple[float, dict[str, float]]:
        """The rate in reports a second, from the first POST to the last event in the record and the last mail."""
        self.before = costs_of(self._system)
        began = time.monotonic()
        posted = load(self._url, limit=count, seconds=300, contact_share=CONTACT_SHARE, **options)
        self._sent += posted["sent"]
        self._accepted += posted["accepted"]
        self._contacts += _contacts(posted["sent"])
        wait_until(self._all_arrived, 300, every=0.25)
        return posted["accepted"] / (time.monotonic() - began), posted

    def costs(self, count: int) -> list[tuple[str, float]]:
        """The processor time of each process for a report of those carried last, in microseconds."""
        used = costs_of(self._system).processor
        return [(name, (used[name] - before) / count * 1e6) for name, before in self.before.processor.items()]

    def lost(self) -> int:
        """Reports that were refused, or accepted and are not in the record."""
        return self._sent - self._recorded("reports")

    def _recorded(self, topic: str) -> int:
        return self._counts.recorded().get(topic, 0) - self._earlier.get(topic, 0)

    def _all_arrived(self) -> bool:
        # Every report makes one event on reports, and its case three at its opening.
        there = self._recorded("reports") >= self._accepted and self._recorded("cases") >= 3 * self._accepted
        return there and self._counts.acknowledged() >= self._contacts


def _carry_bare(stack: Stack) -> float:
    """The rate of the bare pipeline for the same burst."""
    create_topics_on(stack.kafka, floor.PREFIX)
    client: MongoClient[dict[str, object]] = MongoClient(stack.mongo)
    record = client[floor.DATABASE]["audit"]
    with client, ExitStack() as programs:
        url = programs.enter_context(bare_http(stack.mongo, stack.kafka))
        for stage in floor.STAGES:
            programs.enter_context(bare_program(stage, stack.kafka, stack.mongo))

        def carry(count: int) -> float:
            # Each partition may hold a cut piece of the cycle of three.
            due = record.estimated_document_count() + count * 4 + count // 3 - PARTITIONS
            began = time.monotonic()
            load(url, limit=count, seconds=300)
            wait_until(lambda: record.estimated_document_count() >= due, 300, every=0.25)
            return count / (time.monotonic() - began)

        carry(WARM_UP)
        return carry(BURST)


def _contacts(count: int) -> int:
    """How many reports of the generator leave an address."""
    requests = make_requests("http://x/", 2000, CONTACT_SHARE)
    return sum(b'"email"' in requests[turn % len(requests)] for turn in range(count))
