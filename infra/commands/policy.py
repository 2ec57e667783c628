"""`hearth policy`: check the policy files before a service has to."""

from pathlib import Path
from typing import Annotated

import typer

from infra.commands.console import FINDING, AsJson, answer, commands
from shared.policy import PolicyError, load_policy

app = commands("Check the policy files.")

Folder = Annotated[
    Path | None,
    typer.Argument(
        metavar="[DIR]", envvar="HEARTH_POLICY_DIR", help="Folder with files that replace the packaged ones."
    ),
]


@app.command()
def check(directory: Folder = None, as_json: AsJson = False) -> None:
    """Read the policy and name file, line and row of everything wrong; exit status 1 if anything is."""
    try:
        policy = load_policy(directory)
    except PolicyError as error:
        findings = [{"file": f.file, "line": f.line, "entry": f.entry, "text": f.text} for f in error.findings]
        text = str(error)
        answer({"version": None, "findings": findings}, as_json, lambda: text)
        raise typer.Exit(FINDING) from None
    sizes = {
        "categories": len(policy.categories),
        "communities": len(policy.communities),
        "bodies": len(policy.bodies),
        "rules": len(policy.rules),
        "deadlines": len(policy.deadlines),
        "periods": len(policy.retention.rules),
    }
    summary = f"Policy {policy.version} is valid: {', '.join(f'{size} {name}' for name, size in sizes.items())}."
    answer({"version": policy.version, "findings": [], **sizes}, as_json, lambda: summary)
