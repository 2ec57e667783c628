"""Withheld entries: what is handed out in place of an entry that its reader may not see. Pure.

A reader gets the leaf hash, so that every root can still be derived, and nothing else: no time, no size, no type. A
decoy is a case that was drawn by lot for one reader. No reader can tell a decoy from a case that names the reader.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from hmac import digest

from services.audit.record.leaf import canonical
from services.audit.record.log import Entry
from services.audit.tlog.note import encode_base64
from services.audit.tlog.tree import hash_leaf

FIRST_DAY = date(2026, 1, 1).toordinal()
LATER_DAYS = 3_650
"""The days over which decoys are drawn that a reader could see before."""
_DRAWN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Withheld:
    """What stands in place of an entry: its log, its index and its leaf hash."""

    log: str
    index: int
    leaf_hash: bytes

    @classmethod
    def of(cls, entry: Entry) -> "Withheld":
        """What stands in place of this entry."""
        return cls(entry.log, entry.index, hash_leaf(entry.leaf))

    @property
    def stub(self) -> bytes:
        """What an entry bundle has in place of the entry."""
        return canonical(self.fields)

    @property
    def fields(self) -> Mapping[str, object]:
        """The fields of the stub; the hash is in base64."""
        return {"leaf_hash": encode_base64(self.leaf_hash), "withheld": True}


def case_of(entry: Entry) -> str | None:
    """The case that decides who may see an entry: its own case, or the case of the event that it repeats."""
    return None if "caseless" in entry.about else entry.about.get("case") or entry.about.get("repeats")


def topic_of(entry: Entry) -> str:
    """The topic of the log that has the entry."""
    return entry.log.partition("/")[0]


def is_decoy(secret: bytes, share: int, reader: str, case_id: str, day: date) -> bool:
    """Whether this case is a decoy for this reader (a reference of a person) on a day; only of an id that is a UUID.

    One case in `share` is a decoy from its beginning. Another one becomes a decoy on some day within ten years: a case
    that turns out to name its reader also disappears late. A decoy stays a decoy. A `share` of 0 draws none.
    """
    if not share or not _DRAWN.fullmatch(case_id):
        return False
    drawn = int.from_bytes(digest(secret, f"{reader}\0{case_id}".encode(), sha256)[:8])
    later, place = divmod(drawn, share)
    return place == 0 or (place == 1 % share and day.toordinal() >= FIRST_DAY + later % LATER_DAYS)
