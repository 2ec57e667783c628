"""What a party asked for: that a person with a conflict does not handle the case, and what became of it. Pure."""

from collections.abc import Callable

from services.intake.mailbox.views import RecusalAskView
from services.intake.report.sealed import SealedStatement
from services.intake.stored import StoredReport
from shared.ids import derive
from shared.problems import Problem

KEPT_AS = "recusal_ask"
"""As what these words stand among the statements of a report."""
MOST_ASKS = 5


def asked_by(report: StoredReport, party: str | None) -> dict[str, SealedStatement]:
    """What a respondent (a token of the case; None: the reporter) asked for, by id, the oldest first."""
    own = {i: s for i, s in report.statements.items() if (s.kind, s.party) == (KEPT_AS, party)}
    return dict(sorted(own.items(), key=lambda item: item[1].at))


def sent_before(report: StoredReport, party: str | None, text: str, words: Callable[[str], str | None]) -> str | None:
    """The id of what this party asked for in this text, if it has no answer yet: then it was sent twice.

    `words`: see view_asks.
    """
    answered = {answer.ask_id for answer in report.status.recusal_answers}
    return next((i for i in asked_by(report, party) if i not in answered and words(i) == text), None)


def may_ask(report: StoredReport, party: str | None) -> bool:
    """Whether this party may ask once more."""
    return report.erased is None and len(asked_by(report, party)) < MOST_ASKS


def next_ask_id(report: StoredReport, party: str | None) -> str:
    """The id of what this party asks for next. Raises Problem 409 after too many."""
    if not may_ask(report, party):
        raise Problem(409, "too-many-asks", "You have asked often enough; the handlers have it all.")
    return derive("recusal ask", report.id, party or "", str(len(asked_by(report, party))))


def view_asks(
    report: StoredReport, party: str | None, words: Callable[[str], str | None]
) -> tuple[RecusalAskView, ...]:
    """What this party asked for. `words`: those of a statement by its id; None: there are none."""
    answers = {one.ask_id: one for one in report.status.recusal_answers}
    views = []
    for ask_id, kept in asked_by(report, party).items():
        answer = answers.get(ask_id)
        # A reporter gets the reasons as a message.
        reason = words(answer.told_id) if answer and answer.told_id and party else None
        views.append(RecusalAskView(ask_id, kept.at, words(ask_id) or "", answer.answer if answer else None, reason))
    return tuple(views)
