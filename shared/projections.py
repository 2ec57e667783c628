"""Copies of what compacted topics say: of each key the newest, whatever order and however often it comes."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from shared.mongo import Collection, Document, InsertOne, UpdateOne, reaching, write_unordered


class Told(NamedTuple):
    """What an event says of its key: when it was told, and the fields to store."""

    at: datetime
    fields: Document


async def keep_newest(collection: Collection, told: Mapping[str, Told], field: str) -> None:
    """Store what is said of each key. What is older than what is stored changes nothing.

    `field` has the time of what is stored; shared.succession makes it true. Durable on return. Raises Unavailable.
    """
    inserts = [InsertOne({"_id": key, **said.fields, field: said.at}) for key, said in told.items()]
    with reaching():
        # Nearly every key is new, and an insert of many documents costs a fraction of as many upserts.
        taken = await write_unordered(collection, inserts) if inserts else []
        if taken:
            # Its key is there, from earlier or from another consumer at this moment: now the filter alone decides.
            said = list(told.items())
            await write_unordered(collection, [_told(*said[place], field) for place in taken])


def _told(key: str, told: Told, field: str) -> UpdateOne:
    wanted = {"_id": key, field: {"$not": {"$gte": told.at}}}
    return UpdateOne(wanted, {"$set": {**told.fields, field: told.at}})
