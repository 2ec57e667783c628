"""Keys of services are replaced while intake runs and is called, and no call fails."""

import asyncio
import base64
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from infra.commands.keys.service_keys import PEERS, Pace, keys_file, make_service_keys, rotate
from infra.local.ports import Ports
from infra.local.probes import answers
from infra.local.processes import Children
from infra.local.stack import NO_PROVIDER
from infra.local.system import create_topics_on
from infra.services import SERVICES
from shared.access.service_keys import read_ring
from shared.access.service_tokens import ServiceSigner
from shared.clients.vault import VaultClient
from shared.events import Actor
from shared.http import make_http
from shared.problems import Problem

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

REPORT = {"community": "enwiki", "narrative": "It happened.", "reported": [{"name": "Some one"}]}
LOOKED_AT = 5.0
"""Intake runs as it does everywhere, so a key must be public for longer than this."""


@pytest.fixture
async def intake(
    kafka: str, mongo_uri: str, prefix: str, database_prefix: str, tmp_path: Path
) -> AsyncIterator[tuple[str, Path]]:
    """The address of intake in a process of its own, and the folder of the services' keys."""
    await asyncio.to_thread(create_topics_on, kafka, prefix)
    folder = tmp_path / "keys"
    folder.mkdir()
    make_service_keys(folder, os.geteuid())
    with Ports() as free:
        port = free.any_free()
        secrets = ("FORM_KEY", "IDENTITY_KEY", "MASTER_KEY", "RECEIPT_PEPPER", "PSEUDONYM_KEY")
        environment = {
            **os.environ,
            **{f"HEARTH_{name}": base64.b64encode(name.encode().ljust(32)).decode() for name in secrets},
            "HEARTH_KAFKA": kafka,
            "HEARTH_MONGO": mongo_uri,
            "HEARTH_TOPIC_PREFIX": prefix,
            "HEARTH_DATABASE_PREFIX": database_prefix,
            "HEARTH_PORT": str(port),
            "HEARTH_SERVICE_PEERS_FILE": str(folder / PEERS),
            "HEARTH_SIGN_IN_ISSUER": NO_PROVIDER,
        }
        children, address = Children(), f"http://127.0.0.1:{port}"
        try:
            command = [sys.executable, "-m", SERVICES["intake"].module]
            process = children.start("intake", command, tmp_path / "intake.log", environment)
            await asyncio.to_thread(process.wait_ready, lambda: answers(f"{address}/health/ready"))
            yield address, folder
        finally:
            await asyncio.to_thread(children.close)


class ReportContent(ServiceSigner):
    """A signer that notes which of its keys it has used."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.used: Counter[str] = Counter()

    def token(self, audience: str, purpose: str, behalf: Actor | None = None) -> str:
        token = super().token(audience, purpose, behalf)
        self.used[jwt.get_unverified_header(token)["kid"]] += 1
        return token


async def test_no_call_fails_while_every_key_is_replaced(intake: tuple[str, Path]) -> None:
    address, folder = intake
    ring, peers = folder / keys_file("triage"), folder / PEERS
    (old,) = read_ring(ring.read_text())
    signer = ReportContent("triage", ring, peers, look=0.5, public_for=LOOKED_AT + 1)
    async with make_http(address) as http:
        report_id = (await http.post("/v1/reports", json=REPORT)).json()["report_id"]
        vault, done = VaultClient(http, signer), asyncio.Event()

        async def keep_calling() -> int:
            calls = 0
            while not done.is_set():
                found = await vault.read([report_id], sections=["content"], purpose="review", behalf=Actor("p", "r"))
                assert found[report_id].sections["content"]["narrative"] == "It happened."
                await vault.keep_statement(report_id, "q-1", kind="question", text="When?", behalf=Actor("p", "r"))
                calls += 2
                await asyncio.sleep(0.02)
            return calls

        calling = [asyncio.create_task(keep_calling()) for _ in range(3)]
        await asyncio.to_thread(rotate, folder, os.geteuid(), Pace(settle=LOOKED_AT + 3, die=1))
        (new,) = read_ring(ring.read_text())
        await asyncio.sleep(LOOKED_AT + 1)
        done.set()
        calls = sum(await asyncio.gather(*calling))
    assert set(signer.used) == {old.kid, new.kid}
    assert min(signer.used.values()) > 10
    assert calls == sum(signer.used.values())

    # What was signed with the key that was taken away opens nothing any more.
    stolen = ServiceSigner("triage", ring, peers)
    stolen._key = lambda at: old  # type: ignore[method-assign]
    async with make_http(address) as http:
        with pytest.raises(Problem, match="service-refused"):
            await VaultClient(http, stolen).read(
                ["nobody"], sections=["content"], purpose="review", behalf=Actor("p", "r")
            )
        fresh = VaultClient(http, ServiceSigner("triage", ring, peers))
        assert await fresh.read(["nobody"], sections=["content"], purpose="review", behalf=Actor("p", "r")) == {}


async def test_a_half_written_public_set_changes_nothing(intake: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = intake
    whole = (folder / PEERS).read_text()
    (tmp_path / PEERS).write_text(whole)
    signer = ServiceSigner("notification", folder / keys_file("notification"), tmp_path / PEERS)
    async with make_http(address) as http:
        for written in (whole[:40], whole):
            (folder / PEERS).write_text(written)
            await asyncio.sleep(LOOKED_AT + 0.5)
            assert await VaultClient(http, signer).read(["nobody"], sections=["reporter"], purpose="notify") == {}
    log = (tmp_path / "intake.log").read_text()
    assert log.count("a watched file cannot be used") == 1
