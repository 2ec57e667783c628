"""All four services in one process and on one clock, joined as Kafka joins them, for what takes weeks."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
from fastapi import FastAPI

from services.notification.delivery import Delivery
from services.notification.routing.plan import plan
from services.notification.routing.summary import CaseSummary, follow
from services.triage.case.case import Case
from services.triage.case.timers.table import wakes_at
from services.triage.patterns.arrivals import Arrivals
from services.triage.reports import ReportFollower
from services.triage.stored import Staffing
from services.triage.watch import CaseWatch
from shared.clients.vault import VaultClient
from shared.events import Event
from shared.http import make_http
from shared.parties import Parties
from shared.times import now
from tests.fakes.memory_entries import MemoryEntries
from tests.fakes.memory_lookers import MemoryLookers
from tests.fakes.memory_marks import MemoryMarks
from tests.fakes.memory_parties import MemoryParties
from tests.fakes.memory_registries import MemoryRegistries
from tests.fakes.memory_sessions import MemorySessions
from tests.support.audit_world import AuditWorld, leaf_of
from tests.support.intake_rig import Clock
from tests.support.intake_rig import Rig as Intake
from tests.support.notification_world import ROUTES
from tests.support.people import COPIES, auditor, bearer
from tests.support.rosters import refresh_rosters
from tests.support.service_keys import signer
from tests.support.travel import Travel, travelling
from tests.support.triage_rig import POLICY, TOKENS, MemoryCases, build_triage


class _Now(Clock):
    def __call__(self) -> datetime:
        return now()


@dataclass
class FourServices:
    """The services, and all that they have told. `mails`: what notification would send."""

    travel: Travel
    triage: FastAPI
    intake: Intake
    cases: MemoryCases
    sessions: MemorySessions
    entries: MemoryEntries
    parties: MemoryParties
    follower: ReportFollower
    watch: CaseWatch
    reporter: httpx.AsyncClient
    desk: httpx.AsyncClient
    record: AuditWorld = field(default_factory=AuditWorld)
    events: list[Event] = field(default_factory=list)
    mails: list[Delivery] = field(default_factory=list)
    _summaries: dict[str, CaseSummary] = field(default_factory=dict)
    _told: int = 0

    async def deliver(self) -> None:
        """Hand on what the services have written to their outboxes, until there is no more."""
        while events := [*self._from_intake(), *self._from_triage()]:
            # What follows from an event is later than the event, also in the order of the record.
            self.travel.ahead += timedelta(milliseconds=1)
            for copy in (self.parties, self.record.parties):
                await copy.follow([event for event in events if event.fact.topic == "parties"])
            await self.follower.take([event for event in events if event.fact.topic == "reports"])
            await self.intake.progress.project([event for event in events if event.fact.topic == "cases"])
            for event in events:
                self._notify(event)
            await self._record(events)
            self.events += events

    async def pass_time(self, span: timedelta) -> None:
        """Let time go by. Triage wakes each case when its time comes, as its loop does."""
        end = now() + span
        while (due := min(filter(None, map(wakes_at, self._cases())), default=end)) < end:
            self.travel.to(due)
            if not await self.watch.wake():
                break
            await self.deliver()
        self.travel.to(end)
        await self.watch.wake()
        await self.deliver()
        for app in (self.triage, self.intake.app, self.record.app):
            await refresh_rosters(app)

    async def timeline(self, case_id: str) -> list[dict[str, Any]]:
        """The entries of the record about a case, as an auditor gets them."""
        headers = bearer(auditor())
        answer = await self.record.client.get(f"/v1/record/cases/{case_id}/timeline?limit=200", headers=headers)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    def _cases(self) -> list[Case]:
        return [stored.case for stored in self.cases.stored.values()]

    def _from_intake(self) -> list[Event]:
        store, events = self.intake.store, list[Event]()
        for document in (*store.reports.values(), *store.accesses.values()):
            events += document["outbox"]
            document["outbox"] = []
        return events

    def _from_triage(self) -> list[Event]:
        events, self._told = self.cases.events[self._told :], len(self.cases.events)
        return events

    def _notify(self, event: Event) -> None:
        if event.fact.topic not in ("reports", "cases"):
            return
        summary = follow(self._summaries.get(event.case_id), event)
        if summary is not None:
            self._summaries[event.case_id] = summary
        self.mails += [delivery for _, delivery in plan(event, summary, ROUTES, POLICY, now())]

    async def _record(self, events: Sequence[Event]) -> None:
        logs: dict[str, list[Event]] = {}
        for event in events:
            if event.fact.topic != "parties":
                logs.setdefault(event.fact.topic, []).append(event)
        for topic, those in logs.items():
            first = sum(event.fact.topic == topic for event in self.events)
            await self.record.add(f"{topic}/0", [leaf_of(one, topic, 0, first + n) for n, one in enumerate(those)])


@asynccontextmanager
async def four_services(staffing: Staffing) -> AsyncIterator[FourServices]:
    """The services; nothing in them is started. `staffing`: the people of each handling body, who are enrolled."""
    known: Mapping[str, Any] = dict(COPIES.states)
    with travelling() as travel:
        for who in {who for people in (await staffing.staff()).values() for who in people}:
            COPIES.enrol(who)
        intake, cases, sessions, entries = Intake(clock=_Now()), MemoryCases(), MemorySessions(), MemoryEntries()
        parties = MemoryParties()
        transport = httpx.ASGITransport(intake.app, raise_app_exceptions=False)
        async with (
            make_http("https://intake.example", transport=transport) as vault,
            httpx.AsyncClient(transport=transport, base_url="https://intake.example") as reporter,
        ):
            app = build_triage(
                cases, VaultClient(vault, signer("triage")), sessions, entries, parties, staffing, MemoryRegistries(),
                MemoryLookers(), 1.0,
            )  # fmt: skip
            desk_transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=desk_transport, base_url="https://desk.example") as desk:
                arrivals = Arrivals(MemoryMarks(parties), cases, POLICY)
                known_parties = Parties(parties, patience=0.0)
                follower = ReportFollower(cases, POLICY, known_parties, staffing, TOKENS, arrivals=arrivals)
                watch = CaseWatch(cases, known_parties, staffing, POLICY, TOKENS, every=60)
                yield FourServices(
                    travel, app, intake, cases, sessions, entries, parties, follower, watch, reporter, desk
                )  # fmt: skip
    COPIES.states.clear()
    COPIES.states.update(known)
