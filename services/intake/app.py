"""The wiring of intake."""

from functools import partial

from fastapi import FastAPI

from services.intake.actions import Submissions
from services.intake.consumer import decode_inbox, take_in
from services.intake.erasure.actions import Erasing
from services.intake.erasure.replay import Replay, ReplayBarrier
from services.intake.erasure.retention import Retention
from services.intake.erasure.routes import make_erasure_router
from services.intake.group_commit import GroupCommit
from services.intake.keys.replicas import READER_INDEXES, Replicas
from services.intake.keys.rewrap import WrappedKeys
from services.intake.keys.watcher import KeyringWatcher
from services.intake.mailbox.actions import Mailbox
from services.intake.mailbox.pages import FollowUpPage
from services.intake.mailbox.status import CASE_FACTS
from services.intake.pages import ReportForm, load_pages, make_page_router
from services.intake.routes import make_router
from services.intake.settings import IntakeSettings
from services.intake.store import ReportStore
from services.intake.stored import Secrets
from services.intake.vault.cipher import Vault
from services.intake.vault.reads import VaultReader
from shared.access.service_tokens import ServiceVerifier
from shared.access_control import AccessControl
from shared.kafka.replay import read_to_end
from shared.parts import Part, assemble
from shared.policy import load_policy
from shared.runtime import Runtime
from shared.web.pages import make_asset_router
from shared.web.throttle import Throttle


def build_app(settings: IntakeSettings) -> FastAPI:
    """The application of intake; nothing is connected before it starts."""
    runtime = Runtime("intake", settings)
    policy = load_policy(settings.policy_dir)
    store = ReportStore(runtime.aggregates("reports"), runtime.aggregates("accesses"))
    vault, readers = Vault(), Replicas(runtime.database["keyrings"])
    keyring, report_keys = settings.master_key.get_secret_value(), WrappedKeys(runtime.database["reports"])
    watcher = KeyringWatcher(vault, settings, keyring, report_keys, readers)
    secrets = Secrets(settings.receipt_pepper, settings.pseudonym_key)
    commits = GroupCommit(store.save, bound=settings.commit_queue)

    # What is stored may be older than its erasures, so it is read through a door.
    barrier = ReplayBarrier(store)
    submissions = Submissions(barrier, commits, vault, policy, secrets)
    mailbox = Mailbox(barrier, vault, secrets)
    reading = VaultReader(barrier, vault)
    erasing = Erasing(barrier)
    retention = Retention(store, erasing, policy, every=settings.retention_seconds)
    access, prefix = settings.kafka_access("intake"), settings.topic_prefix
    erasures = partial(read_to_end, settings.kafka, "erasures", client="intake", prefix=prefix, access=access)
    replay = Replay(erasures, store, barrier)
    verifier = ServiceVerifier("intake", settings.service_peers_file)
    access_control = AccessControl(runtime, services=lambda token: verifier.read(token).principal())

    runtime.consume("reports.inbox", decode_inbox(policy), take_in(submissions))
    runtime.consume_facts("cases", CASE_FACTS, mailbox.project)
    watcher.report_to(runtime.readiness.say)
    pages, receipts, gate = load_pages(), Throttle("receipt"), access_control.gate
    form, follow_up = ReportForm(submissions, policy, pages), FollowUpPage(mailbox, pages, receipts)
    names_of = access_control.roster.names_of
    parts = [
        Part(
            [
                make_router(submissions, mailbox, reading, gate, settings.pseudonym_key, receipts, names_of),
                make_page_router(form, follow_up, gate, settings.exit_url),
                make_asset_router(gate),
            ],
            indexes=store.indexes,
            tasks=[commits.run],
        ),
        Part([make_erasure_router(erasing, barrier, gate)], tasks=[retention.run], prepare=[replay.run]),
        Part(
            indexes=[(readers.collection, READER_INDEXES)],
            tasks=[watcher.run],
            stops=[watcher.leave],
            prepare=[watcher.loaded],
        ),
        access_control.part,
    ]
    return assemble(runtime, gate, parts, pages.error)
