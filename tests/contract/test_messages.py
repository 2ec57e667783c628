"""Whatever the tables of a case name has its message: a new state, step, command or field is not shown as a code."""

import pytest

from services.audit.app import HERE as AUDIT
from services.triage.case.forms import FORMS, Form
from services.triage.desk.views import HERE
from shared.access.principal import Role
from shared.events import FACTS, CaseState
from shared.i18n.messages import SHARED_MESSAGES, Messages, message_key
from shared.policy import load_policy

FIELDS = {field.name for form in FORMS.values() for field in form.fields}
WANTED = {
    "state": [str(state) for state in CaseState],
    "fact": [*(fact.name for fact in FACTS.values()), "unknown"],
    "command": list(FORMS),
    "command-field": sorted(FIELDS),
    "deadline": list(load_policy().deadlines),
    "role": [role.value for role in Role if role not in (Role.SERVICE, Role.ANYONE)],
}


@pytest.mark.parametrize("kind", WANTED)
def test_every_name_has_its_message(kind: str) -> None:
    messages = Messages.load([SHARED_MESSAGES, HERE / "i18n"])
    wanted = {message_key(kind, name) for name in WANTED[kind]}
    assert len(wanted) >= 3
    assert {key for key in wanted if not messages.has(key)} == set()


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_command_has_the_words_of_its_form(form: Form) -> None:
    messages = Messages.load([SHARED_MESSAGES])
    wanted = {f"command-{form.command}-done"}
    wanted |= {f"command-{form.command}-button"} if form.fields else set()
    wanted |= {f"command-{form.command}-oneself"} if form.kind.button else set()
    wanted |= {f"command-{form.kind.said_in(state)}" for state in CaseState}
    wanted |= {f"command-field-{field.name}-help" for field in form.fields if field.kind != "choice"}
    options = ((field.name, code) for field in form.fields for code in field.options(load_policy()))
    wanted |= {message_key(name, code) for name, code in options}
    assert {key for key in wanted if not messages.has(key)} == set()


def test_the_record_has_words_for_every_event() -> None:
    messages = Messages.load([SHARED_MESSAGES, AUDIT / "i18n"])
    wanted = {message_key("fact", name) for name in (*(fact.name for fact in FACTS.values()), "unknown")}
    assert {key for key in wanted if not messages.has(key)} == set()
