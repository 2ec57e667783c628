"""The worked example of docs/baseline.md: rows are read from the page; registry and scorecard carry them out."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from services.audit.scorecard.result import Scorecard
from services.triage.baseline.actions import BaselineDesk, ChangeSent, RegistryEditor
from services.triage.baseline.attesting import Attest, Confirm
from services.triage.baseline.changes import BaselineChange
from services.triage.baseline.links import look_at_nothing
from services.triage.baseline.watch import TimeWatch
from shared.access.principal import Principal, Training
from shared.access.roster import Roster
from shared.events import CaseDecided, Fact, InformationRequested
from shared.ids import new_id
from shared.policy import load_policy
from shared.policy.baseline import catalogue_versions
from tests.fakes.memory_registries import MemoryRegistries
from tests.service.audit.test_scorecard_projection import World
from tests.support.people import COPIES, auditor, coordinator, entry_of, responder
from tests.support.scorecard_record import DAY, HOUR, met, opened, triaged

PAGE = Path(__file__).parents[2] / "docs/baseline.md"
WIKI, EVENT = "swwiki", "examplia_hackathon_2026"
HEADINGS = {WIKI: "### A wiki: ", EVENT: "### An event: "}
LEVELS = ("not yet safe to report", "safe to report", "timely and fair", "accountable")
OUTCOMES = {"met": "met", "not met": "not_met", "needs a look": "needs_review", "not known": "no_evidence"}
POLICY = load_policy()
CASES = re.compile(
    r"answer the reports? of days? ([\d, ]+): acknowledged after (\d+) hours?, first response after (\d+) days?, "
    r"decided after (\d+) days?"
)
ROSTER = re.compile(r"enters both contacts on the roster, with modules (\w) and (\w) and an agreement of (\d+) days")
ATTESTS = re.compile(r"attests ([-HB\d, ]+): “([^”]+)”(?: \((.+)\))?")
DAYS = {"event_ended": r"the event ended on day (\d+)", "report_published": r"the report was published on day (\d+)"}
ID = re.compile(r"HB-\d\d")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the example. `level` and `outcomes`: what the scorecard says afterwards, as it says it to programs."""

    day: int
    who: str
    does: str
    link: str | None
    holds: timedelta | None
    level: int
    outcomes: Mapping[str, str]


def read_rows(community: str) -> list[Row]:
    """The rows that the page tells of a community, in order."""
    part = PAGE.read_text(encoding="utf-8").partition(HEADINGS[community])[2].partition("\n#")[0]
    lines = [line for line in part.splitlines() if re.match(r"\| \d", line)]
    return [_read(*(cell.strip() for cell in line.strip("|").split("|"))) for line in lines]


def _read(day: str, who: str, does: str, link: str, holds: str, says: str) -> Row:
    level, _, results = says.partition(":")
    outcomes = {
        responsibility: OUTCOMES[outcome]
        for ids, outcome in re.findall(r"([^*]+)\*([^*]+)\*", results)
        for responsibility in ID.findall(ids)
    }
    span = timedelta(days=int(holds.removesuffix(" days"))) if holds else None
    return Row(int(day), who, does, link.strip("`") or None, span, LEVELS.index(level.strip("*")), outcomes)


class Example:
    """A community of the example, whose first day is `begin` (UTC-aware)."""

    def __init__(self, community: str, begin: datetime, registries: MemoryRegistries | None = None) -> None:
        self.community, self.begin, self.at = community, begin, begin
        self.record, self.registries = World(), registries or MemoryRegistries()
        bodies = sorted(POLICY.communities[community].bodies.values())
        self.people = {
            "first coordinator": coordinator("7d41c09be2f65a38", *bodies),
            "second coordinator": coordinator("b90e6f3a1c58d724", *bodies),
            "auditor": auditor("4c8a27d1f06e93b5"),
        }
        own = next(body for body in bodies if body != "stewards")
        self.contacts = tuple(responder(name, own) for name in ("e84f1b6a30c9d572", "16d3a95c7e0b284f"))
        for who in (*self.people.values(), *self.contacts):
            COPIES.enrol(who)
        editor = RegistryEditor(self.registries, self._clock)
        self.desk = BaselineDesk(editor, POLICY, catalogue_versions(), Roster(COPIES), look_at_nothing, self._clock)
        self.cards = self.record.cards()
        self._watch = TimeWatch(editor, every=60, clock=self._clock)
        self._coming: list[tuple[datetime, str, Fact]] = []
        self._told = 0

    async def carry_out(self, row: Row) -> None:
        """Do what a row says on its day, and seal the record."""
        self.at = self.begin + (row.day - 1) * DAY
        if found := ROSTER.fullmatch(row.does):
            await self._enter(found[1], found[2], int(found[3]) * DAY)
        elif found := CASES.fullmatch(row.does):
            hours, first, decided = int(found[2]) * HOUR, int(found[3]) * DAY, int(found[4]) * DAY
            for day in found[1].split(", "):
                self._coming += self._case(self.begin + (int(day) - 1) * DAY, hours, first, decided)
        elif found := ATTESTS.fullmatch(row.does):
            for responsibility in ID.findall(found[1]):
                await self._attest(row, responsibility, found[2], found[3] or "")
        elif row.does.startswith("confirms "):
            for responsibility in ID.findall(row.does):
                made = self.registries.of(self.community).running(responsibility)
                assert made is not None
                await self.send(self.people[row.who], Confirm(attestation_id=made.id))
        else:
            assert row.who == "nobody", row.does
        await self._watch.look()
        await self._seal()

    async def send(self, who: Principal, change: BaselineChange) -> None:
        """A person makes a change at the desk."""
        seen = self.registries.of(self.community).seq
        await self.desk.carry_out(who, self.community, ChangeSent(change, seen, new_id()))

    async def card(self) -> Scorecard:
        """The scorecard at the last checkpoint."""
        return await self.cards.of(self.community)

    def _clock(self) -> datetime:
        return self.at

    async def _enter(self, *given: str | timedelta) -> None:
        *modules, agreement = given
        assert isinstance(agreement, timedelta)
        trainings = tuple(Training(str(module), self.at) for module in modules)
        for who in self.contacts:
            entered = replace(who, trainings=trainings, confidential_until=self.at + agreement)
            await self.record.tell((entry_of(entered), who.ref, self.at))

    async def _attest(self, row: Row, responsibility: str, statement: str, extra: str) -> None:
        fields = {"contacts": tuple(who.ref for who in self.contacts)} if "both contacts" in extra else {}
        for name, pattern in DAYS.items():
            if found := re.search(pattern, extra):
                fields[name] = (f"{self.begin + (int(found[1]) - 1) * DAY:%Y-%m-%d}",)
        given = {"responsibility_id": responsibility, "statement": statement, "link": row.link, "fields": fields}
        await self.send(self.people[row.who], Attest.model_validate({**given, "claim": "met"}))
        made = self.registries.of(self.community).running(responsibility)
        assert made is not None
        assert made.valid_until - made.made_at == row.holds

    def _case(
        self, received: datetime, acknowledged: timedelta, first: timedelta, decided: timedelta
    ) -> Iterable[tuple[datetime, str, Fact]]:
        key = new_id()
        asked = InformationRequested(previous="triaged", state="awaiting_information", question_id="q")
        judged = CaseDecided(previous="investigating", state="decided", outcome="advice", reason_id="x")
        steps: Sequence[tuple[timedelta, Sequence[Fact]]] = (
            (timedelta(), [opened(received, self.community)]),
            (acknowledged, [triaged(received), met("acknowledgement", received + acknowledged)]),
            (first, [asked, met("first_response", received + first)]),
            (decided, [judged, met("decision", received + decided, "decided")]),
        )
        return [(received + after, key, fact) for after, facts in steps for fact in facts]

    async def _seal(self) -> None:
        """Record what has happened until now. What the cases of a row still wait for comes with a later row."""
        due = sorted((one for one in self._coming if one[0] <= self.at), key=lambda one: one[0])
        self._coming = [one for one in self._coming if one[0] > self.at]
        for at, key, fact in due:
            await self.record.tell((fact, key, at))
        for event in self.registries.events[self._told :]:
            await self.record.add(event)
        self._told = len(self.registries.events)
        await self.record.seal(self.at + HOUR)
        await self.record.advance()
