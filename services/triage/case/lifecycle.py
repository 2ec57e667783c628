"""The states of a case, the commands on it, and the table of where each leads. Pure."""

from collections.abc import Mapping, Sequence

from services.triage.case.case import ENDED
from shared.events import TAKES_NO_APPEAL, CaseState
from shared.problems import FieldError

Way = CaseState | tuple[CaseState, ...]
"""The state to which a command leads; where there are several, the case says to which of them (Command.leads)."""

Ways = Mapping[CaseState | None, Way]
"""Where a command leads, by the state of the case."""

BEFORE_DECISION = (
    CaseState.TRIAGED,
    CaseState.ASSIGNED,
    CaseState.INVESTIGATING,
    CaseState.AWAITING_INFORMATION,
)
"""The states before the first decision, in which a case can be referred, be merged, and take in another one."""

# Where a party can appeal: against inaction also before the case is decided.
_APPEALABLE = tuple(state for state in CaseState if state not in (CaseState.RECEIVED, *TAKES_NO_APPEAL))


def _staying(*states: CaseState) -> dict[CaseState | None, Way]:
    """A command that leaves the case in the state that it has, in each of these."""
    return {state: state for state in states}


_UNDECIDED: Ways = _staying(*BEFORE_DECISION, CaseState.REOPENED)
# The reporter may be asked about a proposal while others vote on it.
_VOTING: Ways = _staying(CaseState.INVESTIGATING, CaseState.AWAITING_INFORMATION)
_AFTER_DECISION: Ways = _staying(CaseState.DECIDED, CaseState.FOLLOWING_UP)
_OPEN: Ways = _staying(*(state for state in CaseState if state not in (CaseState.RECEIVED, *ENDED)))
# A case that is referred asks one other body already.
_JOINABLE: Ways = {state: to for state, to in _OPEN.items() if state is not CaseState.REFERRED}
# A conflict may be seen at any time, and a party found; only what is merged away needs nothing of its own.
_ANY: Ways = _staying(*(state for state in CaseState if state not in (CaseState.RECEIVED, CaseState.MERGED)))
# Whatever has become of a case, an answer is never refused. It moves the case only where it is awaited.
_ANSWERED: Ways = {
    **_ANY,
    CaseState.MERGED: CaseState.MERGED,
    CaseState.AWAITING_INFORMATION: CaseState.INVESTIGATING,
}
# Only a case that was new is assigned from then on. Any other one goes on where it is, with another person.
_HANDED: Ways = {
    CaseState.TRIAGED: CaseState.ASSIGNED,
    **_staying(
        CaseState.ASSIGNED,
        CaseState.INVESTIGATING,
        CaseState.AWAITING_INFORMATION,
        CaseState.DECIDED,
        CaseState.FOLLOWING_UP,
        CaseState.APPEALED,
        CaseState.REOPENED,
        CaseState.REFERRED,
    ),
}

# What nobody looks into any more waits to be taken. What is decided, appealed or reopened can wait as it is.
_RELEASED: Ways = {
    CaseState.ASSIGNED: CaseState.TRIAGED,
    CaseState.INVESTIGATING: CaseState.TRIAGED,
    CaseState.AWAITING_INFORMATION: CaseState.TRIAGED,
    **_staying(
        CaseState.DECIDED,
        CaseState.FOLLOWING_UP,
        CaseState.APPEALED,
        CaseState.REOPENED,
        CaseState.REFERRED,
    ),
}

TRANSITIONS: Mapping[str, Ways] = {
    # Opening passes through `received`: the two facts are one write, so that no case is ever without an owner.
    "open": {None: CaseState.TRIAGED},
    # What others decided before Hearth has nothing left to be done, until its measure ends or a party appeals.
    "import_measure": {None: CaseState.CLOSED},
    "assign": _HANDED,
    "claim": _HANDED,
    "release": _RELEASED,
    "confirm_category": _UNDECIDED,
    "set_flags": _UNDECIDED,
    "split": _UNDECIDED,
    # The case stays with its sender, and the people of the sender go on having it, until the other body accepts.
    "refer": dict.fromkeys(BEFORE_DECISION, CaseState.REFERRED),
    "accept_referral": {CaseState.REFERRED: CaseState.TRIAGED},
    "decline_referral": {CaseState.REFERRED: BEFORE_DECISION},
    "recall_referral": {CaseState.REFERRED: BEFORE_DECISION},
    "invite_body": _JOINABLE,
    "accept_invitation": _JOINABLE,
    "decline_invitation": _JOINABLE,
    "end_joint": _ANY,
    "start": {
        CaseState.ASSIGNED: CaseState.INVESTIGATING,
        CaseState.AWAITING_INFORMATION: CaseState.INVESTIGATING,
        CaseState.REOPENED: CaseState.INVESTIGATING,
    },
    "ask": {CaseState.INVESTIGATING: CaseState.AWAITING_INFORMATION},
    # What is said to the reporter of a merged case, in words, is said in that case: they are of no other report.
    "tell": {**_OPEN, CaseState.MERGED: CaseState.MERGED},
    "receive_answer": _ANSWERED,
    "take_answer": _ANSWERED,
    "add_party": _ANY,
    "disclose": _ANY,
    "receive_reply": {**_ANY, CaseState.MERGED: CaseState.MERGED},
    "propose_decision": _staying(CaseState.INVESTIGATING),
    "second": _VOTING,
    "object": _VOTING,
    "decide": {CaseState.INVESTIGATING: CaseState.DECIDED},
    "recuse": _ANY,
    "confirm": _ANY,
    "withdraw": _ANY,
    "receive_recusal_ask": {**_ANY, CaseState.MERGED: CaseState.MERGED},
    "answer_recusal": {**_ANY, CaseState.MERGED: CaseState.MERGED},
    # A merged case hides its survivor from those who are recused from it.
    "keep_apart": {**_ANY, CaseState.MERGED: CaseState.MERGED},
    "clear": _ANY,
    "link": _ANY,
    "unlink": _ANY,
    "note": _ANY,
    "pause": _UNDECIDED,
    "resume": _OPEN,
    "snooze": _staying(
        CaseState.ASSIGNED,
        CaseState.INVESTIGATING,
        CaseState.AWAITING_INFORMATION,
        CaseState.DECIDED,
        CaseState.FOLLOWING_UP,
        CaseState.APPEALED,
        CaseState.REOPENED,
    ),
    "unsnooze": _OPEN,
    "watch": _ANY,
    "unwatch": _ANY,
    "merge": dict.fromkeys(BEFORE_DECISION, CaseState.MERGED),
    "unmerge": {CaseState.MERGED: BEFORE_DECISION},
    "follow": {CaseState.MERGED: CaseState.MERGED},
    "follow_up": {CaseState.DECIDED: CaseState.FOLLOWING_UP},
    "check_in": {**_ANY, CaseState.MERGED: CaseState.MERGED},
    "receive_check_in": {**_ANY, CaseState.MERGED: CaseState.MERGED},
    "receive_consent": {**_ANY, CaseState.MERGED: CaseState.MERGED},
    "lose_reporter": {
        **_ANY,
        CaseState.AWAITING_INFORMATION: CaseState.INVESTIGATING,
        CaseState.MERGED: CaseState.MERGED,
    },
    "agree": _AFTER_DECISION,
    "check_agreement": {**_AFTER_DECISION, CaseState.CLOSED: CaseState.CLOSED},
    "close": {CaseState.DECIDED: CaseState.CLOSED, CaseState.FOLLOWING_UP: CaseState.CLOSED},
    # An emergency waits for no state. Measures end also when the case is closed.
    "act_in_emergency": {state: to for state, to in _ANY.items() if state is not CaseState.CLOSED},
    "review_emergency": _ANY,
    "end_measure": _ANY,
    "note_return": _ANY,
    "appeal": dict.fromkeys(_APPEALABLE, CaseState.APPEALED),
    # The reporter's own appeal waits for no state: where it cannot be taken, the case says so and stays.
    "receive_appeal": {
        **_ANY,
        CaseState.MERGED: CaseState.MERGED,
        **{state: (state, CaseState.APPEALED) for state in _APPEALABLE},
    },
    "decide_appeal": {CaseState.APPEALED: _APPEALABLE},
    "reopen": {CaseState.CLOSED: CaseState.REOPENED},
    "wake": {
        **_ANY,
        CaseState.AWAITING_INFORMATION: (CaseState.AWAITING_INFORMATION, CaseState.INVESTIGATING),
        CaseState.REFERRED: (CaseState.REFERRED, *BEFORE_DECISION),
        # Its reporter is asked how it goes.
        CaseState.MERGED: CaseState.MERGED,
    },
    # Who is there for a case is judged behind every command, and by this one when nobody gives another.
    "attend": _OPEN,
    "let_go": _RELEASED,
}
"""Where each command leads from each state. None stands for a case that is not there yet."""


def states_of(way: Way) -> tuple[CaseState, ...]:
    """The states to which a way leads."""
    return (way,) if isinstance(way, CaseState) else way


class CommandRefused(Exception):
    """A command is refused. The text holds only words of this code base and ids."""


class NotPermitted(CommandRefused):
    """The table does not permit the command in this state; `permitted` are the commands that it does permit."""

    def __init__(self, command: str, state: CaseState | None) -> None:
        self.command = command
        self.state = state
        self.permitted = permitted_in(state)
        instead = ", ".join(self.permitted) or "nothing"
        super().__init__(f"{command} is not permitted in state {state or 'none'}; permitted: {instead}")


class FieldsRefused(CommandRefused):
    """Values of the command do not fit this case: `faults` say which, and why."""

    def __init__(self, faults: Sequence[FieldError]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{fault.pointer}: {fault.code}" for fault in faults))


class UnknownQuestion(CommandRefused):
    """An answer to a question that this case never asked."""


class Taken(CommandRefused):
    """Another person has the case."""


def cannot_have(field: str = "") -> FieldError:
    """The fault of a person in this field who cannot have the case; without a field, of the person who asks for it."""
    return FieldError(f"/{field}" if field else "", "cannot_have", "This person cannot have this case.")


def permitted_in(state: CaseState | None) -> tuple[str, ...]:
    """The names of the commands that the table permits in a state, in the order of a case's life."""
    return tuple(name for name, ways in TRANSITIONS.items() if state in ways)
