"""`hearth replica-set`: make a single MongoDB server a replica set of one, once, and let the services in."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer

from infra.commands.console import USAGE, AsJson, Trouble, answer, commands
from infra.commands.options import Accounts, DatabasePrefix, Wait, mongo_access
from infra.credentials import Credentials
from infra.mongo_accounts import open_databases
from shared.connections import MongoAccess
from shared.mongo import Client, OperationFailure, PyMongoError, connect

app = commands("Set up MongoDB's replica set.")

NAME = "rs0"
_UNAUTHORIZED = 13
_ALREADY_INITIALISED = 23
_NOT_YET_INITIALISED = 94
_PAUSE_SECONDS = 0.5

Address = Annotated[str, typer.Option("--address", help="Host and port by which every service reaches the server.")]


At = Annotated[
    str | None, typer.Option("--at", metavar="ADDRESS", help="Where this command reaches it; unset: the same address.")
]


@app.command()
def initiate(
    address: Address = "127.0.0.1:27017",
    at: At = None,
    accounts: Accounts = None,
    database_prefix: DatabasePrefix = "",
    wait: Wait = 0,
    as_json: AsJson = False,
) -> None:
    """Initiate the replica set if that was not done before, and end when the server is its primary. Safe to repeat.

    With --accounts every service becomes a user of its own database. The first time only the server's own machine may.
    """
    ca = mongo_access(database_prefix).ca
    made = asyncio.run(_initiate(address, at or address, ca, wait))
    if accounts:
        asyncio.run(_let_in(at or address, Credentials(accounts), database_prefix, ca))
    text = f"{address} is the primary of {NAME}{', initiated just now' if made else ''}."
    answer({"address": address, "replica_set": NAME, "initiated": made}, as_json, lambda: text)


def _uri(at: str) -> str:
    """A server outside a replica set can only be addressed by itself."""
    return f"mongodb://{at}/?directConnection=true"


async def _let_in(at: str, credentials: Credentials, prefix: str, ca: Path | None) -> None:
    try:
        await open_databases(_uri(at), credentials, prefix, ca=ca)
    except OSError as error:
        raise Trouble(f"{error.filename} cannot be read: run `hearth certificates`.", USAGE) from None
    except OperationFailure as error:
        raise Trouble(f"MongoDB at {at} refused ({error.code}): it has users, and another operator.") from None
    except PyMongoError as error:
        raise Trouble(f"MongoDB at {at} did not take the users ({type(error).__name__}).") from None


async def _initiate(address: str, at: str, ca: Path | None, wait: float) -> bool:
    until = time.monotonic() + wait
    client = connect(_uri(at), service="cli", access=MongoAccess(ca=ca))
    made = False
    try:
        while True:
            try:
                hello = await client.admin.command("hello")
                if hello.get("isWritablePrimary"):
                    return made
                made = await _configure(client, address) or made
                reason = "is not primary"
            except OperationFailure as error:
                reason = f"refused ({error.code})"
            except PyMongoError:
                reason = "does not answer"
            if time.monotonic() + _PAUSE_SECONDS > until:
                raise Trouble(f"MongoDB at {at} {reason}.")
            await asyncio.sleep(_PAUSE_SECONDS)
    finally:
        client.close()


async def _configure(client: Client, address: str) -> bool:
    """Initiate a server that has no configuration yet. Returns whether it had none."""
    try:
        await client.admin.command("replSetGetStatus")
    except OperationFailure as error:
        # Before it has users, such a server lets only its own machine initiate it, and look at nothing.
        if error.code not in (_NOT_YET_INITIALISED, _UNAUTHORIZED):
            raise
    else:
        return False
    try:
        members = [{"_id": 0, "host": address}]
        await client.admin.command("replSetInitiate", {"_id": NAME, "members": members})
    except OperationFailure as error:
        if error.code not in (_ALREADY_INITIALISED, _UNAUTHORIZED):
            raise
        return False
    return True
