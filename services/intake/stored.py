"""What intake's actions need of the store, and the keys behind what is stored."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.aggregates import Save
from shared.events import Actor
from shared.mongo import Document

SOURCE = "hearth/intake"
REPORTER = Actor("reporter", "reporter")


class Store(Protocol):
    """What intake's actions need of the store; tests hand in one that keeps everything in memory."""

    async def load(self, report_ids: Iterable[str]) -> dict[str, Document]: ...

    async def load_by_case(self, case_ids: Iterable[str]) -> dict[str, Document]: ...

    async def find_by_receipt(self, receipt_hash: bytes) -> Document | None: ...

    async def save(self, saves: Sequence[Save]) -> set[str]: ...

    async def save_accesses(self, saves: Sequence[Save]) -> None: ...


@dataclass(frozen=True, slots=True)
class Secrets:
    """The keys behind receipts and pseudonyms; 32 bytes each."""

    pepper: bytes
    pseudonyms: bytes
