"""The page of the life of a case, made from the table of triage."""

import importlib
from collections.abc import Iterable, Iterator, Mapping
from dis import get_instructions
from itertools import pairwise
from types import CodeType, FunctionType
from typing import TYPE_CHECKING

from shared.access.actions import ACTIONS
from shared.events import CaseFact, CaseState
from shared.policy import load_policy

if TYPE_CHECKING:
    from services.triage.case.commands.command import Command, Field

_LIFECYCLE = "services.triage.case.lifecycle"
_COMMAND = "services.triage.case.commands.command"
_TABLE = "services.triage.case.commands.table"
_CASE = "services.triage.case."
_TIMERS = "services.triage.case.timers.table"
_LOADS = "LOAD_GLOBAL"

Ways = Mapping[CaseState | None, CaseState | tuple[CaseState, ...]]

_INTRODUCTION = """\
# The life of a case

Made by `hearth lifecycle doc` from `TRANSITIONS` (`services/triage/case/lifecycle.py`), and from the commands, the
actions, and the deadlines of the policy; `make check` compares it. The table `TRANSITIONS` alone decides which command
is permitted in which state. [access.md](access.md) says on which conditions a person may give a command.

"""
_DIAGRAM = """\
## Which command leads where

An arrow is a command. The commands that leave a state as it is are not drawn; the table below has them.

```mermaid
stateDiagram-v2
"""
_COMMANDS = """\
```

## Each command

- **who**: the roles that may give it. *Fresh*: only after a sign-in of the last minutes. *Hearth*: the service gives it
  by itself, for example when the reporter answers.
- **fields**: of the form and of the API. A field in brackets may be left out, by some roles at least.
- **facts**: what the command itself can cause. Facts about deadlines, and about who is there for the case, can follow
  behind every command.
- **keeps**: the deadlines that these facts keep.

| command | what it does | who | from → to | fields | facts | keeps |
| --- | --- | --- | --- | --- | --- | --- |
"""
_STATES = """
## Each state

| state | commands permitted there |
| --- | --- |
"""


def lifecycle_page() -> str:
    """The page, in Markdown."""
    transitions: Mapping[str, Ways] = importlib.import_module(_LIFECYCLE).TRANSITIONS
    commands: Mapping[str, type[Command]] = importlib.import_module(_TABLE).COMMANDS
    permitted = {state: [name for name, ways in transitions.items() if state in ways] for state in CaseState}
    return "".join(
        (
            _INTRODUCTION,
            _DIAGRAM,
            *_arrows(transitions),
            _COMMANDS,
            *(_line(command, transitions[name]) for name, command in commands.items()),
            _STATES,
            *(f"| `{state}` | {_codes(names)} |\n" for state, names in permitted.items()),
        )
    )


def facts_of(command: type["Command"]) -> tuple[type[CaseFact], ...]:
    """The facts that the code of a command names: its methods, and the functions for cases that they call.

    Those of `wake` are the facts of all timers.
    """
    todo = [value for kind in command.__mro__ for value in vars(kind).values()]
    if command.name == "wake":
        todo += [timer.facts for timer in importlib.import_module(_TIMERS).TIMERS]
    seen: set[FunctionType] = set()
    found: list[type[CaseFact]] = []
    while todo:
        value = todo.pop(0)
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if not isinstance(function, FunctionType) or function in seen:
            continue
        seen.add(function)
        for meant in (function.__globals__.get(name) for name in _names(function.__code__)):
            if isinstance(meant, type) and issubclass(meant, CaseFact) and "name" in vars(meant):
                found.append(meant)
            elif isinstance(meant, FunctionType) and meant.__module__.startswith(_CASE):
                todo.append(meant)
    return tuple(dict.fromkeys(found))


def _names(code: CodeType) -> Iterator[str]:
    """What the code names; but of which it reads the name alone, it finds in a history, and causes nothing by it."""
    loads = [(one.argval, after.argval) for one, after in pairwise(get_instructions(code)) if one.opname == _LOADS]
    read = {name for name, of_it in loads if of_it == "name"} - {name for name, of_it in loads if of_it != "name"}
    yield from (name for name in code.co_names if name not in read)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _arrows(transitions: Mapping[str, Ways]) -> Iterator[str]:
    arrows: dict[tuple[CaseState | None, CaseState], list[str]] = {}
    for name, ways in transitions.items():
        for state, to in _each(ways):
            if state is not to:
                arrows.setdefault((state, to), []).append(name)
    for (state, to), names in arrows.items():
        yield f"    {state or '[*]'} --> {to}: {', '.join(names)}\n"


def _line(command: type["Command"], ways: Ways) -> str:
    fields_of = importlib.import_module(_COMMAND).fields_of
    facts = facts_of(command)
    names = {fact.name for fact in facts}
    keeps = [rule.id for rule in load_policy(None).deadlines.values() if not rule.met_by.isdisjoint(names)]
    says = (command.__doc__ or "").splitlines()[0].rstrip(".")
    cells = (
        f"`{command.name}`",
        says,
        _who(command),
        _ways(ways),
        ", ".join(map(_field, fields_of(command))) if command.by_people else "",
        _codes(fact.name for fact in facts),
        _codes(keeps),
    )
    return f"| {' | '.join(cells)} |\n"


def _who(command: type["Command"]) -> str:
    if not command.by_people:
        return "*Hearth*"
    action = ACTIONS[f"case.{command.name}"]
    return ", ".join([*(role.value for role in action.handlers), *(["*fresh*"] if action.fresh else [])])


def _ways(ways: Ways) -> str:
    lead: dict[CaseState, list[CaseState | None]] = {}
    for state, to in _each(ways):
        if state is not to:
            lead.setdefault(to, []).append(state)
    parts = [f"{_codes(state or 'no case' for state in states)} → `{to}`" for to, states in lead.items()]
    each = set(_each(ways))
    stay = [state for state in CaseState if (state, state) in each]
    others = [state for state in CaseState if state not in stay]
    if len(stay) > len(others):
        parts.append(f"stays in every state but {_codes(others)}")
    elif stay:
        parts.append(f"stays in {_codes(stay)}")
    return "<br>".join(parts)


def _each(ways: Ways) -> Iterator[tuple[CaseState | None, CaseState]]:
    """Each state with each state to which a command leads from it."""
    for state, way in ways.items():
        for to in (way,) if isinstance(way, CaseState) else way:
            yield state, to


def _field(field: "Field") -> str:
    said = f"`{field.name}` ({field.kind})"
    return said if field.required else f"[{said}]"


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
