"""The HTTP side of the audit service over a record in memory."""

from collections.abc import Sequence
from typing import Any

import httpx
from fastapi import FastAPI

from services.audit.app import load_pages, make_notary, make_routers
from services.audit.paths import HOME
from services.audit.record.leaf import Leaf, Place, keep_hash, read_record
from services.audit.scorecard.doors import Scorecards
from services.audit.scorecard.part import make_scorecard_routers
from services.audit.seals.actions import Sealer
from services.audit.writer import LogWriter
from shared.access_control import AccessControl, SignIn
from shared.aggregates import Save
from shared.events import Event, RecordRead
from shared.parties import Parties
from shared.parts import Part, assemble
from shared.people_names import PeopleNames
from shared.policy import Policy, load_policy
from shared.problems import Unavailable
from shared.runtime import Runtime
from tests.fakes.memory_parties import MemoryParties
from tests.fakes.memory_record import MemoryRecord
from tests.fakes.memory_scorecards import MemoryScorecards
from tests.fakes.memory_sessions import MemorySessions
from tests.support.audit_rig import AT, ORIGIN, event_of, record_of, settings_for
from tests.support.people import COPIES, nobody_signs_in
from tests.support.scorecards import scorecard, untouched

POLICY = load_policy()


class MemorySaving:
    """Aggregates that are only ever created."""

    def __init__(self) -> None:
        self.saved: dict[str, Save] = {}
        self.away = False

    async def save(self, saves: Sequence[Save]) -> set[str]:
        if self.away:
            raise Unavailable("away")
        lost = {save.id for save in saves if save.id in self.saved}
        self.saved.update({save.id: save for save in saves if save.id not in lost})
        return lost

    @property
    def events(self) -> list[Event]:
        return [event for save in self.saved.values() for event in save.events]

    @property
    def reads(self) -> list[RecordRead]:
        return [event.fact for event in self.events if isinstance(event.fact, RecordRead)]


class MemoryAnnouncements(MemorySaving):
    """What is announced of the seal log."""

    async def announced(self) -> int:
        return max((save.fields["end"] for save in self.saved.values()), default=0)


class AuditWorld:
    """A record, what was noted about reading it, and a client."""

    def __init__(self, cards: Scorecards | None = None, policy: Policy | None = None, **given: Any) -> None:
        """`cards`: what answers for scorecards in the place of `scorecards`; `policy`: in that of the packaged one.

        `given`: settings.
        """
        self.record = MemoryRecord()
        self.parties = MemoryParties()
        self.saving = MemorySaving()
        self.writer = LogWriter(self.record, ORIGIN, "writer")
        self.sessions = MemorySessions()
        self.scorecards = MemoryScorecards(scorecard(), untouched("swwiki"))
        settings = settings_for(seal_seconds=10, **given)
        self.notary = make_notary(settings)
        runtime = Runtime("audit", settings)
        access_control = AccessControl(runtime, copies=COPIES)
        pages = load_pages(people=PeopleNames(access_control.roster.known))
        way = SignIn(settings, pages, HOME, "https://audit", nobody_signs_in, store=self.sessions)
        flow, sign_in = access_control.open_sign_in(way)
        gate = access_control.gate
        routers = make_routers(settings, self.record, Parties(self.parties), self.saving, gate, flow.pages)
        routers += make_scorecard_routers(settings, cards or self.scorecards, policy or POLICY, gate, flow.pages)
        self.app: FastAPI = assemble(runtime, access_control.gate, [Part(routers), sign_in], flow.error_page)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="https://audit")

    async def add(self, log: str, leaves: Sequence[Leaf]) -> None:
        """Commit these leaves to a log."""
        await self.writer.states([log], AT)
        await self.writer.append({log: leaves}, AT)

    async def seal(self) -> None:
        """Seal every log that grew."""
        announcements = MemoryAnnouncements()
        await Sealer(self.writer, self.record, self.notary, announcements, seconds=1, clock=lambda: AT).seal()

    async def fill(self, cases: int = 100, seqs: int = 3) -> None:
        """Events of some cases in `cases/0`, and one hash in `reports.inbox/1`."""
        leaves = [
            leaf_of(event_of(f"case-{n}", seq), "cases", 0, n * seqs + seq - 1)
            for n in range(cases)
            for seq in range(1, seqs + 1)
        ]
        await self.add("cases/0", leaves)
        await self.add("reports.inbox/1", [keep_hash(Place("reports.inbox", 1, 0, 0), b"x", "foreign")])


def leaf_of(event: Event, topic: str, partition: int, offset: int) -> Leaf:
    """The leaf of an event at a place."""
    key, value, headers = record_of(event)
    return read_record(Place(topic, partition, offset, 1_000), key, headers, value)
