"""Decompresses what Kafka's clients send, to at most a given size.

A megabyte can decompress into gigabytes, so no codec is asked for more than a caller can hold.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

import cramjam

_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER = 16
_MOST_MEMBERS = 20
"""Streams one after the other in what gzip wrote, or frames of zstd. Kafka's clients write one, and each costs."""
_MOST_BLOCKS = 20_000
"""Blocks in what zstd wrote. A client that ends one after each record writes no more."""
_ZSTD, _ZSTD_SKIPPABLE = 0xFD2FB528, 0x184D2A50
_WIDEST_WINDOW = 8 * 1024 * 1024
"""What RFC 8878 asks a decoder of zstd to support at least. A frame may ask for gigabytes of memory."""


class TooLargeError(ValueError):
    """The data decompress to more than was allowed."""


def decompress(codec: int, data: bytes, largest: int) -> bytes:
    """The content of `data` by the number of its codec in a batch of Kafka's.

    Raises TooLargeError for more than `largest` bytes, and ValueError for what cannot be decompressed.
    """
    name, read = _CODECS.get(codec, ("an unknown codec", _refuse))
    try:
        return read(data, largest)
    except TooLargeError:
        raise
    except (ValueError, IndexError, struct.error, zlib.error, cramjam.DecompressionError):
        raise ValueError(f"{name}: cannot be decompressed") from None


def _refuse(_: bytes, __: int) -> bytes:
    raise ValueError


def _gunzip(data: bytes, largest: int) -> bytes:
    found = b""
    for _ in range(_MOST_MEMBERS):
        if not data:
            return found
        member = zlib.decompressobj(wbits=31)
        found += member.decompress(data, largest + 1 - len(found))
        if len(found) > largest:
            raise TooLargeError
        if not member.eof:
            raise ValueError("it ends too early")
        data = member.unused_data
    raise ValueError("it has too many members")


def _unsnap(data: bytes, largest: int) -> bytes:
    if not data.startswith(_XERIAL):
        return _unsnap_block(data, largest)
    found, at = bytearray(), _XERIAL_HEADER
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        at += 4
        if at + size > len(data):
            raise ValueError("a block is cut")
        found += _unsnap_block(data[at : at + size], largest - len(found))
        at += size
    return bytes(found)


def _unsnap_block(block: bytes, largest: int) -> bytes:
    # A block begins with its size, for which the library takes memory before it reads any further.
    if cramjam.snappy.decompress_raw_len(block) > largest:
        raise TooLargeError
    return bytes(cramjam.snappy.decompress_raw(block))


def _unlz4(data: bytes, largest: int) -> bytes:
    return _fill(cramjam.lz4.decompress_into, data, largest)


def _unzstd(data: bytes, largest: int) -> bytes:
    at = frames = blocks = 0
    while at < len(data):
        at, found = _pass_frame(data, at, largest, _MOST_BLOCKS - blocks)
        frames, blocks = frames + 1, blocks + found
        if frames > _MOST_MEMBERS:
            raise ValueError("it has too many frames")
    return _fill(cramjam.zstd.decompress_into, data, largest)


def _pass_frame(data: bytes, at: int, largest: int, most: int) -> tuple[int, int]:
    """Where the frame of zstd that begins at `at` ends, and its number of blocks. Nothing is decompressed (RFC 8878).

    Raises TooLargeError for a frame that would have a decoder take much memory, and ValueError or IndexError.
    """
    magic = int.from_bytes(data[at : at + 4], "little")
    if magic & ~0xF == _ZSTD_SKIPPABLE:
        (size,) = struct.unpack_from("<I", data, at + 4)
        return at + 8 + size, 0
    if magic != _ZSTD:
        raise ValueError("no frame of zstd")
    kind, at = data[at + 4], at + 5
    if not (one_segment := kind & 0x20):
        window = (1 << (10 + (data[at] >> 3))) * (8 + (data[at] & 7)) // 8
        if window > _WIDEST_WINDOW:
            raise TooLargeError
        at += 1
    at += (0, 1, 2, 4)[kind & 3]
    size = (1 if one_segment else 0, 2, 4, 8)[kind >> 6]
    # A size in two bytes begins at 256.
    if int.from_bytes(data[at : at + size], "little") + (256 if size == 2 else 0) > largest:
        raise TooLargeError
    at += size
    for number in range(1, most + 1):
        block = data[at] | data[at + 1] << 8 | data[at + 2] << 16
        # A block of one repeated byte holds that byte once.
        at += 3 + (1 if block >> 1 & 3 == 1 else block >> 3)
        if block & 1:
            return at + (4 if kind & 4 else 0), number
    raise ValueError("it has too many blocks")


def _fill(read: Callable[[bytes, bytearray], int], data: bytes, largest: int) -> bytes:
    room = bytearray(largest)
    try:
        return bytes(memoryview(room)[: read(data, room)])
    except cramjam.DecompressionError as error:
        if "write whole buffer" in str(error):
            raise TooLargeError from None
        raise


_CODECS: Mapping[int, tuple[str, Callable[[bytes, int], bytes]]] = MappingProxyType(
    {1: ("gzip", _gunzip), 2: ("snappy", _unsnap), 3: ("lz4", _unlz4), 4: ("zstd", _unzstd)}
)
