"""Requests as no library would send them, to the real server on a socket: what they forge changes nothing."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import Request

from shared.settings import Settings
from tests.support.every_app import KEYS, build
from tests.support.served import served as serving

NONCES = re.compile(r'(nonce|value)="[A-Za-z0-9_.=-]{20,}"')


@asynccontextmanager
async def served(service: str = "intake", **given: Any) -> AsyncIterator[int]:
    """The port on which a service answers, by the server and the options that it has in production."""
    app = build(service, **given)

    @app.get("/told")
    async def told(request: Request) -> dict[str, str]:
        assert request.client is not None
        return {"scheme": request.url.scheme, "address": request.client.host}

    async with serving(app, proxies=given.get("proxies", "")) as port:
        yield port


async def send(port: int, *lines: str, source: str = "127.0.0.1") -> tuple[int, str, str]:
    """Status, headers in lower case, and body of the answer to these lines; nonces and tokens are blanked."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    writer.write(("\r\n".join([*lines, "Connection: close", "", ""])).encode("latin-1"))
    await writer.drain()
    answer = (await asyncio.wait_for(reader.read(), 10)).decode("utf-8", "replace")
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    status, _, headers = head.partition("\r\n")
    return int(status.split()[1]), headers.lower(), NONCES.sub("", body)


async def test_a_request_needs_exactly_one_host_of_ours() -> None:
    async with served() as port:
        get = "GET /report HTTP/1.1"
        good = await send(port, get, "Host: 127.0.0.1")
        assert good[0] == 200
        for hosts, status in (
            (["Host: evil.example"], 421),
            (["Host: 127.0.0.1", "Host: evil.example"], 400),
            (["Host: evil.example", "Host: 127.0.0.1"], 400),
            (["Host: 127.0.0.1", "host: 127.0.0.1"], 400),
            (["Host: 127.0.0.1, evil.example"], 400),
            (["Host: 127.0.0.1 evil.example"], 400),
            (["Host: user@127.0.0.1"], 400),
            (["Host: 127.0.0.1/evil"], 400),
            (["Host:"], 400),
            ([], 400),
        ):
            answer = await send(port, get, *hosts)
            assert answer[0] == status, hosts
            assert "evil" not in f"{answer[1]}{answer[2]}"
        assert (await send(port, "GET /report HTTP/1.0"))[0] == 400


async def test_a_target_that_names_another_host_leads_nowhere_else() -> None:
    async with served() as port:
        for target in ("http://evil.example/report", "https://evil.example:99/report", "//evil.example/report"):
            status, headers, body = await send(port, f"GET {target} HTTP/1.1", "Host: 127.0.0.1", "Accept: text/html")
            assert status in (200, 400, 404), target
            assert "evil" not in headers
            assert "evil" not in body
            refused = await send(port, f"GET {target} HTTP/1.1", "Host: evil.example", "Accept: text/html")
            assert refused[0] in (400, 421), target
        for line in ("CONNECT evil.example:443 HTTP/1.1", "OPTIONS * HTTP/1.1", "GET evil.example HTTP/1.1"):
            assert (await send(port, line, "Host: 127.0.0.1"))[0] in (400, 404, 405), line


FORGED = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Server": "evil.example",
    "X-Forwarded-Port": "99",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "203.0.113.9",
    "X-Real-IP": "203.0.113.9",
    "Forwarded": "host=evil.example;proto=https;for=203.0.113.9",
    "X-Original-URL": "/metrics",
    "X-Rewrite-URL": "/metrics",
    "X-HTTP-Method-Override": "DELETE",
    "X-HTTP-Method": "DELETE",
    "X-Method-Override": "DELETE",
}


@pytest.mark.parametrize("name", FORGED)
async def test_headers_that_other_servers_obey_change_nothing(name: str) -> None:
    def without_moment(headers: str) -> str:
        return re.sub(r"date: [^\r]*|nonce-[^']*|hearth_form=[^;]*", "", headers)

    async with served() as port:
        for path in ("/follow-up", "/told", "/desk"):
            lines = (f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "X-Request-Id: always-the-same")
            plain = await send(port, *lines)
            forged = await send(port, *lines, f"{name}: {FORGED[name]}")
            assert (forged[0], without_moment(forged[1]), forged[2]) == (plain[0], without_moment(plain[1]), plain[2])


async def test_only_a_proxy_that_was_named_is_believed_and_only_about_its_own_client() -> None:
    said = ("X-Forwarded-For: 198.51.100.7, 203.0.113.9", "X-Forwarded-Proto: https", "Forwarded: for=192.0.2.99")
    async with served(proxies="127.0.0.2, 127.0.1.0/24") as port:
        lines = ("GET /told HTTP/1.1", "Host: 127.0.0.1", *said)
        for source, address, scheme in (
            ("127.0.0.1", "127.0.0.1", "http"),
            ("127.0.0.2", "203.0.113.9", "https"),
            ("127.0.1.77", "203.0.113.9", "https"),
        ):
            _, headers, body = await send(port, *lines, source=source)
            assert body == f'{{"scheme":"{scheme}","address":"{address}"}}'
            assert ("strict-transport-security: max-age=31536000" in headers) == (scheme == "https")


@pytest.mark.parametrize("said", ["*", "proxy.example", "10.0.0.1/8", "127.0.0.1,nonsense"])
def test_a_proxy_is_named_by_address_or_the_service_does_not_start(said: str) -> None:
    with pytest.raises(ValueError, match="proxies"):
        Settings(**KEYS, proxies=said)
