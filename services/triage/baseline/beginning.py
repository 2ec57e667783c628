"""The first content of a deployment: the projects of the movement that the page of the initiative lists."""

import tomllib
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any

from services.triage.author import TRIAGE
from services.triage.baseline.actions import RegistryEditor, Told
from services.triage.baseline.registry import Registry
from shared.events import ProjectListed
from shared.ids import derive
from shared.policy import GLOBAL_COMMUNITY

ROWS = Path(__file__).with_name("first_projects.toml")
CAUSE = derive("baseline", "first projects")


async def list_first_projects(editor: RegistryEditor, known: Collection[str]) -> None:
    """List them where nobody has said anything of projects of the whole movement yet. `known`: ids of the catalogue.

    A second start, and a second replica, change nothing, whatever became of the projects meanwhile. Raises Unavailable.
    """
    facts = [_fact(row, known) for row in tomllib.loads(ROWS.read_text(encoding="utf-8"))["project"]]

    def decide(registry: Registry, applied: frozenset[str], at: datetime) -> Told:
        # Every later change counts here, too: so this holds when the window of causes has long moved on.
        return (() if registry.seq else facts), TRIAGE

    await editor.tell(GLOBAL_COMMUNITY, (CAUSE,), decide)


def _fact(row: dict[str, Any], known: Collection[str]) -> ProjectListed:
    served = tuple(name for name in row.get("responsibilities", ()) if name in known)
    project_id = derive("project", GLOBAL_COMMUNITY, row["id"])
    words = {name: value for name, value in row.items() if name not in ("id", "responsibilities")}
    return ProjectListed(community=GLOBAL_COMMUNITY, project_id=project_id, responsibilities=served, **words)
