"""Who reads a note, and what is left of the contents for everybody else."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.triage.case.case import Case
from services.triage.case.commands.command import Words
from services.triage.case.commands.notes import VISIBILITIES, WriteNote
from services.triage.case.commands.table import decide
from services.triage.notes import notes_for, without_hidden_notes
from shared.access.principal import Grant, Principal, Role
from shared.clients.vault import Contents
from shared.events import CaseNoted
from shared.policy import load_policy
from tests.support.case_steps import open_case, step
from tests.support.people import coordinator, responder

POLICY = load_policy()
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ADMIN = responder("a11ce0de", "enwiki_arbcom")
COLLEAGUE = responder("0ddba110", "enwiki_arbcom")
STEWARD = responder("57e3a4d0", "stewards")
BOTH = replace(STEWARD, grants=(*STEWARD.grants, *coordinator("c0ac0ac0", "enwiki_arbcom").grants))
ELSEWHERE = replace(COLLEAGUE, grants=(Grant(Role.RESPONDER, ("enwiki_arbcom",), ("frwiki",)),))


def noted() -> Case:
    """A case with a note of each visibility, all by ADMIN."""
    case = open_case(AT)
    for kind in VISIBILITIES:
        case, _ = step(case, WriteNote(Words(kind), kind), AT, ADMIN.actor(Role.RESPONDER))
    return case


def test_a_note_is_a_fact_that_names_its_words_and_its_body() -> None:
    case = noted()
    (fact,) = decide(case, WriteNote(Words("n-1", "They know each other."), "body"), POLICY, AT)
    assert fact == CaseNoted(
        previous="triaged", state="triaged", note_id="n-1", visibility="body", body=case.body or ""
    )
    assert fact.unseen
    assert [(note.visibility, note.by) for note in case.notes] == [(kind, ADMIN.ref) for kind in VISIBILITIES]


@pytest.mark.parametrize(
    ("reader", "read"),
    [
        (ADMIN, ["mine", "body", "shared"]),
        (COLLEAGUE, ["body", "shared"]),
        (STEWARD, ["shared"]),
        (BOTH, ["shared"]),
        (ELSEWHERE, ["shared"]),
    ],
    ids=["author", "same body", "another body", "coordinator of the body", "another community"],
)
def test_each_person_reads_the_notes_that_are_for_them(reader: Principal, read: list[str]) -> None:
    case = noted()
    assert case.body == "enwiki_arbcom"
    assert [note.visibility for note in notes_for(case, reader, AT)] == read
    shown = without_hidden_notes(case, contents(), reader, AT)
    said = [one["id"] for one in shown.sections["correspondence"]["statements"]]
    assert said == ["q-1", *read]


def test_words_that_stand_in_hidden_notes_alone_are_mentioned_to_nobody_else() -> None:
    case = noted()
    words = [one["words"] for one in without_hidden_notes(case, contents(), STEWARD, AT).sections["mentions"]["items"]]
    assert words == ["will"]
    whole = replace(contents(), sections={**contents().sections})
    author = [one["words"] for one in without_hidden_notes(case, whole, ADMIN, AT).sections["mentions"]["items"]]
    assert author == ["will", "rose"]


def test_a_note_that_no_event_names_is_shown_to_nobody() -> None:
    shown = without_hidden_notes(replace(noted(), notes=()), contents(), ADMIN, AT)
    assert [one["kind"] for one in shown.sections["correspondence"]["statements"]] == ["question"]


def contents() -> Contents:
    statements = [{"id": "q-1", "kind": "question", "text": "Was Will there?"}]
    statements += [{"id": kind, "kind": "note", "text": f"{kind}: ask Rose"} for kind in VISIBILITIES if kind == "mine"]
    statements += [{"id": kind, "kind": "note", "text": kind} for kind in VISIBILITIES if kind != "mine"]
    return Contents(
        "r-1",
        {
            "content": {"narrative": "They followed me."},
            "correspondence": {"statements": statements, "answers": []},
            "mentions": {"items": [{"id": "1" * 32, "words": "will"}, {"id": "2" * 32, "words": "rose"}]},
        },
    )
