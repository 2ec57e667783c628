"""A Kafka record as a value."""

from dataclasses import dataclass

from shared.kafka.batches import Unreadable
from shared.problems import Malformed


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record as it came. `topic` is the logical name; `timestamp` is in milliseconds since the epoch.

    A value that is Unreadable stands for a batch, or a part of it, that could not be read.
    """

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

    def demand_readable(self) -> None:
        """Raises Malformed if the record stands for what could not be read."""
        if isinstance(self.value, Unreadable):
            # Raised itself, it would hold the frames that hold the value, until the collector comes.
            raise Malformed(self.value.why.code, self.value.why.detail)
