"""Stored reports: documents of the version before are read, and a change writes only what it changes."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.intake.erasure.actions import Erasure
from services.intake.report.receipt import hash_receipt
from services.intake.report.status import Deadline, Question
from services.intake.store import report_of, save_of
from services.intake.stored import Change
from services.intake.vault.cipher import VaultError
from services.intake.vault.reads import Read
from shared.access.purposes import PURPOSES
from shared.events import Actor, CaseClosed, InvestigationStarted
from shared.ids import case_id_of
from tests.support.intake_rig import RESPONDER, SECRETS, Rig, case_event

REPORT_ID = "19a4c64a-c2da-47b1-ab96-b89caa2f5036"
RECEIPT = "F6H7-7XEX-G10T-FH4K-6YW7"
ERASURE = Erasure("requested", "7b1c0b1e-0000-4000-8000-000000000001", Actor("operator:1", "operator"))


def day(number: int, month: int = 11) -> datetime:
    return datetime(2026, month, number, 12, tzinfo=UTC)


def document_before(rig: Rig) -> dict[str, Any]:
    """A report with a question, its answer and a decision, as it was written when reports were dictionaries."""

    def sealed(place: str, plain: bytes) -> dict[str, Any]:
        found = rig.vault.seal(f"{REPORT_ID}/{place}", plain)
        return {"key_id": found.key_id, "key": found.key, "data": found.data}

    digest = {name: part for name, part in sealed("digest", b"").items() if name != "data"}
    return {
        "_id": REPORT_ID,
        "case_id": case_id_of(REPORT_ID),
        "received_at": day(24),
        "facts": {
            "channel": "http",
            "community": "enwiki",
            "category": "unclassified",
            "flags": ["ongoing"],
            "setting": "online",
            "language": "en",
            "privacy": "confidential",
            "contactable": False,
            "occurred": {"at": day(1)},
        },
        "parties": ["7798896e9f2e6a6af408438cfcb12ea0"],
        "content_digest": "28fecd85041544fbcf8d6f166de87600ffda06c9af19945d3e62ddcc1d9f992d",
        "vault": {"content": sealed("content", b'{"narrative":"They followed me."}'), "digest": digest},
        "statements": {"q-1": {"kind": "question", "at": day(27), **sealed("statements/q-1", b"When was it?")}},
        "answers": {"q-1": {"at": day(28), **sealed("answers/q-1", b"Yesterday.")}},
        "status": {
            "state": "decided",
            "seq": 8,
            "lane": "standard",
            "deadlines": [
                {"name": "acknowledgement", "due_at": day(25), "met_at": day(24)},
                {"name": "first_response", "due_at": day(1, 12), "met_at": None},
                {"name": "decision", "due_at": day(22, 12), "met_at": day(23, 12)},
            ],
            "questions": [{"question_id": "q-1", "asked_at": day(27)}],
            "outcome": "warning",
            "reason_id": "r-1",
            "updated_at": day(23, 12),
            "body": "enwiki_arbcom",
            "recused": ["responder:1"],
        },
        "receipt": hash_receipt(SECRETS.pepper, RECEIPT),
        "version": 5,
        "seq": 2,
        "applied": ["a-cause"],
        "outbox": [],
        "outbox_due": day(24),
    }


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.store.reports[REPORT_ID] = document_before(rig)
    return rig


def test_a_document_of_the_version_before_is_a_report(rig: Rig) -> None:
    report = report_of(rig.store.reports[REPORT_ID])
    assert (report.id, report.version, report.seq) == (REPORT_ID, 5, 2)
    assert (report.facts.community, report.facts.flags, report.facts.occurred) == (
        "enwiki",
        ("ongoing",),
        {"at": day(1)},
    )
    assert (report.status.state, report.status.recused) == ("decided", ("responder:1",))
    assert report.status.deadlines[0] == Deadline("acknowledgement", day(25), day(24))
    assert report.status.questions == (Question("q-1", day(27)),)
    assert not report.status.deadlines_told


async def test_what_was_stored_before_is_shown_and_handed_out_as_before(rig: Rig) -> None:
    rig.clock.at = day(24, 12)
    view = await rig.mailbox.follow_up(RECEIPT)
    assert (view.state, view.outcome, view.questions[0].text, view.questions[0].answer) == (
        "decided",
        "warning",
        "When was it?",
        "Yesterday.",
    )
    assert [(d.name, d.met) for d in view.deadlines] == [
        ("acknowledgement", True),
        ("first_response", False),
        ("decision", False),
    ]
    (item,) = await rig.reader.read([Read(REPORT_ID, ("content",))], purpose=PURPOSES["review"], actor=RESPONDER)
    assert item["sections"] == {"content": {"narrative": "They followed me.", "occurred": {"at": day(1)}}}


async def test_a_step_of_a_case_from_before_keeps_its_deadlines_as_before(rig: Rig) -> None:
    status = rig.store.reports[REPORT_ID]["status"]
    status["deadlines"] = [{"name": "emergency_action", "due_at": day(25), "met_at": None}]
    step = InvestigationStarted(previous="assigned", state="investigating")
    await rig.progress.project([case_event(REPORT_ID, 9, step, day(24))])
    assert [d.met for d in (await rig.mailbox.follow_up(RECEIPT)).deadlines] == [True]


async def test_a_step_of_a_case_writes_nothing_but_the_status(rig: Rig) -> None:
    (report,) = (await rig.store.load([REPORT_ID])).values()
    after = replace(report, status=replace(report.status, state="closed"))
    assert save_of(Change(report, after, [], ["step"])).fields.keys() == {"status"}


async def test_of_an_erased_report_what_was_known_in_the_clear_stays(rig: Rig) -> None:
    before = dict(rig.store.reports[REPORT_ID])
    await rig.erasing.erase([REPORT_ID], ERASURE)
    after = rig.store.reports[REPORT_ID]
    assert (after["vault"], after["statements"], after["answers"]) == (None, {}, {})
    assert after["erased"]["request_id"] == ERASURE.request_id
    assert after["facts"] == before["facts"] | {"occurred": None}
    assert after["parties"] == []
    assert {name: after[name] for name in ("receipt", "status")} == {
        name: before[name] for name in ("receipt", "status")
    }
    closed = case_event(REPORT_ID, 9, CaseClosed(previous="decided", state="closed"))
    await rig.progress.project([closed])
    assert rig.store.reports[REPORT_ID]["status"]["state"] == "closed"


async def test_a_new_document_has_the_fields_it_always_had_and_those_of_mentions(rig: Rig) -> None:
    accepted = await rig.post(reported=[{"name": "Some one"}])
    document = rig.store.reports[accepted["report_id"]]
    before = rig.store.reports[REPORT_ID]
    assert before.keys() - document.keys() == {"outbox_due"}
    assert document.keys() - before.keys() == {
        "mentioned", "noted", "cleared", "told_at", "follows", "pages", "source",
    }  # fmt: skip
    assert set(document["vault"]) == {"content", "reported", "digest"}
    assert set(document["vault"]["content"]) == {"key_id", "key", "data"}
    assert set(document["vault"]["digest"]) == {"key_id", "key"}
    assert document["facts"].keys() == before["facts"].keys()
    assert before["status"].keys() - document["status"].keys() == set()


def test_a_report_with_a_damaged_section_is_read_and_not_opened() -> None:
    rig = Rig()
    document = document_before(rig)
    del document["vault"]["content"]["data"]
    del document["answers"]["q-1"]["key"]
    report = report_of(document)
    assert report.vault is not None
    assert report.vault.content is not None
    with pytest.raises(VaultError):
        rig.vault.open(f"{REPORT_ID}/content", report.vault.content)
    with pytest.raises(VaultError):
        rig.vault.open(f"{REPORT_ID}/answers/q-1", report.answers["q-1"])
