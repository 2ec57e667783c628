"""The wiring of triage, and nothing else."""

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from fastapi import FastAPI

from services.triage import consumer
from services.triage.actions import Desk
from services.triage.aside import Aside
from services.triage.baseline.forms import CHANGES as BASELINE_CHANGES
from services.triage.baseline.part import build as build_baseline
from services.triage.baseline.scorecards import AuditScorecards, NoScorecards, Scorecards
from services.triage.baseline.store import MongoRegistries
from services.triage.baseline.stored import RegistryStore
from services.triage.case.tokens import Tokens
from services.triage.desk.live import Live
from services.triage.desk.lookers import MongoLookers
from services.triage.desk.names import CaseNames
from services.triage.desk.part import build as build_desk
from services.triage.desk.queue import Queue
from services.triage.desk.saved_views import SavedViews, ViewStore
from services.triage.desk.search import Search
from services.triage.desk.ticks import MongoTicks, Ticks
from services.triage.desk.view_store import MongoViews
from services.triage.desk.views import load_pages
from services.triage.measures.imports import MeasureImport, PeopleVault
from services.triage.measures.part import build as build_measures
from services.triage.measures.register import MeasureRegister
from services.triage.measures.store import InForceStore, MongoMeasures
from services.triage.paths import BASELINE, HOME, ROSTER
from services.triage.patterns.actions import Patterns
from services.triage.patterns.arrivals import Arrivals
from services.triage.patterns.breaches import BreachStore, MongoBreaches
from services.triage.patterns.hints import HintVault, SystemicHints
from services.triage.patterns.marks import MarkStore
from services.triage.patterns.part import build as build_patterns
from services.triage.patterns.store import MongoMarks
from services.triage.reading import Vault
from services.triage.reports import DigestEraser, ReportFollower
from services.triage.roster.actions import RosterEditor, SignIns
from services.triage.roster.changes import CHANGES as ROSTER_CHANGES
from services.triage.roster.desk import Entries
from services.triage.roster.pages import make_error_page
from services.triage.roster.part import build as build_roster
from services.triage.roster.store import MongoEntries
from services.triage.routes import make_router
from services.triage.settings import TriageSettings
from services.triage.shadow.part import build as build_shadow
from services.triage.shadow.preview import Previews
from services.triage.shadow.store import MongoRecentCases, RecentCases
from services.triage.sight import Sight
from services.triage.store import CASE_INDEXES, MongoCases
from services.triage.stored import CaseStore, Staffing
from services.triage.watch import CaseWatch
from shared.access.entries import ROSTER_TOPICS
from shared.access.roster import RosterStore
from shared.access.service_tokens import ServiceSigner, ServiceVerifier
from shared.access_control import AccessControl, SignIn
from shared.clients.vault import VaultClient
from shared.http import make_http
from shared.kafka.erasures import ErasureReplay, case_named_by
from shared.own_names import OwnNames, Proof
from shared.parties import PartiesStore, follow_parties
from shared.parts import Part, assemble
from shared.people_names import PeopleNames
from shared.policy import load_policy
from shared.policy.baseline import Catalogue, catalogue_versions
from shared.runtime import Runtime
from shared.sign_in.sessions import SessionStore
from shared.succession import follow_own


class Intake(Vault, PeopleVault, HintVault, Protocol):
    """What triage needs of intake (shared.clients.vault.VaultClient)."""

    async def prove(self, proof: Proof) -> OwnNames: ...

    async def given_names(self, ticket: str, names: Sequence[str]) -> list[tuple[str, ...]]: ...


def build_app(
    settings: TriageSettings,
    *,
    cases: CaseStore | None = None,
    intake: Intake | None = None,
    copies: RosterStore | None = None,
    sessions: SessionStore | None = None,
    entries: Entries | None = None,
    parties: PartiesStore | None = None,
    marks: MarkStore | None = None,
    staffing: Staffing | None = None,
    registries: RegistryStore | None = None,
    catalogues: Sequence[Catalogue] | None = None,
    scorecards: Scorecards | None = None,
    measures: InForceStore | None = None,
    breaches: BreachStore | None = None,
    live: Live | None = None,
    recent: RecentCases | None = None,
    views: ViewStore | None = None,
    ticks: Ticks | None = None,
) -> FastAPI:
    """The application of triage; nothing is connected before it starts. Tests hand in what is beside it."""
    runtime = Runtime("triage", settings)
    clock = runtime.clock
    aggregates, kept, said = (runtime.aggregates(name) for name in ("cases", "roster", "baseline"))
    aside = Aside(runtime.policy)
    register = MongoMeasures(aggregates.collection, aside)
    in_force: InForceStore = measures or register
    stored = MongoCases(aggregates, aside)
    cases = cases or stored
    policy = load_policy(settings.policy_dir)
    http = make_http(settings.intake_url)
    signer = ServiceSigner("triage", settings.service_keys_file, settings.service_peers_file)
    intake = intake or VaultClient(http, signer)
    audit = make_http(settings.scorecard_url) if settings.scorecard_url else None
    scorecards = scorecards or (AuditScorecards(audit) if audit else NoScorecards())
    entries = entries or MongoEntries(kept)
    verifier = ServiceVerifier("triage", settings.service_peers_file)
    succession, told = follow_own(runtime, ROSTER_TOPICS)
    editor = RosterEditor(entries, succession, clock.or_own)
    access_control = AccessControl(
        runtime,
        entries=kept,
        copies=copies,
        services=lambda token: verifier.read(token).principal(),
        clock=clock.or_own,
    )
    people = PeopleNames(access_control.roster.known)
    pages = load_pages(settings.policy_dir, people)
    sign_ins = SignIns(access_control.roster, editor, intake.prove)
    way = SignIn(settings, pages, HOME, settings.desk_url, sign_ins.take, sign_ins.note, sessions)
    flow, sign_in = access_control.open_sign_in(way)

    staffing = staffing or access_control.roster
    eraser = DigestEraser(cases, policy, lambda code_name: flow.drafts.forget(f"{HOME}/cases/{code_name}"))
    kept_marks = MongoMarks(runtime.database["marks"])
    marks = marks or kept_marks
    known, parties_part = follow_parties(runtime, parties, marks)
    tokens = Tokens(settings.identity_key)
    sight = Sight(known, tokens, cases, clock.or_own)
    hints = SystemicHints(breaches or MongoBreaches(aggregates.collection, aside), intake, policy)
    consumer.consume(
        runtime,
        ReportFollower(
            cases,
            policy,
            known,
            staffing,
            tokens,
            clock.or_own,
            arrivals=Arrivals(marks, cases, policy),
            counting=hints,
        ),
        eraser,
    )
    read = partial(runtime.read_to_end, "erasures")
    replay = ErasureReplay(read, name_of=case_named_by, standing=eraser.remembering, erase=eraser.forget_readable)
    watch = CaseWatch(
        cases,
        known,
        staffing,
        policy,
        tokens,
        every=settings.watch_seconds,
        hints=hints,
        state=runtime.policy,
        aside=aside,
        clock=clock,
    )
    queue = Queue(cases, sight, policy, settings.form_key, clock.or_own)
    patterns = Patterns(marks, cases, sight, policy, clock.or_own)
    desk = Desk(
        cases,
        intake,
        policy,
        settings.identity_key,
        access_control.roster,
        sight,
        staffing,
        tokens,
        patterns,
        clock.or_own,
    )
    looking = runtime.database["lookers"]
    live = live or Live(cases, MongoLookers(looking))
    recent = recent or MongoRecentCases(aggregates.collection, aside)
    saved = SavedViews(views or MongoViews(runtime.database["views"]))
    ticks = ticks or MongoTicks(runtime.database["ticks"])
    previews = Previews(recent, cases, sight, policy, settings.policy_dir, clock.or_own)
    gate = access_control.gate
    parts = [
        Part(
            [make_router(desk, queue, gate, people)],
            indexes=[(aggregates.collection, CASE_INDEXES)],
            prepare=[stored.place_in_queues, replay.run],
            tasks=[clock.behind(watch.run), clock.behind(watch.run_timers), watch.run_hints],
            stops=[stored.stop],
        ),
        build_desk(
            desk,
            queue,
            Search(cases, queue, intake, policy, marks, clock.or_own),
            gate,
            pages,
            people,
            flow.drafts,
            live,
            looking,
            saved,
            ticks,
            {ROSTER: ROSTER_CHANGES, BASELINE: BASELINE_CHANGES},
        ),
        build_measures(
            MeasureRegister(in_force, sight, intake, policy, settings.form_key, clock.or_own),
            MeasureImport(cases, in_force, intake, policy, clock.or_own),
            gate,
            pages,
            people,
            aggregates.collection,
            register.place_measures,
            flow.drafts,
        ),
        build_patterns(kept_marks, aggregates.collection),
        build_roster(
            editor,
            entries,
            policy,
            flow,
            gate,
            pages,
            sign_ins,
            intake.given_names,
            settings.identity_key,
            told,
            people,
            clock.or_own,
        ),
        build_baseline(
            registries or MongoRegistries(said),
            said.collection,
            policy,
            catalogues or catalogue_versions(settings.policy_dir),
            access_control.roster,
            gate,
            settings,
            pages,
            scorecards,
            flow.drafts,
            clock,
        ),
        build_shadow(previews, aggregates.collection, gate, pages, CaseNames(pages, policy, people)),
        sign_in,
        access_control.part,
        parties_part,
        Part(stops=[http.aclose, *([audit.aclose] if audit else [])]),
    ]
    return assemble(runtime, gate, parts, partial(make_error_page, flow, clock.or_own))
