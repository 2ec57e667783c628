"""Every route of every service, asked by everybody: each role, each situation, with a token and with a session.

Who may do what stands here a second time, as plain data: a row of shared/access/table.py that is wrong is noticed.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import httpx
import pytest

from shared.access.actions import ACTIONS
from shared.access.principal import Principal, Role
from shared.access.refusal_log import Refusals
from shared.access.table import TABLE
from tests.support import people
from tests.support.callers import (
    ASKED_BY_SERVICES,
    PARTIES,
    Caller,
    callers_at,
    enrol_those_whom_services_act_for,
    recused,
)
from tests.support.every_app import SERVICES, build
from tests.support.one_report import HOMES, HTML, OneReport, hand_in, send
from tests.support.rosters import fresh_roster
from tests.support.route_walk import STALE, Ask, Step, named_routes, steps_of, thing_of

OPEN = {
    "service.probe", "page.asset", "page.leave", "session.sign_in", "report.submit", "report.follow_up", "record.keys",
    "scorecard.read",
}  # fmt: skip
"""Open to anyone."""
HANDLING = "confidentiality names body community"
ENFORCING = "confidentiality names place"
MAY: dict[str, dict[str, str]] = {
    **{action: {"anyone": ""} for action in OPEN},
    "report.submit_for": {"integrator": "source community"},
    "submission.read": {"integrator": "source"},
    "report.erase": {"coordinator": HANDLING, "operator": "names"},
    "vault.read": {"service": "purpose"},
    "vault.correspond": {"service": "purpose"},
    "vault.name": {"service": "purpose"},
    "vault.import": {"service": "purpose"},
    "vault.hint": {"service": "purpose"},
    "vault.pseudonyms": {"service": "purpose"},
    "vault.bind_names": {"service": "purpose"},
    "vault.match_name": {"service": "purpose"},
    "roster.note_names": {"service": "purpose"},
    "case.list": {"responder": HANDLING, "coordinator": HANDLING},
    "case.read": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.read_content": {"responder": f"{HANDLING} training"},
    "case.tick": {"responder": f"{HANDLING} training"},
    "case.read_elsewhere": {"coordinator": HANDLING},
    "case.assign": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.claim": {"responder": f"{HANDLING} training"},
    "case.release": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.confirm_category": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.set_flags": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.note": {"responder": f"{HANDLING} training"},
    "case.pause": {"responder": f"{HANDLING} training"},
    "case.resume": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.snooze": {"responder": f"{HANDLING} training"},
    "case.unsnooze": {"responder": f"{HANDLING} training"},
    "case.watch": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.unwatch": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.add_party": {"responder": f"{HANDLING} training"},
    "case.disclose": {"responder": f"{HANDLING} training"},
    "case.refer": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.read_referral": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.read_reason": {"responder": f"{HANDLING} training"},
    "case.accept_referral": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.decline_referral": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.recall_referral": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.invite_body": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.accept_invitation": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.decline_invitation": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.end_joint": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.start": {"responder": f"{HANDLING} training"},
    "case.ask": {"responder": f"{HANDLING} training"},
    "case.tell": {"responder": f"{HANDLING} training"},
    "case.split": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.take_answer": {"responder": f"{HANDLING} training"},
    "case.propose_decision": {"responder": f"{HANDLING} training"},
    "case.second": {"responder": f"{HANDLING} training"},
    "case.object": {"responder": f"{HANDLING} training"},
    "case.decide": {"responder": f"{HANDLING} training"},
    "case.act_in_emergency": {"responder": f"{HANDLING} training"},
    "case.review_emergency": {"responder": f"{HANDLING} training"},
    "case.end_measure": {"responder": f"{HANDLING} training"},
    "case.note_return": {"responder": f"{HANDLING} training"},
    "case.appeal": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.decide_appeal": {"responder": f"{HANDLING} training"},
    "case.reopen": {"responder": f"{HANDLING} training"},
    "case.follow_up": {"responder": f"{HANDLING} training"},
    "case.check_in": {"responder": f"{HANDLING} training"},
    "case.agree": {"responder": f"{HANDLING} training"},
    "case.check_agreement": {"responder": f"{HANDLING} training"},
    "case.close": {"responder": f"{HANDLING} training"},
    "case.clear": {"responder": f"{HANDLING} training"},
    "case.recuse": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.confirm": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.withdraw": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.answer_recusal": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.link": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.unlink": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.merge": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "case.unmerge": {"responder": f"{HANDLING} training", "coordinator": HANDLING},
    "draft.keep": {"responder": "", "coordinator": "", "auditor": ""},
    "view.keep": {"responder": "confidentiality names", "coordinator": "confidentiality names"},
    "measure.list": {"enforcer": ENFORCING, "coordinator": HANDLING},
    "measure.read": {"enforcer": ENFORCING},
    "measure.export": {"enforcer": ENFORCING},
    "measure.import": {"enforcer": ENFORCING},
    "roster.read": {"coordinator": ""},
    "roster.change": {"coordinator": "oneself reach"},
    "roster.languages": {"responder": "reach", "coordinator": "reach"},
    "roster.leave": {"coordinator": "last reach"},
    "session.read": {"coordinator": "oneself reach"},
    "session.end": {"coordinator": "oneself reach"},
    "baseline.list": {"coordinator": "", "auditor": ""},
    "policy.read": {"responder": "", "coordinator": ""},
    "policy.preview": {"coordinator": "confidentiality names"},
    "baseline.read": {"coordinator": "reach", "auditor": ""},
    "baseline.attest": {"coordinator": "reach"},
    "baseline.withdraw": {"coordinator": "reach"},
    "baseline.annotate": {"coordinator": "reach"},
    "baseline.list_project": {"coordinator": "reach"},
    "baseline.change_project": {"coordinator": "reach"},
    "baseline.end_project": {"coordinator": "reach"},
    "baseline.confirm": {"coordinator": "reach maker", "auditor": "maker"},
    "delivery.list": {"operator": "names"},
    "record.heads": {"auditor": "scope"},
    "scorecard.values": {"auditor": "scope"},
    "record.read": {"auditor": "scope names"},
    "record.prove": {"auditor": "scope names"},
    "record.entries": {"auditor": "scope names"},
}
"""Who may do what, and on what conditions."""
SCOPE = {
    "record.heads": "proof",
    "record.read": "meta",
    "record.prove": "proof",
    "record.entries": "export",
    "scorecard.values": "meta",
}
PURPOSES = {
    "vault.read": {"review", "refer", "notify", "enforce"}, "vault.correspond": {"correspond"}, "vault.name": {"name"},
    "vault.pseudonyms": {"sign_in"},
    "vault.bind_names": {"enrol"},
    "vault.match_name": {"search"},
    "vault.import": {"import"},
    "vault.hint": {"hint"},
    "roster.note_names": {"note_names"},
}  # fmt: skip
FRESH = {
    "baseline.withdraw", "report.erase", "case.decide", "case.decide_appeal", "case.review_emergency",
    "case.end_measure", "roster.change", "roster.leave",
}  # fmt: skip
SECTIONS = {"enforce": ["names"], "notify": ["reporter"], "refer": ["referral"]}
"""What is read for purposes that may read little."""
OF_A_CASE = {action for action in MAY if action.startswith(("case.", "measure."))} - {"measure.import"} | {
    "report.erase", "delivery.list", "record.read", "record.prove", "record.entries",
}  # fmt: skip
SHUTS_OUT = OF_A_CASE | {"vault.read"}
"""A party to the case gets nothing by these, and a person recused from it gets nothing but the record."""
HIDDEN = {"recused", "body", "community", "place"}
ANSWERS = {
    "sign_in": (401, "sign-in-needed"),
    "sign_in_again": (401, "sign-in-again"),
    "token": (401, "token-invalid"),
    "ended": (403, "access-ended"),
    "leave": (403, "on-leave"),
    "confidentiality": (403, "confidentiality-needed"),
    "names": (403, "names-needed"),
    "training": (403, "training-needed"),
    "purpose": (403, "purpose-not-permitted"),
    "source": (403, "source-not-permitted"),
    "reach": (403, "beyond-own-reach"),
    "community": (403, "community-not-permitted"),
    "scope": (403, "scope-needed"),
    "role": (403, "role-not-permitted"),
}
"""What is answered for each reason that is told, and for a report in the name of a community that is not one's own."""
LET_IN = {200, 202, 204, 303, 400, 409, 412, 415, 422}
AWAY = {"/health/live", "/health/ready"}
OF_ONESELF = {"/desk/me"}
"""What is about the entry of the caller alone: each of them reaches it."""
NUMBERS = {"/desk/live"}
"""What tells how many cases there are, and names none."""
ALONE = ("/sign-in", "/sign-in/back-channel")
"""Where a sign-in leads through a provider that cannot be reached here."""
REQUEST_ID = "walked-by-a-test"


@dataclass(frozen=True)
class Expected:
    """`reason` empty: let in. `hidden`: as if nothing were there. `at_once`: before anything is looked up.

    `withheld`: let in, and shown nothing but hashes.
    """

    reason: str = ""
    hidden: bool = False
    at_once: bool = True
    withheld: bool = False


def expect(action: str, caller: Caller, about: bool) -> Expected:
    """What the tables above give somebody who asks for one action. `about`: it is about the one report."""
    role, situation = caller.role.value, caller.situation
    if situation.breaks == "token" and caller.flow == "token":
        return Expected("token")
    if action in OPEN:
        return Expected()
    if situation.breaks in ("none", "token"):
        return Expected("sign_in")
    needs = MAY[action].get(role)
    if needs is None:
        return Expected("role")
    if situation.breaks in ("ended", "leave"):
        return Expected(situation.breaks)
    if situation.breaks in ("confidentiality", "names") and situation.breaks in needs.split():
        return Expected(situation.breaks)
    if "scope" in needs.split() and SCOPE[action] not in situation.scopes:
        return Expected("scope")
    if "purpose" in needs.split() and situation.purpose not in PURPOSES[action]:
        return Expected("purpose")
    if action in FRESH and situation.breaks == "sign_in_again":
        return Expected("sign_in_again")
    if about and situation.breaks == "recused" and action in SHUTS_OUT:
        if action.startswith("record.") and situation.name not in PARTIES:
            # A recusal withholds nothing of the record.
            return Expected()
        if action == "record.entries":
            return Expected("recused", at_once=False, withheld=True)
        return Expected("recused", hidden=True, at_once=False)
    if about and "reach" in needs.split() and situation.breaks in ("body", "community"):
        return Expected("reach", at_once=False)
    if about and "place" in needs.split() and situation.breaks in ("body", "community"):
        return Expected("place", hidden=True, at_once=False)
    if about and situation.breaks in needs.split():
        return Expected(situation.breaks, hidden=situation.breaks in HIDDEN, at_once=False)
    return Expected()


def expect_all(ask: Ask, caller: Caller, service: str) -> Expected:
    """The first refusal among everything that a request takes."""
    home = HOMES[service]
    if caller.role is Role.SERVICE and service not in ASKED_BY_SERVICES:
        # Nobody else knows the tokens of services.
        return Expected("token")
    if caller.flow == "session" and not (home and ask.path.startswith(home)):
        # Sessions are for pages: a program's route does not know them.
        return Expected() if ask.actions[0] in OPEN else Expected("sign_in")
    about = ask.path not in OF_ONESELF
    first, *further = [expect(action, caller, about=about) for action in ask.actions]
    later = [replace(e, at_once=False) for e in further]
    if ask.path == "/v1/reports" and caller.role is Role.INTEGRATOR and not first.reason:
        later = [Expected(expect("report.submit_for", caller, about=True).reason)]
    return next((e for e in (first, *later) if e.reason), Expected())


@dataclass
class Walk:
    """What was asked and answered. `noted` is what the service kept of its refusals: action, reason, who."""

    noted: list[tuple[str, str, str]]
    unexpected: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    addresses: Iterator[int] = field(default_factory=count)
    refused: set[tuple[str, ...]] = field(default_factory=set)

    async def take(self, service: str, report: OneReport, caller: Caller, step: Step) -> None:
        """Ask, and hold the answers against the tables."""
        expected = expect_all(step.ask, caller, service)
        if self._is_refused_as_before(expected, caller, step.ask):
            return
        answer, noted = await self._ask(service, report, caller, step.ask)
        other, others = None, noted
        if step.missing:
            other, others = await self._ask(service, report, caller, step.missing)
        kind = "hidden" if expected.hidden else "refused" if expected.reason else "let in"
        self.counts[kind] += 1
        if expected.hidden and noted != others:
            self.unexpected.append(f"{caller}: {step.ask.path}: the record tells that there is something: {noted}")
        for fault in _faults(expected, service, caller, step, answer, other, report, noted):
            told = f"{answer.status_code} {answer.text[:150]!r}, noted {noted}"
            self.unexpected.append(f"{caller}: {step.ask.method} {step.ask.path} {expected}: {fault}; {told}")

    def _is_refused_as_before(self, expected: Expected, caller: Caller, ask: Ask) -> bool:
        """Whether the gate refused this caller the declared action before, and this route refused another caller.

        Both were for this reason, and the other caller came in by the same way.

        A gate knows nothing of a route but the action, and refuses at once without calling the route.
        """
        if not (expected.reason and expected.at_once):
            return False
        by_gate = (str(caller), ask.actions[0], expected.reason)
        at_route = (caller.flow, ask.method, ask.path, expected.reason)
        is_known = {by_gate, at_route} <= self.refused
        self.refused |= {by_gate, at_route}
        return is_known

    async def _ask(
        self, service: str, report: OneReport, caller: Caller, ask: Ask
    ) -> tuple[httpx.Response, list[tuple[str, str, str]]]:
        self.counts["requests"] += 1
        before = len(self.noted)
        headers = {"X-Request-Id": REQUEST_ID, **ask.headers, **caller.headers()}
        content: dict[str, Any] = dict(ask.content)
        home = HOMES[service]
        is_page = bool(home and ask.path.startswith(home))
        if is_page:
            cookie, token = await report.form_of(service)
            headers["Cookie"] = "; ".join(filter(None, [cookie, headers.get("Cookie")]))
            headers |= HTML if caller.flow == "session" else {}
            if ask.method != "GET":
                content["data"] = {"form_token": token, "version": STALE, **content.get("data", {})}
        if ask.method != "GET" and not content:
            content["json"] = {}
        purpose = caller.situation.purpose
        if purpose in SECTIONS and ask.path == "/v1/vault/read":
            reads = [{**read, "sections": SECTIONS[purpose]} for read in content["json"]["reads"]]
            content["json"] = {"purpose": purpose, "reads": reads}
        # Who tries wrong tokens is slowed down, so each of these comes from an address of its own.
        number = next(self.addresses)
        source = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        answer = await send(report.apps[service], ask.method, ask.path, headers, source=source, **content)
        return answer, self.noted[before:]


def _faults(
    expected: Expected, service: str, caller: Caller, step: Step, answer: httpx.Response,
    other: httpx.Response | None, report: OneReport, noted: list[tuple[str, str, str]],
) -> Iterator[str]:  # fmt: skip
    ask, status = step.ask, answer.status_code
    # What was asked for may be repeated, as in the address to come back to after a sign-in.
    asked = f"{ask.path} {ask.content}"
    shown = _bytes_of(answer)
    shows = any(mark.encode() in shown for mark in report.marks if mark not in asked)
    is_same = other is not None and _unnamed(answer, ask) == _unnamed(other, step.missing)
    if expected.hidden:
        if other is not None and not is_same:
            yield "tells that there is something"
        if shows and other is None:
            yield "shows what is hidden"
        if ask.actions[0].startswith("case.") and other is not None and [r for _, r, _ in noted] != ["not_found"]:
            yield "the refusal is not noted"
        return
    if expected.withheld:
        if status != 200 or b'"withheld":true' not in answer.content or shows:
            yield "does not withhold"
        return
    if expected.reason:
        wanted, code = ANSWERS[expected.reason]
        is_browser = caller.flow == "session" and ask.path.startswith(HOMES[service] or "-")
        if is_browser and wanted == 401 and expected.at_once:
            # A form keeps what was typed: the page to sign in stands in its place.
            way = answer.headers.get("location", "") if ask.method == "GET" else answer.text
            if status != (303 if ask.method == "GET" else 401) or f"{HOMES[service]}/sign-in" not in way:
                yield "is not led to the sign-in"
        elif is_browser and ask.path == "/desk" and (room := next(_rooms(caller), None)):
            if answer.headers.get("location") != room:
                yield "is not led to what is permitted"
        elif status != wanted or (_is_problem(answer) and answer.json()["type"] != f"/errors/{code}"):
            yield f"not refused with {wanted} {code}"
        if shows and expected.at_once:
            yield "shows what is refused"
        if other is not None and expected.at_once and not is_same:
            yield "a refusal tells whether something is there"
        told = [reason for _, reason, _ in noted]
        if len(told) != 1 or not (told == [expected.reason] or told[0].startswith(f"{expected.reason}_")):
            yield "the refusal is not noted once, with its reason"
        return
    if status not in LET_IN and not (status == 503 and _may_be_away(ask)) and not (status == 404 and _may_be_over(ask)):
        yield "not let in"
    if other is not None and is_same:
        yield "shows no difference to what is not there"
    if [action for action, _, _ in noted if action != "session.sign_in"]:
        yield "noted a refusal of what is permitted"
    if other is None and ask.actions[-1] in OF_A_CASE and ask.path not in NUMBERS and not shows:
        yield "does not show the case"


def _rooms(caller: Caller) -> Iterator[str]:
    """Where a caller is led who may not see the queue."""
    for action, place in (
        ("measure.list", "/desk/measures"),
        ("roster.read", "/desk/roster"),
        ("baseline.list", "/desk/baseline"),
    ):
        if expect(action, caller, about=False) == Expected():
            yield place


def _may_be_away(ask: Ask) -> bool:
    return ask.path in AWAY or ask.path.endswith(ALONE)


def _is_problem(answer: httpx.Response) -> bool:
    # A page that was sent a form shows the form again, with what is wrong.
    return answer.headers["content-type"] == "application/problem+json"


def _may_be_over(ask: Ask) -> bool:
    # Nobody's session is named, so there is none to end; and no submission has been handed in.
    return ask.actions in (("session.end",), ("submission.read",))


def _bytes_of(answer: httpx.Response) -> bytes:
    return answer.content + repr(sorted(answer.headers.multi_items())).encode()


def _unnamed(answer: httpx.Response, ask: Ask | None) -> bytes:
    assert ask is not None
    assert ask.about is not None
    return b"%d " % answer.status_code + ask.about.unnamed(_bytes_of(answer))


@pytest.fixture(autouse=True)
def without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's name is known, so that the provider of sign-ins is away at once."""

    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """What the gates noted, while they keep noting it."""
    kept: list[tuple[str, str, str]] = []
    for kind in (Refusals, people.Refusals):
        note = kind.note

        def keep(self: Any, action: str, reason: str, *who: Principal, note: Any = note) -> None:
            kept.append((action, reason, who[0].ref if who else ""))
            note(self, action, reason, *who)

        monkeypatch.setattr(kind, "note", keep)
    return kept


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("service", SERVICES)
async def test_every_route_answers_everybody_as_the_table_says(
    service: str, role: Role, noted: list[tuple[str, str, str]]
) -> None:
    enrol_those_whom_services_act_for()
    report = await hand_in(recused(), referred=True)
    there = thing_of(report)
    steps, walk = list(steps_of(report.apps[service], there, there.missing())), Walk(noted)
    async with fresh_roster(report.apps[service]):
        for caller in await callers_at(service, report, role):
            for step in steps:
                await walk.take(service, report, caller, step)
            # Nothing in memory waits, so nothing else would have a turn.
            await asyncio.sleep(0)
    assert walk.unexpected == []
    assert walk.counts["let in"] > 0 or (role is Role.SERVICE and service not in ASKED_BY_SERVICES)
    assert len(noted) >= walk.counts["refused"] > 0


@pytest.mark.parametrize("service", SERVICES)
async def test_what_is_walked_is_what_runs(service: str) -> None:
    report = await hand_in([])
    assert named_routes(report.apps[service]) == named_routes(build(service))


def test_the_second_table_is_the_first() -> None:
    assert MAY.keys() == ACTIONS.keys()
    rows = {(row.action, row.role.value): {c.reason.value for c in row.conditions} for row in TABLE}
    assert rows == {(a, role): set(needs.split()) for a, given in MAY.items() for role, needs in given.items()}
    assert {name for name, action in ACTIONS.items() if action.fresh} == FRESH
    assert {name for name, action in ACTIONS.items() if action.case} == OF_A_CASE
    assert {name: action.scope for name, action in ACTIONS.items() if action.scope} == SCOPE
