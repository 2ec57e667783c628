"""`hearth secrets rotate`, `versions`, `drop` and `join`: the master key's versions, changed while intake runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from infra.commands.console import FINDING, USAGE, AsJson, Trouble, answer, count, table
from shared.environment import PREFIX
from shared.mongo import PyMongoError, connect
from shared.problems import Unavailable
from shared.times import now, rfc3339

# The command line starts without any service.
if TYPE_CHECKING:
    from services.intake.keys.keyring import Keyring
    from services.intake.keys.replicas import Replicas
    from services.intake.keys.rewrap import WrappedKeys
    from services.intake.keys.rotation import Outcome, Rotation
    from services.intake.keys.settings import KeySettings

T = TypeVar("T")

KeyringFile = Annotated[
    Path, typer.Option("--keyring", envvar="HEARTH_MASTER_KEY_FILE", help="The master key's file, which intake reads.")
]
KEYRING = Path("secrets/master_key")
COLUMNS = ("Version", "Id", "State", "Kept by", "Since")
Other = Annotated[Path, typer.Argument(metavar="FILE", help="The other keyring's file, which stays as it is.")]
MongoUri = Annotated[str | None, typer.Option("--mongo", help="MongoDB connection URI; unset: HEARTH_MONGO.")]
Source = Annotated[
    str | None,
    typer.Option("--source", help="Who keeps the new version: file or transit; unset: as the current one is kept."),
]
Drop = Annotated[bool, typer.Option("--drop", help="Then remove the retired versions that no report needs.")]
Settle = Annotated[
    float, typer.Option("--settle", min=0, help="Seconds that writes under way get before a version is removed.")
]
Patience = Annotated[
    float, typer.Option("--patience", min=0, help="Seconds that running intakes get to load the keyring.")
]


def rotate(
    keyring: KeyringFile = KEYRING,
    source: Source = None,
    drop: Drop = False,
    settle: Settle = 90.0,
    patience: Patience = 90.0,
    mongo: MongoUri = None,
    as_json: AsJson = False,
) -> None:
    """Make a new version of the master key and re-wrap the keys of all reports by it, while intake runs.

    Ended at any moment, it goes on where it stopped when it is run again.
    """
    outcome = _run(keyring, mongo, settle, patience, as_json, lambda rotation: rotation.rotate(source, drop=drop))
    _tell(outcome, as_json)


def drop(
    keyring: KeyringFile = KEYRING,
    settle: Settle = 90.0,
    patience: Patience = 90.0,
    mongo: MongoUri = None,
    as_json: AsJson = False,
) -> None:
    """Remove the retired versions that no report needs. Backups from before need them: keep a copy as long."""
    _tell(_run(keyring, mongo, settle, patience, as_json, lambda rotation: rotation.drop()), as_json)


def versions(keyring: KeyringFile = KEYRING, mongo: MongoUri = None, as_json: AsJson = False) -> None:
    """List the master key's versions, and how many reports need each."""
    ring = _ring_in(keyring)

    async def ask(reports: "WrappedKeys", replicas: "Replicas") -> tuple[dict[str, int], int]:
        return await reports.uses(), len(await replicas.running())

    uses, running = _with_store(_settings(keyring, mongo), ask)
    known = {key.id for key in ring.keys}
    lacking = {key_id: reports for key_id, reports in sorted(uses.items()) if key_id not in known}
    rows = [{**row, "reports": uses.get(str(row["id"]), 0)} for row in _rows(ring)]
    document = {"keyring": str(keyring), "versions": rows, "lacking": lacking, "running": running}
    answer(document, as_json, lambda: _list(rows, lacking))
    if lacking:
        raise typer.Exit(FINDING)


def join(other: Other, keyring: KeyringFile = KEYRING, as_json: AsJson = False) -> None:
    """Add the keys of another keyring that has sealed as well; from then on they open, and do not seal."""
    from services.intake.keys.keyring import write_keyring

    ring = _ring_in(keyring)
    joined = ring.join(_ring_in(other), now())
    if joined.keys != ring.keys:
        try:
            write_keyring(keyring, joined)
        except OSError:
            raise Trouble(f"{keyring} cannot be written.", USAGE) from None
        ring = joined
    rows = _rows(ring)
    answer({"keyring": str(keyring), "versions": rows}, as_json, lambda: table(COLUMNS, _cells(rows)))


def _ring_in(file: Path) -> "Keyring":
    from services.intake.keys.keyring import KeyringError, parse_keyring

    try:
        return parse_keyring(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise Trouble(f"{file} cannot be read.", USAGE) from None
    except KeyringError as error:
        raise Trouble(f"{file} is no keyring. {error}", USAGE) from None


class Bar:
    """The progress of a rotation, on standard error."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("looking", total=None)

    def step(self, text: str) -> None:
        """Say what is being done."""
        self._progress.update(self._task, description=text)

    def begin(self, total: int) -> None:
        """So many reports will be re-wrapped."""
        if total:
            self._progress.reset(self._task, total=total)

    def advance(self, done: int) -> None:
        """So many more are re-wrapped."""
        self._progress.advance(self._task, done)


def _run(
    keyring: Path,
    mongo: str | None,
    settle: float,
    patience: float,
    as_json: bool,
    do: Callable[["Rotation"], Awaitable["Outcome"]],
) -> "Outcome":
    from services.intake.keys.pace import Pace
    from services.intake.keys.rotation import Halted, Rotation

    settings = _settings(keyring, mongo)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=as_json) as progress:
        bar = Bar(progress)

        async def work(reports: "WrappedKeys", replicas: "Replicas") -> "Outcome":
            return await do(
                Rotation(keyring, settings, reports, replicas, bar, patience=patience, pace=Pace(settle=settle))
            )

        try:
            return _with_store(settings, work)
        except Halted as halted:
            raise Trouble(str(halted)) from None


def _settings(keyring: Path, mongo: str | None) -> "KeySettings":
    from services.intake.keys.settings import KeySettings

    given: dict[str, Any] = {"mongo": mongo} if mongo else {}
    try:
        return KeySettings(master_key_file=keyring, **given)
    except ValidationError as error:
        names = sorted({PREFIX + str(p["loc"][0]).upper() for p in error.errors(include_input=False) if p["loc"]})
        raise Trouble(f"Missing or wrong: {', '.join(names)}.", USAGE) from None
    except OSError as error:
        raise Trouble(f"{error.filename} cannot be read.", USAGE) from None


def _with_store(settings: "KeySettings", work: Callable[["WrappedKeys", "Replicas"], Awaitable[T]]) -> T:
    from services.intake.keys.replicas import Replicas
    from services.intake.keys.rewrap import WrappedKeys

    async def run() -> T:
        client = connect(settings.mongo, service="intake", access=settings.mongo_access("intake"))
        database = client[f"{settings.database_prefix}intake"]
        try:
            return await work(WrappedKeys(database["reports"]), Replicas(database["keyrings"]))
        finally:
            client.close()

    try:
        return asyncio.run(run())
    except Unavailable as error:
        raise Trouble(f"MongoDB does not answer as it should ({str(error).removeprefix('mongodb: ')}).") from None
    except (PyMongoError, ValueError) as error:
        # The URI may hold a password, so it is not repeated.
        raise Trouble(f"MongoDB does not answer as it should ({type(error).__name__}).") from None


def _rows(ring: "Keyring") -> list[dict[str, object]]:
    return [
        {
            "version": key.version, "id": key.id, "state": key.state.value, "source": key.source,
            "since": rfc3339(key.since) if key.since else None,
        }
        for key in ring.keys
    ]  # fmt: skip


def _cells(rows: Sequence[dict[str, object]]) -> list[tuple[object, ...]]:
    return [tuple("–" if cell is None else cell for cell in row.values()) for row in rows]


def _list(rows: Sequence[dict[str, object]], lacking: dict[str, int]) -> RenderableType:
    lines = _cells(rows)
    lines += [("–", key_id, "NOT HERE", "–", "–", reports) for key_id, reports in lacking.items()]
    return table((*COLUMNS, "Reports"), lines)


def _tell(outcome: "Outcome", as_json: bool) -> None:
    document = {
        "version": outcome.ring.current.version,
        "key_id": outcome.ring.current.id,
        "resumed": outcome.resumed,
        "rewrapped": outcome.reports,
        "damaged": outcome.damaged,
        "dropped": outcome.dropped,
        "needed": {str(version): reports for version, reports in outcome.needed.items()},
        "versions": _rows(outcome.ring),
    }
    answer(document, as_json, lambda: "\n".join(_sentences(outcome)))
    if outcome.damaged or outcome.needed:
        raise typer.Exit(FINDING)


def _sentences(outcome: "Outcome") -> list[str]:
    current = outcome.ring.current
    said = [f"Version {current.version} ({current.id}) seals; {count(outcome.reports, 'report')} re-wrapped."]
    said += [f"Version {version} is removed." for version in outcome.dropped]
    said += [f"Version {version} stays: {count(n, 'report')} need it." for version, n in outcome.needed.items()]
    if outcome.damaged:
        said.append("These cannot be unwrapped by any version, so nobody can read them: " + ", ".join(outcome.damaged))
    if rest := [str(key.version) for key in outcome.ring.keys if key is not current]:
        said.append(f"Retired and still in the keyring: {', '.join(rest)}. `hearth secrets drop` removes them.")
    said.append("Copy the keyring to where your backup of it is: without it no report can be read.")
    return said
