"""Every right that the table gives is asked for somewhere: one that no route needs is a right nobody should have."""

import ast
from collections.abc import Iterator
from pathlib import Path

from services.triage.baseline.forms import CHANGES as BASELINE_CHANGES
from services.triage.case.forms import FORMS
from services.triage.roster.changes import CHANGES
from shared.access.actions import ACTIONS
from shared.access.principal import Role
from shared.access.table import TABLE
from shared.web.gate import GatedRoute
from tests.support.every_app import SERVICES, build

ROOT = Path(__file__).parents[2]
ASKING = {"allow", "demand", "is_permitted", "reaches"}
OF_TABLES = {
    *(form.action for form in FORMS.values()),
    *(change.action for change in CHANGES.values()),
    *(change.action() for change in BASELINE_CHANGES.values()),
}
"""Those of the commands on a case and of the changes of roster and baseline: routes ask for them by the table's name.
"""


def declared() -> set[str]:
    """The actions that the routes of the four services declare."""
    return {route.action for name in SERVICES for route in build(name).routes if isinstance(route, GatedRoute)}


def asked() -> Iterator[str]:
    """The actions that code asks for, once it knows what they are about."""
    for folder in ("services", "shared"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ASKING:
                    yield from (a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str))


def test_every_action_is_declared_by_a_route_or_asked_for_by_one() -> None:
    routes = declared()
    assert len(routes) > 15
    assert routes <= set(ACTIONS)
    assert set(ACTIONS) - routes - set(asked()) - OF_TABLES == set()


def test_whatever_is_asked_for_is_in_the_table() -> None:
    assert {*asked(), *OF_TABLES} - {row.action for row in TABLE} == set()


def test_no_row_gives_a_role_what_only_others_can_ask_for() -> None:
    # An integrator's token opens two things, and a service's only the vault.
    assert {row.action for row in TABLE if row.role is Role.INTEGRATOR} == {"report.submit_for", "submission.read"}
    assert {row.action.partition(".")[0] for row in TABLE if row.role is Role.SERVICE} == {"vault", "roster"}
