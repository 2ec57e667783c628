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
    """Check that every event has a frozen schema and that none has changed, and that the schemas of what strangers
    write are those of the code; exit status 1 otherwise.
    """
    _report(written=[], as_json=as_json)


@schemas.command()
def freeze(as_json: AsJson = False) -> None:
    """Write the schemas of versions that are not frozen yet, and those of what strangers write. A frozen one is never
    touched.
    """
    stale = _stale()
    for path, text in stale.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    written = [str(path.relative_to(SCHEMAS)) for path in (*freeze_schemas(), *stale)]
    _report(written, as_json=as_json)


def _stale() -> dict[Path, str]:
    """The schemas of what strangers write that are not as the code has them: the file, and what it should hold."""
    # The command line starts without any service.
    from services.intake.sources.contract import documents

    made = {
        SCHEMAS / path: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for path, schema in documents().items()
    }
    return {path: text for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text}


def _report(written: list[str], as_json: bool) -> None:
    late = [f"{path.relative_to(SCHEMAS)} is out of date: run `hearth schemas freeze`" for path in _stale()]
    problems = find_problems() + late
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
