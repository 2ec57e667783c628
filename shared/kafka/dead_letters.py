"""Dead letters: records that could not be handled, as they came, with the reason and the place."""

from dataclasses import dataclass

from shared.events import Message
from shared.kafka.records import Record
from shared.kafka.topics import dead_letters_of
from shared.times import now, rfc3339

_MARK = "hearth_dead_"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was given up: its bytes, key and headers, and why, where and when (RFC 3339)."""

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

    @property
    def id(self) -> str:
        """Where the record came from. It keys the dead letter, so that one tombstone settles it."""
        return f"{self.group}|{self.partition}|{self.offset}"

    @classmethod
    def of(cls, record: Record, *, group: str, code: str, detail: str) -> "DeadLetter":
        """The dead letter of a record that `group` could not handle."""
        return cls(
            group, record.topic, record.partition, record.offset, code, detail, rfc3339(now()), record.key,
            record.headers, record.value,
        )  # fmt: skip

    def message(self) -> Message:
        """The record on the dead letter topic."""
        about = {
            "group": self.group, "topic": self.topic, "partition": str(self.partition), "offset": str(self.offset),
            "code": self.code, "detail": self.detail, "at": self.at,
        }  # fmt: skip
        marks = tuple((_MARK + name, text.encode()) for name, text in about.items())
        key = ((_MARK + "key", self.key),) if self.key is not None else ()
        empty = ((_MARK + "null", b"1"),) if self.value is None else ()
        # A null value would be a tombstone and erase the letter on compaction.
        value = self.value if self.value is not None else b""
        return Message(dead_letters_of(self.topic), self.id.encode(), (*self.headers, *marks, *key, *empty), value)

    @classmethod
    def read(cls, record: Record) -> "DeadLetter":
        """The dead letter in a record. Raises ValueError for a record that is none."""
        marks = {name.removeprefix(_MARK): value or b"" for name, value in record.headers if name.startswith(_MARK)}
        headers = tuple(header for header in record.headers if not header[0].startswith(_MARK))
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
            )
        except KeyError as missing:
            raise ValueError(f"not a dead letter: {missing} is missing") from None

    def original(self) -> Message:
        """The record to publish again on the topic it came from."""
        return Message(self.topic, self.key, self.headers, self.value)

    def tombstone(self) -> Message:
        """The message that settles the dead letter: it is no longer listed, and compaction removes its bytes."""
        return Message(dead_letters_of(self.topic), self.id.encode(), (), None)
