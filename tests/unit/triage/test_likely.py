"""What stands open at the top of a case: the command that its state asks for, of those that are permitted."""

from dataclasses import replace
from typing import Any

import pytest

from services.triage.case.case import Case
from services.triage.case.forms import FORMS
from services.triage.case.lifecycle import TRANSITIONS
from services.triage.desk.likely import FIRST_ASKED, GOES_ON, LIKELY, goes_on, most_likely
from shared.events import CaseState
from shared.times import now
from tests.support.case_steps import open_case

ALL = frozenset(FORMS)


def make_case(**given: Any) -> Case:
    """A case as it would be with these values."""
    return replace(open_case(now()), **given)


def test_the_table_names_commands_that_the_states_permit() -> None:
    for state, commands in LIKELY.items():
        assert all(state in TRANSITIONS[command] for command in commands), state
    assert {FIRST_ASKED, *GOES_ON, *GOES_ON.values()} <= ALL


@pytest.mark.parametrize(
    ("state", "given", "found"),
    [
        (CaseState.TRIAGED, {}, "claim"),
        (CaseState.ASSIGNED, {"assignee": "person:1"}, "start"),
        (CaseState.INVESTIGATING, {"assignee": "person:1", "contactable": True}, "ask"),
        (CaseState.INVESTIGATING, {"assignee": "person:1", "contactable": False}, "second"),
        (CaseState.INVESTIGATING, {"contactable": True}, "claim"),
        (CaseState.DECIDED, {"assignee": "person:1"}, "close"),
        (CaseState.CLOSED, {}, None),
    ],
    ids=str,
)
def test_the_likeliest_command_follows_from_the_state(
    state: CaseState, given: dict[str, object], found: str | None
) -> None:
    case = make_case(state=state, **given)
    assert most_likely(case, ALL - {"claim"} if case.assignee else ALL) == found
    assert most_likely(case, ()) is None


def test_a_case_is_taken_and_started_in_one_where_both_are_permitted() -> None:
    assert goes_on(make_case(state=CaseState.TRIAGED), "claim") == "start"
    assert goes_on(make_case(state=CaseState.DECIDED), "claim") is None
    assert goes_on(make_case(state=CaseState.TRIAGED), "assign") is None
