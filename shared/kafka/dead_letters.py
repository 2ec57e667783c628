"""Dead letters: records that could not be handled, as they came, with the reason and the place."""

import re
from dataclasses import dataclass
from hashlib import sha256

from shared.events import Message
from shared.kafka.batches import Unreadable
from shared.kafka.records import Record
from shared.kafka.topics import LARGEST_RECORD, dead_letters_of
from shared.times import now, rfc3339

_MARK = "hearth_dead_"
_SENDER = "sender_"
_LIKE_A_MARK = re.compile(rf"({_SENDER})*{_MARK}")
"""A name that a sender gave, and that would pass for ours. It gets another _SENDER before it."""
LONGEST_DETAIL = 1000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was given up: its bytes, key and headers, and why, where and when (RFC 3339).

    `whole` is False if the bytes are not those of one record: they were a batch that could not be read, or too many to
    keep. Then the letter cannot be sent again.
    """

    group: str
    topic: str
    partition: int
    offset: int
    code: str
    detail: str
    at: str
    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    value: bytes | None
    whole: bool = True

    @property
    def id(self) -> str:
        """Where the record came from. It keys the dead letter, so that one tombstone settles it."""
        return f"{self.group}|{self.partition}|{self.offset}"

    @classmethod
    def of(cls, record: Record, *, group: str, code: str, detail: str) -> "DeadLetter":
        """The dead letter of a record that `group` could not handle."""
        key, headers, value = record.key, record.headers, record.value
        whole, detail = not isinstance(value, Unreadable), detail[:LONGEST_DETAIL]
        if _size(key, headers, value) > LARGEST_RECORD:
            # Compressed it was small enough for Kafka. As it is now, Kafka would refuse it for ever.
            digest = sha256(value or b"").hexdigest()
            detail, whole = f"{detail} (not kept: {len(value or b'')} bytes, sha256 {digest})", False
            key, headers, value = None, (), None
        return cls(
            group, record.topic, record.partition, record.offset, code, detail, rfc3339(now()), key, headers, value,
            whole,
        )  # fmt: skip

    def message(self) -> Message:
        """The record on the dead letter topic."""
        about = {
            "group": self.group, "topic": self.topic, "partition": str(self.partition), "offset": str(self.offset),
            "code": self.code, "detail": self.detail, "at": self.at,
        }  # fmt: skip
        marks = tuple((_MARK + name, text.encode(errors="backslashreplace")) for name, text in about.items())
        key = ((_MARK + "key", self.key),) if self.key is not None else ()
        empty = ((_MARK + "null", b"1"),) if self.value is None else ()
        part = () if self.whole else ((_MARK + "part", b"1"),)
        senders = tuple((_SENDER + n if _LIKE_A_MARK.match(n) else n, value) for n, value in self.headers)
        # A null value would be a tombstone and erase the letter on compaction.
        value = self.value if self.value is not None else b""
        headers = (*senders, *marks, *key, *empty, *part)
        return Message(dead_letters_of(self.topic), self.id.encode(), headers, value)

    @classmethod
    def read(cls, record: Record) -> "DeadLetter":
        """The dead letter in a record. Raises ValueError for a record that is none."""
        marks = {name.removeprefix(_MARK): value or b"" for name, value in record.headers if name.startswith(_MARK)}
        headers = tuple(
            (name.removeprefix(_SENDER) if _LIKE_A_MARK.match(name) else name, value)
            for name, value in record.headers
            if not name.startswith(_MARK)
        )
        try:
            return cls(
                group=marks["group"].decode(),
                topic=marks["topic"].decode(),
                partition=int(marks["partition"]),
                offset=int(marks["offset"]),
                code=marks["code"].decode(),
                detail=marks["detail"].decode(),
                at=marks["at"].decode(),
                key=marks.get("key"),
                headers=headers,
                value=None if "null" in marks else record.value,
                whole="part" not in marks,
            )
        except KeyError as missing:
            raise ValueError(f"not a dead letter: {missing} is missing") from None

    def original(self) -> Message:
        """The record to publish again on the topic it came from."""
        return Message(self.topic, self.key, self.headers, self.value)

    def tombstone(self) -> Message:
        """The message that settles the dead letter: it is no longer listed, and compaction removes its bytes."""
        return Message(dead_letters_of(self.topic), self.id.encode(), (), None)


def _size(key: bytes | None, headers: tuple[tuple[str, bytes | None], ...], value: bytes | None) -> int:
    named = sum(len(name.encode()) + len(held or b"") + 16 for name, held in headers)
    return len(key or b"") + named + len(value or b"")
