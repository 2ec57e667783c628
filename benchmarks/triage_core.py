"""How many commands the pure core of triage judges, and carries out, in a second of one core."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, cast

from benchmarks.results import Result
from services.triage.author import TRIAGE
from services.triage.case.attendance import People
from services.triage.case.case import Case
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.decision import Decide
from services.triage.case.commands.handling import Assign, Close, Start
from services.triage.case.commands.inquiry import Ask, ReceiveAnswer
from services.triage.case.commands.opening import Open
from services.triage.case.commands.table import carry_out, decide
from shared.events import ReportReceived
from shared.policy import load_policy
from shared.times import now
from tests.support.people import responder
from tests.support.triage_rig import reported

ROUNDS = 1_000
TURNS = 15
POLICY = load_policy()
TWO = tuple(responder(name, *POLICY.bodies) for name in ("e0e0e0e0", "e1e1e1e1"))
PEOPLE = People(dict.fromkeys(POLICY.bodies, TWO))
HANDLER = responder("e0e0e0e0").ref
AT = now()
Given = tuple[Case | None, Command]


def measure_core() -> list[Result]:
    """Both, for the commands on the way of a case from its opening to its end."""
    given = list(_way())
    judged = _rate(given, lambda case, command: decide(case, command, POLICY, AT + timedelta(hours=1)))
    done = _rate(given, _carry_out)
    return [
        Result("commands decided", judged, "/s", None, None, "≥ 50,000/s", judged >= 50_000),
        Result("commands carried out", done, "/s", None, None, "", True),
    ]


def _rate(given: list[Given], work: Callable[[Case | None, Command], Any]) -> float:
    def spent() -> float:
        began = time.process_time()
        for _ in range(ROUNDS):
            for case, command in given:
                work(case, command)
        return time.process_time() - began

    # What else runs on the machine only adds to a time, so the shortest one says most of the code.
    return ROUNDS * len(given) / min(spent() for _ in range(TURNS))


def _way() -> Iterator[Given]:
    """The commands, each with the case as the ones before have left it."""
    case: Case | None = None
    report = cast(ReportReceived, reported(received_at=AT).fact)
    for command in (
        Open("calm-otter", report, PEOPLE),
        Assign(HANDLER),
        Start(),
        Ask(Words("q1", "When?")),
        ReceiveAnswer("q1", "a1"),
        Decide("advice", Words("r1", "For this.")),
        Close(),
    ):
        yield case, command
        case = _carry_out(case, command)


def _carry_out(case: Case | None, command: Command) -> Case | None:
    at = AT + timedelta(hours=1)
    return carry_out(case, command, POLICY, PEOPLE, at, case_id="c1", actor=TRIAGE, cause="cause", trace=None)[0]
