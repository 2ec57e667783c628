"""The page of who may do what, made from the table of shared/access/table.py."""

from shared.access.actions import ACTIONS, Action
from shared.access.authorization import FRESH
from shared.access.conditions import HIDING, Condition
from shared.access.principal import Role
from shared.access.table import TABLE

_INTRODUCTION = f"""\
# Who may do what

Made by `hearth access doc` from the table in `shared/access/table.py`; `make check` compares it.

A service refuses what no row permits. A role ends at its own date. A person on leave may do nothing. Each route of
every service declares one of these actions, or the service does not start.

- **Recusal**: a party to a case, and a person who is recused from it, may do nothing marked *case* with it, in any
  role. To them the case is not there. A party is the person reported, a witness or the reporter, by the pseudonym of
  any of their names. In the record, a party gets the leaf hashes of the case, and a recusal withholds nothing.
- **Fresh**: needs a sign-in of the last {FRESH.seconds // 60} minutes.
- **Joint**: also people of a handling body that has joined the case, who meet the same conditions there. Of a joined
  body, only responders put a case back.
- A refusal for one of these reasons gets the same answer as if there were nothing (404):
  {", ".join(sorted(reason.value.replace("_", " ") for reason in HIDING))}.

"""


def access_page() -> str:
    """The page, in Markdown."""
    conditions = {c.says: c for row in TABLE for c in row.conditions}
    parts = [_INTRODUCTION, "| Action | To | Marks | Who |\n| --- | --- | --- | --- |\n"]
    parts += [_line(action) for action in ACTIONS.values()]
    parts.append("\n## Conditions\n\n| Condition | Otherwise the record says |\n| --- | --- |\n")
    parts += [f"| {says} | `{condition.reason.value}` |\n" for says, condition in conditions.items()]
    return "".join(parts)


def _line(action: Action) -> str:
    marks = [name for name, set_ in (("case", action.case), ("fresh", action.fresh), ("joint", action.joint)) if set_]
    who = [_who(row.role, row.conditions) for row in TABLE if row.action == action.name]
    scope = [f"scope `{action.scope}`"] if action.scope else []
    return f"| `{action.name}` | {action.says} | {', '.join([*marks, *scope])} | {'<br>'.join(who)} |\n"


def _who(role: Role, conditions: tuple[Condition, ...]) -> str:
    return f"**{role.value}**" + (f": {'; '.join(c.says for c in conditions)}" if conditions else "")
