"""`hearth schemas` and `hearth asyncapi`: the published contracts of events."""

import json
from pathlib import Path
from typing import Annotated

import typer

from infra.commands.console import FINDING, AsJson, answer, commands, count
from infra.commands.documents.pages import CheckOnly, write_or_check
from shared.events import FACTS
from shared.events.freeze import SCHEMAS, find_problems
from shared.events.freeze import freeze as freeze_schemas
from shared.kafka.asyncapi import merged

schemas = commands("Freeze the JSON Schemas of events, or check that frozen ones are kept.")
asyncapi = commands("Describe all services in one AsyncAPI document.")


@schemas.command()
def check(as_json: AsJson = False) -> None:
    """Check that every event has a frozen schema and that none has changed; exit status 1 otherwise."""
    _report(written=[], as_json=as_json)


@schemas.command()
def freeze(as_json: AsJson = False) -> None:
    """Write the schemas of versions that are not frozen yet. A frozen one is never touched."""
    _report(written=[str(path.relative_to(SCHEMAS)) for path in freeze_schemas()], as_json=as_json)


def _report(written: list[str], as_json: bool) -> None:
    problems = find_problems()
    lines = [f"Frozen: {name}" for name in written] + problems
    text = "\n".join(lines) or f"The schemas of {count(len(FACTS), 'event')} are kept."
    answer({"frozen": written, "findings": problems}, as_json, lambda: text)
    if problems:
        raise typer.Exit(FINDING)


@asyncapi.command()
def export(
    output: Annotated[Path, typer.Option("--output", help="The document.")] = Path("docs/asyncapi.json"),
    check_only: CheckOnly = False,
    as_json: AsJson = False,
) -> None:
    """Write the document, or with --check say whether it is up to date."""
    text = json.dumps(merged(), indent=2, ensure_ascii=False) + "\n"
    write_or_check(output, text, check_only, as_json, command="hearth asyncapi export")
