"""Triage without Kafka and MongoDB: a store and a vault in memory, proved by the same tests as the real ones."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import ValidationError

from services.intake.report.pseudonym import pseudonyms_sought
from services.intake.vault.routes import MeasuresBefore
from services.triage.app import Intake, build_app
from services.triage.baseline.scorecards import Scorecards
from services.triage.case.case import ENDED, Case
from services.triage.case.facets import UNASSIGNED, facets_of, in_category, in_community
from services.triage.case.in_force import keys_of, place_of
from services.triage.case.standing import Whereabouts
from services.triage.case.timers.table import wakes_at
from services.triage.case.tokens import Tokens
from services.triage.desk.live import Live
from services.triage.measures.store import InForceQuery
from services.triage.patterns.arrivals import Arrivals
from services.triage.patterns.systemic import Breach
from services.triage.reports import ReportFollower
from services.triage.settings import TriageSettings
from services.triage.stored import CaseChange, CaseQuery, Due, Glimpse, Staffing, StoredCase, Version
from shared.access.principal import Principal
from shared.access.roster import Staff
from shared.clients.vault import Contents, KeptMeasure
from shared.events import (
    Actor,
    Draft,
    Event,
    Fact,
    ReportAnswered,
    ReportAppealed,
    ReportErased,
    ReportReceived,
    SystemicPatternFound,
    stamp,
)
from shared.ids import case_id_of, derive, new_id
from shared.own_names import NameKeys, OwnNames, Proof, Trust
from shared.parties import Parties
from shared.policy import load_policy
from shared.policy.baseline import Catalogue
from shared.problems import Problem, Unavailable
from shared.times import now, rfc3339
from tests.fakes.memory_entries import MemoryEntries
from tests.fakes.memory_lookers import MemoryLookers
from tests.fakes.memory_marks import MemoryMarks
from tests.fakes.memory_parties import MemoryParties
from tests.fakes.memory_recent_cases import MemoryRecentCases
from tests.fakes.memory_registries import MemoryRegistries
from tests.fakes.memory_sessions import MemorySessions
from tests.fakes.memory_ticks import MemoryTicks
from tests.fakes.memory_views import MemoryViews
from tests.support.baseline_world import CATALOGUE, FIRST
from tests.support.people import COPIES, PROVIDER, SIGN_IN, bearer, coordinator, responder
from tests.support.service_keys import files_of

KEY = b"k" * 32
POLICY = load_policy(None)
TOKENS = Tokens(PROVIDER["identity_key"])
REPORTER = Actor("reporter", "reporter")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ALICE = responder("a11ce0de", "enwiki_admins", "enwiki_arbcom", "trust_safety")
COLLEAGUE = replace(ALICE, ref="person:0ddba11000000000", pseudonyms=frozenset({"0ddba110" * 4}))
"""Somebody whom a case can be given to; on the roster of every rig."""
BOB = responder("b0b0b0b0", "swwiki_admins")
CORA = coordinator("c0ac0ac0", "enwiki_admins", "enwiki_arbcom", "trust_safety")


ADA, STRANGER = NameKeys(("ad" * 16,), Trust.ACCOUNT), NameKeys(("57" * 16,), Trust.TYPED)
PROOF, TICKET = Proof(access_token="access", id_token="a.b.c"), "a ticket"


class Everywhere:
    """Staff of every handling body: two people who may handle its cases, and are named in none."""

    two = tuple(responder(name, *POLICY.bodies) for name in ("e0e0e0e0", "e1e1e1e1"))

    async def staff(self) -> Staff:
        return dict.fromkeys(POLICY.bodies, self.two)


class MemoryCases:
    """Cases in a dictionary, with the same promises as services.triage.store.MongoCases."""

    def __init__(self) -> None:
        self.stored: dict[str, StoredCase] = {}
        self.events: list[Event] = []
        self.away = False
        self.moved: Counter[str] = Counter()
        self.looked_at: list[str] = []
        """The cases that were read, other than for a page of the queue."""

    async def load(self, case_ids: Iterable[str]) -> dict[str, StoredCase]:
        self._reach()
        case_ids = list(case_ids)
        self.looked_at += case_ids
        return {i: self.stored[i] for i in case_ids if i in self.stored}

    async def load_whole(self, case_ids: Iterable[str]) -> dict[str, StoredCase]:
        return await self.load(case_ids)

    async def find_by_code_name(self, code_name: str) -> StoredCase | None:
        self._reach()
        return next((s for s in self.stored.values() if s.case.code_name == code_name), None)

    async def taken(self, code_names: Iterable[str]) -> set[str]:
        return self._names() & set(code_names)

    def _names(self) -> set[str]:
        return {s.case.code_name for s in self.stored.values()}

    async def remembering(self, case_ids: Iterable[str]) -> set[str]:
        self._reach()
        return {i for i in case_ids if (s := self.stored.get(i)) and (s.requests or s.case.reachable)}

    async def ended(self, case_ids: Iterable[str]) -> set[str]:
        self._reach()
        return {i for i in case_ids if (s := self.stored.get(i)) and s.case.state in ENDED}

    async def lanes(self, case_ids: Iterable[str]) -> dict[str, str | None]:
        self._reach()
        return {i: s.case.lane for i in case_ids if (s := self.stored.get(i))}

    async def save_together(self, changes: Sequence[CaseChange]) -> bool:
        self._reach()
        known = [(change, self.stored.get(change.case.id)) for change in changes]
        if all(stored and stored.applied.issuperset(change.causes) for change, stored in known):
            return True
        based = ((stored and stored.base, change.stored and change.stored.base) for change, stored in known)
        new = [change.case.code_name for change in changes if change.stored is None]
        if any(now != then for now, then in based) or await self.taken(new):
            return False
        return not self._write(changes)

    async def save(self, changes: Sequence[CaseChange]) -> set[str]:
        self._reach()
        return self._write(changes)

    def _write(self, changes: Sequence[CaseChange]) -> set[str]:
        lost: set[str] = set()
        for change in changes:
            known, case = self.stored.get(change.case.id), change.case
            if change.stored is None:
                fits = known is None and case.code_name not in self._names()
            else:
                fits = known is not None and known.base == change.stored.base
            if not fits:
                if change.stored is None or known is None or not known.applied.issuperset(change.causes):
                    lost.add(case.id)
                continue
            applied = (known.applied if known else frozenset()) | set(change.causes)
            requests = {**(known.requests if known and not change.forget else {}), **change.requests}
            self.stored[case.id] = StoredCase(case, applied, requests, (known.base if known else 0) + 1)
            self.events += change.events
            self.moved.update(change.bodies)
        return lost

    async def queue(self, query: CaseQuery) -> list[Case]:
        self._reach()
        fitting = [
            s.case
            for s in self.stored.values()
            if (_is_theirs(s.case, query) or _is_offered(s.case, query))
            and (not query.states or s.case.state in query.states)
            and (query.lane is None or s.case.lane == query.lane)
            and query.community in (None, s.case.community)
            and query.category in (None, s.case.category)
            and (query.due_before is None or s.case.place[1] < query.due_before)
            and (query.after is None or s.case.place_for(query.viewer) > query.after)
        ]
        return sorted(fitting, key=lambda case: case.place_for(query.viewer))[: query.limit]

    async def called_like(self, names: Sequence[str], bodies: Collection[str], limit: int) -> list[Case]:
        self._reach()
        named = [s.case for s in self.stored.values() if s.case.code_name.startswith(tuple(names))]
        found = (case for case in named if {*case.bodies, case.asked and case.asked.to_body}.intersection(bodies))
        return sorted(found, key=lambda case: case.code_name)[:limit]

    async def noted_by(self, person: str, limit: int) -> list[str]:
        self._reach()
        notes = {i: [n.at for n in s.case.notes if n.by == person] for i, s in self.stored.items()}
        having = [case_id for case_id, times in notes.items() if times]
        return sorted(having, key=lambda case_id: max(notes[case_id]), reverse=True)[:limit]

    async def glimpses(self, queries: Sequence[CaseQuery]) -> list[list[Glimpse]]:
        return [[_glimpse_of(case) for case in await self.queue(query)] for query in queries]

    async def in_force(self, query: InForceQuery) -> list[Case]:
        self._reach()
        placed = [(place, s.case) for s in self.stored.values() if (place := place_of(s.case))]
        fitting = [(place, case) for place, case in placed if set(query.keys) & set(keys_of(case))]
        later = [(place, case) for place, case in fitting if query.after is None or place > query.after]
        return [case for _, case in sorted(later, key=lambda pair: pair[0])][: query.limit]

    async def find_by_measure(self, measure_id: str) -> Case | None:
        self._reach()
        return next((s.case for s in self.stored.values() if s.case.measure(measure_id)), None)

    async def breaches(self, community: str, since: datetime, bodies: Collection[str], limit: int) -> list[Breach]:
        self._reach()
        cases = [s.case for s in self.stored.values() if s.case.community == community and s.case.body in bodies]
        missed = [
            [Breach(case.id, one.name, one.breached_at) for one in case.deadlines if one.breached_at]
            for case in cases
            if not case.grouped and all(step.fact != SystemicPatternFound.name for step in case.history)
        ]
        late = [[one for one in breaches if one.at >= since] for breaches in missed]
        return [one for breaches in [some for some in late if some][:limit] for one in breaches]

    async def told(self, community: str, flag: str, since: datetime) -> bool:
        self._reach()
        return any(
            step.fact == SystemicPatternFound.name
            for case in (s.case for s in self.stored.values())
            if case.community == community and flag in case.flags and case.received_at >= since
            for step in case.history
        )

    async def versions(self, ids: Collection[str]) -> dict[str, Version]:
        self._reach()
        steps = {i: self.stored[i].case.history[-1] for i in ids if i in self.stored}
        return {i: Version(step.seq, step.actor, step.role) for i, step in steps.items()}

    async def moves(self, bodies: Collection[str]) -> dict[str, int]:
        self._reach()
        return {body: self.moved[body] for body in bodies if body in self.moved}

    async def waking(self, at: datetime, limit: int, after: Due | None = None) -> list[Due]:
        self._reach()
        times = [Due(due, case_id) for case_id, stored in self.stored.items() if (due := wakes_at(stored.case))]
        return [due for due in sorted(times) if due.at <= at and (after is None or due > after)][:limit]

    async def open_after(self, case_id: str, limit: int) -> list[Case]:
        self._reach()
        found = sorted((s.case for s in self.stored.values()), key=lambda case: case.id)
        batch = [case for case in found if case.id > case_id and case.state not in ENDED][:limit]
        self.looked_at += [case.id for case in batch]
        return batch

    async def where(self, those: Whereabouts) -> AsyncIterator[Case]:
        self._reach()
        for stored in list(self.stored.values()):
            if those.have(stored.case):
                self.looked_at.append(stored.case.id)
                yield stored.case

    async def unattended(self) -> int:
        self._reach()
        return sum(s.case.unattended and s.case.state not in ENDED for s in self.stored.values())

    async def outside(self, bodies: Collection[str]) -> dict[str, int]:
        self._reach()
        open_cases = (s.case for s in self.stored.values() if s.case.state not in ENDED)
        return dict(Counter(case.body for case in open_cases if case.body and case.body not in bodies))

    def _reach(self) -> None:
        if self.away:
            raise Unavailable("mongodb: away")


def _is_theirs(case: Case, query: CaseQuery) -> bool:
    return (
        not set(case.bodies).isdisjoint(query.bodies)
        and set(query.facets) <= (own := set(facets_of(case)))
        and (not query.among or not own.isdisjoint(query.among))
    )


def _is_offered(case: Case, query: CaseQuery) -> bool:
    # To the body that is asked, it is a case that nobody has, whatever it is to the body that has it.
    told = {UNASSIGNED, in_community(case.community), in_category(case.category)}
    asked = case.asked.to_body if case.asked else None
    return asked in query.bodies and not query.among and set(query.facets) <= told


def _glimpse_of(case: Case) -> Glimpse:
    told = {name: getattr(case, name) for name in Glimpse._fields if hasattr(case, name)}
    return Glimpse(**told, due=case.place[1], referred_to=case.asked.to_body if case.asked else None)


@dataclass
class MemoryVault:
    """What was reported and written, and who read it for what."""

    sections: dict[str, dict[str, dict[str, object]]] = field(default_factory=dict)
    statements: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    reads: list[tuple[str, str, Actor | None]] = field(default_factory=list)
    named: list[tuple[str, str, str]] = field(default_factory=list)
    hints: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """What was told of communities that miss deadlines, by the community and the key."""
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The name and the words of each measure from before Hearth, by its report."""
    erased: set[str] = field(default_factory=set)
    away: bool = False
    own: OwnNames = field(default_factory=lambda: OwnNames(ALICE.ref, (ADA, STRANGER), TICKET))
    """Who signs in, with PROOF."""
    asked: list[tuple[str, ...]] = field(default_factory=list)
    """The names that coordinators gave."""
    sought: list[Actor] = field(default_factory=list)
    """Who looked for a name."""

    async def prove(self, proof: Proof) -> OwnNames:
        if self.away:
            raise Unavailable("vault: away")
        if proof != PROOF:
            raise Problem(422, "intake-refused", "intake refused the request.")
        return self.own

    async def given_names(self, ticket: str, names: Sequence[str]) -> list[tuple[str, ...]]:
        if ticket != TICKET:
            raise Problem(403, "intake-refused", "intake refused the request.")
        self.asked.append(tuple(names))
        return [(name[:1].encode().hex() * 16,) for name in names]

    async def seek_name(self, name: str, *, behalf: Actor) -> tuple[str, ...]:
        if self.away:
            raise Unavailable("vault: away")
        self.sought.append(behalf)
        return pseudonyms_sought(KEY, name)

    async def read(
        self, report_ids: Sequence[str], *, sections: Sequence[str], purpose: str, behalf: Actor | None = None
    ) -> dict[str, Contents]:
        if self.away:
            raise Unavailable("vault: away")
        self.reads += [(report_id, purpose, behalf) for report_id in report_ids]
        return {i: self._contents(i, sections) for i in report_ids}

    def _contents(self, report_id: str, sections: Sequence[str]) -> Contents:
        if report_id in self.erased:
            return Contents(report_id, {}, erased=True)
        known = dict(self.sections.get(report_id, {}))
        said = [
            {"id": i, "kind": kind, "at": rfc3339(now()), "text": text}
            for (r, i), (kind, text) in self.statements.items()
            if r == report_id
        ]
        known["correspondence"] = {"answers": [], **known.get("correspondence", {}), "statements": said}
        known["referral"] = {"statements": [one for one in said if one["kind"] == "referral"]}
        return Contents(report_id, {name: known[name] for name in sections if name in known})

    async def hint(self, community: str, flag: str, key: str, words: str) -> None:
        if self.away:
            raise Unavailable("vault: away")
        self.hints.setdefault((community, key), (flag, words))

    async def keep_measures(self, measures: Sequence[Mapping[str, str]], *, behalf: Actor) -> list[KeptMeasure]:
        if self.away:
            raise Unavailable("vault: away")
        try:
            MeasuresBefore.model_validate_json(json.dumps({"measures": [dict(one) for one in measures]}))
        except ValidationError:
            raise Problem(422, "service-refused", "intake refused the request.") from None
        kept = []
        for measure in measures:
            report_id = derive("measure", measure["community"], measure["key"])
            said = (measure["name"], measure["words"])
            same = self.imported.setdefault(report_id, said) == said and report_id not in self.erased
            token = derive("token", report_id).replace("-", "")
            people: dict[str, object] = {"people": [{"party": token, "name": measure["name"]}]}
            self.sections.setdefault(report_id, {"content": {"narrative": measure["words"]}, "names": people})
            kept.append(KeptMeasure(report_id, (token,), same))
        return kept

    async def keep_statement(self, report_id: str, statement_id: str, *, kind: str, text: str, behalf: Actor) -> None:
        if self.away:
            raise Unavailable("vault: away")
        if report_id in self.erased:
            raise Problem(410, "report-erased", "This report has been erased.")
        known = self.statements.setdefault((report_id, statement_id), (kind, text))
        assert known == (kind, text), "other words under the same id"

    async def name(self, report_id: str, token: str, person: str, *, behalf: Actor) -> None:
        if self.away:
            raise Unavailable("vault: away")
        self.named.append((report_id, token, person))


@dataclass
class Rig:
    """The application with its fakes, a client of it, and the door through which reports come in."""

    cases: MemoryCases
    vault: MemoryVault
    intake: ReportFollower
    app: FastAPI
    http: httpx.AsyncClient
    sessions: MemorySessions = field(default_factory=MemorySessions)
    entries: MemoryEntries = field(default_factory=MemoryEntries)
    parties: MemoryParties = field(default_factory=MemoryParties)
    registries: MemoryRegistries = field(default_factory=MemoryRegistries)
    lookers: MemoryLookers = field(default_factory=MemoryLookers)
    views: MemoryViews = field(default_factory=MemoryViews)
    ticks: MemoryTicks = field(default_factory=MemoryTicks)

    async def open(self, received: Event | None = None, **changed: Any) -> Case:
        """A new case, as Kafka would bring it."""
        event = received or reported(**changed)
        await self.intake.take([event])
        return self.cases.stored[event.case_id].case

    async def order(
        self, case: Case, command: str, body: object = None, who: Principal = ALICE, **headers: str
    ) -> httpx.Response:
        """A command through the API, on the version that the store has unless `if_match` says another."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given.setdefault("if-match", f'"{self.cases.stored[case.id].case.seq}"')
        address = f"/v1/cases/{case.id}/{command}"
        return await self.http.post(address, json=body or {}, headers={**bearer(who), **given})

    async def shown(self, case: Case, who: Principal = ALICE) -> dict[str, Any]:
        """The case as the API shows it."""
        answer = await self.http.get(f"/v1/cases/{case.id}", headers=bearer(who))
        assert answer.status_code == 200
        return dict(answer.json())


@asynccontextmanager
async def make_rig(
    staffing: Staffing | None = None,
    catalogues: Sequence[Catalogue] = (FIRST, CATALOGUE),
    scorecards: Scorecards | None = None,
    live_seconds: float = 0,
) -> AsyncIterator[Rig]:
    """A rig; nothing in it is started, so nothing is connected. Without `staffing` every body has its people."""
    staffing = staffing or Everywhere()
    for one in (COLLEAGUE, *Everywhere.two):
        COPIES.enrol(one)
    cases, vault, sessions, entries = MemoryCases(), MemoryVault(), MemorySessions(), MemoryEntries()
    parties, registries, lookers = MemoryParties(), MemoryRegistries(), MemoryLookers()
    views, ticks = MemoryViews(), MemoryTicks()
    app = build_triage(
        cases, vault, sessions, entries, parties, staffing, registries, lookers, live_seconds,
        catalogues=catalogues, scorecards=scorecards, views=views, ticks=ticks,
    )  # fmt: skip
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://desk.example") as http:
        intake = ReportFollower(
            cases,
            POLICY,
            Parties(parties, patience=0.0),
            staffing,
            TOKENS,
            arrivals=Arrivals(MemoryMarks(parties), cases, POLICY),
        )
        yield Rig(cases, vault, intake, app, http, sessions, entries, parties, registries, lookers, views, ticks)


def build_triage(
    cases: MemoryCases,
    intake: Intake,
    sessions: MemorySessions,
    entries: MemoryEntries,
    parties: MemoryParties,
    staffing: Staffing,
    registries: MemoryRegistries,
    lookers: MemoryLookers,
    live_seconds: float,
    views: MemoryViews | None = None,
    ticks: MemoryTicks | None = None,
    **given: Any,
) -> FastAPI:
    """The application of triage with everything that it would reach over the network in memory."""
    return build_app(
        settings_for(), cases=cases, intake=intake, copies=COPIES, sessions=sessions, entries=entries, parties=parties,
        marks=MemoryMarks(parties), staffing=staffing, registries=registries, measures=cases,
        breaches=cases,
        live=Live(cases, lookers, live_seconds), recent=MemoryRecentCases(cases.stored),
        views=views or MemoryViews(), ticks=ticks or MemoryTicks(), **given,
    )  # fmt: skip


def settings_for(**given: Any) -> TriageSettings:
    """Settings that connect to nothing."""
    return TriageSettings(form_key=KEY, hosts="desk.example", **files_of("triage"), **SIGN_IN, **given)


def reported(report_id: str | None = None, received_at: datetime | None = None, **changed: object) -> Event:
    """report.received, as intake writes it."""
    report_id = report_id or new_id()
    fact = ReportReceived.model_validate(
        {
            "report_id": report_id,
            "channel": "http",
            "community": "enwiki",
            "category": "harassment.insults",
            "setting": "online",
            "language": "en",
            "privacy": "confidential",
            "contactable": False,
            "received_at": received_at or now(),
            "content_digest": "0" * 64,
            **changed,
        }
    )
    return from_intake(report_id, fact, 1)


def answered(report_id: str, question_id: str, answer_id: str = "answer-1") -> Event:
    """report.answered, as intake writes it."""
    fact = ReportAnswered(report_id=report_id, question_id=question_id, answer_id=answer_id)
    return from_intake(report_id, fact, 2)


def appealed(report_id: str, appeal_id: str, ground: str = "facts") -> Event:
    """report.appealed, as intake writes it."""
    return from_intake(report_id, ReportAppealed(report_id=report_id, appeal_id=appeal_id, appeal_ground=ground), 3)


def erased(report_id: str) -> Event:
    """report.erased, as intake writes it."""
    return from_intake(report_id, ReportErased(report_id=report_id, reason="requested", request_id="r-1"), 3)


def from_intake(report_id: str, fact: Fact, seq: int, *, at: datetime | None = None, cause: str | None = None) -> Event:
    """A fact of a report, as intake writes it `at` that time; `cause`: of one that comes several times."""
    told = f"{fact.name} {getattr(fact, 'answer_id', getattr(fact, 'appeal_id', ''))}"
    (event,) = stamp(
        [Draft(fact, REPORTER, at or now(), cause or f"{report_id} {told}")],
        source="hearth/intake",
        subject=f"report/{report_id}",
        case_id=case_id_of(report_id),
        last_seq=seq - 1,
        trace=TRACE,
    )
    return event
