"""Which of the permitted commands stands open at the top of a case, and which one goes on where another led. Pure."""

from collections.abc import Collection, Mapping

from services.triage.case.case import Case
from services.triage.case.commands.decision import Decide
from services.triage.case.commands.handling import Claim, Start
from services.triage.case.commands.inquiry import Ask, Tell
from services.triage.case.commands.joint import AcceptInvitation
from services.triage.case.lifecycle import TRANSITIONS, states_of
from shared.events import CaseState

LIKELY: Mapping[CaseState, tuple[str, ...]] = {
    CaseState.TRIAGED: ("claim", "assign"),
    CaseState.ASSIGNED: ("start", "claim"),
    CaseState.INVESTIGATING: ("claim", "second", "decide", "propose_decision"),
    CaseState.AWAITING_INFORMATION: ("claim", "second", "start"),
    CaseState.REFERRED: ("accept_referral",),
    CaseState.DECIDED: ("close", "follow_up"),
    CaseState.FOLLOWING_UP: ("close",),
    CaseState.APPEALED: ("decide_appeal",),
    CaseState.REOPENED: ("claim", "start"),
}
"""By the state of a case: the commands that people most likely give, the likeliest first."""
FIRST_ASKED = Ask.name
"""Of a case that is looked into, the reporter is asked first, if Hearth can reach the reporter."""
BY_STEP: Mapping[str, str] = {"update": Tell.name, "hear": Ask.name, "decide-proposed": Decide.name}
"""The command that does what must happen next, where that is neither of the above."""
OTHERS_DO = frozenset({"await-votes", "await-verdict", "await-review", "await-decision"})
"""Steps that other people take. Nothing but a case that nobody has stands open for the reader meanwhile."""
GOES_ON = {Claim.name: Start.name}
"""The command that most people give next, by the one that they give before; the desk offers both as one."""


def most_likely(case: Case, permitted: Collection[str], next_step: str = "") -> str | None:
    """The command that stands open at the top; None where none does. `next_step`: the code of what must happen next."""
    asks = case.state is CaseState.INVESTIGATING and case.contactable and not case.questions and not case.proposal
    wanted = LIKELY.get(case.state, ())
    claims = wanted[:1] if case.assignee is None else ()
    due = BY_STEP.get(next_step)
    if next_step in OTHERS_DO:
        return next((name for name in claims if name in permitted), None)
    joins = [AcceptInvitation.name] if AcceptInvitation.applies(case) else []
    order = (*claims, *([due] if due else []), *([FIRST_ASKED] if asks else []), *wanted, *joins)
    return next((name for name in order if name in permitted), None)


def goes_on(case: Case, command: str) -> str | None:
    """The command that the state permits behind this one, where most people give it next."""
    after = GOES_ON.get(command)
    if after is None or case.state not in TRANSITIONS[command]:
        return None
    ways = TRANSITIONS[after]
    return after if all(state in ways for state in states_of(TRANSITIONS[command][case.state])) else None
