"""Links of attestations: a public page is seen and digested, and no link opens anything else."""

import asyncio
import gzip
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from services.triage.baseline import links
from services.triage.baseline.links import PAGE_LIMIT, PageReader, Seen, is_public, visible_text
from tests.stand_ins.pages import PageServer, page_server, saying

HOST = "pages.example.org"
LINK = f"https://{HOST}/wiki/Policy?action=view"
PAGE = b"<html><script>var id = 'random';</script><body><h1>Our policy</h1> <p>Be kind.</p></body></html>"


class Names:
    """A name server: what it says of every name, one answer after the other, and what it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


HERE = Names(["127.0.0.1"])


class World:
    def __init__(self, server: PageServer, trust: ssl.SSLContext) -> None:
        self.server = server
        self.trust = trust

    def reader(self, names: Names | None = None, seconds: float = 60.0) -> PageReader:
        """A reader for which this machine is public."""
        return PageReader(
            "Hearth (test)",
            trust=self.trust,
            resolve=names or HERE,
            allowed=lambda address: address == "127.0.0.1" or is_public(address),
            port=self.server.port,
            seconds=seconds,
        )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with page_server(tmp_path, HOST) as (server, trust):
        server.answer = saying(PAGE)
        yield World(server, trust)


async def test_a_page_is_seen_by_the_digest_of_its_text(world: World) -> None:
    seen = await world.reader().look(LINK)
    assert seen == Seen("found", digest=sha256(b"Our policy Be kind.").hexdigest())
    (head,) = world.server.heads
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "get /wiki/policy?action=view http/1.1"
    assert f"host: {HOST}" in lines
    assert "accept-encoding: identity" in lines
    assert not [line for line in lines if line.startswith(("cookie", "authorization"))]


async def test_what_only_differs_from_request_to_request_is_no_change(world: World) -> None:
    first = await world.reader().look(LINK)
    world.server.answer = saying(PAGE.replace(b"random", b"other") + b"<!-- served in 0.2 s -->")
    assert await world.reader().look(LINK) == first
    world.server.answer = saying(PAGE.replace(b"kind", b"bold"))
    assert (await world.reader().look(LINK)).digest != first.digest
    world.server.answer = saying(PAGE, kind="application/pdf")
    assert (await world.reader().look(LINK)).digest == sha256(PAGE).hexdigest()


@pytest.mark.parametrize(
    ("status", "seen"),
    [
        ("404 Not Found", Seen("gone", reason="not_found")),
        ("410 Gone", Seen("gone", reason="not_found")),
        ("403 Forbidden", Seen("missed", reason="refused")),
        ("500 Oops", Seen("missed", reason="refused")),
        ("204 No Content", Seen("missed", reason="refused")),
    ],
)
async def test_what_a_host_says_instead_of_the_page_is_told(world: World, status: str, seen: Seen) -> None:
    world.server.answer = saying(b"" if status.startswith("204") else PAGE, status)
    assert await world.reader().look(LINK) == seen


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Go", "308 Go"])
async def test_no_redirect_is_followed(world: World, status: str) -> None:
    world.server.answer = saying(b"", status, Location=f"https://{HOST}/other", Set_Cookie="a=b")
    assert await world.reader().look(LINK) == Seen("missed", reason="redirect")
    assert world.server.connections == 1


PRIVATE = [
    "127.0.0.1", "127.255.255.254", "0.0.0." + "0", "0.1.2.3", "10.0.0.1",
    "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "169.254.0.1", "100.64.0.1", "100.127.255.255", "192.0.0.170", "192.0.2.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::a00:1",
    "64:ff9b:1::1", "64:ff9b::808:808", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1",
    "2001:db8::1", "2001::1", "2001:10::1", "2002:a00:1::1", "2002:7f00:1::", "100::1", "3fff::1", "5f00::1",
    "2130706433", "0x7f.1", "localhost", "",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
async def test_no_private_address_is_connected_to(world: World, address: str) -> None:
    assert not is_public(address)
    names = Names([address])
    reader = PageReader("Hearth (test)", trust=world.trust, resolve=names, port=world.server.port)
    assert await reader.look(LINK) == Seen("missed", reason="private_address")
    for mixed in (["8.8.8.8", address], [address, "2606:4700::1111"]):
        reader = PageReader("Hearth (test)", resolve=Names(mixed), port=world.server.port)
        assert await reader.look(LINK) == Seen("missed", reason="private_address")
    assert world.server.connections == 0


@pytest.mark.parametrize("address", ["8.8.8.8", "208.80.154.224", "2620:0:861:ed1a::1", "2606:4700::1111"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


async def test_a_name_that_turns_to_a_private_address_is_not_asked_twice(world: World) -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    assert (await world.reader(names).look(LINK)).state == "found"
    assert names.asked == [HOST]
    assert await world.reader(names).look(LINK) == Seen("missed", reason="private_address")
    assert world.server.connections == 1


async def test_the_connection_goes_to_the_address_that_was_checked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    real = asyncio.get_running_loop().getaddrinfo

    async def getaddrinfo(host: object, *args: object, **more: object) -> object:
        asked.append(host)
        return await real(host, *args, **more)  # type: ignore[arg-type]  # handed on as it is

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    assert (await world.reader().look(LINK)).state == "found"
    assert not [host for host in asked if host not in ("127.0.0.1", b"127.0.0.1")]


async def test_another_address_of_a_host_is_tried(world: World) -> None:
    class Both(World):
        def reader(self, names: Names | None = None, seconds: float = 60.0) -> PageReader:
            return PageReader(
                "t", trust=self.trust, resolve=Names(["127.0.0.9", "127.0.0.1"]), allowed=bool, port=self.server.port
            )

    assert (await Both(world.server, world.trust).reader().look(LINK)).state == "found"


@pytest.mark.parametrize(
    "link",
    [
        "http://pages.example.org/", "https://a:b@pages.example.org/", "https://pages.example.org:8443/",
        "https://127.0.0.1/", "https://localhost/", "file:///etc/passwd", "https://[::1]/", "gopher://pages.example.org/",
    ],
)  # fmt: skip
async def test_a_link_that_is_none_opens_nothing(world: World, link: str) -> None:
    names = Names(["127.0.0.1"])
    assert (await world.reader(names).look(link)).state == "missed"
    assert (names.asked, world.server.connections) == ([], 0)


async def test_a_page_of_more_than_a_megabyte_is_left(world: World) -> None:
    world.server.answer = saying(b"a" * PAGE_LIMIT, kind="text/plain")
    assert (await world.reader().look(LINK)).state == "found"
    world.server.answer = saying(b"a" * (PAGE_LIMIT + 1), kind="text/plain")
    assert await world.reader().look(LINK) == Seen("missed", reason="too_large")
    # Before a byte of the body, if the server says so itself.
    world.server.answer = saying(b"", length=10**15)
    assert await world.reader().look(LINK) == Seen("missed", reason="too_large")


async def test_an_endless_page_is_left(world: World) -> None:
    sent = 0

    async def answer(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        while True:
            writer.write(b"a" * 65_536)
            await writer.drain()
            sent += 65_536

    world.server.answer = answer
    began = time.monotonic()
    assert await world.reader(seconds=30).look(LINK) == Seen("missed", reason="too_large")
    assert time.monotonic() - began < 10
    assert sent < 20 * PAGE_LIMIT


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_packed_page_is_unpacked_and_a_bomb_is_left(world: World, coding: str) -> None:
    pack = gzip.compress if coding == "gzip" else zlib.compress
    world.server.answer = saying(pack(PAGE), Content_Encoding=coding)
    assert (await world.reader().look(LINK)).digest == sha256(b"Our policy Be kind.").hexdigest()
    world.server.answer = saying(pack(b"a" * 100_000_000), Content_Encoding=coding)
    tracemalloc.start()
    try:
        assert await world.reader().look(LINK) == Seen("missed", reason="too_large")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    world.server.answer = saying(pack(PAGE) + b"x" * 3 * PAGE_LIMIT, Content_Encoding=coding)
    assert await world.reader().look(LINK) == Seen("missed", reason="too_large")
    for wrong, coded in ((b"no gzip", coding), (PAGE, "br"), (PAGE, "gzip, gzip")):
        world.server.answer = saying(wrong, Content_Encoding=coded)
        assert await world.reader().look(LINK) == Seen("missed", reason="encoded")


async def test_slow_servers_get_a_bounded_time(world: World) -> None:
    async def nothing(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async def slow_head(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(300):
            writer.write(b"X: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.1)

    async def only_hints(writer: asyncio.StreamWriter) -> None:
        for _ in range(300):
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.1)

    async def slow_body(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(300):
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.1)

    for answer in (nothing, slow_head, only_hints, slow_body):
        world.server.answer, began = answer, time.monotonic()
        assert await world.reader(seconds=0.5).look(LINK) == Seen("missed", reason="timeout")
        assert time.monotonic() - began < 3


async def test_a_slow_name_server_gets_a_bounded_time(world: World) -> None:
    async def never(host: str) -> Sequence[str]:
        await asyncio.sleep(30)
        return []

    reader = PageReader("t", resolve=never, seconds=0.2)
    assert await reader.look(LINK) == Seen("missed", reason="timeout")


async def test_lies_in_the_protocol_are_no_page(world: World) -> None:
    async def garbage(writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\xff" * 1_000 + b"\r\n\r\n")

    async def hang_up(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    async def many_headers(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(100_000):
            writer.write(b"X-%d: y\r\n" % number)
            await writer.drain()

    for answer in (garbage, hang_up, many_headers):
        world.server.answer = answer
        assert await world.reader().look(LINK) == Seen("missed", reason="broken")


async def test_a_certificate_of_another_host_or_authority_is_refused(world: World, tmp_path: Path) -> None:
    other = await world.reader(Names(["127.0.0.1"])).look("https://other.example.org/")
    assert other == Seen("missed", reason="tls")
    reader = PageReader("t", resolve=HERE, allowed=bool, port=world.server.port)
    assert await reader.look(LINK) == Seen("missed", reason="tls")
    async with page_server(tmp_path, "old.example.org", days=-1) as (server, trust):
        reader = PageReader("t", trust=trust, resolve=HERE, allowed=bool, port=server.port)
        assert await reader.look("https://old.example.org/") == Seen("missed", reason="tls")
        assert server.heads == []


async def test_a_host_that_is_not_there_is_told_apart(world: World) -> None:
    async def unknown(host: str) -> Sequence[str]:
        raise OSError("no such name")

    assert await PageReader("t", resolve=unknown).look(LINK) == Seen("missed", reason="unresolved")
    assert await PageReader("t", resolve=Names([])).look(LINK) == Seen("missed", reason="unresolved")
    closed = PageReader("t", resolve=HERE, allowed=bool, port=1)
    assert await closed.look(LINK) == Seen("missed", reason="unconnected")


async def test_proxies_of_the_environment_are_not_used(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await world.reader().look(LINK)).state == "found"


async def test_a_name_server_that_never_answers_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    real, release = socket.getaddrinfo, threading.Event()

    def hanging(host: str, *args: Any, **more: Any) -> Any:
        if host == HOST:
            release.wait(20)
        return real(host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    began = time.monotonic()
    readers = [PageReader("t", seconds=0.3) for _ in range(20)]
    seen = await asyncio.gather(*(reader.look(LINK) for reader in readers))
    assert set(seen) == {Seen("missed", reason="timeout")}
    # Others still get their names from the pool of the loop.
    await asyncio.wait_for(asyncio.get_running_loop().getaddrinfo("127.0.0.1", 443), 5)
    assert time.monotonic() - began < 5
    release.set()


async def test_the_real_resolver_gives_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(await links.resolve("localhost")) <= {"127.0.0.1", "::1"}
    assert await PageReader("t").look("https://localhost/") == Seen("missed", reason="not_permitted")


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        (b"<p>a</p><p>b</p>", b"a b"),
        (b"a<!-- x > y -->b", b"ab"),
        (b"a<SCRIPT>if (1 < 2) {}</SCRIPT>b<style>p{}</style>c", b"a b c"),
        (b"a<script>never ends", b"a"),
        (b"a<!-- never ends", b"a"),
        (b"a<b", b"a"),
        (b"", b""),
        (b"a   \n\n b", b"a b"),
    ],
)
def test_of_a_page_only_what_it_shows_counts(page: bytes, shown: bytes) -> None:
    assert visible_text(page) == shown


@pytest.mark.parametrize("part", [b"<", b"<script>", b"<!--", b"<!-- -->", b"</", b"<a ", b"<p>"])
def test_no_page_takes_long_to_go_through(part: bytes) -> None:
    began = time.process_time()
    visible_text(part * (PAGE_LIMIT // len(part)))
    assert time.process_time() - began < 3
