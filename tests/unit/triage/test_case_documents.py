"""Documents of cases keep their shape: what an earlier version wrote is read, and written again as it was."""

from datetime import UTC, datetime
from typing import Any

import bson

from services.triage.case.case import Case
from services.triage.case.values import Deadline, Question, Step
from services.triage.store import case_of, document_of
from shared.events import CaseState

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
DUE = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
DOCUMENT: dict[str, Any] = {
    "report_id": "r-1",
    "code_name": "amber-harbour",
    "community": "enwiki",
    "category": "harassment.insults",
    "flags": ["ongoing"],
    "setting": "online",
    "language": "en",
    "privacy": "confidential",
    "contactable": True,
    "received_at": AT,
    "state": "awaiting_information",
    "lane": "standard",
    "lane_rank": 2,
    "body": "enwiki_admins",
    "rule": "wiki-admins",
    "policy_version": "2026-11+0a1b2c3d",
    "deadlines": [
        {"name": "acknowledgement", "due_at": AT, "met_at": AT},
        {"name": "decision", "due_at": DUE, "met_at": None},
    ],
    "due": DUE,
    "assignee": "person:a11ce0de00000000",
    "questions": [{"id": "q-1", "asked_at": AT, "answers": ["a-1"]}],
    "outcome": None,
    "reason_id": None,
    "parties": ["5" * 32],
    "recused": ["person:0ddba11000000000"],
    "history": [
        {
            "seq": 1,
            "fact": "case.opened",
            "at": AT,
            "actor": "service:triage",
            "role": "service",
            "cause": "c-1",
            "previous": None,
            "state": "received",
            "detail": None,
        },
        {
            "seq": 2,
            "fact": "case.triaged",
            "at": AT,
            "actor": "service:triage",
            "role": "service",
            "cause": "c-1",
            "previous": "received",
            "state": "triaged",
            "detail": "enwiki_admins",
        },
    ],
}
"""The fields of a case as the version of 24 November 2026 wrote them, field by field and by hand."""
STORED = {"_id": "case-1", **DOCUMENT, "requests": {}, "version": 4, "seq": 2, "applied": ["c-1"], "outbox": []}


def written(case: Case) -> dict[str, Any]:
    """What MongoDB keeps of a case, and gives back."""
    return bson.decode(bson.encode(document_of(case)), bson.CodecOptions(tz_aware=True))


def test_what_an_earlier_version_wrote_is_read() -> None:
    case = case_of(STORED)
    assert (case.id, case.state, case.received_at) == ("case-1", CaseState.AWAITING_INFORMATION, AT)
    assert case.deadlines == (Deadline("acknowledgement", AT, AT), Deadline("decision", DUE))
    assert case.questions == (Question("q-1", AT, ("a-1",)),)
    assert case.history[1] == Step(
        seq=2,
        fact="case.triaged",
        at=AT,
        actor="service:triage",
        role="service",
        cause="c-1",
        previous=CaseState.RECEIVED,
        state=CaseState.TRIAGED,
        detail="enwiki_admins",
    )
    assert (case.parties, case.recused) == (("5" * 32,), ("person:0ddba11000000000",))


def test_it_is_written_again_as_it_was_and_with_what_is_new() -> None:
    again = written(case_of(STORED))
    assert (again.pop("deadlines_told"), again.pop("parties_apart")) == (False, False)
    assert (again.pop("unattended"), again.pop("consent_given")) == (False, False)
    assert again.pop("own_body") is None
    assert (again.pop("proposal"), again.pop("appeals"), again.pop("measures")) == (None, [], [])
    assert (again.pop("refused_appeals"), again.pop("appeal_until")) == ([], None)
    assert again.pop("objections") == []
    assert (again.pop("recusals"), again.pop("ended_recusals"), again.pop("links")) == ([], [], [])
    assert (again.pop("consent"), again.pop("check_ins"), again.pop("agreements")) == (None, [], [])
    assert (again.pop("unasked_for"), again.pop("absorbed"), again.pop("earlier_deadlines")) == (None, [], [])
    assert [again.pop(name) for name in ("merged_into", "merged_from", "merge_note_id", "outcome_there")] == [None] * 4
    assert [step.pop("other_case") for step in again["history"]] == [None] * len(DOCUMENT["history"])
    assert (again.pop("in_force"), again.pop("in_force_until")) == ([], None)
    assert (again.pop("referrals"), again.pop("referred_to"), again.pop("joined")) == ([], None, [])
    assert (again.pop("subjects"), again.pop("further_parties"), again.pop("disclosures")) == ([], [], [])
    assert (again.pop("replies"), again.pop("grouped")) == ([], None)
    assert (again.pop("reachable"), again.pop("messages"), again.pop("recusal_asks")) == (True, [], [])
    assert [again.pop(name) for name in ("refused_there", "took_part_there", "had_there")] == [[], [], []]
    assert again.pop("wakes_at") == min(
        deadline["due_at"] for deadline in DOCUMENT["deadlines"] if not deadline["met_at"]
    )
    assert (again.pop("category_confirmed"), again.pop("watchers"), again.pop("notes")) == (False, [], [])
    assert (again.pop("pause"), again.pop("snooze"), again.pop("asleep_for")) == (None, None, None)
    assert again.pop("queues")[-1].endswith("/category:harassment.insults")
    new = [{name: deadline.pop(name) for name in set(deadline) - {"name", "due_at", "met_at"}}
           for deadline in again["deadlines"]]  # fmt: skip
    assert [{value or None for value in fields.values()} for fields in new] == [{None}] * 2
    assert [question.pop("answer_by") for question in again["questions"]] == [None]
    assert again == DOCUMENT


def test_a_document_from_before_recusals_has_nobody_shut_out() -> None:
    case = case_of({name: value for name, value in STORED.items() if name not in ("parties", "recused")})
    assert (case.parties, case.recused) == ((), ())
