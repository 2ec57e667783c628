"""Leaves: canonical, complete, and readable by the verifier, which shares no code with them."""

import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit import verify
from services.audit.consumer import TOPICS, capture
from services.audit.record.leaf import Place, keep_hash, point_to, read_record, read_seal, write_seal
from services.audit.record.log import Edge, Head, unfinished
from services.audit.tlog.tiles import MAX_LEAF_BYTES
from services.audit.tlog.tree import hash_leaves, root_of
from shared.events import encode
from shared.kafka.records import Record
from tests.support.audit_rig import ORIGIN, event_of

PLACE = Place("cases", 3, 41, 1_764_000_000_000)
MESSAGE = encode(event_of("case-1", 2, trace=f"00-{'ab' * 16}-{'cd' * 8}-01"))
HEADERS = dict(MESSAGE.headers)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def leaf_with(value: bytes | None = MESSAGE.value, **changed: bytes | None) -> dict[str, object]:
    headers = {**HEADERS, **changed}
    leaf = read_record(PLACE, MESSAGE.key, [(k, v) for k, v in headers.items() if v is not None], value)
    verify.parse_leaf(leaf.entry, strict=True)
    parsed: dict[str, object] = json.loads(leaf.entry)
    return parsed


def test_a_leaf_has_everything_of_the_event_and_where_it_came_from() -> None:
    leaf = read_record(PLACE, MESSAGE.key, MESSAGE.headers, MESSAGE.value)
    event = event_of("case-1", 2)
    assert json.loads(leaf.entry) == {
        "actor": {"ref": "service:triage", "role": "service"},
        "case_seq": 2,
        "cause": event.cause,
        "ce": {
            "datacontenttype": "application/json",
            "dataschema": "http://127.0.0.1:8001/schemas/case.closed/1.0.json",
            "id": event.id,
            "source": "hearth/triage",
            "specversion": "1.0",
            "subject": "case/case-1",
            "time": "2026-11-24T09:00:02.000Z",
            "type": "hearth.case.closed.v1",
        },
        "data": {"previous": "decided", "state": "closed"},
        "kafka": {"offset": 41, "partition": 3, "timestamp": 1_764_000_000_000, "topic": "cases"},
        "key": "case-1",
        "policy_version": None,
        "trace_id": "ab" * 16,
    }
    assert leaf.about["case"] == "case-1"
    assert leaf.about["trace"] == "ab" * 16


def test_the_verifier_reads_a_leaf_without_parsing_it() -> None:
    entry = read_record(PLACE, MESSAGE.key, MESSAGE.headers, MESSAGE.value).entry
    match = verify.compile_entry("cases", 3).match(entry)
    assert match is not None
    assert (match[1], match[4]) == (b"2", b"41")


@given(st.dictionaries(st.text(), json_values), st.text(), st.text())
def test_whatever_the_data_is_the_leaf_is_canonical_and_keeps_it(data: dict[str, object], ref: str, key: str) -> None:
    headers = {**HEADERS, "ce_actorref": ref.encode()}
    leaf = read_record(PLACE, key.encode(), list(headers.items()), json.dumps(data).encode())
    assert verify.parse_leaf(leaf.entry, strict=True).offset == 41
    assert json.loads(leaf.entry)["data"] == data


@given(st.binary(max_size=200), st.lists(st.tuples(st.sampled_from([*HEADERS, "odd"]), st.none() | st.binary())))
def test_no_record_is_too_odd_for_the_record(value: bytes, headers: list[tuple[str, bytes | None]]) -> None:
    record = Record("cases", 3, 41, -1, b"\xff", tuple(headers), value)
    leaf = json.loads(capture(record, None).leaf.entry)
    assert leaf["unparsed"]["sha256"] == sha256(value).hexdigest()


@pytest.mark.parametrize(
    ("reason", "value", "changed"),
    [
        ("missing_attribute", b"{}", {"ce_id": None}),
        ("invalid_attribute", b"{}", {"ce_caseseq": b"-1"}),
        ("invalid_attribute", b"{}", {"ce_caseseq": "٣".encode()}),
        ("invalid_encoding", b"{}", {"ce_subject": b"\xff"}),
        ("invalid_json", b'{"a":NaN}', {}),
        ("invalid_json", None, {}),
        ("invalid_json", b'{"a":"\\ud800"}', {}),
        ("invalid_data", b"[]", {}),
        ("too_deep", b'{"a":' * 300 + b"1" + b"}" * 300, {}),
        ("too_large", b'{"a":"' + b"x" * MAX_LEAF_BYTES + b'"}', {}),
    ],
)
def test_what_cannot_be_read_is_kept_as_its_hash_with_the_reason(
    reason: str, value: bytes | None, changed: dict[str, bytes | None]
) -> None:
    kept = leaf_with(value, **changed)
    assert kept["unparsed"] == {
        "reason": reason,
        "sha256": sha256(value or b"").hexdigest(),
        "size": len(value or b""),
    }


@pytest.mark.parametrize(
    "time", ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+14:00", "noon", "2026-11-24T09:00:00"]
)
def test_a_time_that_is_none_is_kept_as_it_came_and_kafkas_is_found_by(time: str) -> None:
    headers = {**HEADERS, "ce_time": time.encode()}
    leaf = read_record(PLACE, MESSAGE.key, list(headers.items()), MESSAGE.value)
    assert json.loads(leaf.entry)["ce"]["time"] == time
    assert leaf.about["at"] == "2025-11-24T16:00:00.000Z"


def test_of_what_strangers_write_only_the_hash_is_kept_even_if_it_could_be_read() -> None:
    record = Record("reports.inbox", 0, 1, 2, MESSAGE.key, MESSAGE.headers, b'{"name":"Jane Example"}')
    leaf = capture(record, None).leaf
    assert json.loads(leaf.entry)["unparsed"]["reason"] == "foreign"
    assert b"Jane" not in leaf.entry
    assert not leaf.about


def test_every_topic_of_facts_is_recorded_but_not_the_seals_themselves() -> None:
    facts = {"reports", "parties", "cases", "notifications", "access", "roster", "names", "erasures"}
    facts |= {"baseline", "scorecards"}
    assert set(TOPICS) == facts | {"reports.inbox"}


def test_a_repeated_event_becomes_a_pointer_to_where_it_stands() -> None:
    leaf = point_to(read_record(PLACE, MESSAGE.key, MESSAGE.headers, MESSAGE.value), f"{ORIGIN}/cases/3", 7)
    parsed = verify.parse_leaf(leaf.entry, strict=True)
    assert parsed.duplicate_of == (f"{ORIGIN}/cases/3", 7)
    assert parsed.event_id == event_of("case-1", 2).id
    assert leaf.event_id is None
    # Found by nothing, and hidden with its case.
    assert leaf.about == {"repeats": "case-1"}


def test_a_hash_and_a_seal_read_back() -> None:
    assert verify.parse_leaf(keep_hash(PLACE, None, "foreign").entry, strict=True).unparsed
    seal = read_seal(write_seal("2026-11-24T09:00:00.000Z", "o", "o\n5\ncm9vdA==\n\n— o sig\n"))
    assert (seal.origin, seal.size, seal.root) == ("o", 5, "cm9vdA==")


@given(st.lists(st.integers(1, 700), min_size=1, max_size=6))
def test_an_edge_grown_in_any_batches_has_the_root_and_is_rebuilt_as_stored(
    batches: list[int],
) -> None:
    leaves = hash_leaves(n.to_bytes(4, "big") for n in range(sum(batches)))
    edge, at, tiles = Edge("cases/0"), 0, {}
    for count in batches:
        edge, filled = edge.append(leaves[at : at + count])
        tiles.update({(tile.level, tile.index): tile for tile in filled})
        at += count
    assert edge.frontier.root() == root_of(leaves)
    assert [index for level, index in tiles if level == 0] == list(range(at // 256))
    frontier = edge.frontier
    head = Head("cases/0", frontier.size, frontier.nodes, frontier.root())
    rows = [
        leaves[start:end] if level == 0 else [tiles[level - 1, n].root for n in range(start, end)]
        for level, start, end in unfinished(at)
    ]
    assert Edge.of(head, rows).append(leaves[:1])[0].frontier == edge.append(leaves[:1])[0].frontier


@pytest.mark.parametrize("address", ["/schemas/case.closed/1.0.json", "https://r.example/schemas/case.closed/1.0.json"])
def test_the_address_of_a_schema_stays_as_it_was_written(address: str) -> None:
    ce = leaf_with(ce_dataschema=address.encode())["ce"]
    assert isinstance(ce, dict)
    assert ce["dataschema"] == address
