"""The small proxy in front of triage, in the memory of its container: strangers fill it, and people get through."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import yaml

from infra.local.ports import Ports, is_open
from tests.support.attacks import attack
from tests.support.cage import Cage, memory_of
from tests.support.intake_rig import Rig
from tests.support.served import ask, served

COMPOSE = yaml.safe_load((Path(__file__).parents[3] / "docker-compose.yml").read_text(encoding="utf-8"))
LIMIT = int(COMPOSE["services"]["desk"]["mem_limit"].removesuffix("m")) * 2**20
LAST = b"GET /report HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


@contextmanager
def caged_proxy(behind: int) -> Iterator[tuple[int, subprocess.Popen[bytes], Cage]]:
    cage = Cage("desk", LIMIT)
    with ExitStack() as ends:
        port = ends.enter_context(Ports()).any_free()
        ends.callback(cage.close)
        command = [sys.executable, "-S", "-m", "infra.tcp_proxy", str(port), f"127.0.0.1:{behind}"]
        with cage.entered():
            process = subprocess.Popen(command)
        ends.callback(process.wait)
        ends.callback(process.terminate)
        yield port, process, cage


@asynccontextmanager
async def proxied() -> AsyncIterator[tuple[int, subprocess.Popen[bytes], Cage]]:
    async with served(Rig().app) as behind:
        with caged_proxy(behind) as (port, process, cage):
            while not is_open(port):
                await asyncio.sleep(0.05)
            yield port, process, cage


async def test_a_page_comes_through_whole_and_a_half_closed_client_gets_its_answer() -> None:
    async with proxied() as (port, _, _):
        page = await ask(port, LAST)
        assert page.startswith(b"HTTP/1.1 200")
        assert page.endswith(b"</html>\n") or b"</html>" in page
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(LAST)
        writer.write_eof()
        assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.1 200")
        writer.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["silent connections", "bodies byte by byte", "large bodies", "answers that nobody reads"]
)
async def test_people_get_through_the_proxy_beside_a_stranger_who_fills_it(name: str) -> None:
    async with proxied() as (port, process, cage):
        attacking = asyncio.create_task(attack(name, port, "/v1/reports", "/report"))
        for _ in range(3):
            await asyncio.sleep(1.5)
            # From an address of its own, as another household has it.
            page = await ask(port, LAST, seconds=30, source="127.0.0.2")
            if page.startswith(b"HTTP/1.1 503"):
                # All that the server may have at work are requests of the stranger, and it says when to come again.
                assert b"\r\nretry-after: 5\r\n" in page
                await asyncio.sleep(5)
                page = await ask(port, LAST, seconds=30, source="127.0.0.2")
            assert page.startswith(b"HTTP/1.1 200")
            # Without the files it maps, which the kernel drops when a container is full.
            assert memory_of(process.pid, "RssAnon") < LIMIT
        await attacking
        assert process.poll() is None
        assert cage.killed() == 0
