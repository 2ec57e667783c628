"""`hearth scorecard rebuild`: what scorecards are computed from, made anew from the record."""

import asyncio
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from infra.commands.console import AsJson, Trouble, answer, commands
from infra.commands.options import MONGO, DatabasePrefix, Mongo
from shared.connections import MongoAccess
from shared.mongo import Client, PyMongoError, connect
from shared.problems import Unavailable
from shared.settings import Connections, load_settings
from shared.times import rfc3339

app = commands("The scorecards of communities.")

AUDIT = "audit"

LogOrigin = Annotated[
    str | None,
    typer.Option("--log-origin", envvar="HEARTH_LOG_ORIGIN", help="Name of the deployment's record; else audit's own."),
]


@app.callback()
def group() -> None:
    """Keep `rebuild` a word of its own while it is the only command."""


@app.command()
def rebuild(
    mongo: Mongo = MONGO,
    database_prefix: DatabasePrefix = "",
    log_origin: LogOrigin = None,
    as_json: AsJson = False,
) -> None:
    """Make the rows of all scorecards anew from the sealed record, while audit runs.

    The new rows take the place of the old ones when they are complete. A run that was interrupted leaves the old ones.
    """
    access = load_settings(Connections, database_prefix=database_prefix).mongo_access(AUDIT)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=as_json) as progress:
        bar = progress.add_task("entries", total=None)

        def told(entries: int, total: int) -> None:
            progress.update(bar, advance=entries, total=total)

        document = asyncio.run(_rebuild(mongo, access, database_prefix, log_origin, told))
    answer(document, as_json, lambda: f"{document['entries']:,} entries, up to the seals of {document['as_of']}.")


async def _rebuild(
    uri: str, access: MongoAccess, prefix: str, log_origin: str | None, told: Callable[[int, int], None]
) -> dict[str, object]:
    client = connect(uri, service="cli", access=access)
    try:
        return await rebuild_rows(client, prefix, log_origin, told)
    except (PyMongoError, Unavailable) as error:
        raise Trouble(f"MongoDB does not answer, or refuses: {error}. The old rows still stand.") from None
    finally:
        client.close()


async def rebuild_rows(
    client: Client, prefix: str, log_origin: str | None, told: Callable[[int, int], None]
) -> dict[str, object]:
    """Make the rows anew; `told` hears how many more entries were folded, and of how many."""
    from services.audit.record.log import SEALS
    from services.audit.scorecard.projection import Projection, count_sealed
    from services.audit.scorecard.store import REBUILT, MongoRows
    from services.audit.settings import AuditSettings
    from services.audit.store import MongoRecord

    origin = log_origin or str(AuditSettings.model_fields["log_origin"].default)
    database = client[f"{prefix}{AUDIT}"]
    record, rows = MongoRecord(database), MongoRows(database, REBUILT)
    await record.prepare()
    await rows.clear()
    projection, entries = Projection(record, rows, origin), 0

    def count(folded: int) -> None:
        nonlocal entries
        entries += folded
        told(folded, max(entries, total))

    while True:
        seals = next(iter(await record.heads([SEALS])), None)
        total = count_sealed(seals, origin) if seals else 0
        if not await projection.advance(count):
            break
    position = await rows.position()
    if position is None or position.at is None:
        raise Trouble("The record has no seals yet, so there is nothing to make scorecards from.")
    await rows.take_place()
    return {"entries": entries, "seals": position.sealed, "as_of": rfc3339(position.at)}
