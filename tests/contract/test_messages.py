"""Whatever the tables of a case name has its message: a new state, step, command or field is not shown as a code."""

import re
from collections.abc import Collection
from typing import get_args

import pytest

from services.audit.app import HERE as AUDIT
from services.audit.scorecard.document import ItemDocument
from services.audit.scorecard.result import Outcome, ReasonCode
from services.intake.mailbox.views import Barred
from services.intake.pages import HERE as INTAKE
from services.triage.case.commands.appeals import VERDICTS
from services.triage.case.commands.asking import RECUSAL_ANSWERS
from services.triage.case.commands.check_ins import ANSWERS
from services.triage.case.commands.command import ChoiceField
from services.triage.case.commands.emergency import REVIEWS
from services.triage.case.commands.follow_up import KEPT
from services.triage.case.commands.follow_up import PARTIES as AGREEING
from services.triage.case.commands.linking import RELATIONS
from services.triage.case.commands.naming import CLEARINGS
from services.triage.case.commands.notes import VISIBILITIES
from services.triage.case.commands.parties import DISCLOSURES, ROLES
from services.triage.case.commands.recusal import GROUNDS, WITHDRAWALS
from services.triage.case.commands.returns import CONVERSATIONS
from services.triage.case.forms import FORMS, Form
from services.triage.desk.views import HERE
from shared.access.principal import Role
from shared.events import APPEAL_GROUNDS, FACTS, REFUSALS, CaseFact, CaseState
from shared.i18n.messages import SHARED_MESSAGES, Messages, message_key
from shared.policy import load_policy
from shared.policy.baseline import METRICS, word_folders
from shared.policy.model import Lane

POLICY = load_policy()
FIELDS = {field.name for form in FORMS.values() for field in form.fields}
NAMED = {"body", "project"}
"""Choices that have names of their own in the policy."""
WANTED = {
    "state": [str(state) for state in CaseState],
    "fact": [*(fact.name for fact in FACTS.values()), "unknown"],
    "command": list(FORMS),
    "command-field": sorted(FIELDS),
    "deadline": list(POLICY.deadlines),
    "role": [role.value for role in Role if role not in (Role.SERVICE, Role.ANYONE)],
}

NAMES = {"body", "to_body", "assignee", "previous_assignee", "person"}
"""The fields that a history shows by the name of a place or a person."""
SHOWN: dict[str, Collection[str]] = {
    "answer": ANSWERS,
    "appeal_ground": APPEAL_GROUNDS,
    "category": POLICY.categories,
    "clearing": CLEARINGS,
    "consent": ("yes", "no"),
    "conversation": CONVERSATIONS,
    "deadline": POLICY.deadlines,
    "disclosure": DISCLOSURES,
    "ground": GROUNDS,
    "kept": KEPT,
    "lane": get_args(Lane),
    "outcome": POLICY.outcomes,
    "party_role": ROLES,
    "pause": POLICY.pauses,
    "recusal_answer": RECUSAL_ANSWERS,
    "refusal": REFUSALS,
    "relation": RELATIONS,
    "review": REVIEWS,
    "verdict": VERDICTS,
    "visibility": VISIBILITIES,
    "who": AGREEING,
    "why": ("stopped", "no_answer"),
    "withdrawal": WITHDRAWALS,
}
"""The values of each other field that a history shows beside a fact."""


def test_whatever_a_history_shows_beside_a_fact_has_its_message() -> None:
    messages = Messages.load([SHARED_MESSAGES, HERE / "i18n"])
    shown = {fact.shows for fact in FACTS.values() if issubclass(fact, CaseFact) and fact.shows}
    assert shown - NAMES == set(SHOWN)
    wanted = {message_key(field.replace("_", "-"), value) for field, values in SHOWN.items() for value in values}
    assert {key for key in wanted if not messages.has(key)} == set()


def test_the_follow_up_page_has_words_for_outcomes_appeals_and_why_none_can_be_sent() -> None:
    messages = Messages.load([SHARED_MESSAGES, INTAKE / "i18n"])
    said = {"status-refused": REFUSALS, "status-verdict": VERDICTS, "appeal-ground": APPEAL_GROUNDS}
    said |= {kind: list(POLICY.outcomes) for kind in ("status-outcome", "respondent-outcome")}
    wanted = {message_key(kind, name) for kind, names in said.items() for name in names}
    # Of these two the page says elsewhere what there is to say.
    wanted |= {message_key("status-appeal", code) for code in get_args(Barred) if code not in ("nothing", "pending")}
    assert {key for key in wanted if not messages.has(key)} == set()


@pytest.mark.parametrize("kind", WANTED)
def test_every_name_has_its_message(kind: str) -> None:
    messages = Messages.load([SHARED_MESSAGES, HERE / "i18n"])
    wanted = {message_key(kind, name) for name in WANTED[kind]}
    assert len(wanted) >= 3
    assert {key for key in wanted if not messages.has(key)} == set()


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_command_has_the_words_of_its_form(form: Form) -> None:
    messages = Messages.load([SHARED_MESSAGES])
    said = {f"{form.command}-done", *(form.kind.said_in(state) for state in CaseState)}
    said |= {f"{form.command}-button"} if form.fields else set()
    said |= {f"{form.command}-oneself"} if form.kind.button else set()
    wanted = {message_key("command", name) for name in said}
    wanted |= {message_key("command-field", f"{field.name}-help") for field in form.fields}
    choices = [field for field in form.fields if isinstance(field, ChoiceField) and field.prefix not in NAMED]
    wanted |= {message_key(field.prefix, code) for field in choices for code in field.options(load_policy())}
    assert {key for key in wanted if not messages.has(key)} == set()


def test_scorecards_have_words_for_every_result_and_reason() -> None:
    messages = Messages.load([SHARED_MESSAGES, *word_folders(), AUDIT / "i18n"])
    said = {"outcome": Outcome, "reason": ReasonCode, "step": ReasonCode, "field": ItemDocument.__required_keys__}
    wanted = {message_key(f"scorecard-{kind}", name) for kind, names in said.items() for name in names}
    metrics = "".join(path.read_text(encoding="utf-8") for path in (AUDIT / "scorecard").glob("*.py"))
    left_out = {*re.findall(r'excluded\["(\w+)"\]', metrics), "merged", "record_gap", "clock", "unreadable_entries"}
    assert len(left_out) > 7
    wanted |= {message_key("scorecard-excluded", reason) for reason in left_out}
    wanted |= {message_key("baseline-metric", metric) for metric in METRICS}
    assert {key for key in wanted if not messages.has(key)} == {"scorecard-field-id"}


def test_the_record_has_words_for_every_event() -> None:
    messages = Messages.load([SHARED_MESSAGES, AUDIT / "i18n"])
    wanted = {message_key("fact", name) for name in (*(fact.name for fact in FACTS.values()), "unknown")}
    assert {key for key in wanted if not messages.has(key)} == set()
