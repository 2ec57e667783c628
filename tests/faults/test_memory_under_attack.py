"""Each service in the memory that docker-compose.yml gives it, attacked by strangers: it lives, and serves people."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from infra.local.processes import Process
from infra.local.stack import Stack, StackSettings
from infra.local.system import create_topics_on, draw_secrets
from tests.support.attacks import ATTACKS, attack
from tests.support.cage import Cage, memory_of

pytestmark = pytest.mark.slow

CONTAINERS: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "docker-compose.yml").read_text(encoding="utf-8")
)["services"]
TARGETS = {
    "intake": ("/v1/reports", "/report"),
    "triage": ("/desk/sign-in", "/desk/sign-in"),
    "notification": ("/outbox/sign-in", "/outbox/sign-in"),
    "audit": ("/audit/sign-in", "/audit/sign-in"),
}
"""Where each takes a body from anybody, and a page that anybody may see."""
REPORT = {"community": "enwiki", "narrative": "They wrote again."}
PATIENCE = 45.0
MOST_ATTACKS = 5


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(StackSettings.private("kafka", "mongo", "mail")) as stack:
        create_topics_on(stack.kafka)
        yield stack


@contextmanager
def caged(stack: Stack, service: str, **extra: str) -> Iterator[tuple[Process, Cage]]:
    """A service that runs in the memory of its container."""
    cage = Cage(service, int(CONTAINERS[service]["mem_limit"].removesuffix("m")) * 2**20)
    with ExitStack() as ends:
        ends.callback(cage.close)
        with cage.entered():
            process = stack.start_service(service, {**draw_secrets(), **extra}, port=0, wait=False)
        ends.callback(process.stop)
        stack.wait_service(process)
        yield process, cage


async def serves_people(service: str, address: str) -> None:
    """It takes a report, or shows its page, soon after the attack."""
    path, page = TARGETS[service]
    last: object = None
    give_up = time.monotonic() + PATIENCE
    async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as http:
        while time.monotonic() < give_up:
            try:
                answer = await (http.post(path, json=REPORT) if service == "intake" else http.get(page))
                last = answer.text
                if answer.status_code in (200, 202):
                    assert service != "intake" or answer.json()["receipt"]
                    return
            except httpx.TransportError as error:
                last = error
            await asyncio.sleep(0.2)
    raise AssertionError(last)


def survived(process: Process, cage: Cage) -> None:
    assert process.alive(), f"ended with {process.returncode}"
    assert cage.killed() == 0
    assert memory_of(process.pid, "RssAnon") < cage.limit


async def test_intake_survives_each_attack_in_the_memory_of_its_container(stack: Stack) -> None:
    with caged(stack, "intake") as (process, cage):
        port = int(process.address.rpartition(":")[2])
        for name in ATTACKS:
            await attack(name, port, *TARGETS["intake"])
            survived(process, cage)
            await serves_people("intake", process.address)


# Attackers that share the machine with other tests may be too slow to be refused anything.
@pytest.mark.alone
@pytest.mark.parametrize("service", ["triage", "notification", "audit"])
async def test_a_service_survives_all_attacks_at_once(stack: Stack, service: str) -> None:
    with caged(stack, service) as (process, cage):
        port = int(process.address.rpartition(":")[2])
        attacks = 1
        attacking = asyncio.create_task(attack("all at once", port, *TARGETS[service]))
        # The operator sees what goes on while it goes on.
        async with httpx.AsyncClient(base_url=process.inside, timeout=PATIENCE) as inside:
            while "hearth_http_refused_total{" not in (await inside.get("/metrics")).text:
                if attacking.done():
                    await attacking
                    assert attacks < MOST_ATTACKS, "nothing was refused"
                    attacks += 1
                    attacking = asyncio.create_task(attack("all at once", port, *TARGETS[service]))
                await asyncio.sleep(0.1)
            assert (await inside.get("/health/live")).status_code == 200
        await attacking
        survived(process, cage)
        await serves_people(service, process.address)
