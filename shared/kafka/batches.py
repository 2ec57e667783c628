"""Batches of records as Kafka sends them, read within bounds.

aiokafka decompresses a batch to any size, and a batch that it cannot read stops its consumer on all partitions for
good. Here such a batch becomes one record, which says what is wrong with the batch.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.util import calc_crc32c, decode_varint_py

from shared.kafka.codecs import TooLargeError, decompress
from shared.kafka.topics import INBOX, dead_letters_of
from shared.problems import Malformed

LARGEST_BATCH = 1024 * 1024
"""Bytes of a batch's records when they are decompressed."""
MOST_RECORDS = 10_000
"""Records of a batch in an inbox. Each turn begins at the beginning of the batch again."""
MOST_HEADERS = 100
"""Headers of a record in an inbox."""
TURN_RECORDS = 200
TURN_BYTES = 512 * 1024

# KIP-98: base offset, length, leader epoch, magic, CRC, attributes, last offset delta, first and last timestamp,
# producer id and epoch, base sequence, number of records.
_HEADER = struct.Struct(">qiibIhiqqqhii")
_FRAMED = struct.Struct(">qi")
_CHECKED = 21
"""Where the bytes begin that the CRC covers."""
_MAGIC = 2
_CODEC, _APPEND_TIME, _CONTROL = 0x07, 0x08, 0x20

_Header = tuple[str, bytes | None]


class Unreadable(bytes):
    """The value of a record that stands for a batch, or a part of it, which cannot be read: its bytes as they came.

    The record has the offset of the last record that it stands for; `first` is the offset of the first one.
    """

    first: int
    why: Malformed


@dataclass(frozen=True, slots=True)
class _Batch:
    first: int
    last: int
    attributes: int
    timestamps: tuple[int, int]
    count: int
    frame: bytes


class Frames:
    """The bytes of one partition in the answer to a fetch, cut into batches, in place of aiokafka's MemoryRecords."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def has_next(self) -> bool:
        """Whether there is anything to read, even if it is broken."""
        return bool(self._data)

    def size_in_bytes(self) -> int:
        """The size of the answer."""
        return len(self._data)

    def cut(self) -> Iterator[bytes]:
        """Each whole batch. What does not begin with a whole batch is given as it is; the cut end of others is not."""
        at = 0
        while at + _FRAMED.size <= len(self._data):
            end = at + _FRAMED.size + _FRAMED.unpack_from(self._data, at)[1]
            if end > len(self._data) or end < at + _HEADER.size:
                break
            yield self._data[at:end]
            at = end
        if at == 0:
            yield self._data


class BoundedRecords:
    """The records of one partition in the answer to a fetch, in place of aiokafka's PartitionRecords.

    It ends after TURN_RECORDS records or TURN_BYTES bytes of an inbox. The rest is fetched again after the records of
    other partitions, so that nobody waits for all that one writer wrote.
    """

    def __init__(self, tp: TopicPartition, frames: Frames, aborted: object, fetch_offset: int, *_: object) -> None:
        self.next_fetch_offset = fetch_offset
        self._tp = tp
        # A prefix may stand before the name. The dead letters of inboxes are ours.
        self._of_strangers = INBOX in tp.topic and not tp.topic.endswith(dead_letters_of(INBOX))
        self._records = self._read(frames)

    def __iter__(self) -> "BoundedRecords":
        return self

    def __next__(self) -> ConsumerRecord:
        return next(self._records)

    def _read(self, frames: Frames) -> Iterator[ConsumerRecord]:
        count = size = 0
        for frame in frames.cut():
            batch = _open(frame)
            if batch is None:
                last = max(_last_offset(frame), self.next_fetch_offset)
                why = Malformed("corrupt_batch", "its checksum is wrong")
                records = iter([self._stand_in(last, self.next_fetch_offset, frame, why)])
            elif batch.attributes & _CONTROL:
                self.next_fetch_offset = batch.last + 1
                continue
            else:
                last, records = batch.last, self._records_of(batch)
            for record in records:
                if record.offset < self.next_fetch_offset:
                    continue
                self.next_fetch_offset = record.offset + 1
                yield record
                if self._of_strangers:
                    count, size = count + 1, size + _weight(record)
                    if count >= TURN_RECORDS or size >= TURN_BYTES:
                        return
            # Compaction may have removed the last records of a batch.
            self.next_fetch_offset = max(self.next_fetch_offset, last + 1)

    def _records_of(self, batch: _Batch) -> Iterator[ConsumerRecord]:
        data, codec = batch.frame[_HEADER.size :], batch.attributes & _CODEC
        try:
            if codec:
                data = decompress(codec, data, LARGEST_BATCH)
        except TooLargeError:
            why = Malformed("batch_too_large", f"more than {LARGEST_BATCH} bytes when it is decompressed")
            yield self._stand_in(batch.last, batch.first, batch.frame, why)
            return
        except ValueError as error:
            yield self._stand_in(batch.last, batch.first, batch.frame, Malformed("corrupt_batch", str(error)))
            return
        if self._of_strangers:
            if batch.count > MOST_RECORDS:
                why = Malformed("batch_too_large", f"more than {MOST_RECORDS} records")
                yield self._stand_in(batch.last, batch.first, batch.frame, why)
            else:
                yield from self._read_carefully(batch, data)
            return
        try:
            found = list(DefaultRecordBatch(_uncompressed(batch.frame, data) if codec else batch.frame))
        except Exception:  # aiokafka raises errors of many kinds
            # The careful reader is slower, and reads what can be read.
            yield from self._read_carefully(batch, data)
            return
        for r in found:
            yield self._record(r.offset, r.timestamp, r.timestamp_type, r.key, r.value, tuple(r.headers))

    def _read_carefully(self, batch: _Batch, data: bytes) -> Iterator[ConsumerRecord]:
        """Each record by itself: one that cannot be read takes no other with it."""
        at, expected = 0, batch.first
        kind = int(bool(batch.attributes & _APPEND_TIME))
        for _ in range(batch.count):
            try:
                cursor = _Cursor(data, at, len(data))
                begin, end = cursor.at, cursor.number() + cursor.at
                cursor.number()
                moved, offset = cursor.number(), batch.first + cursor.number()
                if not (cursor.at <= end <= len(data) and expected <= offset <= batch.last):
                    raise ValueError("the records do not fit into their batch")
            except ValueError:
                why = Malformed("corrupt_batch", "its records do not fit")
                yield self._stand_in(batch.last, expected, data[at:], why)
                return
            at, expected = end, offset + 1
            if offset < self.next_fetch_offset:
                continue
            cursor.end = end
            try:
                key, value = cursor.field(), cursor.field()
                headers = cursor.headers()
            except _TooManyHeadersError:
                why = Malformed("too_many_headers", f"{MOST_HEADERS} are the most")
                yield self._stand_in(offset, offset, data[begin:end], why)
            except ValueError:
                why = Malformed("corrupt_batch", "its fields do not fit")
                yield self._stand_in(offset, offset, data[begin:end], why)
            else:
                time = batch.timestamps[1] if kind else batch.timestamps[0] + moved
                yield self._record(offset, time, kind, key, value, headers)

    def _stand_in(self, last: int, first: int, found: bytes, why: Malformed) -> ConsumerRecord:
        value = Unreadable(found)
        value.first = max(first, self.next_fetch_offset)
        value.why = Malformed(why.code, f"offsets {value.first} to {last}: {why.detail}")
        return self._record(last, -1, 0, None, value, ())

    def _record(
        self,
        offset: int,
        timestamp: int,
        kind: int,
        key: bytes | None,
        value: bytes | None,
        headers: tuple[_Header, ...],
    ) -> ConsumerRecord:
        sizes = (-1 if key is None else len(key), -1 if value is None else len(value))
        return ConsumerRecord(
            self._tp.topic, self._tp.partition, offset, timestamp, kind, key, value, None, *sizes, headers
        )


class _TooManyHeadersError(ValueError):
    pass


class _Cursor:
    """Reads the fields of one record, and nothing behind `end`. Raises ValueError."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self._data, self.at, self.end = data, at, end

    def number(self) -> int:
        # The fast reader of aiokafka also reads what stands behind the data.
        try:
            found, self.at = decode_varint_py(self._data, self.at)
        except IndexError:
            raise ValueError("it ends too early") from None
        return int(found)

    def field(self) -> bytes | None:
        size = self.number()
        if size < 0:
            return None
        begin, self.at = self.at, self.at + size
        if self.at > self.end:
            raise ValueError("it ends too early")
        return self._data[begin : self.at]

    def headers(self) -> tuple[_Header, ...]:
        """The headers, at the end of the record. Names that are not UTF-8 are told so that they stay apart."""
        count = self.number()
        if count > MOST_HEADERS:
            raise _TooManyHeadersError
        found = tuple(((self.field() or b"").decode("utf-8", "backslashreplace"), self.field()) for _ in range(count))
        if count < 0 or self.at != self.end:
            raise ValueError("the record has another length")
        return found


def _open(frame: bytes) -> _Batch | None:
    """The batch in a frame; None if its bytes are not those that were written."""
    if len(frame) < _HEADER.size:
        return None
    first, _, _, magic, crc, attributes, delta, begun, ended, *_, count = _HEADER.unpack_from(frame)
    if magic != _MAGIC or delta < 0 or first < 0 or crc != calc_crc32c(frame[_CHECKED:]):
        return None
    return _Batch(first, first + delta, attributes, (begun, ended), count, frame)


def _last_offset(frame: bytes) -> int:
    """The last offset of a damaged batch, if two of its fields agree about that; else -1."""
    if len(frame) < _HEADER.size:
        return -1
    first, _, _, _, _, _, delta, *_, count = _HEADER.unpack_from(frame)
    return int(first + delta) if count == delta + 1 else -1


def _uncompressed(frame: bytes, data: bytes) -> bytes:
    """The batch with `data` in place of its compressed records. Its CRC does not fit, and has been checked before."""
    attributes = int.from_bytes(frame[_CHECKED : _CHECKED + 2], "big") & ~_CODEC
    return frame[:_CHECKED] + attributes.to_bytes(2, "big") + frame[_CHECKED + 2 : _HEADER.size] + data


def _weight(record: ConsumerRecord) -> int:
    """The bytes of a record, about."""
    return sum(len(part or b"") for part in (record.key, record.value, *(value for _, value in record.headers)))
