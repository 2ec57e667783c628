"""A Kafka record as a value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record as it came. `topic` is the logical name; `timestamp` is in milliseconds since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    value: bytes | None

    def header_texts(self) -> dict[str, str]:
        """The headers as text. Bytes that are not UTF-8 are replaced, so that no record is lost for them."""
        return {name: (value or b"").decode("utf-8", "replace") for name, value in self.headers}
