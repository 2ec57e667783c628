"""The wiring of intake."""

from fastapi import FastAPI

from services.intake.actions import Secrets, Submissions
from services.intake.commit import GroupCommit
from services.intake.consumer import decode_inbox, take_in
from services.intake.mailbox import Mailbox
from services.intake.pages import FollowUpPage, ReportForm, load_pages, make_page_router
from services.intake.reading import Reading
from services.intake.routes import make_router
from services.intake.settings import IntakeSettings
from services.intake.status import CASE_FACTS
from services.intake.store import ReportStore
from services.intake.vault import Vault
from shared.asyncapi import describe_service
from shared.policy import load_policy
from shared.runtime import Runtime
from shared.web.app import make_app
from shared.web.pages import mount_assets


def build_app(settings: IntakeSettings) -> FastAPI:
    """The application of intake; nothing is connected before it starts."""
    runtime = Runtime("intake", settings)
    policy = load_policy(settings.policy_dir)
    store = ReportStore(runtime.aggregates("reports"), runtime.aggregates("accesses"))
    vault = Vault(settings.master_key)
    secrets = Secrets(settings.receipt_pepper, settings.pseudonym_key)
    commits = GroupCommit(store.save, bound=settings.commit_queue)

    submissions = Submissions(store, commits, vault, policy, secrets)
    mailbox = Mailbox(store, vault, secrets)
    reading = Reading(store, vault)

    runtime.consume("reports.inbox", decode_inbox(policy), take_in(submissions))
    runtime.consume_facts("cases", CASE_FACTS, mailbox.project)

    lifecycle = runtime.lifecycle(indexes=store.indexes, tasks=[commits.run])
    pages = load_pages()
    routers = [
        make_router(submissions, mailbox, reading, settings.token_key),
        make_page_router(ReportForm(submissions, policy, pages), FollowUpPage(mailbox, pages)),
    ]
    app = make_app(
        "intake",
        lifecycle,
        routers=routers,
        asyncapi=lambda: describe_service("intake"),
        error_page=pages.error,
    )
    mount_assets(app)
    return app
