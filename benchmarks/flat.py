"""What a report costs beside a million stored ones, and beside hardly any: the figures have to stay the same.

HEARTH_BENCH_REPORTS says how many reports are stored: a million if unset.
"""

import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from itertools import islice
from typing import Any

from bson import CodecOptions, decode, encode
from bson.raw_bson import RawBSONDocument
from pymongo import IndexModel, MongoClient
from pymongo.collection import Collection

from benchmarks.results import Result
from benchmarks.rig import resident_mb
from benchmarks.sustained import BURST, OFFERED, WARM_UP, Carrying
from infra.local.stack import Stack, StackSettings
from infra.local.system import System, run_system
from services.notification.delivery import DeliveryState
from services.triage.store import case_of, document_of
from shared.events import CaseState
from shared.mongo import RELAXED

REPORTS = int(os.environ.get("HEARTH_BENCH_REPORTS", "1000000"))
STEADY = 6_000
RATE = "/s"
OUTBOXES_EMPTY = 10.0
"""Seconds until nothing waits to be published or sent any more."""
AT_ONCE = 2_000
KEPT: dict[str, dict[str, dict[str, Any]]] = {
    "intake": {"reports": {}, "accesses": {}},
    "triage": {"cases": {}, "marks": {}, "parties": {}},
    "notification": {"cases": {}, "deliveries": {}, "parties": {}, "turns": {}},
    "audit": {"entries": {"log": {"$regex": "^(reports|cases|notifications)/"}}, "parties": {}},
}
"""Where something is kept of each report: by database and collection, which of its documents."""
UTC_AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)
IDENTIFIER = re.compile(rb"[0-9a-f]{8}(?=-[0-9a-f]{4}-|[0-9a-f]{24})")
RECEIPT = re.compile(rb"(?<=\x05receipt\x00\x20\x00\x00\x00\x00).{4}", re.DOTALL)
CODE_NAME = re.compile(rb"(?<=\x02code_name\x00.\x00\x00\x00)[a-z-]+(?=\x00)", re.DOTALL)
LOG = re.compile(rb"(?<=\x00.\x00\x00\x00)[a-z]{4}(?=[a-z]*/\d+[/\x00])", re.DOTALL)


def run() -> list[Result]:
    """Measure the same twice in one run, each time with services that have just started."""
    with Stack(StackSettings.private()) as stack, run_system(stack) as system:
        Carrying(system).carry(WARM_UP, rate=100)
        time.sleep(OUTBOXES_EMPTY)
        with MongoClient[RawBSONDocument](stack.mongo, document_class=RawBSONDocument) as client:
            samples = {
                (database, name): [Sample.of(_later(database, name, document)) for document in found]
                for database, collections in KEPT.items()
                for name, wanted in collections.items()
                for found in [client[database][name].find(wanted)]
            }
            before = _measure(system)
            for (database, name), documents in samples.items():
                _fill(client[database].get_collection(name, write_concern=RELAXED), documents)
            client["admin"].command("fsync")
        after = _measure(system)
    return [_beside(name, unit, value, before[name, unit]) for (name, unit), value in after.items()]


def _measure(system: System) -> dict[tuple[str, str], float]:
    """The figures, by name and unit."""
    for process in system.processes.values():
        process.stop()
    began = time.monotonic()
    for name in system.processes:
        system.start(name)
    started = time.monotonic() - began
    carrying = Carrying(system)
    carrying.carry(WARM_UP, rate=100)
    _, posted = carrying.carry(STEADY, rate=OFFERED)
    costs = carrying.costs(STEADY)
    burst, _ = carrying.carry(BURST)
    assert not carrying.lost()
    return {
        ("start of the services, one after another", "s"): started,
        ("answer, p50", "ms"): posted["p50_ms"],
        ("answer, p99", "ms"): posted["p99_ms"],
        ("processor time of all", "µs a report"): sum(used for _, used in costs),
        **{(f"processor time of {name}", "µs a report"): used for name, used in costs},
        ("reports, as fast as they come", RATE): burst,
        ("memory of four services", "MB"): sum(resident_mb(process.pid) for process in system.processes.values()),
    }


def _beside(name: str, unit: str, value: float, before: float) -> Result:
    ratio = value / before
    met = ratio >= 0.9 if unit == RATE else ratio <= 1.1
    return Result(name, value, unit, before, ratio, "ratio ≥ 0.9" if unit == RATE else "ratio ≤ 1.1", met)


def _later(database: str, name: str, document: RawBSONDocument) -> bytes:
    """The document as it is some months later, when its case is closed and its notices are sent."""
    match database, name:
        case "triage", "cases":
            found = decode(document.raw, UTC_AWARE)
            closed = replace(case_of(found), state=CaseState.CLOSED)
            return encode({**found, **document_of(closed), "outbox": []})
        case "notification", "deliveries":
            found = {key: value for key, value in decode(document.raw).items() if key not in ("gather_at", "due_at")}
            return encode({**found, "state": DeliveryState.SENT.value})
    return bytes(document.raw)


@dataclass(frozen=True)
class Sample:
    """A document as bytes, and the places in it in which its copies differ."""

    raw: bytes
    identifiers: list[tuple[int, int]]
    """Where eight digits of an identifier or pseudonym stand, and their value. Links between documents stay."""
    receipts: list[int]
    names: list[tuple[int, int]]
    """Where the code name of a case begins and ends."""
    logs: list[int]

    @classmethod
    def of(cls, raw: bytes) -> "Sample":
        """Look through a document once for all of its copies."""
        return cls(
            raw,
            [(found.start(), int(found[0], 16)) for found in IDENTIFIER.finditer(raw)],
            [found.start() for found in RECEIPT.finditer(raw)],
            [found.span() for found in CODE_NAME.finditer(raw)],
            [found.start() for found in LOG.finditer(raw)],
        )

    def copy(self, turn: int, number: int) -> RawBSONDocument:
        """The copy of one turn, which makes one of each sample. `number` counts the copies of all samples."""
        made = bytearray(self.raw)
        for at, value in self.identifiers:
            made[at : at + 8] = b"%08x" % (value ^ turn)
        for at in self.receipts:
            made[at : at + 4] = turn.to_bytes(4, "big")
        for at, end in self.names:
            made[at:end] = b"%0*x" % (end - at, number)
        for at in self.logs:
            made[at : at + 4] = b"%04x" % turn
        return RawBSONDocument(bytes(made))


def _fill(collection: Collection[RawBSONDocument], samples: Sequence[Sample]) -> None:
    """Store copies of the samples, as many for each as make REPORTS of a first WARM_UP."""
    # The copies of one sample lie beside each other in each index, which makes them cheaper to store.
    copies = (
        sample.copy(turn, turn * len(samples) + number)
        for number, sample in enumerate(samples)
        for turn in range(1, REPORTS // WARM_UP + 1)
    )
    # An index that is built at the end costs far less than one that grows by each document.
    found = {name: dict(index) for name, index in collection.index_information().items() if name != "_id_"}
    indexes = [IndexModel(index.pop("key"), name=name, **index) for name, index in found.items()]
    collection.drop_indexes()
    while documents := list(islice(copies, AT_ONCE)):
        collection.insert_many(documents, ordered=False)
    if indexes:
        collection.create_indexes(indexes)
