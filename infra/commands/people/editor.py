"""The roster for commands: changes are written where triage keeps it, and triage publishes them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from infra.commands.console import Trouble
from shared.access.roster_store import MongoRoster
from shared.aggregates import Aggregates
from shared.connections import MongoAccess
from shared.events import Actor, Message
from shared.mongo import PyMongoError, connect
from shared.outbox import Relay
from shared.problems import Unavailable
from shared.settings import Connections, load_settings
from shared.succession import Succession, recall, told_in

# The command line starts without any service.
if TYPE_CHECKING:
    from services.triage.roster.actions import RosterEditor

OPERATOR = Actor("operator:command-line", "operator")
"""The actor of a command in the record."""

T = TypeVar("T")

TRIAGE = "triage"


class _Nobody:
    async def publish(self, messages: list[Message]) -> None:
        raise AssertionError("triage publishes what a command writes")


async def with_editor(
    uri: str, prefix: str, access: MongoAccess, work: Callable[["RosterEditor", MongoRoster], Awaitable[T]]
) -> T:
    """What `work` gives. Raises Trouble when MongoDB does not answer, or does not let us in."""
    from services.triage.roster.actions import RosterEditor

    client = connect(uri, service="cli", access=access)
    try:
        database = client[f"{prefix}{TRIAGE}"]
        collection, succession = database["roster"], Succession()
        await recall(told_in(database), succession)
        relay = Relay(_Nobody(), service="cli")  # type: ignore[arg-type]  # it is never run
        url = load_settings(Connections).public_url
        entries = Aggregates(collection, relay, timedelta(), public_url=url)
        return await work(RosterEditor(entries, succession), MongoRoster(collection))
    except (PyMongoError, Unavailable) as error:
        raise Trouble(f"MongoDB does not answer, or refuses: {error}.") from None
    finally:
        client.close()


def run_with_editor(
    uri: str, prefix: str, access: MongoAccess, work: Callable[["RosterEditor", MongoRoster], Awaitable[T]]
) -> T:
    """The same, from code that is not async."""
    return asyncio.run(with_editor(uri, prefix, access, work))
