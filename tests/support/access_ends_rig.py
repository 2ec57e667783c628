"""The whole system with two replicas of every service, and ways to ask each of them whether somebody still gets in."""

import asyncio
import base64
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

from infra.commands.people.editor import OPERATOR, with_editor
from infra.local.people import give_name
from infra.local.processes import Process
from infra.local.stack import Stack, StackSettings
from infra.local.system import System, run_system
from infra.services import SERVICES
from services.intake.vault.names import given_keys
from services.triage.roster.actions import RosterEditor
from services.triage.roster.entry import IssuedToken
from shared.access.principal import MODULES, SCOPES, Role
from shared.access.service_tokens import ServiceSigner
from shared.connections import MongoAccess
from shared.events import Actor, GrantHeld, TrainingHeld
from shared.ids import new_id
from shared.mongo import Database, connect
from shared.sign_in.cookies import Cookies
from shared.sign_in.store import MongoSessions
from shared.times import now
from tests.support.people import LONG_AGO, person, session_of

T = TypeVar("T")

LONGEST = 60.0
"""Seconds within which access ends in every service."""
BODY = "enwiki_arbcom"
ROLES = (
    GrantHeld(role=Role.RESPONDER.value, bodies=(BODY,)),
    GrantHeld(role=Role.COORDINATOR.value, bodies=(BODY,)),
    GrantHeld(role=Role.AUDITOR.value, scopes=SCOPES),
    GrantHeld(role=Role.OPERATOR.value),
)
"""Everything that a person can be given, so that each of the four services opens."""
PAGES = {"triage": "/desk", "audit": "/audit", "notification": "/outbox"}
READS = {"triage": "/v1/cases", "audit": "/v1/record/logs", "notification": "/v1/deliveries"}
_names = itertools.count(1)
_sources = itertools.count(1)


@dataclass(frozen=True)
class Way:
    """A way in: `ask` gives the status of an answer, or for the vault of an item of one."""

    name: str
    ask: Callable[[], Awaitable[int]]


@dataclass
class Doors:
    """The replicas, the roster's book, and the databases that a test looks into."""

    system: System
    replicas: dict[str, tuple[Process, Process]]
    _resources: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        self._mongo = connect(self.system.stack.mongo, service="test")
        self._resources.callback(self._mongo.close)
        files = self.system.stack.service_keys_of("triage")
        keys, peers = (Path(files[f"HEARTH_SERVICE_{name}_FILE"]) for name in ("KEYS", "PEERS"))
        self._signer = ServiceSigner("triage", keys, peers, public_for=0)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._resources.aclose()

    async def book(self, work: Callable[[RosterEditor], Awaitable[T]]) -> T:
        """What `work` does to the roster, as `hearth roster` and `hearth token` do it."""
        return await with_editor(self.system.stack.mongo, "", MongoAccess(), lambda book, _: work(book))

    async def enrol(self, *grants: GrantHeld, until: datetime | None = None) -> str:
        """A new person with these roles (all, if none is named), trained, with an agreement that holds `until`."""
        ref = person(f"{next(_names):04x}face").ref

        async def work(book: RosterEditor) -> None:
            for grant in grants or ROLES:
                await book.grant(ref, grant, OPERATOR)
            await give_name(book, ref)
            await book.note_agreement(ref, until or now().replace(year=2999), OPERATOR)
            for module in MODULES:
                await book.note_training(ref, TrainingHeld(module=module, completed_at=LONG_AGO), OPERATOR)

        await self.book(work)
        return ref

    async def issue(self, person: str, expires_at: datetime) -> IssuedToken:
        """A token of a person's program."""
        return await self.book(lambda book: book.issue("pat", expires_at=expires_at, by=OPERATOR, person=person))

    async def issue_integrator(self, expires_at: datetime, ends: datetime | None = None) -> IssuedToken:
        """A token of an integrator, whose role `ends` by itself."""
        grant = GrantHeld(role=Role.INTEGRATOR.value, sources=("wiki",), expires_at=ends)
        return await self.book(lambda book: book.issue("int", expires_at=expires_at, by=OPERATOR, grants=[grant]))

    async def settled(self, *keys: str) -> None:
        """Return when every service has the newest state of these people and tokens."""
        deadline = time.monotonic() + 60
        for key in keys:
            wanted = await self._database("triage")["roster"].find_one({"_id": key})
            assert wanted, key
            for service in SERVICES:
                while _said(await self._entry(service, key)) != _said(wanted):
                    assert time.monotonic() < deadline, f"{service} does not know {key}"
                    await asyncio.sleep(0.05)
        # A replica looks at its copy every two seconds.
        await asyncio.sleep(2.5)

    async def by_token(self, token: str, *services: str) -> list[Way]:
        """Ways in with a token of a person, into every replica of these services (all four, if none is named)."""
        headers = {"Authorization": f"Bearer {token}"}
        order = {"reason": "requested", "report_ids": ["nobody"], "dry_run": True}
        ways = []
        for service in services or SERVICES:
            for number, address in self._addresses(service):
                asked: dict[str, Any] = {"method": "GET", "url": READS.get(service)}
                if service == "intake":
                    asked = {"method": "POST", "url": "/v1/erasures", "json": order}
                ways.append(await self._way(f"{service} {number}, token", address, headers=headers, **asked))
        return ways

    async def by_session(self, ref: str, *services: str) -> list[Way]:
        """Ways in with a session of somebody who has just signed in, into every replica of these services."""
        ways = []
        for service in services or PAGES:
            home = PAGES[service]
            secret = await session_of(MongoSessions(self._database(service)), person(ref.partition(":")[2]))
            headers = {"Cookie": f"{Cookies(home).session}={secret}", "Accept": "text/html"}
            for number, address in self._addresses(service):
                ways.append(await self._way(f"{service} {number}, session", address, "GET", home, headers=headers))
        return ways

    async def by_integrator(self, token: str) -> list[Way]:
        """Ways in with the token of an integrator, who hands in the same report again and again."""
        headers = {"Authorization": f"Bearer {token}", "Hearth-Source": "wiki", "Idempotency-Key": new_id()}
        asked: dict[str, Any] = {"headers": headers, "json": {"community": "enwiki", "narrative": "words"}}
        return [
            await self._way(f"intake {number}, integrator", address, "POST", "/v1/reports", **asked)
            for number, address in self._addresses("intake")
        ]

    async def by_vault(self, ref: str, report_id: str) -> list[Way]:
        """Ways to a report through the vault, for triage on behalf of somebody; 404 when it is unknown to them."""
        behalf = Actor(ref, Role.RESPONDER.value)
        body = {"purpose": "review", "reads": [{"report_id": report_id, "sections": ["content"]}]}

        def way(number: int, http: httpx.AsyncClient) -> Way:
            async def ask() -> int:
                headers = {"Authorization": self._signer.authorization("intake", "review", behalf)}
                answer = (await http.post("/v1/vault/read", json=body, headers=headers)).raise_for_status()
                return 404 if answer.json()["items"][0].get("unknown") else 200

            return Way(f"intake {number}, vault", ask)

        return [way(number, await self._client(address)) for number, address in self._addresses("intake")]

    def pseudonyms(self, name: str) -> tuple[str, ...]:
        """The pseudonyms under which this name stands in reports."""
        return given_keys(base64.b64decode(self.system.environment["HEARTH_PSEUDONYM_KEY"]), name)

    async def report(self, **fields: Any) -> str:
        """The id of a new report."""
        http = await self._client(self.system.url("intake"))
        answer = await http.post("/v1/reports", json={"community": "enwiki", "narrative": "words", **fields})
        return str(answer.raise_for_status().json()["report_id"])

    def _addresses(self, service: str) -> list[tuple[int, str]]:
        return [(number, process.address) for number, process in enumerate(self.replicas[service], 1)]

    def _database(self, service: str) -> Database:
        return self._mongo[service]

    async def _entry(self, service: str, key: str) -> dict[str, Any] | None:
        return await self._database(service)["roster"].find_one({"_id": key})

    async def _way(self, name: str, address: str, method: str, url: str, **asked: Any) -> Way:
        http = await self._client(address)

        async def ask() -> int:
            return (await http.request(method, url, **asked)).status_code

        return Way(name, ask)

    async def _client(self, address: str) -> httpx.AsyncClient:
        # From an address of its own, because whoever shows a token that has ended is slowed down.
        number = next(_sources)
        # Each request has a connection of its own: a service may close one that has nothing to do as the next is sent.
        fresh = httpx.Limits(max_keepalive_connections=0)
        source = httpx.AsyncHTTPTransport(local_address=f"127.{1 + number // 250}.7.{1 + number % 250}", limits=fresh)
        client = httpx.AsyncClient(base_url=address, transport=source, timeout=30)
        return await self._resources.enter_async_context(client)


def _said(document: dict[str, Any] | None) -> tuple[object, object]:
    """What a copy knows of a person or a token: the entry, and the names, which travel apart."""
    return (document or {}).get("entry"), (document or {}).get("pseudonyms")


@contextmanager
def two_of_each() -> Iterator[tuple[System, dict[str, tuple[Process, Process]]]]:
    """The system on a stack of its own, with a second replica of every service."""
    with Stack(StackSettings.private("kafka", "mongo", "mail")) as stack, run_system(stack) as system:
        seconds = {
            name: stack.start_service(name, system.environment, port=0, wait=False, label=f"{name}-2")
            for name in SERVICES
        }
        try:
            for process in seconds.values():
                stack.wait_service(process)
            yield system, {name: (system.processes[name], seconds[name]) for name in SERVICES}
        finally:
            for process in seconds.values():
                process.stop()


async def all_open(ways: Sequence[Way]) -> None:
    """Assert that every way leads in."""
    statuses = {way.name: await way.ask() for way in ways}
    closed = {name: status for name, status in statuses.items() if status not in (200, 202)}
    assert not closed, f"closed: {closed}"


async def seconds_until_closed(ways: Sequence[Way], since: datetime, *refusals: int) -> dict[str, float]:
    """How long after `since` each way was closed, with one of these statuses; none is before, and none opens again."""

    async def one(way: Way) -> float:
        while True:
            status = await way.ask()
            passed = (now() - since).total_seconds()
            if status not in (200, 202):
                assert status in refusals, (way.name, status)
                assert passed >= 0, f"{way.name} was closed too early"
                return passed
            assert passed < LONGEST, f"{way.name} is still open"
            # Many ways are asked side by side; more often, they would only keep the services busy.
            await asyncio.sleep(0.5)

    taken = await asyncio.gather(*(one(way) for way in ways))
    assert [status for status in [await way.ask() for way in ways] if status in (200, 202)] == []
    return dict(zip([way.name for way in ways], taken, strict=True))
