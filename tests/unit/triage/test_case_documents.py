"""Documents of cases keep their shape: what an earlier version wrote is read, and written again as it was."""

from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, get_args, get_type_hints

import bson

from services.triage.case.case import Case
from services.triage.case.extent import NOWHERE_ELSE
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


def test_it_is_written_again_as_it_was_but_for_what_has_its_default() -> None:
    again = written(case_of(STORED))
    assert (again.pop("in_force"), again.pop("in_force_until")) == ([], None)
    assert (again.pop("referred_to"), again.pop("joined"), again.pop("asleep_for")) == (None, [], None)
    assert again.pop("wakes_at") == DUE
    assert again.pop("queues")[-1].endswith("/category:harassment.insults")
    assert again == without_nothing(DOCUMENT)


def without_nothing(document: dict[str, Any]) -> dict[str, Any]:
    """The fields of a document that say something; a first step has no state before it, and says so."""
    return {
        name: [without_nothing(one) if isinstance(one, dict) else one for one in value]
        if isinstance(value, list)
        else value
        for name, value in document.items()
        if value is not None or name == "previous"
    }


def test_a_case_of_which_everything_has_its_default_comes_back() -> None:
    required = {name: STORED[name] for name in ("_id", "report_id", "code_name", "community", "category", "flags",
              "setting", "language", "privacy", "contactable", "received_at", "state", "history")}  # fmt: skip
    bare = case_of(required)
    assert (bare.reachable, bare.parties_apart, bare.notes, bare.proposal) == (True, False, (), None)
    assert not {"reachable", "parties_apart", "notes", "proposal"} & written(bare).keys()
    assert case_of({**written(bare), "_id": bare.id}) == bare


def test_what_a_document_says_by_silence_stays_the_same() -> None:
    # Stored cases lack the fields that have their default: another default would change what these cases are.
    said = {
        f"{kind.__name__}.{one.name}": one.default
        for kind in kinds_in(Case)
        for one in fields(kind)
        if one.default is not MISSING and one.default not in (None, False, ())
    }
    assert said == {
        "Case.reachable": True,
        "RefusedAppeal.party": "reporter",
        "Agreement.kept": "unknown",
        "Measure.state": "standing",
        "Measure.extent": NOWHERE_ELSE,
        "Proposal.extent": NOWHERE_ELSE,
    }


def kinds_in(kind: Any) -> set[Any]:
    """The dataclasses of which values of this kind are made."""
    if is_dataclass(kind):
        return {kind}.union(*map(kinds_in, get_type_hints(kind).values()))
    return set[Any]().union(*map(kinds_in, get_args(kind)))


def test_a_document_from_before_recusals_has_nobody_shut_out() -> None:
    case = case_of({name: value for name, value in STORED.items() if name not in ("parties", "recused")})
    assert (case.parties, case.recused) == ((), ())
