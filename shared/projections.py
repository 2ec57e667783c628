"""Copies of what compacted topics say: of each key the newest, whatever order and however often it comes."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from shared.mongo import DUPLICATE_KEY, BulkWriteError, Collection, Document, UpdateOne, WriteConcernError, reaching


class Told(NamedTuple):
    """What an event says of its key: the number or the time of the event, and the fields to store."""

    order: int | datetime
    fields: Document


async def keep_newest(collection: Collection, told: Mapping[str, Told], field: str) -> None:
    """Store what is said of each key. What is older than what is stored changes nothing.

    `field` has the order of what is stored. Durable on return. Raises Unavailable.
    """
    operations = [
        UpdateOne({"_id": key, field: {"$not": {"$gte": order}}}, {"$set": {**fields, field: order}}, upsert=True)
        for key, (order, fields) in told.items()
    ]
    if not operations:
        return
    with reaching():
        try:
            # Unordered, because the operations are independent: each keeps the newest.
            await collection.bulk_write(operations, ordered=False)
        except BulkWriteError as error:
            if error.details["writeConcernErrors"]:
                raise WriteConcernError("written, but perhaps not durably") from None
            # A duplicate key is an upsert that found a newer entry under its id.
            if any(failure["code"] != DUPLICATE_KEY for failure in error.details["writeErrors"]):
                raise
