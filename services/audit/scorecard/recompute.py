"""Scorecards computed anew from a record that is read from outside: from an export, or over its address.

The entries are those that the verifier holds against the signed roots. Where the record withholds an entry from the
reader, the computed scorecard lacks what it says, and tells how many there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from services.audit import verify
from services.audit.record.leaf import canonical
from services.audit.record.log import SEALS, Entry, Head
from services.audit.scorecard.document import write_document
from services.audit.scorecard.memory import MemoryRows
from services.audit.scorecard.projection import Projection
from services.audit.scorecard.queries import Cards
from shared.events import ScorecardShown
from shared.policy import Policy
from shared.policy.baseline import Catalogue

WITHHELD = "withheld"
"""Why an entry says nothing: the record keeps it from this reader."""
_WITHHELD_LEAF = canonical({"unparsed": {"reason": WITHHELD}})
_SHOWN = f"{ScorecardShown.topic}/0"


class OutsideRecord:
    """The logs of a record, as the verifier's source serves them, for the projection."""

    def __init__(self, source: verify.Source, logs: Sequence[verify.ListedLog]) -> None:
        self._source = source
        self._logs = {SEALS if log.is_seals else f"{log.topic}/{log.partition}": log for log in logs}
        self._kept: tuple[str, int, list[bytes]] = ("", -1, [])
        self.withheld: set[tuple[str, int]] = set()

    @property
    def origin(self) -> str:
        """What the origin of every log begins with. Raises KeyError for a record without a seal log."""
        return self._logs[SEALS].origin.removesuffix(f"/{SEALS}")

    async def heads(self, logs: Sequence[str] | None = None) -> list[Head]:
        """The heads of these logs, with their sizes only."""
        wanted = self._logs if logs is None else logs
        return [Head(name, size=self._logs[name].size) for name in wanted if name in self._logs]

    async def leaves(self, log: str, start: int, end: int) -> list[bytes]:
        """The bytes of entries `start` to `end` of a log, in order; a note in place of each that is withheld."""
        found: list[bytes] = []
        for number in range(start // verify.WIDTH, (max(start, end - 1)) // verify.WIDTH + 1):
            base = number * verify.WIDTH
            for index, entry in enumerate(self._bundle(log, number), base):
                if start <= index < end:
                    found.append(self._seen(log, index, entry))
        return found

    async def entries_of(self, log: str, start: int, end: int) -> list[Entry]:
        """The entries `start` to `end` of a log, in order."""
        return [Entry(log, index, 0, leaf) for index, leaf in enumerate(await self.leaves(log, start, end), start)]

    def _bundle(self, log: str, number: int) -> list[bytes]:
        # The projection reads in stretches that do not end with a bundle.
        if self._kept[:2] != (log, number):
            listed = self._logs[log]
            entries = verify.read_bundle(self._source, listed.path, number, listed.size)
            self._kept = (log, number, entries)
        return self._kept[2]

    def _seen(self, log: str, index: int, entry: bytes) -> bytes:
        if verify.read_stub(entry) is None:
            return entry
        self.withheld.add((log, index))
        return _WITHHELD_LEAF


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A scorecard computed anew, as its document with values. `withheld`: how many entries the reader did not get."""

    document: Mapping[str, Any]
    withheld: int


@dataclass(frozen=True, slots=True)
class Divergence:
    """What differs between two documents of one scorecard: the part (or the id of an item), and both values."""

    part: str
    published: object
    computed: object


async def recompute(
    record: OutsideRecord, community: str, sealed: int | None, policy: Policy, catalogues: Sequence[Catalogue]
) -> Recomputed:
    """The scorecard of a community at a checkpoint, or at the last one, from the record alone. Raises NotFound."""
    rows = MemoryRows()
    projection = Projection(record, rows, record.origin)
    while await projection.advance():
        pass
    card = await Cards(rows, record, record.origin, policy, catalogues).of(community, sealed)
    return Recomputed(dict(write_document(card, values=True)), len(record.withheld))


async def shown_in(record: OutsideRecord, community: str) -> ScorecardShown | None:
    """What audit told last that it shows of a community, as the record has it; None if it told nothing."""
    (head,) = await record.heads([_SHOWN]) or [Head(_SHOWN)]
    last: ScorecardShown | None = None
    for leaf in await record.leaves(_SHOWN, 0, head.size) if head.size else []:
        content = orjson.loads(leaf)
        data = content.get("data")
        if isinstance(data, dict) and data.get("community") == community:
            last = ScorecardShown.model_validate(data)
    return last


def find_divergences(published: Mapping[str, Any], computed: Mapping[str, Any]) -> list[Divergence]:
    """What differs, item by item. What the published document does not tell, such as values, is passed over."""
    found = [
        Divergence(part, published.get(part), computed[part])
        for part in ("catalogue_version", "policy_version", "level_reached", "next_level_missing", "projects", "trend")
        if part in published and published[part] != computed[part]
    ]
    before = {item["id"]: item for item in published.get("items", ())}
    after = {item["id"]: item for item in computed["items"]}
    for item_id in sorted(before.keys() | after.keys()):
        one, other = before.get(item_id), after.get(item_id)
        if one is None or other is None or not _agrees(one, other):
            found.append(Divergence(item_id, one, other))
    return found


def _agrees(published: Any, computed: Any) -> bool:
    if isinstance(published, Mapping) and isinstance(computed, Mapping):
        return all(_agrees(published[name], computed.get(name)) for name in published if published[name] is not None)
    return bool(published == computed)
