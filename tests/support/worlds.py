"""The four applications with something in them, and what a good caller sends to each of their operations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from fastapi import FastAPI

from services.audit.record.leaf import Leaf, Place, write_seal
from services.audit.record.log import SEALS
from services.intake.report.receipt import respondent_receipt
from services.notification.store import DeliveryPlace
from shared.access.principal import Grant, Role
from shared.events import CaseDecided, CaseDisclosed, CheckInDue, FollowUpBegun, InformationRequested
from shared.times import now, rfc3339
from shared.web.paging import Cursors
from tests.support import audit_rig, intake_rig, notification_rig, triage_rig
from tests.support.audit_world import AuditWorld
from tests.support.baseline_world import CATALOGUE, CONTACTS, FIRST, PAGE, WORDS
from tests.support.notification_world import KEY
from tests.support.one_report import COLLEAGUE
from tests.support.people import COPIES, SERVED, bearer, enforcer, operator, person
from tests.support.scorecards import as_of, scorecard
from tests.support.service_keys import call_of


@dataclass(frozen=True)
class World:
    """An application that is not started; a good caller's headers, by operation; what is in it, by field name; how
    many requests to make up for each operation; and what fields of one operation name apart from the others.

    `bodies`: a whole body of an operation whose document joins the bodies of several changes.
    """

    app: FastAPI
    caller: Callable[[str], Mapping[str, str]]
    known: Mapping[str, Sequence[Any]]
    examples: int = 25
    apart: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    bodies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


PURPOSES = {
    "PUT": "correspond", "POST /v1/vault/pseudonyms": "sign_in", "POST /v1/vault/given-names": "enrol",
    "PUT /v1/vault/reports/{report_id}/named/{token}": "name", "POST /v1/vault/measures": "import",
    "POST /v1/vault/hints": "hint", "POST /v1/vault/sought-names": "search",
}  # fmt: skip
"""What intake's callers say they call for; the rest is for review."""


async def make_intake() -> World:
    rig = intake_rig.Rig()
    sent = await rig.post(reporter={"email": "someone@example.org"})
    report_id = sent["report_id"]
    await rig.statements.keep(report_id, "q-1", "question", "When?")
    asked = InformationRequested(previous="investigating", state="awaiting_information", question_id="q-1")
    decided = CaseDecided(previous="investigating", state="decided", outcome="advice", reason_id="r-1")
    begun = FollowUpBegun(previous="decided", state="following_up", consent="yes")
    due = CheckInDue(previous="following_up", state="following_up", number=1, due_at=intake_rig.START)
    await rig.statements.keep(report_id, "told-1", "told", "You are said to have shouted.")
    told = CaseDisclosed(
        previous="following_up", state="following_up", party="7" * 32, disclosure="given", told_id="told-1"
    )
    facts = enumerate((asked, decided, begun, due, told), 1)
    await rig.progress.project([intake_rig.case_event(report_id, seq, fact) for seq, fact in facts])
    chief = person("c1", Grant(Role.COORDINATOR))
    COPIES.enrol(chief)
    COPIES.enrol(SERVED)
    integrator = {"Authorization": f"Bearer {COPIES.token(grants=[Grant(Role.INTEGRATOR, sources=('wiki',))])}"}
    async with rig.http() as http:
        body = {"community": "enwiki", "narrative": "Words."}
        answer = await http.post("/v1/reports", json=body, headers={**integrator, "Idempotency-Key": "submission-1"})
    assert answer.status_code == 202
    known: dict[str, Sequence[Any]] = {
        "report_id": [report_id], "statement_id": ["statement-1"], "question_id": ["q-1"], "text": ["Yes."],
        "number": [1], "choice": ["answer"], "answers": [{"safe": "yes"}], "consent": ["yes"],
        "ground": ["facts"],
        "receipt": [sent["receipt"]], "community": ["enwiki"], "category": ["harassment.insults"], "flags": [[]],
        "setting": ["online"], "occurred": [None], "privacy": ["named"], "purpose": ["review"],
        "narrative": ["Words."], "report_ids": [[report_id]], "reason": ["requested"],
        "person": ["person:5f2c81aa90b1c2d3"], "token": ["7" * 32],
        "kind": ["question"], "names": [["Some one"]], "ticket": [rig.keys._ticket(chief.ref)],
        **{name: [token] for name, token in rig.proof().items()},
        "source": ["wiki"], "id": ["submission-1"],
        "reads": [[{"report_id": report_id, "sections": ["content", "correspondence"]}]],
    }  # fmt: skip

    def caller(operation: str) -> Mapping[str, str]:
        if operation == "POST /v1/erasures":
            return bearer(operator())
        if operation == "GET /v1/submissions/{source}/{id}":
            return integrator
        return intake_rig.bearer(PURPOSES.get(operation) or PURPOSES.get(operation.partition(" ")[0], "review"))

    respondent = {"receipt": [respondent_receipt(intake_rig.SECRETS.pepper, report_id, "told-1")]}
    doors = ("/v1/respondent", "/v1/respondent/replies", "/v1/respondent/appeals", "/v1/respondent/recusals")
    measure = {"community": "enwiki", "key": "row-1", "name": "Example user", "words": "From before Hearth. AC-17"}
    hint = {"community": "enwiki", "flag": "systemic_failure", "key": "missed-deadlines", "words": "10 were missed."}
    bodies: dict[str, Mapping[str, Any]] = {
        "POST /v1/vault/measures": {"measures": [measure]},
        "POST /v1/vault/hints": hint,
        "POST /v1/vault/sought-names": {"name": "Some one"},
    }
    apart = {f"POST {door}": respondent for door in doors}
    return World(rig.app, caller, known, examples=40, apart=apart, bodies=bodies)


async def make_triage() -> World:
    async with triage_rig.make_rig() as rig:
        case = await rig.open()
        rig.vault.sections[case.report_id] = {
            "content": {
                "narrative": "They followed me.", "harmed": None, "places": ["Talk:Tea"], "anything_else": None,
                "witnesses": [], "occurred": {"at": "2026-11-24T08:00:00.000Z"},
            },
            "reported": {"people": [{"name": "Example user", "details": None}]},
        }  # fmt: skip
        await rig.order(case, "recuse", {"person": "person:0123456789abcdef", "ground": "related"}, COLLEAGUE)
        measure = {"measure": "restriction", "until": rfc3339(now() + timedelta(days=9))[:10], "scope": "pages"}
        await rig.order(case, "act_in_emergency", {**measure, "why": "It goes on."}, triage_rig.ALICE)
        case = rig.cases.stored[case.id].case
        referred = await rig.open()
        await rig.order(referred, "refer", {"body": "trust_safety", "explanation": "It is for them."}, COLLEAGUE)
        rig.entries.enrol(triage_rig.ALICE)
    # At the version of the case, which the known header names.
    rig.entries.documents[triage_rig.ALICE.ref]["seq"] = case.seq
    chief = person("c1", Grant(Role.COORDINATOR))
    known: dict[str, Sequence[Any]] = {
        "person": [triage_rig.ALICE.ref, chief.ref],
        "change": ["grant", "sign_out", "revoke", "training", "agreement", "leave", "names", "name_away"],
        "responsibility_id": [CONTACTS], "statement": [WORDS], "community": ["enwiki"],
        "old": [FIRST.dated], "new": [CATALOGUE.dated],
        "access_token": [triage_rig.PROOF.access_token], "id_token": [triage_rig.PROOF.id_token],
        "role": ["responder", "operator"], "bodies": [["u4c"], ["none"]], "communities": [["enwiki"]],
        "expires_at": ["2999-01-01T00:00:00Z"], "until": [None], "module": ["A"],
        "case_id": [case.id], "measure_id": [case.measures[0].id], "clearing": ["common_word"], "scope": ["pages"],
        "command": [
            "assign", "refer", "accept_referral", "decline_referral", "recall_referral",
            "invite_body", "accept_invitation",
            "decline_invitation", "end_joint", "start", "split", "ask", "take_answer",
            "add_party", "disclose", "propose_decision", "second",
            "object", "decide", "recuse", "confirm", "withdraw",
            "clear", "name", "close",
            "act_in_emergency", "review_emergency", "end_measure", "note_return", "appeal", "decide_appeal", "reopen",
            "follow_up", "check_in", "agree", "check_agreement",
        ],
        "If-Match": [f'"{number}"' for number in (case.seq, case.seq + 1, case.seq + 2)],
        "body": [["trust_safety"], []], "assignee": ["person:b0b0b0b0b0b0b0b0"],
        "view_id": ["view-1"], "name": ["Late ones"], "filter": [{"tab": "overdue", "community": "enwiki"}],
    }  # fmt: skip

    def caller(operation: str) -> Mapping[str, str]:
        if operation == "POST /v1/sign-ins":
            return call_of("audit", "note_names", "triage")
        if operation.split("/")[2:3] == ["measures"]:
            return bearer(enforcer("e4f0ace0"))
        return bearer(chief if operation.split("/")[2:3] in (["roster"], ["baseline"]) else triage_rig.ALICE)

    said = {"change": ["attest", "annotate", "list_project"], "If-Match": ['"0"', '"1"', '"2"']}
    change = "POST /v1/baseline/{community}/{change}"
    bodies: dict[str, Mapping[str, Any]] = {
        "POST /v1/measures/import": {
            "measures": [
                {
                    "id": "row-1",
                    "kind": "permanent_ban",
                    "scope": "community",
                    "community": "enwiki",
                    "body": "enwiki_arbcom",
                    "begun_at": "2026-11-02",
                    "names": ["Example user"],
                }
            ]
        },
        change: {
            "responsibility_id": PAGE,
            "claim": "met",
            "statement": WORDS,
            "link": "https://meta.wikimedia.org/wiki/Reporting",
        },
        "POST /v1/roster/{person}/{change}": {"role": "responder", "bodies": ["u4c"]},
        "POST /v1/cases/{case_id}/{command}": {"assignee": triage_rig.ALICE.ref},
    }
    return World(
        rig.app,
        caller,
        known,
        examples=50,
        apart={change: said, "GET /v1/cases/{case_id}/referral": {"case_id": [referred.id]}},
        bodies=bodies,
    )


async def make_notification() -> World:
    stored = [notification_rig.delivery(number) for number in range(5)]
    app = notification_rig.app_over(notification_rig.holding(*stored))
    return World(
        app,
        lambda _: notification_rig.bearer(),
        {"cursor": [Cursors(DeliveryPlace, KEY).write(DeliveryPlace(stored[2].planned_at, stored[2].id))]},
    )


async def make_audit() -> World:
    world = AuditWorld()
    await world.fill()
    entry = write_seal("2026-11-24T09:00:00Z", f"{audit_rig.ORIGIN}/cases/0", "a\n300\nb\n")
    await world.add(SEALS, [Leaf(Place("audit.seals", 0, 0, 0), entry)])
    world.scorecards.cards += [scorecard(as_of=as_of(sealed)) for sealed in (1, 300)]
    await world.client.aclose()
    known: dict[str, Sequence[Any]] = {
        "topic": ["cases"], "partition": ["0"], "path": ["0/000", "entries/000", "0/000.p/1", "entries/000.p/1"],
        "case_id": ["case-7"], "event_id": [audit_rig.event_of("case-7", 2).id], "log": ["cases/0"],
        "purpose": ["quarterly-review"], "from": ["1", "2026-11-24T09:00:00Z"], "to": ["300"],
        "community": ["enwiki", "swwiki"], "as_of": [120],
    }  # fmt: skip
    return World(world.app, lambda _: audit_rig.bearer(), known)


WORLDS = {"intake": make_intake, "triage": make_triage, "notification": make_notification, "audit": make_audit}
