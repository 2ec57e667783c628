"""One fixed port in front of any number of replicas: `python -m infra.tcp_proxy PORT HOST:PORT`.

Compose cannot publish one host port for several containers, nor a port of a container on a network without a way in. So
this program passes connections on, byte by byte, to the addresses that the name has at that moment, each in turn. It
passes over a replica that does not answer. It uses the standard library only, and bare sockets, to stay small. When it
has as many connections as it can hold, the address with the most of them gives one up: the one that has been silent for
the longest. So one stranger cannot push others out.
"""

import asyncio
import itertools
import signal
import socket
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import partial

CONNECT_SECONDS = 2.0
DRAIN_SECONDS = 5.0
CHUNK = 16 * 1024
MOST_CONNECTIONS = 250

Task = asyncio.Task[None]


class Front:
    """Passes the connections of one port on to the replicas of one name."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._turn = itertools.count()
        # By the address of the client; the connection that has been silent for the longest comes first.
        self._passing: defaultdict[str, dict[Task, None]] = defaultdict(dict)

    async def listen(self, listener: socket.socket) -> None:
        """Take connections until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, (address, *_) = await loop.sock_accept(listener)
            except OSError:
                # The client has gone already, or there are no more sockets for a moment.
                await asyncio.sleep(0.05)
                continue
            client.setblocking(False)
            if sum(map(len, self._passing.values())) >= MOST_CONNECTIONS:
                crowd = max(self._passing, key=lambda held: len(self._passing[held]))
                silent = next(iter(self._passing[crowd]))
                self._leave(crowd, silent)
                silent.cancel()
            task = loop.create_task(self._take(client, address))
            self._passing[address][task] = None
            task.add_done_callback(partial(self._leave, address))

    async def drain(self) -> None:
        """Let the open connections come to their end, for a while."""
        if self._passing:
            await asyncio.wait([task for held in self._passing.values() for task in held], timeout=DRAIN_SECONDS)

    def _leave(self, address: str, task: Task) -> None:
        held = self._passing[address]
        held.pop(task, None)
        if not held:
            del self._passing[address]

    async def _take(self, client: socket.socket, address: str) -> None:
        """Pass one connection on until the replica has ended. Closes it when no replica answers.

        A client may send nothing more and still wait for its answer.
        """
        with client:
            replica = await self._reach()
            if replica is None:
                return
            with replica:
                heard = partial(self._hear, address, asyncio.current_task())
                asking = asyncio.create_task(self._pass(client, replica, heard))
                try:
                    await self._pass(replica, client, heard)
                finally:
                    asking.cancel()
                    # It must not use a socket that is closed.
                    await asyncio.wait([asking])

    async def _reach(self) -> socket.socket | None:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError:
            return None
        addresses = sorted({(entry[4], entry[0]) for entry in found}, key=str)
        first = next(self._turn) % len(addresses)
        for address, family in addresses[first:] + addresses[:first]:
            replica = socket.socket(family, socket.SOCK_STREAM)
            replica.setblocking(False)
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await loop.sock_connect(replica, address)
            except (OSError, TimeoutError):
                replica.close()
            except BaseException:
                replica.close()
                raise
            else:
                return replica
        return None

    def _hear(self, address: str, task: Task | None) -> None:
        """Note that a connection is not silent. One that has given way already stays away."""
        held = self._passing.get(address, {})
        if task in held:
            del held[task]
            held[task] = None

    async def _pass(self, source: socket.socket, target: socket.socket, heard: Callable[[], None]) -> None:
        """Copy until the source ends, then tell the other side."""
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while chunk := await loop.sock_recv(source, CHUNK):
                heard()
                await loop.sock_sendall(target, chunk)
            target.shutdown(socket.SHUT_WR)


EVERYWHERE = "0.0.0.0"  # noqa: S104  # nosec B104  # in a container, where only published ports are reached


async def serve(port: int, host: str, target_port: int, listen: str = EVERYWHERE) -> None:
    """Serve until SIGTERM or SIGINT."""
    front = Front(host, target_port)
    with socket.create_server((listen, port), backlog=1000) as listener:
        listener.setblocking(False)
        taking = asyncio.create_task(front.listen(listener))
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        await ended.wait()
        taking.cancel()
        await asyncio.wait([taking])
    await front.drain()


def main(arguments: list[str]) -> None:
    """PORT HOST:PORT."""
    port, target = arguments
    host, _, target_port = target.rpartition(":")
    asyncio.run(serve(int(port), host, int(target_port)))


if __name__ == "__main__":
    main(sys.argv[1:])
