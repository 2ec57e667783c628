"""Uses of tickets in MongoDB, so that no replica forgets them."""

from datetime import datetime

from shared.mongo import Collection, DuplicateKeyError, IndexModel, reaching

TICKETS_INDEX = IndexModel([("until", 1)], name="until", expireAfterSeconds=0)


class MongoTicketUses:
    """Uses of tickets in intake's own database. Raises Unavailable while it is away."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection

    async def use(self, ticket: str, count: int, most: int, until: datetime) -> bool:
        """Count `count` more names. False if that would be more than `most`."""
        if count > most:
            return False
        room = {"_id": ticket, "used": {"$lte": most - count}}
        change = {"$inc": {"used": count}, "$setOnInsert": {"until": until}}
        with reaching():
            try:
                await self.collection.update_one(room, change, upsert=True)
            except DuplicateKeyError:
                # The ticket has too few names left, or another replica was the first to use it at the same moment.
                return (await self.collection.update_one(room, change)).matched_count == 1
        return True
