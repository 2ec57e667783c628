"""The worked incidents of `tests/cases/incidents`: each is led from the report to its end, and asserted on its way."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from services.intake.report.pseudonym import pseudonyms_for
from services.triage.case.case import Case
from services.triage.case.evolve.fold import fold
from shared.access.principal import Grant, Principal, Role
from shared.access.roster import Staff
from shared.ids import case_id_of
from shared.policy import ReportFacts
from shared.times import now
from tests.support.forms import hidden_fields
from tests.support.four_services import FourServices
from tests.support.intake_rig import SECRETS
from tests.support.people import bearer, person
from tests.support.record_entries import event_in
from tests.support.triage_rig import POLICY, Everywhere

FOLDER = Path(__file__).parent.parent / "cases" / "incidents"
FILES = sorted(FOLDER.glob("*.toml"))
UNITS = {"min": "minutes", "h": "hours", "d": "days"}
OF_CASES = (
    "hearth.case.",
    "hearth.deadline.",
    "hearth.emergency.",
    "hearth.measure.",
    "hearth.decision.",
    "hearth.appeal.",
)
SAYING = ("report", "with", "answers", "checks_in", "appeals")
"""The parts of a step in which people write."""
HTML = {"accept": "text/html", "sec-fetch-site": "same-origin"}


def read(path: Path) -> Mapping[str, Any]:
    """An incident."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def span_of(words: str) -> timedelta:
    """A time span such as `2 d`."""
    number, unit = words.split()
    return timedelta(**{UNITS[unit]: int(number)})


def words_of(incident: Mapping[str, Any]) -> list[str]:
    """What people wrote, and the names and addresses in it: texts that have a capital letter, a space or an @."""
    left: list[Any] = [[step.get(verb) for verb in SAYING] for step in incident["step"]]
    found: list[str] = []
    while left:
        one = left.pop()
        if isinstance(one, str):
            found += [one] if re.search(r"[A-Z@ ]", one) and not one.startswith("+") else []
        elif one:
            left += one.values() if isinstance(one, Mapping) else one if isinstance(one, list) else []
    return found


def names_of(step: Mapping[str, Any]) -> Sequence[str]:
    """The cases that a step is about, one after the other: `case` names one, and `cases` the first and the last number.

    Of `cases = [2, 12]` they are `number 2` to `number 12`; without either, it is `the case`.
    """
    if "cases" not in step:
        return [step.get("case", "the case")]
    first, last = step["cases"]
    return [f"number {number}" for number in range(first, last + 1)]


class Cast:
    """The people of an incident by name. A body that it does not name has its two people as in every other test."""

    def __init__(self, incident: Mapping[str, Any]) -> None:
        self._people: dict[str, Principal] = {}
        for number, (name, about) in enumerate(incident["people"].items()):
            pseudonyms = pseudonyms_for(SECRETS.pseudonyms, [about["account"]], []) if "account" in about else ()
            grant = Grant(Role(about.get("is", "responder")), tuple(about["of"]))
            self._people[name] = person(f"{number + 1:02x}1c1de7", grant, pseudonyms=pseudonyms)

    def __getitem__(self, name: str) -> Principal:
        return self._people[name]

    async def staff(self) -> Staff:
        named: dict[str, list[Principal]] = {}
        for who in self._people.values():
            for grant in who.grants:
                for body in grant.bodies if grant.role is Role.RESPONDER else ():
                    named.setdefault(body, []).append(who)
        return {**await Everywhere().staff(), **named}


@dataclass
class Telling:
    """An incident on its way: its cases by name, and the receipt of each."""

    services: FourServices
    cast: Cast
    receipts: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    async def tell(self, incident: Mapping[str, Any]) -> None:
        """Lead it to its end; asserts what each step and the end say."""
        for step in incident["step"]:
            if "after" in step:
                await self.services.pass_time(span_of(step["after"]))
            for one in names_of(step):
                for verb, act in self._verbs().items():
                    if verb in step:
                        await act(step, one)
                        await self.services.deliver()
                if "state" in step:
                    _hold(step["told"], self.case(one).state, step["state"])
                if "every" in step:
                    await self.services.pass_time(span_of(step["every"]))
        for end in incident["end"]:
            await self._ends(end, end.get("case", "the case"))
        told = f"{self.services.events!r}{self.services.mails!r}"
        _hold("words outside the vault", [word for word in words_of(incident) if word in told], [])

    def case(self, name: str) -> Case:
        """A case as it is stored."""
        return self.services.cases.stored[self.ids[name]].case

    def _verbs(self) -> Mapping[str, Any]:
        return {
            "report": self._report, "gives": self._give, "answers": self._answer, "consents": self._consent,
            "checks_in": self._check_in,
            "appeals": self._appeal, "goes": self._goes, "sees": self._sees, "hidden_from": self._hidden_from,
            "queue": self._queue, "marked": self._marked,
        }  # fmt: skip

    async def _report(self, step: Mapping[str, Any], name: str) -> None:
        given = dict(step["report"])
        if senders := given.pop("in_turn", None):
            given["reporter"] = {"email": senders[len(self.ids) % len(senders)]}
        send = {"form": self._by_form, "program": self._by_program}[given.pop("how")]
        known = set(self.services.intake.store.reports)
        self.receipts[name] = await send(given)
        (report_id,) = set(self.services.intake.store.reports) - known
        self.ids[name] = case_id_of(report_id)

    async def _by_program(self, given: Mapping[str, Any]) -> str:
        answer = await self.services.reporter.post("/v1/reports", json=given)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["receipt"])

    async def _by_form(self, given: Mapping[str, Any]) -> str:
        http = self.services.reporter
        page = await http.get("/report", headers=HTML)
        sent = await http.post(
            "/report", data={**hidden_fields(page.text), **given}, headers=HTML, follow_redirects=True
        )
        found = re.search(r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){4}", sent.text)
        assert found, sent.text
        return found[0]

    async def _goes(self, step: Mapping[str, Any], name: str) -> None:
        """Where policy sends it, by which rule, in which lane, and with which clocks."""
        case, goes = self.case(name), step["goes"]
        facts = ReportFacts(case.community, case.category, frozenset(case.flags), case.setting)
        way = (POLICY.triage(facts).rule, case.body, case.lane)
        _hold(step["told"], way, (goes["rule"], goes["body"], goes["lane"]))
        clocks = {one.name: one.due_at - case.received_at for one in case.deadlines}
        wanted = {clock: span_of(words) for clock, words in goes["clocks"].items()}
        _hold(step["told"], {clock: clocks.get(clock) for clock in wanted}, wanted)

    async def _give(self, step: Mapping[str, Any], name: str) -> None:
        case = self.case(name)
        path = f"/v1/cases/{case.id}/{step['gives']}"
        headers = {**bearer(self.cast[step["who"]]), "if-match": f'"{case.seq}"'}
        answer = await self.services.desk.post(path, json=self._values(case, step.get("with", {})), headers=headers)
        refusal = "" if answer.status_code == 200 else _refusal(answer)
        _hold(f"{step['told']} {answer.text}", refusal, step.get("refused", ""))

    def _values(self, case: Case, given: Mapping[str, Any]) -> dict[str, Any]:
        """What a command is given: `+30 d` is a day, and a name stands for its person, case or entry."""
        entries = {
            "measure_id": lambda _: case.measures[-1].id, "agreement": lambda _: case.agreements[-1].id,
            "respondent": lambda _: case.subjects[0], "person": lambda name: self.cast[name].ref,
            "assignee": lambda name: self.cast[name].ref, "other": lambda name: self.case(name).code_name,
            "until": _day, "by_when": _day, "resume_on": _day, "snooze_until": _day,
        }  # fmt: skip
        return {field: entries[field](value) if field in entries else value for field, value in given.items()}

    async def _ask(self, path: str, **body: object) -> httpx.Response:
        return await self.services.reporter.post(f"/v1/follow-up{path}", json=body)

    async def _status(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self._ask("", receipt=self.receipts[name])).json()
        return found

    async def _answer(self, step: Mapping[str, Any], name: str) -> None:
        (question,) = [one for one in (await self._status(name))["questions"] if one["answer"] is None]
        receipt, question_id = self.receipts[name], question["question_id"]
        sent = await self._ask("/answers", receipt=receipt, question_id=question_id, text=step["answers"])
        assert sent.status_code == 202, sent.text

    async def _consent(self, step: Mapping[str, Any], name: str) -> None:
        sent = await self._ask("/consent", receipt=self.receipts[name], consent=step["consents"])
        assert sent.is_success, sent.text

    async def _check_in(self, step: Mapping[str, Any], name: str) -> None:
        asked = (await self._status(name))["check_in"]
        assert asked, f"the reporter is not asked: {step['told']}"
        known = set(self.services.intake.store.reports)
        given = {"receipt": self.receipts[name], "number": asked["number"], **step["checks_in"]}
        sent = await self._ask("/check-ins", **given)
        assert sent.status_code == 202, sent.text
        _hold(step["told"], "opened" in sent.json(), "opens" in step)
        if opens := step.get("opens"):
            (report_id,) = set(self.services.intake.store.reports) - known
            self.ids[opens], self.receipts[opens] = case_id_of(report_id), sent.json()["opened"]

    async def _appeal(self, step: Mapping[str, Any], name: str) -> None:
        sent = await self._ask("/appeals", receipt=self.receipts[name], **step["appeals"])
        assert sent.status_code == 202, sent.text

    async def _sees(self, step: Mapping[str, Any], name: str) -> None:
        """What the reporter sees with the receipt."""
        status = await self._status(name)
        # TOML has no null: `false` stands for what is not there.
        wanted = {field: None if value is False else value for field, value in step["sees"].items()}
        _hold(step["told"], {field: status[field] for field in wanted}, wanted)

    async def _hidden_from(self, step: Mapping[str, Any], name: str) -> None:
        """For these people there is no such case: no page, no row of the queue, no command."""
        case = self.case(name)
        for who in step["hidden_from"]:
            headers = bearer(self.cast[who])
            one = await self.services.desk.get(f"/v1/cases/{case.id}", headers=headers)
            queue = await self.services.desk.get("/v1/cases", headers=headers)
            _hold(f"{step['told']} {who}", (one.status_code, case.code_name in queue.text), (404, False))

    async def _queue(self, step: Mapping[str, Any], name: str) -> None:
        """The queue of a person has these cases and no other ones, in this order."""
        headers = bearer(self.cast[step["who"]])
        answer = await self.services.desk.get("/v1/cases?limit=200", headers=headers)
        names = {case_id: one for one, case_id in self.ids.items()}
        parts = ({"case" if isinstance(part, str) else "cases": part} for part in step["queue"])
        wanted = [one for part in parts for one in names_of(part)]
        _hold(step["told"], [names[one["id"]] for one in answer.json()["items"]], wanted)

    async def _marked(self, step: Mapping[str, Any], name: str) -> None:
        """What the desk says of a case that is one of many: `false` that it is none."""
        path = f"/desk/cases/{self.case(name).code_name}"
        page = (await self.services.desk.get(path, headers=bearer(self.cast[step["who"]]))).text
        for words in step["marked"] or []:
            _hold(f"{step['told']} {name}", words if words in page else "", words)
        _hold(f"{step['told']} {name}", "This is one of many reports" in page, bool(step["marked"]))

    async def _ends(self, end: Mapping[str, Any], name: str) -> None:
        case = self.case(name)
        clocks = {one.name: one for one in (*case.earlier_deadlines, *case.deadlines)}
        mails = [mail.notice for mail in self.services.mails if (mail.case_id, mail.recipient) == (case.id, "reporter")]
        found = {
            "state": case.state,
            "outcome": case.outcome,
            "kept": [clock for clock in end.get("kept", []) if _kept(clocks[clock])],
            "missed": [clock for clock in end.get("missed", []) if clocks[clock].breached_at],
            "measures": [[one.kind, one.state] for one in case.measures],
            "check_ins": [one.answer for one in case.check_ins if one.answer],
            "disclosed": [one.disclosure for one in case.disclosures],
            "agreements": [one.kept for one in case.agreements],
            "mails": mails,
        }
        _hold(name, found, {field: end.get(field, None if field == "outcome" else []) for field in found})
        await self._sees({"told": name, "sees": end["reporter"]}, name)
        await self._proves(case, end["record"])

    async def _proves(self, case: Case, record: Sequence[str]) -> None:
        """The record holds these facts in this order, folds to the stored case, and has no word of any person."""
        entries = [item["entry"] for item in await self.services.timeline(case.id)]
        kinds = iter(entry["ce"]["type"].removeprefix("hearth.").rpartition(".")[0] for entry in entries)
        _hold("missing in the record, or in another order", [fact for fact in record if fact not in kinds], [])
        events = [event_in(entry) for entry in entries if entry["ce"]["source"] == "hearth/triage"]
        steps = [event for event in events if event.fact.topic == "cases"]
        _hold("the record folds to", fold(sorted(steps, key=lambda event: event.case_seq)), case)


def _hold(where: str, found: object, wanted: object) -> None:
    """Assert that both are the same; the sentence of the incident says where they are not."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        same = [name for name, value in found.items() if name in wanted and wanted[name] == value]
        found, wanted = ({name: value for name, value in one.items() if name not in same} for one in (found, wanted))
    assert found == wanted, f"{where}: {found!r} is not {wanted!r}"


def _refusal(answer: httpx.Response) -> str:
    problem = answer.json()
    return str(problem["errors"][0]["code"] if problem.get("errors") else problem["type"].rpartition("/")[2])


def _day(words: str) -> str:
    return f"{now() + span_of(words.removeprefix('+')):%Y-%m-%d}"


def _kept(deadline: Any) -> bool:
    return deadline.met_at is not None and deadline.met_at <= deadline.due_at
