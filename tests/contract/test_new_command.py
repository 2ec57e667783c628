"""A new command on a case touches seven files: one is added to a copy of the code, and works everywhere."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("services/triage", "shared", "tests/support", "tests/fakes")

CLASS = '''"""Another handling body is asked for advice. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from services.triage.case.case import Case
from services.triage.case.commands.command import ChoiceField, Command, Words, WordsField
from shared.events import BodyConsulted, CaseState, CaseFact
from shared.policy import Policy
from shared.problems import FieldError


@dataclass(frozen=True, slots=True)
class Consult(Command):
    """Ask another handling body for advice, with the reasons for it."""

    name = "consult"

    body: Annotated[str, ChoiceField(offers=lambda policy: tuple(policy.bodies), said_as="body")]
    reason: Annotated[Words, WordsField(kept_as="reason")]

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """The body that has the case."""
        if self.body == case.body:
            yield FieldError("/body", "unknown_choice", "Choose another body.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The question."""
        return [BodyConsulted(previous=case.state, state=state, body=self.body, reason_id=self.reason.id)]
'''
FACT = '''

class BodyConsulted(CaseFact):
    """Another handling body is asked for advice."""

    name: ClassVar[str] = "case.consulted"
    shows: ClassVar[str | None] = "body"

    body: str
    reason_id: str
'''
CHANGE = '''"""What the facts of a consultation change. Pure."""

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from shared.events import BodyConsulted, Event


def _consulted(_case: Case, fact: BodyConsulted, _event: Event) -> Fields:
    return {"body": fact.body, "own_body": fact.body}


CHANGES = {BodyConsulted: _consulted}
'''
WORDS = {
    "command-consult": "Consult another body",
    "command-consult-button": "Consult it",
    "command-consult-done": "The body is consulted.",
    "fact-case-consulted": "Another handling body was consulted",
}

SCRIPT = """
import asyncio, json
from shared.access.table import TABLE
from shared.events.freeze import find_problems, freeze
from tests.support.forms import hidden_fields
from tests.support.people import sign_in
from tests.support.triage_rig import ALICE, CORA, bearer, make_rig

async def main():
    async with make_rig() as rig:
        case = await rig.open()
        for command in ("assign", "start"):
            assert (await rig.order(case, command)).status_code == 200
        shown = (await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(ALICE))).json()
        document = (await rig.http.get("/openapi.json")).json()
        values = {"body": "stewards", "reason": "They know the account."}
        refused = [
            (await rig.order(case, "consult", values, CORA)).status_code,
            (await rig.order(case, "consult", {**values, "body": case.body})).json()["errors"][0]["pointer"],
        ]
        await sign_in(rig.http, rig.sessions, "/desk", ALICE)
        address = f"/desk/cases/{case.code_name}"
        headers = {"accept": "text/html", "sec-fetch-site": "same-origin"}
        page = (await rig.http.get(address, headers=headers)).text
        sent = await rig.http.post(f"{address}/consult", data={**hidden_fields(page), **values}, headers=headers)
        after = rig.cases.stored[case.id].case
        return {
            "form": next(form for form in shown["actions"] if form["command"] == "consult"),
            "properties": document["paths"]["/v1/cases/{case_id}/{command}"]["post"]["requestBody"],
            "rights": [str(row.role) for row in TABLE if row.action == "case.consult"],
            "refused": refused,
            "page": page,
            "sent": [sent.status_code, sent.headers["location"]],
            "case": [after.state, after.body, after.history[-1].fact, after.history[-1].detail],
            "statements": list(rig.vault.statements.values()),
            "frozen": [path.parent.name for path in freeze()],
            "problems": find_problems(),
        }

print(json.dumps(asyncio.run(main())))
"""


def insert(path: Path, before: str, text: str) -> None:
    content = path.read_text(encoding="utf-8")
    assert content.count(before) == 1, before
    path.write_text(content.replace(before, text + before), encoding="utf-8")


def add_the_command(tree: Path) -> list[str]:
    """Write a command that consults another body; returns the files that this took."""
    files = [
        "services/triage/case/commands/consultation.py",
        "services/triage/case/lifecycle.py",
        "services/triage/case/evolve/consultation.py",
        "shared/events/cases.py",
        "shared/access/actions.py",
        "shared/i18n/en.json",
        "shared/i18n/qqq.json",
    ]
    command, lifecycle, evolve, facts, actions, *messages = (tree / name for name in files)
    command.write_text(CLASS, encoding="utf-8")
    insert(lifecycle, '    "close": {', '    "consult": {CaseState.INVESTIGATING: CaseState.INVESTIGATING},\n')
    evolve.write_text(CHANGE, encoding="utf-8")
    facts.write_text(facts.read_text(encoding="utf-8") + FACT, encoding="utf-8")
    insert(actions, '        _command("close"', '        _command("consult", "consult a body", Role.RESPONDER),\n')
    for path in messages:
        known = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(known | WORDS), encoding="utf-8")
    return files


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    for name in NEEDED:
        shutil.copytree(ROOT / name, tree / name)
    for package in ("services", "tests"):
        shutil.copy(ROOT / package / "__init__.py", tree / package)
    return tree


def test_a_new_command_takes_seven_files_and_works_everywhere(tree: Path) -> None:
    assert len(add_the_command(tree)) == 7
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tree,
        env={"PYTHONPATH": str(tree), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [(field["name"], field["kind"]) for field in found["form"]["fields"]] == [
        ("body", "choice"),
        ("reason", "words"),
    ]
    schema = found["properties"]["content"]["application/json"]["schema"]
    assert schema["properties"]["body"] == {"type": "string"}
    assert found["rights"] == ["responder"]
    assert found["refused"] == [403, "/body"]
    assert [text for text in WORDS.values() if text in found["page"]] == list(WORDS.values())[:2]
    assert found["sent"][0] == 303
    assert found["case"] == ["investigating", "stewards", "case.consulted", "stewards"]
    assert found["statements"] == [["reason", "They know the account."]]
    assert (found["frozen"], found["problems"]) == (["case.consulted"], [])
