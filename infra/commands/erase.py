"""`hearth erase`: destroy the data keys of reports, for good."""

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from infra.commands.console import FINDING, USAGE, AsJson, Trouble, answer, count, note, table
from infra.commands.options import checked
from shared.http import Client, InvalidURL, Response, TransportError, make_blocking_http
from shared.setting_kinds import check_address
from shared.settings import Settings

BATCH = 100
TRIES = 6
SECONDS = 60.0
"""For each step of a request, because erasing takes its time."""
SHOWN = 50
INTERRUPTED = 130
"""What a shell gives for a command that Ctrl-C ended."""
RESULTS = {"erased": "erased", "standing": "to be erased", "already": "erased before", "unknown": "unknown"}


class Why(StrEnum):
    """The reasons that an operator may give. The record keeps the code."""

    REQUESTED = "requested"
    COURT_ORDER = "court_order"
    LEGAL_DUTY = "legal_duty"
    MISDIRECTED = "misdirected"
    TEST = "test"


Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Reports, or cases with --case.")]
Case = Annotated[bool, typer.Option("--case", help="The ids are those of cases.")]
File = Annotated[
    Path | None,
    typer.Option(
        "--file", help="File of more ids, one a line; what follows # is passed over.", exists=True, dir_okay=False
    ),
]
Because = Annotated[Why, typer.Option("--reason", help="Why; the record keeps the code.")]
RequestOption = Annotated[
    UUID | None,
    typer.Option("--request", metavar="UUID", help="The id of the request, to repeat one that was interrupted."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be erased.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
IntakeUrl = Annotated[
    str,
    typer.Option(
        "--intake-url", envvar="HEARTH_INTAKE_URL", help="Where intake answers.", callback=checked(check_address)
    ),
]
INTAKE_URL = str(Settings.model_fields["intake_url"].default)
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", envvar="HEARTH_TOKEN_FILE", help="File of your token; else it is in HEARTH_TOKEN."),
]


@dataclass(frozen=True, slots=True)
class Door:
    """How intake is asked."""

    url: str
    token: str


def erase(
    reason: Because,
    ids: Ids = None,
    case: Case = False,
    file: File = None,
    request: RequestOption = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    intake_url: IntakeUrl = INTAKE_URL,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Destroy the data keys of reports: nobody can read them any more, and nothing brings them back.

    Exit status 1 if an id is unknown, or intake does not do it; what was done stays done, and --request repeats it.
    """
    asked = list(dict.fromkeys([*(ids or ()), *(_ids_in(file) if file else ())]))
    if not asked:
        raise Trouble("Name reports, or a --file of them.", USAGE)
    door = Door(intake_url, _token(token_file))
    if as_json and not yes and not dry_run:
        raise Trouble("With --json nobody can be asked: add --yes.", USAGE)
    if not yes and not dry_run:
        typer.confirm(f"Erase {count(len(asked), 'case' if case else 'report')} for good?", abort=True, err=True)
    order = {"reason": reason.value, "request_id": str(request or uuid4()), "dry_run": dry_run}
    if not dry_run and not as_json:
        # Said first, so that it is known however this ends.
        note(f"Request {order['request_id']}.")
    items = _erase_all(door, order, "case_ids" if case else "report_ids", asked, as_json)
    results = Counter(item["result"] for item in items)
    document = {**order, "results": dict(results), "items": items}
    answer(document, as_json, lambda: _show(items, results, dry_run))
    if further := sorted(
        {one for item in items for one in item.get("came_of_it", ())} - {i.get("report_id") for i in items}
    ):
        note(f"Reports of their own, made of these, stay: {', '.join(further)}.")
    if results["unknown"]:
        raise typer.Exit(FINDING)


def _erase_all(door: Door, order: dict[str, Any], kind: str, asked: Sequence[str], quiet: bool) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    headers = {"Authorization": f"Bearer {door.token}"}
    with (
        make_blocking_http(seconds=SECONDS, headers=headers) as http,
        Progress(*columns, console=Console(stderr=True), disable=quiet) as progress,
    ):
        bar = progress.add_task("Looking" if order["dry_run"] else "Erasing", total=len(asked))
        for start in range(0, len(asked), BATCH):
            part = asked[start : start + BATCH]
            try:
                items += _ask(http, door.url, {**order, kind: part})
            except Trouble as trouble:
                raise Trouble(trouble.sentence + _again(order, items), trouble.status) from None
            except KeyboardInterrupt:
                raise Trouble(f"Interrupted.{_again(order, items)}", INTERRUPTED) from None
            progress.advance(bar, len(part))
    return items


def _again(order: dict[str, Any], items: Sequence[dict[str, Any]]) -> str:
    """What is known to be erased, and how to go on. Intake may have erased the part that failed, too."""
    if order["dry_run"]:
        return ""
    done = sum(item["result"] == "erased" for item in items)
    return f" {done} were erased, perhaps more; repeat it with --request {order['request_id']}."


def _ask(http: Client, url: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """One request, repeated while intake is away. The same request erases nothing twice."""
    reason = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(min(0.2 * 2**attempt, 5.0))
        try:
            found = http.post(f"{url}/v1/erasures", json=body)
        except InvalidURL:
            raise Trouble(f"{url} is no address.", USAGE) from None
        except TransportError as error:
            reason = f"does not answer ({type(error).__name__})"
            continue
        if found.status_code == HTTPStatus.OK:
            return _items_in(url, found)
        if found.status_code < 500 and found.status_code != HTTPStatus.TOO_MANY_REQUESTS:
            raise Trouble(_refusal(url, found))
        reason = f"cannot do it now ({found.status_code})"
    raise Trouble(f"Intake at {url} {reason}.")


def _items_in(url: str, found: Response) -> list[dict[str, Any]]:
    try:
        items: list[dict[str, Any]] = found.json()["items"]
        if all(item["id"] and item["result"] in RESULTS for item in items):
            return items
    except (ValueError, KeyError, TypeError):
        pass
    raise Trouble(f"{url} gives an answer that is not one of intake.")


def _refusal(url: str, found: Response) -> str:
    try:
        problem = found.json()
        errors = "".join(f" {e['pointer']}: {e['detail']}" for e in problem.get("errors", ()))
        return f"Intake at {url} refuses ({found.status_code}): {problem['title']}{errors}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{url} refuses ({found.status_code}) and is perhaps not intake."


def _ids_in(file: Path) -> Iterator[str]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Trouble(f"{file} cannot be read.", USAGE) from None
    for line in text.splitlines():
        if found := line.partition("#")[0].strip():
            yield found


def _token(file: Path | None) -> str:
    if file is None:
        # There is no option for it: everybody on the machine sees a command line.
        given = os.environ.get("HEARTH_TOKEN", "").strip()
        if not given:
            raise Trouble("Set HEARTH_TOKEN, or name a --token-file.", USAGE)
        where = "HEARTH_TOKEN"
    else:
        where = str(file)
        try:
            given = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise Trouble(f"The token cannot be read from {file}.", USAGE) from None
    # A header holds nothing else, and no token has a space.
    if not given or any(not "!" <= character <= "~" for character in given):
        raise Trouble(f"What stands in {where} is no token.", USAGE)
    return given


def _show(items: Sequence[dict[str, Any]], results: Counter[str], dry_run: bool) -> RenderableType:
    summary = ", ".join(f"{results[result]} {words}" for result, words in RESULTS.items() if results[result])
    if dry_run:
        note("Nothing was done.")
    listed = [item for item in items if dry_run or item["result"] != "erased"]
    if not listed:
        return f"{summary}."
    if len(listed) > SHOWN:
        note(f"The first {SHOWN} of {len(listed)} are listed; --json has all.")
    rows = [(item["id"], RESULTS[item["result"]], item.get("state", "")) for item in listed[:SHOWN]]
    return Group(f"{summary}.", table(("Id", "Result", "Case"), rows))
