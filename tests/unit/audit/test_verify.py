"""The offline verifier against records built with the pure core and then damaged: each damage is found and placed."""

import functools
import http.server
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from services.audit import verify as verifier
from services.audit.tlog.note import Checkpoint, NoteSigner, SigningKey, sign_checkpoint
from services.audit.tlog.tiles import Tile, grow, join_entries
from services.audit.tlog.tree import Frontier, hash_leaves, root_of
from tests.support.examples import up_to

KEY = SigningKey("hearth.example/audit", bytes(range(32)))
OTHER_KEY = SigningKey("hearth.example/audit", bytes(32))
PREFIX = "hearth.example/audit"
SCRIPT = Path(verifier.__file__)
CASES_0 = f"{PREFIX}/cases/0"
DUPLICATE = {
    "ce": {"id": "cases-23"},
    "duplicate_of": {"index": 10, "log": CASES_0},
    "kafka": {"offset": 5000, "partition": 0, "timestamp": 1, "topic": "cases"},
}
"""An entry that repeats the one at index 10."""
REPORTS_0 = f"{PREFIX}/reports/0"
SEALS = f"{PREFIX}/seals"


def to_json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def make_leaf(topic: str, offset: int, case: int, seq: int, source: str = "/triage", **changes: Any) -> dict[str, Any]:
    return {
        "actor": {"ref": "responder-7", "role": "responder"},
        "case_seq": seq,
        "cause": f"cause-{offset}",
        "ce": {
            "datacontenttype": "application/json",
            "dataschema": "/schemas/case.noted/1",
            "id": f"{topic}-{offset}",
            "source": source,
            "specversion": "1.0",
            "subject": f"case/{case}",
            "time": "2026-03-01T10:00:00Z",
            "type": "case.noted",
        },
        "data": {"note": 'a "quoted", nested', "kafka": {"offset": 1}, "länge": offset},
        "kafka": {"offset": offset, "partition": 0, "timestamp": 1_700_000_000_000 + offset, "topic": topic},
        "key": f"case-{case}",
        "policy_version": "2026.1",
        "trace_id": None,
        **changes,
    }


@dataclass
class Log:
    """A log written by the pure core into a folder."""

    topic: str
    entries: list[bytes] = field(default_factory=list)
    tiles: dict[Tile, bytes] = field(default_factory=dict)
    frontier: Frontier = field(default_factory=Frontier)

    @property
    def path(self) -> str:
        return "logs/seals" if self.topic == "seals" else f"logs/{self.topic}/0"

    @property
    def origin(self) -> str:
        return SEALS if self.topic == "seals" else f"{PREFIX}/{self.topic}/0"

    def append(self, leaves: list[dict[str, Any]]) -> None:
        entries = [to_json(leaf) for leaf in leaves]
        hashes = hash_leaves(entries)
        self.tiles.update(grow(self.frontier.size, entries, hashes, self.tiles.__getitem__))
        self.frontier = self.frontier.append(hashes)
        self.entries += entries

    def note(self, key: SigningKey = KEY) -> str:
        return sign_checkpoint(Checkpoint(self.origin, self.frontier.size, self.frontier.root()), [NoteSigner.of(key)])

    def seal(self) -> dict[str, Any]:
        return {"at": "2026-03-01T10:00:10Z", "checkpoint": self.note(), "log": self.origin}


@dataclass
class Record:
    """Some logs, and the folder of their export."""

    root: Path
    logs: dict[str, Log]

    def write(self, key: SigningKey = KEY) -> None:
        """Write the whole export anew."""
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        items = []
        for log in self.logs.values():
            for tile, data in log.tiles.items():
                file = self.root / log.path / tile.path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
            (self.root / log.path).mkdir(parents=True, exist_ok=True)
            (self.root / log.path / "checkpoint").write_text(log.note(key))
            item = {"log": log.origin, "path": log.path, "size": log.frontier.size}
            items.append(item if log.topic == "seals" else {**item, "topic": log.topic, "partition": 0})
        (self.root / "logs.json").write_bytes(to_json({"items": items, "next": None}))
        keys = {"items": [{"name": key.name, "vkey": str(key.verifier)}], "next": None}
        (self.root / "keys.json").write_bytes(to_json(keys))

    def file(self, topic: str, tile: Tile | str) -> Path:
        return self.root / self.logs[topic].path / (tile if isinstance(tile, str) else tile.path)

    def verify(self, key: SigningKey = KEY, **options: Any) -> verifier.Report:
        keys = [verifier.Key.parse(str(key.verifier))]
        return verifier.verify(verifier.open_source(str(self.root)), keys, **options)


def make_leaves(topic: str, first: int, count: int, cases: int = 7) -> list[dict[str, Any]]:
    """Events of several cases in turn; offsets have gaps, as with transactions."""
    source = "/intake" if topic == "reports" else "/triage"
    return [make_leaf(topic, 2 * n + 3, n % cases, n // cases + 1, source) for n in range(first, first + count)]


def build(root: Path, cases: int = 600, reports: int = 40) -> Record:
    record = Record(root, {"seals": Log("seals"), "cases": Log("cases"), "reports": Log("reports")})
    for topic, count in (("cases", cases), ("reports", reports)):
        half = count // 2
        for first, number in ((0, half), (half, count - half)):
            record.logs[topic].append(make_leaves(topic, first, number))
            record.logs["seals"].append([record.logs[topic].seal()])
    record.write()
    return record


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return build(tmp_path / "export")


def kinds(report: verifier.Report) -> set[str]:
    return {finding.kind for finding in report.findings}


def only(report: verifier.Report, kind: str) -> verifier.Finding:
    """The one finding, which must be of this kind."""
    assert [finding.kind for finding in report.findings] == [kind]
    return report.findings[0]


def test_an_honest_record_verifies(record: Record) -> None:
    report = record.verify()
    assert report.findings == []
    assert report.ok
    assert (report.entries, report.seals, report.sequences) == (644, 4, 14)
    assert {log.log: log.size for log in report.logs} == {SEALS: 4, CASES_0: 600, REPORTS_0: 40}
    assert report.logs[1].root == verifier.encode(root_of(hash_leaves(record.logs["cases"].entries)))


@pytest.mark.parametrize("options", [{"sequences": False}, {"strict": True}])
def test_an_honest_record_verifies_with_every_option(record: Record, options: dict[str, Any]) -> None:
    assert record.verify(**options).findings == []


def test_a_tall_log_verifies_and_a_wrong_hash_high_up_is_found(tmp_path: Path) -> None:
    record = Record(tmp_path / "tall", {"seals": Log("seals"), "cases": Log("cases")})
    record.logs["cases"].append(make_leaves("cases", 0, 66_000, cases=500))
    record.write()
    report = record.verify()
    assert (report.findings, report.entries, report.sequences) == ([], 66_000, 500)
    file = record.file("cases", Tile(1, 0))
    damaged = bytearray(file.read_bytes())
    damaged[32 * 7] ^= 1
    file.write_bytes(damaged)
    finding = only(record.verify(sequences=False), "tile_altered")
    assert (finding.index, finding.file) == (7 * 256, "logs/cases/0/tile/1/000")


@pytest.mark.parametrize("topic", ["cases", "reports"])
@pytest.mark.parametrize("at", [0, 17, 39])
def test_an_edited_entry_is_named(record: Record, topic: str, at: int) -> None:
    log = record.logs[topic]
    tile = Tile(-1, 0, 256 if topic == "cases" else 40)
    file = record.file(topic, tile)
    file.write_bytes(
        file.read_bytes().replace(f'"cause":"cause-{2 * at + 3}"'.encode(), f'"cause":"CAUSE-{2 * at + 3}"'.encode())
    )
    finding = only(record.verify(), "entry_altered")
    assert (finding.log, finding.index, finding.offset) == (log.origin, at, 2 * at + 3)
    assert finding.event_id == f"{topic}-{2 * at + 3}"
    assert finding.file == f"{log.path}/{tile.path}"
    assert finding.expected == verifier.encode(hash_leaves(log.entries)[at])
    assert "checkpoint still prove another" in finding.message


def test_an_altered_hash_is_told_from_an_altered_entry(record: Record) -> None:
    file = record.file("cases", Tile(0, 1))
    damaged = bytearray(file.read_bytes())
    damaged[32 * 5] ^= 1
    file.write_bytes(damaged)
    finding = only(record.verify(), "tile_altered")
    assert (finding.log, finding.index, finding.event_id) == (CASES_0, 261, "cases-525")
    assert finding.file == "logs/cases/0/tile/0/001"
    assert finding.expected == verifier.encode(hash_leaves(record.logs["cases"].entries)[261])
    assert "entry is what was signed" in finding.message


def rewrite(record: Record, topic: str, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the entries of a log and hash everything again, but sign nothing: what a thief of the disk can do."""
    log = record.logs[topic]
    notes = {name: other.note() for name, other in record.logs.items()}
    entries = change(list(log.entries))
    log.entries, log.tiles, log.frontier = [], {}, Frontier()
    log.append([json.loads(entry) for entry in entries])
    record.write()
    for name, note in notes.items():
        record.file(name, "checkpoint").write_text(note)


def resign(record: Record, topic: str, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the entries of a log, hash and sign everything again: what a keeper who cheats can do."""
    rewrite(record, topic, change)
    record.write()


def edit_at(index: int) -> Callable[[list[bytes]], list[bytes]]:
    return lambda entries: [
        entry.replace(b"responder-7", b"responder-8") if at == index else entry for at, entry in enumerate(entries)
    ]


def swap(entries: list[bytes]) -> list[bytes]:
    entries[400], entries[407] = entries[407], entries[400]
    return entries


def test_an_edit_with_all_tiles_hashed_again_is_narrowed_down_by_the_seals(record: Record) -> None:
    rewrite(record, "cases", edit_at(450))
    report = record.verify()
    assert kinds(report) == {"root_mismatch", "seal_contradicts"}
    finding = next(one for one in report.findings if one.kind == "root_mismatch")
    assert (finding.log, finding.index) == (CASES_0, 300)
    assert "entries 300 to 599" in finding.message


def test_an_edit_that_is_signed_again_contradicts_the_seals(record: Record) -> None:
    resign(record, "cases", edit_at(120))
    report = record.verify()
    assert kinds(report) == {"seal_contradicts"}
    assert "seal 0 has another root at size 300: the record differs" in report.findings[0].message
    assert report.findings[0].log == CASES_0


def test_a_deleted_entry_is_found_in_its_bundle(record: Record) -> None:
    log = record.logs["cases"]
    file = record.file("cases", Tile(-1, 0))
    gone = len(log.entries[31]).to_bytes(2, "big") + log.entries[31]
    file.write_bytes(file.read_bytes().replace(gone, b""))
    report = record.verify()
    assert kinds(report) == {"entries_missing", "entry_missing"}
    finding = next(one for one in report.findings if one.kind == "entry_missing")
    assert (finding.log, finding.index, finding.file) == (CASES_0, 31, "logs/cases/0/tile/entries/000")


def test_a_deletion_signed_again_leaves_a_gap_in_the_case(record: Record) -> None:
    resign(record, "cases", lambda entries: entries[:450] + entries[451:])
    report = record.verify()
    gap = next(one for one in report.findings if one.kind == "case_seq_gap")
    assert (gap.log, gap.index, gap.offset, gap.event_id) == (CASES_0, 456, 917, "cases-917")
    assert (gap.expected, gap.actual) == (str(450 // 7 + 1), str(450 // 7 + 2))
    assert "log_truncated" in kinds(report)


def test_reordered_entries_are_found_in_their_bundle(record: Record) -> None:
    log = record.logs["cases"]
    bundle = record.file("cases", Tile(-1, 1))
    first, second = (len(log.entries[at]).to_bytes(2, "big") + log.entries[at] for at in (300, 310))
    data = bundle.read_bytes().replace(first, b"<1>").replace(second, b"<2>")
    bundle.write_bytes(data.replace(b"<1>", second).replace(b"<2>", first))
    report = record.verify()
    moved = {one.index: one.message for one in report.findings if one.kind == "entry_moved"}
    assert moved == {300: "this entry belongs at index 310", 310: "this entry belongs at index 300"}
    assert "offset_order" in kinds(report)


def test_reordering_signed_again_breaks_offsets_and_numbers(record: Record) -> None:
    resign(record, "cases", swap)
    report = record.verify()
    assert {"offset_order", "case_seq_order", "seal_contradicts"} <= kinds(report)
    order = next(one for one in report.findings if one.kind == "offset_order")
    assert (order.log, order.index, order.offset, order.event_id) == (CASES_0, 401, 805, "cases-805")


def test_a_truncated_log_contradicts_its_seals(record: Record) -> None:
    resign(record, "cases", lambda entries: entries[:500])
    finding = only(record.verify(), "log_truncated")
    assert (finding.log, finding.index) == (CASES_0, 500)
    assert "seal 1 covers 600 entries" in finding.message


def test_a_vanished_log_is_missed_by_the_seals(record: Record) -> None:
    del record.logs["reports"]
    record.write()
    assert only(record.verify(), "log_missing").log == REPORTS_0


class Growing(verifier.Folder):
    """A record in which a log begins while it is read: the first list has not got it yet."""

    lists = 0

    def read_list(self, name: str) -> list[verifier.JsonObject]:
        items = super().read_list(name)
        self.lists += name == "logs"
        return items if self.lists > 1 else [item for item in items if item.get("log") != REPORTS_0]


def test_a_log_that_begins_while_the_record_is_read_is_not_missing(record: Record) -> None:
    report = verifier.verify(Growing(record.root), [verifier.Key.parse(str(KEY.verifier))])
    assert report.ok, report.findings
    assert REPORTS_0 in {log.log for log in report.logs}


def test_a_record_without_a_seal_log_is_not_accepted(record: Record) -> None:
    del record.logs["seals"]
    record.write()
    only(record.verify(), "seals_missing")


def test_a_fork_and_a_truncation_are_found_by_what_was_seen_before(record: Record, tmp_path: Path) -> None:
    seen: dict[str, verifier.Seen] = {}
    assert record.verify(seen=seen).ok
    assert seen[CASES_0].size == 600
    honest = dict(seen)
    record.logs["cases"].append(make_leaves("cases", 600, 50))
    record.write()
    assert record.verify(seen=seen).ok
    assert seen[CASES_0].size == 650
    record.logs["seals"] = Log("seals")  # the cheat leaves no seals behind either
    resign(record, "cases", edit_at(3))
    report = record.verify(seen=seen)
    assert kinds(report) == {"log_forked", "log_truncated"}
    assert next(one for one in report.findings if one.kind == "log_forked").log == CASES_0
    assert seen[CASES_0].size == 650, "a checkpoint that does not hold is not remembered"
    resign(record, "cases", lambda entries: entries[:100])
    assert {one.log for one in record.verify(seen=honest).findings} == {CASES_0, SEALS}


def test_what_was_seen_survives_its_file(record: Record, tmp_path: Path) -> None:
    file = tmp_path / "seen.json"
    arguments = [str(record.root), "--key", str(KEY.verifier), "--since", str(file)]
    assert verifier.main(arguments) == 0
    assert verifier.read_seen(file)[CASES_0].size == 600
    record.logs["seals"] = Log("seals")
    resign(record, "cases", edit_at(3))
    assert verifier.main(arguments) == 1
    file.write_text("{}")
    assert verifier.main(arguments) == 2


def test_the_wrong_key_is_refused(record: Record) -> None:
    report = record.verify(OTHER_KEY)
    assert kinds(report) == {"checkpoint_invalid", "key_unlisted"}
    assert {one.log for one in report.findings if one.kind == "checkpoint_invalid"} == {SEALS, CASES_0, REPORTS_0}


def test_a_record_signed_by_another_key_is_refused(record: Record) -> None:
    record.write(OTHER_KEY)
    assert {"checkpoint_invalid", "key_unlisted"} == kinds(record.verify())


def test_a_checkpoint_of_another_log_is_refused(record: Record) -> None:
    shutil.copy(record.file("reports", "checkpoint"), record.file("cases", "checkpoint"))
    finding = only(record.verify(), "checkpoint_origin")
    assert (finding.log, finding.actual) == (CASES_0, REPORTS_0)


def test_swapped_tiles_are_found(record: Record) -> None:
    one, other = record.file("cases", Tile(0, 0)), record.file("cases", Tile(0, 1))
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    report = record.verify()
    assert kinds(report) == {"tile_altered"}
    assert report.findings[0].index == 0
    assert report.untold["tile_altered"] == 512 - verifier.DETAILED


def test_swapped_bundles_are_found(record: Record) -> None:
    one, other = record.file("cases", Tile(-1, 0)), record.file("cases", Tile(-1, 1))
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    report = record.verify()
    assert not report.ok
    assert report.findings[-1].index is not None
    assert "entry_altered" in kinds(report)


def test_a_missing_file_is_named(record: Record) -> None:
    for topic, tile in [("cases", Tile(-1, 1)), ("cases", Tile(0, 2, 88)), ("cases", Tile(1, 0, 2))]:
        record.write()
        record.file(topic, tile).unlink()
        report = record.verify()
        assert [one.file for one in report.findings if one.kind == "file_missing"] == [f"logs/cases/0/{tile.path}"]
    record.write()
    record.file("cases", "checkpoint").unlink()
    assert only(record.verify(), "file_missing").file == "logs/cases/0/checkpoint"


def test_full_tiles_stand_in_for_partial_ones_that_were_tidied_away(record: Record) -> None:
    log = record.logs["cases"]
    note = log.note()
    log.append(make_leaves("cases", 600, 300))
    for tile in [tile for tile in log.tiles if tile.index == 2 and tile.width == 88]:
        del log.tiles[tile]
    record.write()
    record.file("cases", "checkpoint").write_text(note)
    listed = json.loads((record.root / "logs.json").read_text())
    listed["items"][1]["size"] = 600
    (record.root / "logs.json").write_bytes(to_json(listed))
    # Above the leaves, the tiles of the size that was signed are still there.
    assert record.verify().findings == []


def test_a_gap_in_case_seq_names_the_event_after_it(record: Record) -> None:
    leaves = [make_leaf("cases", 5000, 99, 1), make_leaf("cases", 5001, 99, 2), make_leaf("cases", 5002, 99, 5)]
    record.logs["cases"].append(leaves)
    record.write()
    finding = only(record.verify(), "case_seq_gap")
    assert (finding.log, finding.index, finding.offset, finding.event_id) == (CASES_0, 602, 5002, "cases-5002")
    assert (finding.expected, finding.actual) == ("3", "5")
    assert "3 to 4 missing" in finding.message
    assert "/triage case/99" in finding.message


def test_a_case_must_begin_with_one(record: Record) -> None:
    record.logs["cases"].append([make_leaf("cases", 5000, 99, 2)])
    record.write()
    assert only(record.verify(), "case_seq_gap").expected == "1"


def test_a_repeated_number_is_found(record: Record) -> None:
    record.logs["cases"].append([make_leaf("cases", 5000, 99, 1), make_leaf("cases", 5001, 99, 1)])
    record.write()
    finding = only(record.verify(), "case_seq_repeated")
    assert (finding.index, finding.offset) == (601, 5001)


def test_numbers_out_of_order_within_a_log_are_found(record: Record) -> None:
    record.logs["cases"].append([make_leaf("cases", 5000 + n, 99, seq) for n, seq in enumerate([1, 3, 2, 4])])
    record.write()
    finding = only(record.verify(), "case_seq_order")
    assert (finding.index, finding.actual) == (602, "2")


def test_a_case_may_be_spread_over_logs(record: Record) -> None:
    for topic, numbers in (("cases", [1, 4, 5, 9]), ("reports", [2, 3, 6, 7, 8])):
        record.logs[topic].append([make_leaf(topic, 5000 + seq, 99, seq) for seq in numbers])
    record.write()
    assert record.verify().findings == []
    record.logs["reports"].append([make_leaf("reports", 6000, 99, 11)])
    record.write()
    assert only(record.verify(), "case_seq_gap").log == REPORTS_0


def test_a_recent_gap_is_a_notice_as_the_event_may_be_on_its_way(record: Record) -> None:
    kafka = {"offset": 5000, "partition": 0, "timestamp": 9_999_999_999_999, "topic": "cases"}
    record.logs["cases"].append([make_leaf("cases", 5000, 99, 2, kafka=kafka)])
    record.write()
    report = record.verify()
    assert report.ok
    assert any("may still be on its way" in notice for notice in report.notices)


def test_cases_with_letters_that_json_escapes_are_followed_too(record: Record) -> None:
    leaves = [make_leaf("cases", 5000 + seq, 0, seq, source='/"odd"\\\u2028é') for seq in (1, 2, 4)]
    record.logs["cases"].append(leaves)
    record.write()
    assert only(record.verify(), "case_seq_gap").expected == "3"


def test_a_duplicate_that_names_its_original_is_skipped(record: Record) -> None:
    record.logs["cases"].append([DUPLICATE])
    record.write()
    report = record.verify()
    assert (report.findings, report.duplicates) == ([], 1)


@pytest.mark.parametrize(
    "target", [{"index": 11, "log": CASES_0}, {"index": 600, "log": CASES_0}, {"index": 10, "log": "elsewhere/0"}]
)
def test_an_event_cannot_be_hidden_as_a_duplicate(record: Record, target: dict[str, Any]) -> None:
    duplicate = {
        "ce": {"id": "cases-23"},
        "duplicate_of": target,
        "kafka": {"offset": 5000, "partition": 0, "timestamp": 1, "topic": "cases"},
    }
    record.logs["cases"].append([duplicate])
    record.write()
    finding = only(record.verify(), "duplicate_unfounded")
    assert (finding.log, finding.index, finding.event_id) == (CASES_0, 600, "cases-23")


def test_an_unparsed_record_counts_and_keeps_its_place(record: Record) -> None:
    kafka = {"offset": 5000, "partition": 0, "timestamp": 1, "topic": "cases"}
    unparsed = {"kafka": kafka, "unparsed": {"reason": "not JSON", "sha256": "00" * 32, "size": 3}}
    record.logs["cases"].append([unparsed])
    record.write()
    report = record.verify()
    assert (report.findings, report.unparsed) == ([], 1)
    record.logs["cases"].append([unparsed])
    record.write()
    assert only(record.verify(), "offset_order").index == 601


@pytest.mark.parametrize(
    "leaf",
    [{}, {"kafka": {"offset": 5000}}, make_leaf("cases", 5000, 99, 1, data=[]), make_leaf("cases", 5000, 99, -1)],
)
def test_an_entry_of_another_shape_is_found(record: Record, leaf: dict[str, Any]) -> None:
    record.logs["cases"].append([leaf])
    record.write()
    finding = only(record.verify(), "entry_unreadable")
    assert (finding.log, finding.index) == (CASES_0, 600)


def test_an_entry_of_another_partition_is_found(record: Record) -> None:
    kafka = {"offset": 5000, "partition": 1, "timestamp": 1, "topic": "cases"}
    record.logs["cases"].append([make_leaf("cases", 5000, 99, 1, kafka=kafka)])
    record.write()
    assert only(record.verify(), "entry_misplaced").index == 600


def test_strict_finds_a_key_that_stands_twice(record: Record) -> None:
    log = record.logs["cases"]
    entry = to_json(make_leaf("cases", 5000, 99, 1)).replace(b'"data":{', b'"data":{"a":1,"a":2,')
    hashes = hash_leaves([entry])
    log.tiles.update(grow(600, [entry], hashes, log.tiles.__getitem__))
    log.frontier = log.frontier.append(hashes)
    record.write()
    assert record.verify().ok
    assert only(record.verify(strict=True), "entry_unreadable").index == 600


def append_seal(record: Record, seal: dict[str, Any]) -> verifier.Report:
    record.logs["seals"].append([seal])
    record.write()
    return record.verify()


def test_a_seal_that_contradicts_its_log_is_found(record: Record) -> None:
    other = Log("cases")
    other.append(make_leaves("cases", 0, 450, cases=8))
    report = append_seal(record, {**other.seal()})
    assert kinds(report) == {"seal_order", "seal_contradicts"}
    finding = next(one for one in report.findings if one.kind == "seal_contradicts")
    assert (finding.log, finding.index) == (CASES_0, 300)
    assert "seal 4" in finding.message


def test_two_seals_of_one_size_with_two_roots_are_a_fork(record: Record) -> None:
    other = Log("cases")
    other.append(make_leaves("cases", 0, 600, cases=8))
    finding = only(append_seal(record, other.seal()), "seal_fork")
    assert (finding.log, finding.index) == (SEALS, 4)
    assert "seals 1 and 4" in finding.message


def test_a_seal_by_another_key_or_of_another_log_is_found(record: Record) -> None:
    seal = record.logs["cases"].seal()
    report = append_seal(record, {**seal, "log": REPORTS_0})
    assert only(report, "seal_invalid").index == 4
    report = append_seal(record, {**seal, "checkpoint": record.logs["cases"].note(OTHER_KEY)})
    assert [one.index for one in report.findings] == [4, 5]
    report = append_seal(record, {"at": "now"})
    assert [one.index for one in report.findings] == [4, 5, 6]


def list_files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return build(tmp_path_factory.mktemp("small") / "export", cases=20, reports=6)


@up_to(300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_is_found(small: Record, data: st.DataObject) -> None:
    live: list[Path] = [small.root / "logs.json", small.root / "keys.json"]
    for log in small.logs.values():
        size = log.frontier.size
        live += [small.file(log.topic, name) for name in ("checkpoint", Tile(0, 0, size), Tile(-1, 0, size))]
    file = data.draw(st.sampled_from(live))
    before = file.read_bytes()
    at = data.draw(st.integers(0, len(before) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != before[at]))
    try:
        file.write_bytes(before[:at] + bytes([byte]) + before[at + 1 :])
        report = small.verify()
    finally:
        file.write_bytes(before)
    if report.ok:
        # Only the JSON lists have bytes that mean nothing: around and in members that nothing depends on.
        assert file in live[:2]
        assert before[at : at + 1] in b'"next:nul'
        assert {log.log: log.size for log in report.logs} == {SEALS: 4, CASES_0: 20, REPORTS_0: 6}
    elif file.name not in ("logs.json", "keys.json"):
        topic = file.relative_to(small.root).parts[1]
        assert small.logs[topic].origin in {one.log for one in report.findings}


@up_to(60)
@given(data=st.data())
def test_any_cut_of_a_file_is_found(small: Record, data: st.DataObject) -> None:
    size = small.logs["cases"].frontier.size
    names = ["checkpoint", Tile(0, 0, size).path, Tile(-1, 0, size).path]
    file = small.file("cases", data.draw(st.sampled_from(names)))
    before = file.read_bytes()
    try:
        file.write_bytes(before[: data.draw(st.integers(0, len(before) - 1))])
        assert CASES_0 in {one.log for one in small.verify().findings}
    finally:
        file.write_bytes(before)


def test_it_runs_alone_and_shares_no_code(record: Record, tmp_path: Path) -> None:
    alone = tmp_path / "alone" / "verify.py"
    alone.parent.mkdir()
    shutil.copy(SCRIPT, alone)
    command = [sys.executable, "-I", str(alone), str(record.root), "--key", str(KEY.verifier)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=alone.parent, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("VERIFIED: 644 entries in 3 logs, 4 seals, 14 sequences of events")
    record.file("cases", Tile(0, 0)).write_bytes(bytes(8192))
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, cwd=alone.parent, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout)["findings"][0]["log"] == CASES_0
    done = subprocess.run([sys.executable, "-I", str(alone)], capture_output=True, text=True, check=False)
    assert done.returncode == 2


def test_without_a_key_it_says_which_keys_it_trusts_and_pins(
    record: Record, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pin = tmp_path / "pinned"
    assert verifier.main([str(record.root)]) == 0
    assert "the keys of the record itself are trusted" in capsys.readouterr().out
    assert verifier.main([str(record.root), "--pin", str(pin)]) == 0
    assert pin.read_text() == f"{KEY.verifier}\n"
    record.write(OTHER_KEY)
    assert verifier.main([str(record.root), "--pin", str(pin)]) == 1


@pytest.mark.parametrize("arguments", [["/nowhere"], ["ftp://x"], [".", "--key", "nonsense"], ["http://127.0.0.1:1?q"]])
def test_what_cannot_be_checked_is_neither_fine_nor_a_finding(arguments: list[str]) -> None:
    assert verifier.main([*arguments, "--json"]) == 2


def test_text_from_a_record_cannot_command_the_terminal(record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    leaf = make_leaf("cases", 5, 99, 1)
    leaf["ce"]["id"] = "\x1b[2J\u202eevil"
    record.logs["cases"].append([leaf])
    record.write()
    assert verifier.main([str(record.root), "--key", str(KEY.verifier)]) == 1
    out = capsys.readouterr().out
    assert "\\x1b[2J\\u202eevil" in out
    assert "\x1b" not in out


class Handler(http.server.SimpleHTTPRequestHandler):
    """A folder behind HTTP/1.1 with a bearer token; lists are answered without `.json`, two items a page."""

    protocol_version = "HTTP/1.1"
    as_service = False
    refusals: ClassVar[list[str]] = []
    """What `Retry-After` says in the next answers, which are refusals."""

    def do_GET(self) -> None:
        if self.refusals:
            self.send_response(429)
            self.send_header("Retry-After", self.refusals.pop())
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.as_service:
            if self.headers.get("Authorization") != "Bearer sesame":
                self.send_error(401)
                return
            if not self.path.startswith("/v1/record/"):
                self.send_error(404)
                return
            self.path = self.path.removeprefix("/v1/record")
            name, _, cursor = self.path.partition("?cursor=")
            if name in ("/logs", "/keys"):
                items = json.loads((Path(self.directory) / f"{name[1:]}.json").read_text())["items"]
                start = int(cursor or 0)
                following = str(start + 2) if start + 2 < len(items) else None
                body = to_json({"items": items[start : start + 2], "next": following})
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                return
        super().do_GET()

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def serve(record: Record) -> Iterator[Callable[[bool], str]]:
    servers: list[tuple[http.server.ThreadingHTTPServer, threading.Thread]] = []

    def start(as_service: bool) -> str:
        handler = functools.partial(type("Bound", (Handler,), {"as_service": as_service}), directory=str(record.root))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_export_served_as_it_is_verifies_by_its_address(serve: Callable[[bool], str]) -> None:
    assert verifier.main([serve(False), "--key", str(KEY.verifier)]) == 0


def test_a_running_service_verifies_with_a_token(
    record: Record, serve: Callable[[bool], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "token"
    token.write_text("sesame\n")
    address = serve(True)
    arguments = [address, "--key", str(KEY.verifier), "--token-file", str(token), "--json"]
    assert verifier.main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["entries"] == 644
    assert verifier.main([address + "/v1/record", *arguments[1:]]) == 0
    record.file("cases", Tile(0, 2, 88)).write_bytes(bytes(88 * 32))
    assert verifier.main(arguments) == 1
    token.write_text("wrong")
    assert verifier.main(arguments) == 2


def test_the_verifier_waits_as_long_as_the_service_asks_and_never_for_hours(
    serve: Callable[[bool], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(verifier.time, "sleep", waited.append)
    monkeypatch.setattr(Handler, "refusals", ["soon", "86400", "7"])
    assert verifier.main([serve(False), "--key", str(KEY.verifier)]) == 0
    assert waited == [7, 60, 2]


def stub_of(entry: bytes) -> bytes:
    (leaf_hash,) = hash_leaves([entry])
    return to_json({"leaf_hash": verifier.encode(leaf_hash), "withheld": True})


def withhold(record: Record, topic: str, cases: set[int]) -> int:
    """Put stubs in the places of the entries of these cases, in the files only; returns how many."""
    log = record.logs[topic]
    shown = [
        stub_of(entry) if json.loads(entry).get("key") in {f"case-{n}" for n in cases} else entry
        for entry in log.entries
    ]
    for tile in log.tiles:
        if tile.level == -1:
            start = tile.index * 256
            record.file(topic, tile).write_bytes(join_entries(shown[start : start + tile.width]))
    return sum(one is not other for one, other in zip(shown, log.entries, strict=True))


@pytest.mark.parametrize("options", [{}, {"sequences": False}, {"strict": True}])
@pytest.mark.parametrize("cases", [{0}, {6}, {2, 3}, set(range(7))])
def test_withheld_cases_are_counted_and_all_else_verifies(
    record: Record, cases: set[int], options: dict[str, Any]
) -> None:
    count = withhold(record, "cases", cases) + withhold(record, "reports", cases)
    report = record.verify(**options)
    assert (report.findings, report.withheld, report.entries) == ([], count, 644)
    assert f"{count:,} entries are withheld" in report.notices[-1]
    assert f"{count:,} withheld" in verifier.describe(report).splitlines()[-1]
    if options != {"sequences": False}:
        assert report.sequences == 2 * (7 - len(cases))


def test_a_changed_hash_of_a_withheld_entry_is_found(record: Record) -> None:
    withhold(record, "cases", {3})
    file = record.file("cases", Tile(-1, 0))
    right = verifier.encode(hash_leaves([record.logs["cases"].entries[10]])[0])
    wrong = ("A" if right[0] != "A" else "B") + right[1:]
    file.write_bytes(file.read_bytes().replace(right.encode(), wrong.encode()))
    finding = only(record.verify(), "entry_altered")
    assert (finding.log, finding.index, finding.expected, finding.actual) == (CASES_0, 10, right, wrong)


def test_a_withheld_hash_changed_in_bundle_and_tile_contradicts_what_was_signed(record: Record) -> None:
    withhold(record, "cases", {3})
    right = hash_leaves([record.logs["cases"].entries[10]])[0]
    for tile, spell in ((Tile(-1, 0), lambda h: verifier.encode(h).encode()), (Tile(0, 0), lambda h: h)):
        file = record.file("cases", tile)
        file.write_bytes(file.read_bytes().replace(spell(right), spell(bytes(32))))
    report = record.verify()
    assert {"root_mismatch", "seal_contradicts"} <= kinds(report)
    assert {finding.log for finding in report.findings} == {CASES_0}


@pytest.mark.parametrize(
    "put", [b"", b"{}", b'{"leaf_hash":"%s","withheld":true}', b'{"leaf_hash":"A","withheld":true}']
)
def test_no_other_bytes_pass_for_a_withheld_entry(record: Record, put: bytes) -> None:
    log = record.logs["cases"]
    if b"%s" in put:
        put %= verifier.encode(hash_leaves([log.entries[11]])[0]).encode()
    entries = [put if at == 10 else entry for at, entry in enumerate(log.entries[:256])]
    record.file("cases", Tile(-1, 0)).write_bytes(join_entries(entries))
    report = record.verify()
    assert ("entry_altered" in kinds(report)) or ("entry_moved" in kinds(report))
    assert next(one for one in report.findings if one.kind.startswith("entry_")).index == 10


def test_an_entry_that_looks_like_a_stub_is_no_event(record: Record) -> None:
    record.logs["cases"].append([{"leaf_hash": verifier.encode(bytes(32)), "withheld": True}])
    record.write()
    report = record.verify()
    assert (only(report, "entry_unreadable").index, report.withheld) == (600, 0)


def test_a_seal_is_never_withheld(record: Record) -> None:
    log = record.logs["seals"]
    tile = next(tile for tile in log.tiles if tile.level == -1 and tile.width == 4)
    entries = [stub_of(entry) if at == 2 else entry for at, entry in enumerate(log.entries)]
    record.file("seals", tile).write_bytes(join_entries(entries))
    assert only(record.verify(), "seal_withheld").index == 2


def test_a_case_that_is_withheld_while_the_logs_are_read_leaves_no_gap(record: Record) -> None:
    for topic, numbers in (("cases", [1, 4]), ("reports", [2, 3])):
        record.logs[topic].append([make_leaf(topic, 5000 + seq, 99, seq) for seq in numbers])
    record.write()
    withhold(record, "reports", {99})
    source = verifier.open_source(str(record.root))
    read = source.read

    def read_and_withhold(path: str, limit: int) -> bytes:
        if path.startswith("logs/reports"):
            withhold(record, "cases", {99})
        return read(path, limit)

    source.read = read_and_withhold  # type: ignore[method-assign]  # the record changes while it is read
    keys = [verifier.Key.parse(str(KEY.verifier))]
    assert only(record.verify(), "case_seq_gap").index == 601
    assert verifier.verify(source, keys).findings == []


def test_what_repeats_a_withheld_entry_cannot_be_shown(record: Record) -> None:
    record.logs["cases"].append([DUPLICATE])
    record.write()
    withhold(record, "cases", {3})
    assert only(record.verify(), "duplicate_unfounded").index == 600
