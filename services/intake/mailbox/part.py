"""The mailbox as a part of intake."""

from services.intake.mailbox.actions import Mailbox
from services.intake.mailbox.further import FurtherReports
from services.intake.mailbox.pages import FollowUpPage, make_follow_up_router
from services.intake.mailbox.progress import Progress
from services.intake.mailbox.respondent_page import RespondentPage
from services.intake.mailbox.respondents import Respondents
from services.intake.mailbox.routes import make_mailbox_router
from services.intake.mailbox.statements import Statements
from services.intake.mailbox.words import StoredWords
from services.intake.mentions import Mentions
from services.intake.stored import Secrets, Store
from services.intake.vault.cipher import Vault
from shared.events import CaseFact
from shared.parts import Part
from shared.policy import Policy
from shared.runtime import Runtime
from shared.web.gate import Gate
from shared.web.pages import Pages


def build(
    runtime: Runtime,
    store: Store,
    vault: Vault,
    secrets: Secrets,
    mentions: Mentions,
    further: FurtherReports,
    pages: Pages,
    policy: Policy,
    gate: Gate,
) -> Part:
    """Follows every case, and shows a reporter what became of a report, over HTTP and on a page."""
    words = StoredWords(vault)
    mailbox = Mailbox(store, words, secrets, mentions, further, policy)
    runtime.consume_facts("cases", [CaseFact], Progress(store, words, mentions, further).project)
    respondents = Respondents(store, words, secrets, mentions, policy)
    statements = Statements(store, words, secrets, mentions, further)
    page = FollowUpPage(mailbox, RespondentPage(respondents, pages, policy), pages, policy)
    return Part([make_mailbox_router(mailbox, respondents, statements, gate), make_follow_up_router(page, gate)])
