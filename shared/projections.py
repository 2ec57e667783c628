"""Copies of what compacted topics say: of each key the newest, whatever order and however often it comes."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from shared.mongo import Collection, Document, UpdateOne, reaching, write_unordered


class Told(NamedTuple):
    """What an event says of its key: when it was told, and the fields to store."""

    at: datetime
    fields: Document


async def keep_newest(collection: Collection, told: Mapping[str, Told], field: str) -> None:
    """Store what is said of each key. What is older than what is stored changes nothing.

    `field` has the time of what is stored; shared.succession makes it true. Durable on return. Raises Unavailable.
    """
    operations = [_told(key, said, field, insert=True) for key, said in told.items()]
    with reaching():
        taken = await write_unordered(collection, operations) if operations else []
        if taken:
            # An upsert loses to a newer entry, and to any entry that another consumer inserts at the same moment.
            # Now that the entry is there, the filter alone decides.
            said = list(told.items())
            await write_unordered(collection, [_told(*said[place], field, insert=False) for place in taken])


def _told(key: str, told: Told, field: str, *, insert: bool) -> UpdateOne:
    wanted = {"_id": key, field: {"$not": {"$gte": told.at}}}
    return UpdateOne(wanted, {"$set": {**told.fields, field: told.at}}, upsert=insert)
