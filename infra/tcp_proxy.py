"""One fixed port in front of any number of replicas: `python -m infra.tcp_proxy PORT HOST:PORT`.

Compose cannot publish one host port for several containers. So this program passes connections on, byte by byte, to the
addresses that the name has at that moment, each in turn. It passes over a replica that does not answer. It uses the
standard library only, to stay small.
"""

import asyncio
import itertools
import signal
import socket
import sys
from contextlib import suppress

CONNECT_SECONDS = 2.0
DRAIN_SECONDS = 5.0
CHUNK = 64 * 1024

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Front:
    """Passes the connections of one port on to the replicas of one name."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._turn = itertools.count()
        self._passing: set[asyncio.Task[None]] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on until both sides are done. Closes it when no replica answers."""
        task = asyncio.current_task()
        if task is not None:
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)
        try:
            replica = await self._reach()
            if replica is not None:
                await _join((reader, writer), replica)
        finally:
            writer.close()

    async def drain(self) -> None:
        """Let the open connections come to their end, for a while."""
        if self._passing:
            await asyncio.wait(self._passing, timeout=DRAIN_SECONDS)

    async def _reach(self) -> Stream | None:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError:
            return None
        addresses = sorted({str(entry[4][0]) for entry in found})
        first = next(self._turn) % len(addresses)
        for address in addresses[first:] + addresses[:first]:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection(address, self._port)
        return None


async def _join(client: Stream, replica: Stream) -> None:
    """Pass bytes both ways until the replica has ended. A client may send nothing more and still wait for its
    answer.
    """
    asking = asyncio.create_task(_pass(client[0], replica[1]))
    try:
        await _pass(replica[0], client[1])
    finally:
        asking.cancel()
        replica[1].close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the reader ends, then tell the other side."""
    with suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()


EVERYWHERE = "0.0.0.0"  # noqa: S104  # nosec B104  # in a container, where only published ports are reached


async def serve(port: int, host: str, target_port: int, listen: str = EVERYWHERE) -> None:
    """Serve until SIGTERM or SIGINT."""
    front = Front(host, target_port)
    server = await asyncio.start_server(front.take, listen, port)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    server.close()
    await front.drain()


def main(arguments: list[str]) -> None:
    """PORT HOST:PORT."""
    port, target = arguments
    host, _, target_port = target.rpartition(":")
    asyncio.run(serve(int(port), host, int(target_port)))


if __name__ == "__main__":
    main(sys.argv[1:])
