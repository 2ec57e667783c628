"""How fast scorecards follow a record of a million entries, how fast they are rebuilt, and what one of them costs.

The record holds the entries that scorecards are computed from, and no others: cases of eleven steps each, in 200
communities over two years. They are in order of time, so the steps of a case lie far apart. A seal covers five entries.
The floor of the projection reads the same entries, and writes as many lines to as many rows, but understands nothing.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson
import uvloop

from benchmarks.load import percentile
from benchmarks.results import Result
from benchmarks.scorecard_pages import ask_for_badges, ask_for_pages
from infra.local.stack import Stack, StackSettings
from services.audit.record.leaf import Place, canonical, read_record
from services.audit.record.query import write_position
from services.audit.scorecard.projection import Projection
from services.audit.scorecard.queries import Cards
from services.audit.scorecard.store import MongoRows
from services.audit.store import MongoRecord
from shared.events import (
    Actor,
    CaseAssigned,
    CaseClosed,
    CaseDecided,
    CaseOpened,
    CaseTriaged,
    DeadlineMet,
    DeadlineSet,
    Draft,
    Fact,
    InvestigationStarted,
    ReportReceived,
    encode,
    stamp,
)
from shared.mongo import Database, InsertOne, UpdateOne, connect
from shared.policy import Policy, load_policy
from shared.policy.baseline import catalogue_versions
from shared.times import rfc3339

ENTRIES = int(os.environ.get("HEARTH_BENCH_ENTRIES", "1000000"))
MORE = ENTRIES // 10
COMMUNITIES = 200
A_SEAL = 5
PARTITIONS = 12
CARDS = 200
LATELY = 10
ORIGIN = "hearth.example/audit"
BEGIN = datetime(2024, 11, 1, tzinfo=UTC)
SPAN = timedelta(days=730)

_AT, _RECEIVED = datetime(2001, 1, 1, 1, 1, 1, 111_000, UTC), datetime(2002, 2, 2, 2, 2, 2, 222_000, UTC)
_CASE, _EVENT, _COMMUNITY = "c45ec45e-0000-4000-8000-000000000000", "e7e7e7e7", "c0mmun1ty"
_STATES = {"previous": "triaged", "state": "triaged"}
_MET = {"due_at": _AT, "met_at": _AT, **_STATES}
_REPORT = {
    "report_id": _CASE, "community": _COMMUNITY, "category": "harassment.insults", "setting": "online",
    "language": "en", "privacy": "private", "contactable": True, "received_at": _RECEIVED,
}  # fmt: skip
STEPS: Sequence[tuple[float, Fact]] = (
    (0, ReportReceived(channel="form", content_digest="0" * 64, subjects=("1" * 32,), reporter="2" * 32, **_REPORT)),
    (0, CaseOpened(previous=None, state="received", code_name="calm-otter", parties_apart=True, **_REPORT)),
    (
        0.5,
        CaseTriaged(
            category="harassment.insults", lane="standard", body="enwiki_admins", rule="local-admins",
            deadlines=tuple(DeadlineSet(name=n, due_at=_AT) for n in ("acknowledgement", "first_response", "decision")),
            deadlines_told=True, **_STATES,
        ),
    ),
    (0.5, DeadlineMet(deadline="acknowledgement", **_MET)),
    (20, CaseAssigned(assignee="person:5f2c81aa90b1c2d3", previous="triaged", state="assigned")),
    (30, InvestigationStarted(previous="assigned", state="investigating")),
    (90, DeadlineMet(deadline="first_response", **_MET)),
    (400, CaseDecided(outcome="advice", reason_id=_CASE, previous="investigating", state="decided")),
    (400, DeadlineMet(deadline="decision", **_MET)),
    (500, CaseClosed(previous="decided", state="closed")),
    (600, DeadlineMet(deadline="follow_up", **_MET)),
)  # fmt: skip
"""The steps of a case, and after how many hours each comes."""


def run() -> list[Result]:
    """Make the record, rebuild, advance, and ask."""
    with Stack(StackSettings.private("mongo")) as stack, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        database = connect(stack.mongo, service="bench")["audit"]
        made = Made()
        runner.run(made.write(database, ENTRIES))
        seconds, megabytes, entries = rebuild(stack.mongo)
        assert entries == ENTRIES
        runner.run(made.write(database, MORE))
        floor = runner.run(advance_bare(database, made))
        advanced = runner.run(advance(database))
        policy = policy_of_all()
        cards = Cards(MongoRows(database), MongoRecord(database), ORIGIN, policy, catalogue_versions())
        times, used = runner.run(ask(cards))
        pages = runner.run(ask_anew(cards, policy, database, made))
        badges = runner.run(ask_for_badges())
    return [
        Result("scorecards rebuilt from the record", seconds, "s", None, None, "≤ 120 s", seconds <= 120),
        Result("memory of that", megabytes, "MB", None, None, "≤ 150 MB", megabytes <= 150),
        Result("projection advanced", advanced, "entries/s", floor, advanced / floor, "≥ 10,000/s", advanced >= 10_000),
        Result("first scorecard after a start, p50", percentile(times, 50) * 1000, "ms", None, None, "", True),
        Result("first scorecard after a start, p95", percentile(times, 95) * 1000, "ms", None, None, "", True),
        Result("processor time of that", used * 1000, "ms", None, None, "", True),
        *pages,
        badges,
    ]


def policy_of_all() -> Policy:
    """The packaged policy with the communities of the record in the place of its own."""
    policy = load_policy()
    wikis = {f"wiki_{number}": f"Wiki {number}" for number in range(COMMUNITIES)}
    like = policy.communities["enwiki"]
    return replace(policy, communities={id_: replace(like, id=id_, name=name) for id_, name in wikis.items()})


class Made:
    """A record that grows: its logs, and its seals."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.seals = 0
        self._templates = [_template(number, fact) for number, (_, fact) in enumerate(STEPS)]
        self._random = Random(7)
        self._cases = 0
        self._at = BEGIN
        self.last: dict[str, int] = {}
        """The size of each log before the last entries were written."""

    async def write(self, database: Database, count: int) -> None:
        """Write so many entries with their seals."""
        self.last = dict(self.sizes)
        documents: list[Any] = []
        for document in self._documents(count):
            documents.append(InsertOne(document))
            if len(documents) == 5_000:
                await database["entries"].bulk_write(documents, ordered=False)
                documents.clear()
        await database["entries"].bulk_write(documents, ordered=False)
        sealed = {f"{ORIGIN}/{log}": size for log, size in self.sizes.items()}
        record = MongoRecord(database)
        old = (await record.claim(["seals"], "b"))["seals"]
        await record.advance([(old, replace(old, size=self.seals, next_offset=self.seals, sealed=sealed))])

    def _documents(self, count: int) -> Iterator[dict[str, Any]]:
        cases, span = count // len(STEPS), SPAN * count / ENTRIES
        planned = []
        for case in range(self._cases, self._cases + cases + 1):
            received = self._at + span * self._random.random()
            wait = timedelta(hours=self._random.expovariate(1))
            planned += [
                (received + (wait if number > 1 else timedelta()) + timedelta(hours=hours), case, number, received)
                for number, (hours, _) in enumerate(STEPS)
            ]
        planned.sort()
        self._cases, self._at = self._cases + cases + 1, self._at + span
        for number, (at, case, step, received) in enumerate(planned[:count]):
            topic = "reports" if step == 0 else "cases"
            log = f"{topic}/{case % PARTITIONS}"
            index = self.sizes.get(log, 0)
            self.sizes[log] = index + 1
            leaf = self._leaf(step, case, at, received, number)
            yield {"_id": write_position(log, index), "log": log, "offset": index, "leaf": leaf}
            if number % A_SEAL == A_SEAL - 1:
                yield self._seal(log, at)
        for log in self.sizes:
            yield self._seal(log, self._at)

    def _leaf(self, step: int, case: int, at: datetime, received: datetime, number: int) -> bytes:
        leaf = self._templates[step]
        for old, new in (
            (_CASE, f"{case:08x}-0000-4000-8000-000000000000"),
            (_EVENT, f"{self._cases:08x}{number:08x}"),
            (_COMMUNITY, f"wiki_{case % COMMUNITIES}"),
            ("2001-01-01T01:01:01.111", at.isoformat(timespec="milliseconds")[:23]),
            ("2002-02-02T02:02:02.222", received.isoformat(timespec="milliseconds")[:23]),
        ):
            leaf = leaf.replace(old, new)
        return leaf.encode()

    def _seal(self, log: str, at: datetime) -> dict[str, Any]:
        note = f"{ORIGIN}/{log}\n{self.sizes[log]}\n{'A' * 43}=\n\n— {ORIGIN}/{log} {'B' * 92}\n"
        leaf = canonical({"at": rfc3339(at), "checkpoint": note, "log": f"{ORIGIN}/{log}"})
        self.seals += 1
        return {"_id": write_position("seals", self.seals - 1), "log": "seals", "offset": self.seals - 1, "leaf": leaf}


def _template(number: int, fact: Fact) -> str:
    """The leaf of a step, with marks in the places that differ from case to case."""
    draft = Draft(fact, Actor("service:triage", "service"), _AT, "cause", "2026-11.2+0123456789ab")
    (event,) = stamp(
        [draft], source="hearth/triage", subject=f"case/{_CASE}", case_id=_CASE, last_seq=max(number - 1, 0),
        trace=f"00-{'a' * 32}-{'b' * 16}-01",
    )  # fmt: skip
    message = encode(event)
    leaf = read_record(Place(message.topic, 0, number, 1_700_000_000_000), message.key, message.headers, message.value)
    return leaf.entry.decode().replace(event.id, _EVENT)


def rebuild(uri: str) -> tuple[float, float, int]:
    """`hearth scorecard rebuild`, as a process of its own: its seconds, its peak in MB, and its entries."""
    began, peak = time.monotonic(), 0
    command = [sys.executable, "-m", "infra.cli", "scorecard", "rebuild", "--mongo", uri, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        # What `wait4` tells of a child begins at the size of its parent, so the child's own peak is read while it runs.
        while process.poll() is None:
            lines = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8").splitlines()
            peak = max([peak, *(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))])
            time.sleep(0.1)
        assert process.stdout is not None
        answer = orjson.loads(process.stdout.read())
    assert process.returncode == 0
    return time.monotonic() - began, peak / 1024, answer["entries"]


async def advance(database: Database) -> float:
    """Entries a second, on rows that hold all the entries before."""
    projection, entries = Projection(MongoRecord(database), MongoRows(database), ORIGIN), 0

    def told(folded: int) -> None:
        nonlocal entries
        entries += folded

    began = time.monotonic()
    while await projection.advance(told):
        pass
    assert entries == MORE
    return entries / (time.monotonic() - began)


async def advance_bare(database: Database, made: Made) -> float:
    """The same entries read, and a line of each added to the row of its case, a thousand lines with each write."""
    record, rows, began, entries = MongoRecord(database), database["bare"], time.monotonic(), 0
    for log, end in made.sizes.items():
        for start in range(made.last.get(log, 0), end, 5_000):
            lines: dict[str, list[str]] = {}
            for leaf in await record.leaves(log, start, min(start + 5_000, end)):
                lines.setdefault(orjson.loads(leaf)["key"], []).append(leaf[:200].decode())
                entries += 1
            writes = [UpdateOne({"_id": k}, {"$addToSet": {"steps": {"$each": v}}}, True) for k, v in lines.items()]
            await rows.bulk_write(writes, ordered=False)
    assert entries == MORE
    return entries / (time.monotonic() - began)


async def ask_anew(cards: Cards, policy: Policy, database: Database, made: Made) -> list[Result]:
    """Pages of communities that are asked for at one checkpoint after the other."""
    names, times = [f"wiki_{number}" for number in range(LATELY)], list[float]()
    for _ in range(CARDS // LATELY + 1):
        await made.write(database, 10 * A_SEAL)
        while await Projection(MongoRecord(database), MongoRows(database), ORIGIN).advance():
            pass
        times += await ask_for_pages(cards, policy, names)
    # At the first checkpoint, the communities were not asked for lately.
    times = sorted(times[LATELY:])
    half, most = (percentile(times, percent) * 1000 for percent in (50, 95))
    return [
        Result("page at a new checkpoint, p50", half, "ms", None, None, "", True),
        Result("page at a new checkpoint, p95", most, "ms", None, None, "≤ 100 ms", most <= 100),
    ]


async def ask(cards: Cards) -> tuple[list[float], float]:
    """The seconds that the scorecards of different communities take, in order, and the processor's seconds of one."""
    times, used = [], time.process_time()
    for number in range(CARDS):
        began = time.perf_counter()
        card = await cards.of(f"wiki_{number % COMMUNITIES}")
        times.append(time.perf_counter() - began)
        # Else nothing is measured.
        assert any(item.measured and item.measured.n for item in card.items)
    return sorted(times), (time.process_time() - used) / CARDS
