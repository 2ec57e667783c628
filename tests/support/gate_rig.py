"""The four services as their settings build them, before a roster, sessions and refusals in memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.intake.vault import part as vault_part
from shared import access_control as access_control
from shared.access.access_log import AccessLog
from shared.access.refusal_log import Refusals
from shared.access.roster import Roster, RosterStore
from shared.aggregates import Save
from shared.events import AccessRefused, Event
from shared.mongo import Document
from shared.problems import Unavailable
from shared.sign_in.sessions import Sessions, SessionStore
from shared.times import now
from tests.fakes.memory_sessions import MemorySessions
from tests.support.every_app import build
from tests.support.people import MemoryCopies

HOSTS = "gate.example"
PAGES = {"triage": "/desk", "audit": "/audit", "notification": "/outbox"}
ASKS: dict[str, tuple[str, str, Any, str]] = {
    "intake": ("POST", "/v1/erasures", {"reason": "requested", "report_ids": ["nobody"]}, "report.erase"),
    "triage": ("GET", "/v1/cases", None, "case.list"),
    "notification": ("GET", "/v1/deliveries", None, "delivery.list"),
    "audit": ("GET", "/v1/record/logs", None, "record.heads"),
}
"""What somebody has to be known for, in each service; nobody who is refused gets as far as a store."""


@dataclass
class Kept:
    """Documents and events that were written; nothing is while the store is away."""

    events: list[Event] = field(default_factory=list)
    documents: dict[str, Document] = field(default_factory=dict)
    away: bool = False

    async def load(self, ids: Iterable[str]) -> dict[str, Document]:
        self._reach()
        return {i: self.documents[i] for i in ids if i in self.documents}

    async def save(self, saves: Sequence[Save]) -> set[str]:
        self._reach()
        lost = set()
        for save in saves:
            stored = self.documents.get(save.id, {"version": 0, "applied": []})
            if stored["version"] != save.version - 1:
                lost.add(save.id)
                continue
            applied = [*stored["applied"], *save.causes]
            self.documents[save.id] = {
                **stored, **save.fields, "_id": save.id, "version": save.version, "applied": applied, "outbox": []
            }  # fmt: skip
            self.events += save.events
        return lost

    async def open_before(self, day: str) -> list[str]:
        self._reach()
        return [i for i, total in self.documents.items() if total.get("is_open") and total["day"] < day]

    def _reach(self) -> None:
        if self.away:
            raise Unavailable("away")


@dataclass
class Gates:
    """The services' applications by name, and what stands behind their gates."""

    copies: MemoryCopies = field(default_factory=MemoryCopies)
    sessions: MemorySessions = field(default_factory=MemorySessions)
    kept: Kept = field(default_factory=Kept)
    later: timedelta = timedelta()
    """How much later it is for the roster."""
    days: timedelta = timedelta()
    """How many days are over for those who count refusals."""
    apps: dict[str, FastAPI] = field(default_factory=dict)
    refusals: dict[str, Refusals] = field(default_factory=dict)
    rosters: list[Roster] = field(default_factory=list)

    def stand_in(self, patch: pytest.MonkeyPatch) -> None:
        """Take the place of what services are put together from; nothing is started, so nothing is connected."""
        patch.setattr(access_control, "Roster", self._roster)
        patch.setattr(access_control, "Refusals", self._refusals)
        patch.setattr(access_control, "Sessions", self._sessions)
        # What is let in at intake is on record first.
        patch.setattr(vault_part, "AccessLog", lambda service, _: AccessLog(service, Kept()))

    def app(self, service: str) -> FastAPI:
        """The application of a service."""
        if service not in self.apps:
            self.apps[service] = build(service, hosts=HOSTS)
        return self.apps[service]

    def http(self, service: str, address: str = "192.0.2.1") -> httpx.AsyncClient:
        """A client of the service, at this address."""
        transport = httpx.ASGITransport(self.app(service), raise_app_exceptions=False, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url=f"https://{HOSTS}")

    async def ask(self, service: str, headers: Any = None, address: str = "192.0.2.1") -> httpx.Response:
        """The answer to what somebody has to be known for."""
        method, path, body, _ = ASKS[service]
        async with self.http(service, address) as http:
            return await http.request(method, path, json=body, headers=headers)

    async def refused(self) -> list[tuple[str, str, str, str, int]]:
        """What is written down once the day is over: service, action, reason, who, how often."""
        for refusals in self.refusals.values():
            await refusals.flush()
        self.days += timedelta(days=1)
        for refusals in self.refusals.values():
            await refusals.close_days()
        facts = [(event.fact, event.actor.ref) for event in self.kept.events]
        return [(f.service, f.action, f.reason, who, f.count) for f, who in facts if isinstance(f, AccessRefused)]

    def _roster(self, _: RosterStore) -> Roster:
        self.rosters.append(Roster(self.copies, self._now))
        return self.rosters[-1]

    def _refusals(self, service: str, _: object) -> Refusals:
        self.refusals[service] = Refusals(service, self.kept, lambda: now() + self.days)
        return self.refusals[service]

    def _sessions(self, _: SessionStore) -> Sessions:
        return Sessions(self.sessions)

    def _now(self) -> datetime:
        return now() + self.later
