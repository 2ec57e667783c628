"""One case of the demo that takes the long way: referred, voted on, appealed and followed up by a check-in.

Its people act over HTTP, as their programs would.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from infra.local.system import System
from shared.access.principal import Role
from shared.http import Client, make_blocking_http
from shared.times import now

Say = Callable[[str], None]
Wait = Callable[[str, Callable[[], Any]], Any]
"""Waits for what is named until something comes of it."""
STEWARDS = "stewards"
IN_WORDS = {
    "claim": "takes the case",
    "start": "looks into it",
    "note": "writes a note for every body",
    "refer": "offers it to the stewards",
    "accept_referral": "takes it over for them",
    "propose_decision": "proposes a restriction",
    "second": "votes for it",
    "decide": "decides, after two votes",
    "appeal": "takes down the reporter’s appeal",
    "decide_appeal": "had no part before: it stands",
    "follow_up": "may ask how it goes",
    "agree": "notes what was agreed",
}
"""What each command of the story means, for people who see their names for the first time."""


class Person:
    """A person of the demo who gives commands on one case."""

    def __init__(self, name: str, http: Client, case_id: str, say: Say) -> None:
        self._name = name
        self._http = http
        self._path = f"/v1/cases/{case_id}"
        self._say = say

    def gives(self, command: str, **values: str) -> dict[str, Any]:
        """Carry a command out on the case as it stands; returns the case after it."""
        version = self._http.get(self._path).raise_for_status().headers["ETag"]
        answer = self._http.post(f"{self._path}/{command}", json=values, headers={"If-Match": version})
        state = answer.raise_for_status().json()["state"]
        self._say(f"  {self._name:<12} {command:<17} → {state:<14} {IN_WORDS[command]}")
        case: dict[str, Any] = self._http.get(self._path).raise_for_status().json()
        return case

    def sees_check_in(self) -> dict[str, Any] | None:
        """The case, once the reporter has answered its first check-in."""
        case: dict[str, Any] = self._http.get(self._path).raise_for_status().json()
        return case if case["check_ins"][0]["answer"] == "answered" else None


@dataclass(frozen=True)
class Reporter:
    """The reporter of the case, who has nothing but the receipt."""

    http: Client
    receipt: str
    say: Say

    def check_in(self) -> dict[str, Any] | None:
        """What the reporter is asked now."""
        answer = self.http.post("/v1/follow-up", json={"receipt": self.receipt})
        asked: dict[str, Any] | None = answer.raise_for_status().json()["check_in"]
        return asked

    def answers(self, number: int, **answers: str) -> None:
        """Answer a check-in."""
        given = {"receipt": self.receipt, "number": number, "choice": "answer", "answers": answers}
        self.http.post("/v1/follow-up/check-ins", json=given).raise_for_status()
        said = ", ".join(f"{name} {value}" for name, value in answers.items())
        self.say(f"  {'reporter':<12} {'check_in':<17} → {said}")


def tell_case(system: System, desk: Client, case_id: str, reporter: Reporter, wait: Wait) -> dict[str, Any]:
    """Lead the case to its end. `desk`: the responder who has it first. Returns it as it stands then."""
    say = reporter.say
    first = Person("responder", desk, case_id, say)
    tokens = {name: system.token(Role.RESPONDER, STEWARDS, ref=name) for name in ("Sam", "Tess", "Uma", "Vera")}
    clients = {name: make_blocking_http(system.url("triage"), headers=_bearer(token)) for name, token in tokens.items()}
    sam, tess, uma, vera = (Person(f"steward {name}", http, case_id, say) for name, http in clients.items())
    first.gives("claim")
    first.gives("start")
    first.gives("note", note="The same account is active on four other wikis.", visibility="shared")
    first.gives("refer", body=STEWARDS, explanation="Several wikis are concerned, so it is a case for stewards.")
    sam.gives("accept_referral")
    sam.gives("claim")
    sam.gives("start")
    until = f"{now() + timedelta(days=30):%Y-%m-%d}"
    sam.gives("propose_decision", outcome="restriction", until=until, scope="contact", why="Insults on five wikis.")
    tess.gives("second")
    uma.gives("second")
    reasons = "The account may not write to the people it insulted. Three of us looked at it."
    sam.gives("decide", outcome="restriction", reason=reasons)
    tess.gives("appeal", party="reporter", ground="proportion", why="The reporter asks for a longer restriction.")
    vera.gives("decide_appeal", verdict="upheld", why="Thirty days are what the policy gives for a first time.")
    sam.gives("follow_up", consent="yes")
    sam.gives("agree", what="They write no more on the talk pages of the others.", who="reported", by_when=until)
    asked = wait("the check-in to reach the reporter", reporter.check_in)
    reporter.answers(asked["number"], safe="yes", treated_badly="no")
    case: dict[str, Any] = wait("the answer to reach the case", sam.sees_check_in)
    say(f"  The reporter is asked again on {case['check_ins'][1]['due_at'][:10]}.")
    for http in clients.values():
        http.close()
    return case


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
