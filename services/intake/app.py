"""The wiring of intake, and nothing else."""

import logging

from fastapi import FastAPI

from services.intake.actions import Submissions
from services.intake.consumer import decode_inbox, take_in
from services.intake.erasure.part import build as build_erasure
from services.intake.erasure.replay import ReplayBarrier
from services.intake.group_commit import GroupCommit
from services.intake.hints import Hints
from services.intake.imports import ImportedPeople
from services.intake.keys.pace import PACE, Pace
from services.intake.keys.part import build as build_keys
from services.intake.mailbox.further import FurtherReports
from services.intake.mailbox.part import build as build_mailbox
from services.intake.mentions import Mentions
from services.intake.outcomes.part import build as build_outcomes
from services.intake.pages import ReportForm, load_pages, make_page_router
from services.intake.routes import make_router
from services.intake.searching.part import build as build_searching
from services.intake.settings import IntakeSettings
from services.intake.store import ReportStore
from services.intake.stored import Secrets
from services.intake.terms.routes import make_terms_router
from services.intake.vault.cipher import Vault
from services.intake.vault.part import build as build_vault
from shared.access.service_tokens import ServiceVerifier
from shared.access_control import AccessControl
from shared.events import ReportParties
from shared.kafka.topics import INBOX
from shared.parts import Part, assemble
from shared.policy import load_policy
from shared.runtime import Runtime
from shared.succession import follow_own
from shared.web.pages import make_asset_router

log = logging.getLogger(__name__)


def build_app(settings: IntakeSettings, key_pace: Pace = PACE) -> FastAPI:
    """The application of intake; nothing is connected before it starts."""
    runtime = Runtime("intake", settings)
    policy, pages, vault = load_policy(settings.policy_dir), load_pages(), Vault()
    secrets = Secrets(settings.receipt_pepper, settings.pseudonym_key)
    store = ReportStore(runtime.aggregates("reports"))
    # The database may be older than its erasures: until they are replayed, the barrier lets nothing be read.
    barrier, commits = ReplayBarrier(store), GroupCommit(store.save, bound=settings.commit_queue)
    verifier = ServiceVerifier("intake", settings.service_peers_file)
    access_control = AccessControl(runtime, services=lambda token: verifier.read(token).principal())
    gate = access_control.gate

    succession, told = follow_own(runtime, [ReportParties.topic])
    mentions = Mentions(access_control.roster, vault, secrets.pseudonyms, succession)
    submissions = Submissions(barrier, commits, vault, policy, secrets, mentions, succession)
    imports = ImportedPeople(barrier, submissions, mentions)
    further = FurtherReports(submissions, vault, access_control.roster)
    grants_for = access_control.roster.grants_for
    outcome_part, outcomes = build_outcomes(runtime, barrier, secrets.pepper, gate)
    decode = decode_inbox(policy, grants_for, is_open=settings.open_inbox)
    runtime.consume(INBOX, decode, take_in(submissions, outcomes), tell_buried=outcomes.tell_buried)
    if settings.open_inbox:
        log.warning("the open inbox is for demos: everybody who can write to it reports for any source and community")
    form = make_page_router(ReportForm(submissions, policy, pages), gate, settings.exit_url)
    terms = make_terms_router(policy, pages, gate)
    parts = [
        Part(
            [make_router(submissions, policy, gate), terms, form, make_asset_router(gate)],
            indexes=store.indexes,
            tasks=[commits.run],
        ),
        outcome_part,
        build_mailbox(runtime, barrier, vault, secrets, mentions, further, pages, policy, gate),
        build_vault(
            runtime,
            barrier,
            vault,
            mentions,
            policy,
            settings,
            secrets,
            gate,
            access_control.roster,
            imports,
            Hints(submissions),
        ),
        build_erasure(
            runtime,
            store,
            barrier,
            policy,
            settings.retention_seconds,
            gate,
            access_control.roster,
            succession,
            told,
            further.made_of,
        ),
        build_keys(runtime, settings, settings.master_key.get_secret_value(), vault, key_pace),
        build_searching(runtime, store, barrier, mentions, access_control.roster),
        access_control.part,
    ]
    return assemble(runtime, gate, parts, pages.error)
