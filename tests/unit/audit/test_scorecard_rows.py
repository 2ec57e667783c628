"""Rows: whatever the order and repetition of entries, and whatever an entry holds, the rows are the same and say so."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.audit.record.leaf import Place, keep_hash
from services.audit.scorecard.evaluation import evaluate
from services.audit.scorecard.result import AsOf
from services.audit.scorecard.rows import Gap, Round, Step, find_repeated_looks, number_of, read_entry, read_step
from shared.events import BaselineAnnotated, BaselineLinkChecked
from shared.policy import load_policy
from shared.policy.baseline import load_catalogue
from tests.support.scorecard_plans import plans, record_of
from tests.support.scorecard_record import (
    COORDINATOR,
    DAY,
    HOUR,
    START,
    SmallRecord,
    attested,
    on_roster,
    opened,
    rows_of,
)

POLICY, CATALOGUE = load_policy(), load_catalogue()
SEALED = Round(3, START)


@given(plan=plans(), chance=st.randoms(use_true_random=False), now=st.integers(60 * 24, 160 * 24))
@settings(max_examples=60, deadline=None)
def test_any_order_and_repetition_of_entries_gives_the_same_scorecard(plan: Any, chance: Random, now: int) -> None:
    record, _ = record_of(plan, now)
    record.tell(attested(), "enwiki", START)
    record.tell(attested("HB-02"), "enwiki", START + DAY)
    record.tell(on_roster("person:r1"), "person:r1", START)
    record.seal(START + now * HOUR + DAY)
    expected = evaluate("enwiki", record.rows(), CATALOGUE, record.as_of(), POLICY)
    found = [read_entry(*entry) for entry in record.entries]
    # The same event at a later place, as if it had been delivered once more.
    later = [
        (one[0], one[1]._replace(entry=one[1].entry + 999, round=one[1].round + 1))
        for one in found[:5]
        if isinstance(one, tuple)
    ]
    mixed: list[tuple[str, Step] | Gap | None] = [*found, *found, *later]
    chance.shuffle(mixed)
    assert evaluate("enwiki", rows_of(mixed), CATALOGUE, record.as_of(), POLICY) == expected


@given(plan=plans())
@settings(max_examples=30, deadline=None)
def test_a_step_is_the_same_after_it_was_stored(plan: Any) -> None:
    record, _ = record_of(plan, 160 * 24)
    record.tell(on_roster("person:r1"), "person:r1", START)
    record.seal(START + 400 * DAY)
    for entry in record.entries:
        found = read_entry(*entry)
        assert isinstance(found, tuple)
        assert read_step(found[1].write()) == found[1]


def leaf_with(change: Callable[[dict[str, Any]], object]) -> bytes:
    """The leaf of an opened case, changed."""
    record = SmallRecord()
    record.tell(opened(START), "case-1", START)
    record.seal(START)
    content = orjson.loads(record.entries[0][0])
    change(content)
    return orjson.dumps(content)


@pytest.mark.parametrize(
    ("leaf", "reason"),
    [
        (keep_hash(Place("cases", 0, 0, 0), b"x", "invalid_json").entry, "invalid_json"),
        (b"not json", "unreadable"),
        (b"[]", "unreadable"),
        (b"{}", "unreadable"),
        (None, "missing"),
        (leaf_with(lambda c: c["data"].pop("community")), "invalid_data"),
        (leaf_with(lambda c: c["ce"].update(time="yesterday")), "invalid_attribute"),
        (leaf_with(lambda c: c["ce"].update(type="hearth.case.opened.v9")), "unknown_version"),
        (leaf_with(lambda c: c["ce"].update(type="hearth.record.read.v1")), "invalid_data"),
        (leaf_with(lambda c: c.update(key=None)), "unreadable"),
        (leaf_with(lambda c: c.pop("actor")), "unreadable"),
        (leaf_with(lambda c: c["data"].update(received_at="0001-01-01T00:00:00+14:00")), "unreadable"),
        (leaf_with(lambda c: c.update(data=7)), "invalid_data"),
    ],
)
def test_what_cannot_be_read_is_a_gap_with_its_reason(leaf: bytes | None, reason: str) -> None:
    assert read_entry(leaf, "cases/0", 5, SEALED) == Gap("cases/0", 5, 3, reason)


def test_a_fact_on_a_topic_that_is_not_its_own_is_a_gap() -> None:
    assert read_entry(leaf_with(lambda c: None), "baseline/0", 5, SEALED) == Gap("baseline/0", 5, 3, "wrong_topic")


def test_an_event_of_a_type_to_come_counts_in_the_numbers_of_its_case() -> None:
    found = read_entry(leaf_with(lambda c: c["ce"].update(type="hearth.case.appealed.v1")), "cases/0", 5, SEALED)
    assert isinstance(found, tuple)
    assert (found[0], found[1].seq, dict(found[1].said)) == ("case/case-1", 1, {})


@pytest.mark.parametrize(
    "received", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", 1_762_000_000, "2026-11-01"]
)
def test_odd_times_break_no_scorecard(received: str | int) -> None:
    leaf = leaf_with(lambda c: c["data"].update(received_at=received))
    rows = rows_of([read_entry(leaf, "cases/0", 0, SEALED)])
    assert evaluate("enwiki", rows, CATALOGUE, AsOf(3, START, ()), POLICY).level_reached == 0


def test_a_pointer_to_an_event_elsewhere_says_nothing() -> None:
    pointer = b'{"ce":{"id":"e"},"duplicate_of":{"index":1,"log":"x"},"kafka":{}}'
    assert read_entry(pointer, "cases/0", 5, SEALED) is None


@pytest.mark.parametrize("seed", range(8))
def test_looks_that_say_nothing_new_can_be_forgotten(seed: int) -> None:
    random, record = Random(seed), SmallRecord()  # noqa: S311  # chance, not a secret
    names, rounds = ("HB-01", "HB-07"), list[Round]()
    for number in range(120):
        name, at = random.choice(names), START + number * HOUR
        if number < 2 or random.random() < 0.05:
            record.tell(attested(name, attestation_id=f"{name}-{number // 60}"), "enwiki", at, COORDINATOR)
        elif random.random() < 0.05:
            record.tell(BaselineAnnotated(community="enwiki", responsibility_id=name, statement="So."), "enwiki", at)
        state = random.choices(("unchanged", "changed", "gone", "unreachable"), (90, 3, 3, 4))[0]
        look = BaselineLinkChecked(
            community="enwiki", attestation_id=f"{name}-{number // 60}", responsibility_id=name, link_state=state
        )
        record.tell(look, "enwiki", at, skip=int(random.random() < 0.02))
        rounds.append(record.seal(at))
    rows = record.rows()
    repeated = find_repeated_looks(rows.own)
    assert len(repeated) > 40
    kept = [step for step in rows.own if step not in repeated]
    thin = replace(rows, own=(*kept, *(read_step(number_of(s.round, s.seq).write()) for s in repeated)))
    for sealed in rounds:
        as_of = record.as_of(sealed)
        whole, less = (evaluate("enwiki", one, CATALOGUE, as_of, POLICY) for one in (rows, thin))
        assert whole == less, sealed
    assert len(b"".join(number_of(s.round, s.seq).write().encode() for s in repeated)) < 12 * len(repeated)
