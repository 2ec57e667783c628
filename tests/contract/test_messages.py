"""Whatever the tables of a case name has its message: a new state, step, command or field is not shown as a code."""

import pytest

from services.audit.app import HERE as AUDIT
from services.triage.case.forms import FORMS
from services.triage.desk.views import HERE
from shared.access.principal import Role
from shared.events import FACTS, CaseFact, CaseState
from shared.i18n.messages import SHARED_MESSAGES, Messages, message_key
from shared.policy.met_by import KEPT_BY

STEPS = [fact.name.removeprefix("case.") for fact in FACTS.values() if issubclass(fact, CaseFact)]
FIELDS = {field.name for form in FORMS.values() for field in form.fields}
WANTED = {
    "state": [str(state) for state in CaseState],
    "step": STEPS,
    "desk-done": list(FORMS),
    "desk-field": sorted(FIELDS),
    "deadline": list(KEPT_BY),
    "role": [role.value for role in Role if role not in (Role.SERVICE, Role.ANYONE)],
}


@pytest.mark.parametrize("kind", WANTED)
def test_every_name_has_its_message(kind: str) -> None:
    messages = Messages.load([SHARED_MESSAGES, HERE / "i18n"])
    wanted = {message_key(kind, name) for name in WANTED[kind]}
    assert len(wanted) >= 3
    assert {key for key in wanted if not messages.has(key)} == set()


def test_the_record_has_words_for_every_event() -> None:
    messages = Messages.load([SHARED_MESSAGES, AUDIT / "i18n"])
    wanted = {message_key("record-event", name) for name in (*(fact.name for fact in FACTS.values()), "unknown")}
    assert {key for key in wanted if not messages.has(key)} == set()
