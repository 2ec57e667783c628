"""Sessions and attempts in MongoDB, in the service's own database."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from shared.mongo import (
    Collection,
    Database,
    Document,
    IndexModel,
    reaching,
)
from shared.own_names import NameKeys, OwnNames, Trust
from shared.sign_in.attempts import ATTEMPT_LIFE, SignInAttempt
from shared.sign_in.sessions import IDLE, MOST_DRAFTS, SESSION_LIFE, KeptDraft, Session

# The server sweeps once a minute. Until then Session and SignInAttempt refuse what is over.
SESSION_INDEXES = (
    IndexModel([("person", 1), ("began_at", -1)], name="person"),
    IndexModel([("sid", 1), ("issuer", 1)], name="sid"),
    IndexModel([("seen_at", 1)], name="idle", expireAfterSeconds=int(IDLE.total_seconds())),
    IndexModel([("began_at", 1)], name="life", expireAfterSeconds=int(SESSION_LIFE.total_seconds())),
)
ATTEMPT_INDEXES = (
    IndexModel([("until", 1)], name="until", expireAfterSeconds=0),
    IndexModel([("about", 1)], name="about", partialFilterExpression={"about": {"$type": "string"}}),
)


class MongoSessions:
    """Collections `sessions` and `sign_in_attempts`. Every method raises Unavailable while the server is away."""

    def __init__(self, database: Database, away: Callable[[], str | None] = lambda: None) -> None:
        """`away` says why the database is known to be away, if it is. Then people get an answer at once."""
        self._away = away
        self._sessions: Collection = database["sessions"]
        self._attempts: Collection = database["sign_in_attempts"]

    @property
    def indexes(self) -> Sequence[tuple[Collection, Sequence[IndexModel]]]:
        """The indexes that a service makes at its start."""
        return [(self._sessions, SESSION_INDEXES), (self._attempts, ATTEMPT_INDEXES)]

    def check(self) -> None:
        """Raises Unavailable while the database is known to be away."""
        with self._reaching():
            pass

    def _reaching(self) -> AbstractContextManager[None]:
        return reaching(self._away())

    async def keep_attempt(self, attempt: SignInAttempt) -> None:
        """Keep an attempt until it is taken, or over."""
        document = _document(attempt, "key")
        with self._reaching():
            await self._attempts.insert_one({**document, "until": attempt.began_at + ATTEMPT_LIFE})

    async def take_attempt(self, key: str) -> SignInAttempt | None:
        """The attempt. It can be taken once."""
        with self._reaching():
            document: Document | None = await self._attempts.find_one_and_delete({"_id": key})
        if document is None:
            return None
        del document["until"]
        return SignInAttempt(key=document.pop("_id"), **document)

    async def keep_draft(self, id_hash: str, slot: str, draft: KeptDraft) -> None:
        """Keep a draft under a session, in place of any other in this slot. Of more than MOST_DRAFTS one goes."""
        kept = {"draft": draft.sealed, "about": draft.about, "until": draft.until}
        with self._reaching():
            await self._attempts.update_one({"_id": _draft_id(id_hash, slot)}, {"$set": kept}, upsert=True)
            found = self._attempts.find(_drafts_of(id_hash), {"_id": 1}).sort("until", -1).skip(MOST_DRAFTS)
            if over := [document["_id"] async for document in found]:
                await self._attempts.delete_many({"_id": {"$in": over}})

    async def drafts_of(self, id_hash: str, at: datetime, about: str | None = None) -> dict[str, KeptDraft]:
        """The drafts that are kept under a session at this time (UTC-aware), by slot; only those `about` one page."""
        wanted = {**_drafts_of(id_hash), "until": {"$gt": at}, **({} if about is None else {"about": about})}
        with self._reaching():
            # A draft of an earlier version says nothing of its page.
            return {
                one["_id"].partition(f"draft {id_hash}")[2].strip(): KeptDraft(
                    one["draft"], one.get("about", ""), one["until"]
                )
                async for one in self._attempts.find(wanted)
            }

    async def drop_draft(self, id_hash: str, slot: str) -> None:
        """Forget the draft in this slot of a session."""
        with self._reaching():
            await self._attempts.delete_one({"_id": _draft_id(id_hash, slot)})

    async def drop_drafts_about(self, about: str) -> None:
        """Forget all drafts about a page, under every session."""
        with self._reaching():
            await self._attempts.delete_many({"about": about})

    async def use_once(self, token: str, until: datetime) -> bool:
        """Whether the token was not used before. It is remembered until then."""
        used = {"_id": f"used {token}"}
        with self._reaching():
            result = await self._attempts.update_one(used, {"$setOnInsert": {"until": until}}, upsert=True)
        return result.upserted_id is not None

    async def note_end(self, names: Sequence[str], at: datetime, until: datetime) -> None:
        """Remember until then that everything with these names ended at that time."""
        with self._reaching():
            for name in names:
                await self._attempts.update_one(
                    {"_id": f"ended {name}"}, {"$max": {"at": at, "until": until}}, upsert=True
                )

    async def ended_since(self, names: Sequence[str], since: datetime) -> bool:
        """Whether anything with one of these names ended then or later."""
        wanted = {"_id": {"$in": [f"ended {name}" for name in names]}, "at": {"$gte": since}}
        with self._reaching():
            return await self._attempts.find_one(wanted, {"_id": 1}) is not None

    async def open(self, session: Session) -> None:
        """Keep a new session. Durable on return."""
        with self._reaching():
            await self._sessions.insert_one(_document(session, "id_hash"))

    async def find(self, id_hash: str) -> Session | None:
        """The session, even if it is over and not yet swept up."""
        with self._reaching():
            document = await self._sessions.find_one({"_id": id_hash})
        # A session of an earlier version does not say how far its names can be trusted. The person signs in again.
        return _session(document) if document and "own" in document else None

    async def touch(self, id_hash: str, at: datetime) -> bool:
        """Move `seen_at` forward. False if the session has ended; it never comes back."""
        with self._reaching():
            result = await self._sessions.update_one({"_id": id_hash}, {"$max": {"seen_at": at}})
        return result.matched_count == 1

    async def of_person(self, person: str) -> list[Session]:
        """The sessions of a person, newest first."""
        found = self._sessions.find({"person": person, "own": {"$exists": True}}).sort([("began_at", -1), ("_id", 1)])
        with self._reaching():
            return [_session(document) async for document in found]

    async def revoke(self, person: str, id_hash: str) -> bool:
        """End one session, if it is of this person."""
        return await self._delete({"_id": id_hash, "person": person}) == 1

    async def revoke_person(self, person: str, before: datetime, but: str | None = None) -> int:
        """End all sessions of a person that began at `before` or earlier, except `but`. Returns how many."""
        kept = {"_id": {"$ne": but}} if but else {}
        return await self._delete({"person": person, "began_at": {"$lte": before}, **kept})

    async def revoke_sid(self, issuer: str, sid: str) -> int:
        """End all sessions that came from one session of the provider. Returns how many."""
        return await self._delete({"issuer": issuer, "sid": sid})

    async def _delete(self, which: Document) -> int:
        with self._reaching():
            return (await self._sessions.delete_many(which)).deleted_count


def _draft_id(id_hash: str, slot: str) -> str:
    # A draft of an earlier version has the empty slot.
    return f"draft {id_hash} {slot}".rstrip()


def _drafts_of(id_hash: str) -> Document:
    """What MongoDB is asked for: a range of ids. All hashes are equally long."""
    return {"_id": {"$gte": f"draft {id_hash}", "$lt": f"draft {id_hash}!"}}


def _document(record: Session | SignInAttempt, key: str) -> Document:
    document: dict[str, Any] = asdict(record)
    for counted in ("holding", "has_user_name"):
        document.get("own", {}).pop(counted, None)
    return {"_id": document.pop(key), **document}


def _session(document: Document) -> Session:
    own = document.pop("own")
    names = tuple(NameKeys(tuple(name["keys"]), Trust(name["trust"])) for name in own["names"])
    return Session(
        id_hash=document.pop("_id"), own=OwnNames(own["person"], names, own["ticket"], tuple(own["held"])), **document
    )
