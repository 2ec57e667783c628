"""Batches of Kafka's: every codec is read, within bounds, and one that cannot be read stops nobody."""

import tracemalloc
from collections.abc import Callable

import cramjam
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer import fetcher
from hypothesis import given
from hypothesis import strategies as st

from shared.kafka.batches import (
    LARGEST_BATCH,
    MOST_HEADERS,
    MOST_RECORDS,
    TURN_BYTES,
    TURN_RECORDS,
    BoundedRecords,
    Frames,
    Unreadable,
)
from shared.kafka.codecs import TooLargeError, decompress
from shared.kafka.fetching import bound_fetches
from tests.support.batches import CODECS, batch, record, written

OWN, INBOX = TopicPartition("t1.cases", 3), TopicPartition("t1.reports.inbox", 3)
TOPICS = pytest.mark.parametrize("tp", [OWN, INBOX], ids=["own", "inbox"])
COMPRESSED = [codec for codec in CODECS if codec != "none"]


def fetched(data: bytes, tp: TopicPartition = INBOX, start: int = 0) -> BoundedRecords:
    return BoundedRecords(tp, Frames(data), None, start)


def why(record: ConsumerRecord) -> tuple[str, int, int]:
    """What a stand-in says: the reason, and from which offset to which it stands for others."""
    assert isinstance(record.value, Unreadable), record
    return record.value.why.code, record.value.first, record.offset


@TOPICS
@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_in_every_codec_gives_its_records(codec: str, tp: TopicPartition) -> None:
    data = batch(b"one", None, b"three", codec=codec, first=7, headers=[("a", b"b"), ("none", None)])
    reading = fetched(data + batch(b"four", codec=codec, first=10), tp, start=8)
    found = list(reading)
    assert [(r.offset, r.value) for r in found] == [(8, None), (9, b"three"), (10, b"four")]
    assert found[0].headers == (("a", b"b"), ("none", None))
    assert (found[0].topic, found[0].partition, found[0].timestamp) == (tp.topic, 3, 1000)
    assert reading.next_fetch_offset == 11


@TOPICS
@pytest.mark.parametrize("codec", COMPRESSED)
def test_what_decompresses_to_too_much_is_passed_over_within_bounds(codec: str, tp: TopicPartition) -> None:
    bomb = batch(bytes(8 * 1024 * 1024), codec=codec, first=5)
    reading = fetched(bomb + batch(b"good", first=6), tp, start=5)
    tracemalloc.start()
    first, second = reading
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert why(first) == ("batch_too_large", 5, 5)
    assert first.value == bomb
    assert second.value == b"good"
    assert peak < 3 * LARGEST_BATCH


@TOPICS
@pytest.mark.parametrize("codec", COMPRESSED)
def test_what_cannot_be_decompressed_is_passed_over(codec: str, tp: TopicPartition) -> None:
    records = [record(n, b"x") for n in range(4)]
    for content in (b"", b"\0", b"\x82SNAPPY\0" + b"\0" * 8 + b"\x7f\xff\xff\xff", b"no such thing" * 9):
        reading = fetched(written(records, codec=codec, content=content) + batch(b"good", first=4), tp, start=1)
        first, second = reading
        assert why(first)[0] in ("corrupt_batch", "batch_too_large")
        assert why(first)[1:] == (1, 3)
        assert second.value == b"good"


@TOPICS
@pytest.mark.parametrize("at", [12, 16, 17, 21, 24, 60, 70])
def test_a_batch_with_a_flipped_byte_is_passed_over(at: int, tp: TopicPartition) -> None:
    damaged = bytearray(batch(b"one", b"two", first=0))
    damaged[at] ^= 0xFF
    reading = fetched(bytes(damaged) + batch(b"good", first=2), tp)
    *stood_in, last = reading
    # Fields of the header outside the checksum may change without harm.
    assert all(r.value in (b"one", b"two") or why(r)[0] == "corrupt_batch" for r in stood_in)
    assert stood_in
    assert last.value == b"good"


def test_a_damaged_batch_never_leads_past_what_it_could_hold() -> None:
    damaged = bytearray(batch(b"one", b"two", first=0))
    damaged[23:27] = b"\x7f\xff\xff\xff"  # the offset of its last record
    reading = fetched(bytes(damaged))
    assert why(next(reading)) == ("corrupt_batch", 0, 0)
    assert list(reading) == []
    assert reading.next_fetch_offset == 1


def test_what_does_not_begin_with_a_whole_batch_is_passed_over_by_one_offset() -> None:
    for data in (b"x", b"x" * 61, batch(b"one")[:-1], bytes(8) + b"\xff\xff\xff\xff" + bytes(80)):
        assert Frames(data).has_next()
        assert [why(r) for r in fetched(data, start=9)] == [("corrupt_batch", 9, 9)]


def test_the_cut_end_of_an_answer_is_fetched_again() -> None:
    reading = fetched(batch(b"one") + batch(b"two", first=1)[:-5])
    assert [r.value for r in reading] == [b"one"]
    assert reading.next_fetch_offset == 1


@TOPICS
def test_a_record_with_broken_fields_takes_no_other_with_it(tp: TopicPartition) -> None:
    broken = bytearray(record(1, b"two"))
    broken[5] = 0x7F  # the size of its value
    reading = fetched(written([record(0, b"one"), bytes(broken), record(2, b"three")]), tp)
    first, second, third = reading
    assert (first.value, third.value) == (b"one", b"three")
    assert why(second) == ("corrupt_batch", 1, 1)


@TOPICS
def test_a_header_with_a_name_that_is_not_utf8_loses_no_record(tp: TopicPartition) -> None:
    (found,) = fetched(written([record(0, b"good", (b"caf\xe9", b"1"), (b"plain", b"2"))]), tp)
    assert found.value == b"good"
    assert found.headers == (("caf\\xe9", b"1"), ("plain", b"2"))


def test_too_many_headers_take_no_memory() -> None:
    headers = [(b"", b"")] * 200_000
    data = written([record(0, b"one", *headers[:MOST_HEADERS]), record(1, b"two", *headers)])
    tracemalloc.start()
    found = list(fetched(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found[0].headers) == MOST_HEADERS
    assert why(found[1]) == ("too_many_headers", 1, 1)
    assert peak < 4 * len(data)


def test_a_batch_of_too_many_records_is_passed_over_as_a_whole() -> None:
    # Each turn reads a batch from its beginning, so a small batch of many records would cost minutes.
    assert [why(r) for r in fetched(batch(*[b""] * (MOST_RECORDS + 1), codec="zstd"))] == [
        ("batch_too_large", 0, MOST_RECORDS)
    ]


def test_the_last_turn_of_the_largest_batch_reads_one_record() -> None:
    flood = batch(*[b""] * MOST_RECORDS, codec="zstd")
    assert len(list(fetched(flood, start=MOST_RECORDS - 1))) == 1


def test_a_flood_ends_its_turn_so_that_other_writers_have_theirs() -> None:
    flood = batch(*(b"x" for _ in range(3 * TURN_RECORDS)), codec="zstd")
    large = batch(*(b"x" * 100_000 for _ in range(9)), codec="zstd")
    reading = fetched(flood)
    assert len(list(reading)) == TURN_RECORDS == reading.next_fetch_offset
    assert len(list(fetched(flood, start=TURN_RECORDS))) == TURN_RECORDS
    assert len(list(fetched(large))) == -(-TURN_BYTES // 100_000)
    assert len(list(fetched(flood, OWN))) == 3 * TURN_RECORDS


def test_a_dead_letter_of_an_inbox_is_read_with_all_that_we_added() -> None:
    letters = TopicPartition("t1.reports.inbox.dlq", 0)
    headers = [("h", b"")] * (MOST_HEADERS + 10)
    found = list(fetched(batch(*[b"x"] * (TURN_RECORDS + 1), headers=headers), letters))
    assert [len(record.headers) for record in found] == [len(headers)] * (TURN_RECORDS + 1)


def test_records_that_compaction_removed_are_passed_over() -> None:
    reading = fetched(written([record(0, b"one")], last=5) + written([], first=6, last=2), OWN)
    assert [r.offset for r in reading] == [0]
    assert reading.next_fetch_offset == 9


@given(st.binary(max_size=300), st.integers(0, 1000))
def test_whatever_a_fetch_answers_something_is_passed_over(data: bytes, start: int) -> None:
    for tp in (OWN, INBOX):
        reading = fetched(data, tp, start)
        found = list(reading)
        assert all(record.offset >= start for record in found)
        assert reading.next_fetch_offset > start or not data or not found


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=4), st.data())
def test_any_bytes_with_a_good_checksum_are_read_or_passed_over(records: list[bytes], data: st.DataObject) -> None:
    codec = data.draw(st.sampled_from(sorted(CODECS)))
    reading = fetched(written(records, codec=codec), data.draw(st.sampled_from([OWN, INBOX])))
    list(reading)
    assert reading.next_fetch_offset == len(records)


ZSTD_WINDOW_OF_2_GB = b"\x28\xb5\x2f\xfd\x00\xa8" + b"\x01\x00\x00"
SNAPPY_OF_4_GB = b"\xff\xff\xff\xff\x0f" + b"x" * 20


@pytest.mark.parametrize(
    ("codec", "data"), [("zstd", ZSTD_WINDOW_OF_2_GB), ("snappy", SNAPPY_OF_4_GB)], ids=["zstd", "snappy"]
)
def test_what_asks_for_gigabytes_of_memory_does_not_get_them(codec: str, data: bytes) -> None:
    with pytest.raises(TooLargeError):
        decompress(CODECS[codec], data, 1000)


ZSTD_FRAME = bytes(cramjam.zstd.compress(b"words"))
ZSTD_WINDOW_OF_128_MB = b"\x28\xb5\x2f\xfd\x00\x88" + b"\x09\x00\x00x"
ZSTD_SEGMENT_OF_100_MB = b"\x28\xb5\x2f\xfd\xa0" + (100 << 20).to_bytes(4, "little") + b"\x09\x00\x00x"
ZSTD_SKIPPED = (0x184D2A53).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"\x28\xb5\x2f"


@pytest.mark.parametrize("asking", [ZSTD_WINDOW_OF_2_GB, ZSTD_WINDOW_OF_128_MB, ZSTD_SEGMENT_OF_100_MB])
@pytest.mark.parametrize("before", [b"", ZSTD_FRAME, ZSTD_SKIPPED + ZSTD_FRAME, 3 * ZSTD_FRAME])
def test_each_frame_of_zstd_has_its_bound(before: bytes, asking: bytes) -> None:
    with pytest.raises(TooLargeError):
        decompress(CODECS["zstd"], before + asking, LARGEST_BATCH)


def test_frames_of_zstd_are_read_one_after_the_other() -> None:
    frames = b"".join(bytes(cramjam.zstd.compress(text * 3000, level)) for level, text in enumerate((b"a", b"bc"), 1))
    assert (
        decompress(CODECS["zstd"], ZSTD_FRAME + ZSTD_SKIPPED + frames, 10_000) == b"words" + b"a" * 3000 + b"bc" * 3000
    )
    for data in (30 * ZSTD_FRAME, ZSTD_FRAME + b"x", ZSTD_FRAME[:6] + 30_000 * b"\x00\x00\x00" + b"\x01\x00\x00"):
        with pytest.raises(ValueError, match="cannot be decompressed"):
            decompress(CODECS["zstd"], data, 10_000)


@given(st.binary(max_size=5_000), st.integers(1, 5), st.booleans())
def test_what_any_client_compresses_by_zstd_is_read(text: bytes, level: int, streamed: bool) -> None:
    if streamed:
        writer, data = cramjam.zstd.Compressor(level), b""
        for start in range(0, len(text), 500):
            writer.compress(text[start : start + 500])
            data += bytes(writer.flush())
        data += bytes(writer.finish())
    else:
        data = bytes(cramjam.zstd.compress(text, level))
    assert decompress(CODECS["zstd"], data, 5_000) == text


@pytest.mark.parametrize(
    ("codec", "compress"),
    [
        ("gzip", cramjam.gzip.compress),
        ("snappy", cramjam.snappy.compress_raw),
        ("lz4", cramjam.lz4.compress),
        ("zstd", lambda data: cramjam.zstd.compress(data, 19)),
    ],
)
def test_a_codec_gives_exactly_what_is_allowed(codec: str, compress: Callable[[bytes], bytes]) -> None:
    text = b"words " * 100
    data = bytes(compress(text))
    assert decompress(CODECS[codec], data, len(text)) == text
    with pytest.raises(TooLargeError):
        decompress(CODECS[codec], data, len(text) - 1)
    with pytest.raises(ValueError, match="cannot be decompressed"):
        decompress(CODECS[codec], data[: len(data) // 2], len(text))


def test_gzip_of_very_many_members_is_refused() -> None:
    member = bytes(cramjam.gzip.compress(b"words"))
    assert decompress(CODECS["gzip"], member * 2, 10) == b"wordswords"
    with pytest.raises(ValueError, match="cannot be decompressed"):
        decompress(CODECS["gzip"], bytes(cramjam.gzip.compress(b"")) * 50_000, 1000)


def test_aiokafka_reads_by_ours() -> None:
    assert {"MemoryRecords", "PartitionRecords"} <= set(fetcher.Fetcher._proc_fetch_request.__code__.co_names)
    bound_fetches()
    assert (fetcher.MemoryRecords, fetcher.PartitionRecords) == (Frames, BoundedRecords)
