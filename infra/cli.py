"""`hearth`: the command line of operators and auditors. infra/commands/ holds the groups of commands."""

import importlib
import json
import logging
import os
import sys
from collections.abc import Sequence

import typer

from infra.commands import baseline, doctor, policy, replica_set, scorecard
from infra.commands.console import Trouble, commands
from infra.commands.documents.contracts import asyncapi, schemas
from infra.commands.documents.pages import access, forgiving, lifecycle, settings
from infra.commands.erase import erase
from infra.commands.kafka import dead_letters, topics
from infra.commands.keys import secrets
from infra.commands.keys.certificates import certificates
from infra.commands.people import roster, tokens
from shared.environment import tidy

app = commands("Hearth's command line. Exit status: 0 fine, 1 finding, 2 usage.")
app.command("doctor")(doctor.doctor)
app.add_typer(secrets.app, name="secrets")
app.command("certificates")(certificates)
app.add_typer(topics.app, name="topics")
app.add_typer(replica_set.app, name="replica-set")
app.add_typer(policy.app, name="policy")
app.add_typer(baseline.app, name="baseline")
app.add_typer(scorecard.app, name="scorecard")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(roster.app, name="roster")
app.add_typer(tokens.app, name="token")
app.command("erase")(erase)
app.add_typer(schemas, name="schemas")
app.add_typer(asyncapi, name="asyncapi")
app.add_typer(settings, name="settings")
app.add_typer(access, name="access")
app.add_typer(forgiving, name="forgiving")
app.add_typer(lifecycle, name="lifecycle")

VERIFIER = "infra.commands.verify"


@app.command(
    "verify", add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def verify(context: typer.Context) -> None:
    """Check the audit record, from an export or an address: `hearth verify --help` lists its options."""
    raise typer.Exit(importlib.import_module(VERIFIER).main(context.args))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Options read their variables by themselves.
    tidy(os.environ)
    # The client libraries log every failed attempt. A command says it once, in a sentence.
    for library in ("aiokafka", "pymongo", "shared.kafka.publisher"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        app(arguments, prog_name="hearth")
    except Trouble as trouble:
        if "--json" in arguments:
            print(json.dumps({"error": trouble.sentence}, ensure_ascii=False))
        print(trouble.sentence, file=sys.stderr)
        return trouble.status
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
