"""How fast triage opens and judges cases, and what a person waits for beside a great many of them.

HEARTH_BENCH_CASES says how many cases are stored while pages are asked for and timers are due: a million if unset.
"""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import uvloop
from pymongo import MongoClient

from benchmarks.floor import DATABASE, PREFIX, start_producer
from benchmarks.results import Result
from benchmarks.rig import bare_program, wait_until
from benchmarks.triage_core import measure_core
from benchmarks.triage_pages import ask_for_pages, measure_sight
from infra.local.people import enrol_and_issue, person_of
from infra.local.stack import Stack, StackSettings
from infra.local.system import System, create_topics_on, run_system
from services.triage.store import case_of, document_of
from services.triage.watch import CaseWatch
from shared.access.principal import Role
from shared.events import encode
from shared.mongo import RELAXED, Database, connect
from shared.parties import Parties
from shared.policy import load_policy
from shared.runtime import keep_loaded
from shared.times import now
from tests.support.stores import mongo_cases, mongo_parties
from tests.support.triage_rig import TOKENS, Everywhere, reported

CASES = int(os.environ.get("HEARTH_BENCH_CASES", "1000000"))
REPORTS = min(CASES, 30_000)
DUE = min(CASES // 10, 5_000)
"""So many of the cases have a clock that is due."""
SEEN = min(CASES // 10, 1_000)
"""For so many more MongoDB says what it examines."""
ALL_RAN_OUT = timedelta(days=-60)
"""So much earlier, each clock of a case has run out, as after a long outage: it has three that nobody has kept."""
AT_ONCE = 5_000
WRITERS = 3
"""So many writes of AT_ONCE documents go on at once while cases are stored."""
RESPONDERS = 20
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
REST = ("intake", "notification", "audit")


def run() -> list[Result]:
    """Fill triage from Kafka, ask it while all cases are stored, and wake those that are due."""
    keep_loaded()
    results = measure_core()
    with Stack(StackSettings.private()) as stack, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        database = connect(stack.mongo, service="bench")["triage"]
        with run_system(stack) as system:
            tokens = enrol(system)
            for name in REST:
                system.processes[name].stop()
            results.append(measure_opening(system))
            for name in REST:
                system.start(name)
            runner.run(fill(database, CASES))
            results += runner.run(ask_for_pages(system.url("triage"), database, tokens, system.processes["triage"].pid))
            results += runner.run(measure_sight(system.url("triage"), database, tokens))
        keep_loaded()
        results += runner.run(measure_waking(database))
    return results


def enrol(system: System) -> list[str]:
    """The tokens of responders of all handling bodies but the last resort."""
    bodies = load_policy().ordinary_bodies
    mongo, access = system.stack.mongo, system.stack.mongo_access("triage", "")
    people = [person_of(f"bench-{number}") for number in range(RESPONDERS)]
    return [enrol_and_issue(mongo, "", access, person, Role.RESPONDER, bodies) for person in people]


def measure_opening(system: System) -> Result:
    """Reports a second from Kafka to a stored case with all of its events published, beside the floor."""
    stack = system.stack
    system.processes["triage"].stop()
    asyncio.run(publish_reports(stack.kafka, REPORTS))
    client: MongoClient[dict[str, Any]] = MongoClient(stack.mongo)
    with client:
        cases, published = client["triage"]["cases"], client[DATABASE]["published"]
        # With the time an index leads to them; else each look reads all cases, which takes the time of many reports.
        waiting = {"outbox_due": {"$gt": LONG_AGO}, "outbox.0": {"$exists": True}}

        def opened() -> int:
            return cases.estimated_document_count() - cases.count_documents(waiting)

        system.start("triage", wait=False)
        rate = rate_of(opened)
        system.processes["triage"].stop()
        create_topics_on(stack.kafka, PREFIX)
        with bare_program("cases", stack.kafka, stack.mongo):
            bare = rate_of(lambda: (published.find_one() or {"count": 0})["count"])
        system.start("triage")
    met = rate >= 1_500 and rate / bare >= 0.4
    return Result("reports opened as cases", rate, "/s", bare, rate / bare, "≥ 1,500/s, ratio ≥ 0.40", met)


def rate_of(count: Callable[[], int]) -> float:
    """How many a second, from the first tenth of REPORTS to the last: what a process needs to start does not count."""
    wait_until(lambda: count() >= REPORTS / 10, 120, every=0.02)
    first, began = count(), time.monotonic()
    wait_until(lambda: count() >= REPORTS, 600, every=0.05)
    return (REPORTS - first) / (time.monotonic() - began)


async def publish_reports(kafka: str, count: int) -> None:
    """Reports as intake writes them, without a name in any."""
    producer = await start_producer(kafka)
    try:
        for first in range(0, count, 1_000):
            sent = []
            for _ in range(first, min(first + 1_000, count)):
                message = encode(reported())
                headers = list(message.headers)
                sent.append(await producer.send(message.topic, message.value, message.key, headers=headers))
            await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def fill(database: Database, count: int) -> None:
    """Store copies of a case until there are so many. Their clocks run out from tomorrow on."""
    cases = database["cases"]
    template = await cases.find_one({})
    assert template
    like, running = copy_of(template, "copy", timedelta()), asyncio.Semaphore(WRITERS)

    async def write(first: int) -> None:
        numbers = range(first, min(first + AT_ONCE, count))
        async with running:
            await unhurried.insert_many([_moved(like, number) for number in numbers], ordered=False)

    # Nothing depends on them after a crash of MongoDB, so nobody waits for its journal.
    unhurried = cases.with_options(write_concern=RELAXED)
    await asyncio.gather(*map(write, range(await cases.estimated_document_count(), count, AT_ONCE)))
    # Cases that came in over months are on disk when a page is asked for.
    await database.client["admin"].command("fsync")


def _moved(like: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The document of another case, like this one in all but its names and its times."""
    case_id, later = f"copy-{number:08}", timedelta(days=1, seconds=number)
    deadlines = [
        {name: value + later if name in ("due_at", "warn_at", "escalate_at") and value else value
         for name, value in one.items()}
        for one in like["deadlines"]
    ]  # fmt: skip
    times = {name: like[name] + later for name in ("due", "wakes_at") if like[name]}
    return {**like, **times, "_id": case_id, "code_name": case_id, "deadlines": deadlines}


def copy_of(template: Mapping[str, Any], case_id: str, later: timedelta) -> dict[str, Any]:
    """The document of another case that is like this one, with clocks that run out `later`."""
    case = case_of(template)
    deadlines = tuple(
        replace(one, due_at=one.due_at + later, warn_at=one.warn_at and one.warn_at + later,
                escalate_at=one.escalate_at and one.escalate_at + later)
        for one in case.deadlines
    )  # fmt: skip
    like = replace(case, deadlines=deadlines)
    return {**template, **document_of(like), "_id": case_id, "code_name": case_id, "outbox": []}


async def measure_waking(database: Database) -> list[Result]:
    """Clocks a second, and how many documents MongoDB looked at for each."""
    store, parties = await mongo_cases(database), Parties(await mongo_parties(database))
    watch = CaseWatch(store, parties, Everywhere(), load_policy(), TOKENS, every=60)
    await watch.wake()
    template = await database["cases"].find_one({"state": "triaged"})
    assert template

    async def make_due(name: str, count: int, later: timedelta) -> None:
        due = [copy_of(template, f"{name}-{number:08}", later) for number in range(count)]
        await database["cases"].insert_many(due, ordered=False)

    async def rate_of_waking(name: str, later: timedelta) -> tuple[int, float]:
        await make_due(name, DUE, later)
        began = time.monotonic()
        woken = await watch.wake()
        return woken, woken / (time.monotonic() - began)

    # The first clock of each case has run out by a minute, and the others run.
    first = min(one.due_at for one in case_of(template).deadlines if one.is_running)
    woken, rate = await rate_of_waking("first", now() - first - timedelta(minutes=1))
    _, with_all = await rate_of_waking("all", ALL_RAN_OUT)
    # MongoDB writes its profile for each clock, so what it examines is counted after the clocks that are timed.
    await make_due("seen", SEEN, ALL_RAN_OUT)
    # The log of the profiler keeps a megabyte if nothing else is said, which is less than a whole run writes.
    await database.command("profile", 0)
    await database["system.profile"].drop()
    await database.create_collection("system.profile", capped=True, size=256 * 1024 * 1024)
    await database.command("profile", 2)
    seen = await watch.wake()
    await database.command("profile", 0)
    ours = {"ns": f"{database.name}.cases"}
    looked: list[Any] = [{"$match": ours}, {"$group": {"_id": None, "examined": {"$sum": "$docsExamined"}}}]
    ((found),) = await database["system.profile"].aggregate(looked).to_list(1)
    examined = found["examined"] / max(seen, 1)
    return [
        Result("clocks that are due, woken", rate, "/s", None, None, "≥ 2,000/s", rate >= 2_000 and woken >= DUE),
        Result("cases in which all clocks have run out, woken", with_all, "/s", None, None, "", True),
        Result("documents examined for a clock", examined, "", None, None, "≤ 4", examined <= 4),
    ]
