"""`hearth replica-set`: make a single MongoDB server a replica set of one, once, and wait until it takes writes."""

import asyncio
import time
from typing import Annotated

import typer

from infra.commands.console import AsJson, Trouble, answer, commands
from infra.commands.options import Wait
from shared.mongo import Client, OperationFailure, PyMongoError, connect

app = commands("Set up MongoDB's replica set.")

NAME = "rs0"
_NOT_YET_INITIALISED = 94
_ALREADY_INITIALISED = 23
_PAUSE_SECONDS = 0.5

Address = Annotated[str, typer.Option("--address", help="Host and port by which every service reaches the server.")]


@app.command()
def initiate(address: Address = "127.0.0.1:27017", wait: Wait = 0, as_json: AsJson = False) -> None:
    """Initiate the replica set if that was not done before, and end when the server is its primary. Safe to repeat."""
    made = asyncio.run(_initiate(address, wait))
    text = f"{address} is the primary of {NAME}{', initiated just now' if made else ''}."
    answer({"address": address, "replica_set": NAME, "initiated": made}, as_json, lambda: text)


async def _initiate(address: str, wait: float) -> bool:
    until = time.monotonic() + wait
    # A server outside a replica set can only be addressed by itself.
    client = connect(f"mongodb://{address}/?directConnection=true", service="cli")
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
                raise Trouble(f"MongoDB at {address} {reason}.")
            await asyncio.sleep(_PAUSE_SECONDS)
    finally:
        client.close()


async def _configure(client: Client, address: str) -> bool:
    """Initiate a server that has no configuration yet; whether that was so."""
    try:
        await client.admin.command("replSetGetStatus")
    except OperationFailure as error:
        if error.code != _NOT_YET_INITIALISED:
            raise
    else:
        return False
    try:
        members = [{"_id": 0, "host": address}]
        await client.admin.command("replSetInitiate", {"_id": NAME, "members": members})
    except OperationFailure as error:
        if error.code != _ALREADY_INITIALISED:
            raise
        return False
    return True
