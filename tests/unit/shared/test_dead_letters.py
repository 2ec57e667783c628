"""Dead letters: what a sender wrote comes back as it was, and nothing of it passes for ours."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kafka.batches import Unreadable
from shared.kafka.dead_letters import LONGEST_DETAIL, DeadLetter
from shared.kafka.records import Record
from shared.kafka.topics import LARGEST_DEAD_LETTER, LARGEST_RECORD
from shared.problems import Malformed

RECORD = Record("reports.inbox", 3, 17, 5, b"key", (("ce_id", b"1"), ("none", None)), b"words")
OURS = {"group", "topic", "partition", "offset", "code", "detail", "at", "key", "null", "part"}
FORGED = [f"hearth_dead_{name}" for name in OURS]


def letter_of(record: Record, detail: str = "why") -> DeadLetter:
    return DeadLetter.of(record, group="intake.reports.inbox", code="malformed", detail=detail)


def read_again(letter: DeadLetter) -> DeadLetter:
    message = letter.message()
    assert message.value is not None
    return DeadLetter.read(Record(message.topic, 0, 0, 0, message.key, message.headers, message.value))


names = st.sampled_from([*FORGED, "ce_id"]) | st.text(max_size=8)
tagged = st.builds(lambda times, name: "sender_" * times + name, st.integers(0, 3), names)


@given(
    st.none() | st.binary(max_size=9),
    st.lists(st.tuples(tagged, st.none() | st.binary(max_size=9)), max_size=6).map(tuple),
    st.none() | st.binary(max_size=9),
)
def test_what_a_sender_wrote_comes_back_and_none_of_it_passes_for_ours(
    key: bytes | None, headers: tuple[tuple[str, bytes | None], ...], value: bytes | None
) -> None:
    letter = letter_of(replace(RECORD, key=key, headers=headers, value=value))
    assert read_again(letter) == letter
    original = letter.original()
    assert (original.key, original.headers, original.value) == (key, headers, value)
    marks = [name for name, _ in letter.message().headers if name.startswith("hearth_dead_")]
    assert len(marks) == len(set(marks))
    assert {name.removeprefix("hearth_dead_") for name in marks} <= OURS


def test_a_record_that_kafka_would_not_take_back_is_told_by_its_hash() -> None:
    letter = read_again(letter_of(replace(RECORD, value=bytes(2 * LARGEST_RECORD))))
    assert (letter.whole, letter.value, letter.headers, letter.key) == (False, None, (), None)
    assert "2097152 bytes, sha256 " in letter.detail
    crowd = letter_of(replace(RECORD, headers=tuple((f"hearth_dead_{n}", b"x" * 20_000) for n in range(60))))
    assert not crowd.whole
    assert letter_of(replace(RECORD, value=bytes(LARGEST_RECORD - 100))).whole


@pytest.mark.parametrize("size", [LARGEST_RECORD - 100, LARGEST_RECORD, 10 * LARGEST_RECORD])
def test_every_dead_letter_fits_into_its_topic(size: int) -> None:
    message = letter_of(replace(RECORD, value=bytes(size)), detail="\ud800" * 100_000).message()
    assert message.key is not None
    assert message.value is not None
    held = sum(len(name) + len(value or b"") + 16 for name, value in message.headers)
    assert len(message.key) + len(message.value) + held + 100 < LARGEST_DEAD_LETTER


def test_a_detail_is_cut_where_nobody_would_read_on() -> None:
    assert len(letter_of(RECORD, "x" * 5000).detail) == LONGEST_DETAIL


def test_a_batch_that_could_not_be_read_is_kept_as_it_came_and_is_not_whole() -> None:
    value = Unreadable(b"bytes of a batch")
    value.first, value.why = 12, Malformed("corrupt_batch", "offsets 12 to 17: its checksum is wrong")
    letter = read_again(letter_of(replace(RECORD, value=value), value.why.detail))
    assert (letter.value, letter.whole) == (b"bytes of a batch", False)
    assert letter.detail.startswith("offsets 12 to 17")
