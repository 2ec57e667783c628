"""Batches of Kafka's wire format: as clients write them, and as nobody should."""

import struct
from collections.abc import Sequence

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c, encode_varint

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}

Headers = Sequence[tuple[str, bytes | None]]


def batch(
    *values: bytes | None, codec: str = "none", first: int = 0, headers: Headers = (), timestamp: int = 1000
) -> bytes:
    """A batch of these values as aiokafka's producer writes it, at this offset of its partition."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=CODECS[codec],
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 30,
    )
    for place, value in enumerate(values):
        builder.append(place, timestamp, None, value, list(headers))
    return struct.pack(">q", first) + bytes(builder.build())[8:]


def written(
    records: Sequence[bytes],
    *,
    codec: str = "none",
    content: bytes | None = None,
    first: int = 0,
    last: int | None = None,
) -> bytes:
    """A batch with a good checksum around any bytes: the records, or `content` as the compressed form of them.

    `last`: where the last record was, counted from the first one, before compaction removed it.
    """
    body = b"".join(records) if content is None else content
    last = len(records) - 1 if last is None else last
    checked = struct.pack(">hiqqqhii", CODECS[codec], last, 1000, 1000, -1, -1, -1, len(records)) + body
    return struct.pack(">qiibI", first, 9 + len(checked), 0, 2, calc_crc32c(checked)) + checked


def record(delta: int, value: bytes, *headers: tuple[bytes, bytes]) -> bytes:
    """One record without a key. The names of its headers are bytes, as clients in other languages may write them."""
    fields = bytearray(b"\0")
    for number in (0, delta, -1, len(value)):
        encode_varint(number, fields.append)
    fields += value
    encode_varint(len(headers), fields.append)
    for name, held in headers:
        encode_varint(len(name), fields.append)
        fields += name
        encode_varint(len(held), fields.append)
        fields += held
    size = bytearray()
    encode_varint(len(fields), size.append)
    return bytes(size + fields)
