"""`hearth policy`: check policy files before a service has to, and try them on the cases of the last days."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.commands.console import FINDING, AsJson, answer, commands
from infra.commands.options import MONGO, DatabasePrefix, Mongo, mongo_access
from infra.commands.policy_preview import refuse, show_preview
from shared.access.entries import principal_in
from shared.access.principal import serves_beside
from shared.events import RosterEntryChanged
from shared.input.mail_addresses import wire_form
from shared.policy import Finding, Policy, PolicyError, load_policy
from shared.policy.baseline import Catalogue, load_catalogue
from shared.policy.loader import notes_of
from shared.times import now

if TYPE_CHECKING:
    from services.triage.roster.actions import RosterEditor
    from shared.access.roster_store import MongoRoster

app = commands("Check the policy files, and try them on recent cases.")

app.command("preview")(show_preview)

NEEDS_SMTPUTF8 = " (only by a mail server that offers SMTPUTF8)"

Folder = Annotated[
    Path | None,
    typer.Argument(
        metavar="[DIR]", envvar="HEARTH_POLICY_DIR", help="Folder with files that replace the packaged ones."
    ),
]


@app.command()
def check(
    directory: Folder = None,
    roster: Annotated[
        bool, typer.Option("--roster", help="Also look whether the people of the last resort serve no other body.")
    ] = False,
    notes: Annotated[
        bool,
        typer.Option("--notes", help="Also tell what works and may not be meant, such as overlapping rules."),
    ] = False,
    mongo: Mongo = MONGO,
    database_prefix: DatabasePrefix = "",
    as_json: AsJson = False,
) -> None:
    """Read policy and baseline, and name file, line and row of everything wrong; exit status 1 if anything is."""
    try:
        policy, baseline = load_both(directory)
    except PolicyError as error:
        refuse(error, as_json)
    shared = people_beside(policy.last_resort, mongo, database_prefix) if roster else []
    if shared:
        text = f"People of the last resort, {policy.last_resort}, serve another body as well: {', '.join(shared)}."
        answer({"version": policy.version, "findings": [{"text": text}]}, as_json, lambda: text)
        raise typer.Exit(FINDING)
    sizes = {
        "categories": len(policy.categories),
        "communities": len(policy.communities),
        "bodies": len(policy.bodies),
        "rules": len(policy.rules),
        "deadlines": len(policy.deadlines),
        "periods": len(policy.retention.rules),
        "responsibilities": len(baseline.responsibilities),
    }
    listed = ", ".join(f"{size} {name}" for name, size in sizes.items())
    addresses = {body.id: wire_form(body.email) for body in policy.bodies.values()}
    found = notes_of(directory)
    summary = "\n".join(
        [
            *(f"note: {one}" for one in found if notes),
            f"Policy {policy.version} and baseline {baseline.version} are valid: {listed}.",
            "So mail to each body goes over the wire:",
            *(
                f"  {body}: {address}{'' if address.isascii() else NEEDS_SMTPUTF8}"
                for body, address in addresses.items()
            ),
        ]
    )
    document = {
        "version": policy.version,
        "baseline": baseline.version,
        "findings": [],
        "notes": [asdict(one) for one in found],
        **sizes,
    }
    answer(document | {"addresses": addresses}, as_json, lambda: summary)


def load_both(directory: Path | None) -> tuple[Policy, Catalogue]:
    """The policy, and the newest version of the baseline. Raises PolicyError with everything wrong in both."""
    findings: list[Finding] = []
    loaded: list[Policy | Catalogue] = []
    for load in (load_policy, load_catalogue):
        try:
            loaded.append(load(directory))
        except PolicyError as error:
            findings += error.findings
    match loaded:
        case [Policy() as policy, Catalogue() as catalogue]:
            return policy, catalogue
    raise PolicyError(findings)


def people_beside(body: str, mongo: str, prefix: str) -> list[str]:
    """The people on the roster who serve this handling body, and another one as well."""
    from infra.commands.people.editor import run_with_editor

    async def read(_: "RosterEditor", roster: "MongoRoster") -> list[str]:
        entries = [state for state in await roster.changed_since(None) if isinstance(state, RosterEntryChanged)]
        return sorted(entry.person for entry in entries if serves_beside(principal_in(entry), body, now()))

    return run_with_editor(mongo, prefix, mongo_access(prefix), read)
