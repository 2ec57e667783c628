"""An application behind the server and the options that services have in production, on a socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from infra.local.ports import Ports
from shared.runtime import server_options
from shared.settings import Settings
from shared.web.bounds import BOUNDS, Bounds
from tests.support.every_app import KEYS


@asynccontextmanager
async def served(app: Any, bounds: Bounds = BOUNDS, proxies: str = "") -> AsyncIterator[int]:
    """The port on which it answers."""
    with Ports() as ports:
        port = ports.any_free()
        options = server_options(Settings(**KEYS, host="127.0.0.1", port=port, proxies=proxies), bounds)
        server = uvicorn.Server(uvicorn.Config(app, **options, lifespan="off"))
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        yield port
        server.should_exit = True
        await running
        # More than once, because a connection that has just been accepted is not in the list yet.
        for _ in range(5):
            for connection in list(server.server_state.connections):
                connection.transport.abort()
            await asyncio.sleep(0.01)


async def ask(port: int, *sent: bytes, pause: float = 0, seconds: float = 10, source: str = "127.0.0.1") -> bytes:
    """All that comes back for these pieces, with a pause between them, until the server ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        async with asyncio.timeout(seconds):
            answer = asyncio.create_task(reader.read())
            for piece in sent:
                if answer.done():
                    break
                writer.write(piece)
                await asyncio.sleep(pause)
            return await answer
    except ConnectionError:
        return b""
    finally:
        writer.close()
