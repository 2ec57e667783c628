"""`hearth policy preview`: what another policy would have made of the cases of the last days, as triage has them."""

import asyncio
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Group

from infra.commands.console import FINDING, USAGE, AsJson, Trouble, answer, count, table
from infra.commands.options import MONGO, DatabasePrefix, Mongo, PolicyDir, mongo_access
from shared.connections import MongoAccess
from shared.mongo import PyMongoError, connect
from shared.policy import Policy, PolicyError, load_policy
from shared.policy.loader import FILES
from shared.problems import Unavailable
from shared.times import now, rfc3339

# The command line starts without any service.
if TYPE_CHECKING:
    from services.triage.shadow.comparison import Comparison, Tally

TRIAGE = "triage"

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE|FOLDER",
        help="A policy file under its own name, which takes the place of the one in force; or a whole policy folder.",
    ),
]


def show_preview(
    candidate: File,
    days: Annotated[int, typer.Option("--days", min=1, max=3650, help="How many days the cases go back.")] = 90,
    cases: Annotated[
        int, typer.Option("--cases", min=0, max=20, help="How many code names are shown for each difference.")
    ] = 5,
    policy_dir: PolicyDir = None,
    mongo: Mongo = MONGO,
    database_prefix: DatabasePrefix = "",
    as_json: AsJson = False,
) -> None:
    """Say which recent cases a changed policy would have sent elsewhere, or given other lanes, clocks or rules.

    It changes nothing. It compares the policy of HEARTH_POLICY_DIR with the changed one, for each case as it is now. It
    reads triage's database: where MongoDB asks who comes, set HEARTH_MONGO_USER and HEARTH_MONGO_PASSWORD to triage's.
    Exit status 1 where a policy is wrong, with file and line of each mistake.
    """
    from services.triage.shadow.comparison import Comparison

    comparison = Comparison(_checked(policy_dir, None, as_json), _checked(policy_dir, candidate, as_json))
    tally = asyncio.run(_tally(comparison, days, mongo, database_prefix, mongo_access(database_prefix)))
    found = [(difference, number, names[:cases]) for difference, number, names in tally.ordered()]
    old, new = comparison.old.version, comparison.new.version
    since = f"Of {count(tally.cases, 'case')} of the last {count(days, 'day')}, {tally.changed}"
    said = f"{since} would have been treated otherwise, from {old} to {new}."
    if comparison.unshown:
        said += f" Past cases cannot show everything that changes in {', '.join(comparison.unshown)}."
    document = {
        "old": old,
        "new": new,
        "since": rfc3339(now() - timedelta(days=days)),
        "cases": tally.cases,
        "changed": tally.changed,
        "unshown": list(comparison.unshown),
        "differences": [{**one._asdict(), "cases": number, "code_names": names} for one, number, names in found],
    }
    rows = [
        (number, one.aspect, f"{one.about} {one.part}".strip(), one.before or "–", one.after or "–", " ".join(names))
        for one, number, names in found
    ]
    shown = table(("Cases", "What", "Of it", "Now", "Then", "Such as"), rows)
    answer(document, as_json, lambda: Group(shown, f"\n{said}") if rows else said)


def _checked(policy_dir: Path | None, candidate: Path | None, as_json: bool) -> Policy:
    """The policy in force, or with the candidate. Ends the command with everything that is wrong with it."""
    try:
        if candidate is None or candidate.is_dir():
            return load_policy(candidate or policy_dir)
        if candidate.name not in FILES:
            raise Trouble(f"“{candidate.name}” is no policy file; there are: {', '.join(FILES)}.", USAGE)
        return load_policy(policy_dir, {candidate.name: candidate.read_text(encoding="utf-8-sig")})
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble(f"{candidate} cannot be read: {error}.", USAGE) from None
    except PolicyError as error:
        refuse(error, as_json)


def refuse(error: PolicyError, as_json: bool) -> NoReturn:
    """End the command with everything that is wrong with a policy."""
    answer({"version": None, "findings": [asdict(one) for one in error.findings]}, as_json, lambda: str(error))
    raise typer.Exit(FINDING) from None


async def _tally(comparison: "Comparison", days: int, uri: str, prefix: str, access: MongoAccess) -> "Tally":
    from services.triage.shadow.comparison import Tally
    from services.triage.shadow.store import MongoRecentCases

    client = connect(uri, service="cli", access=access)
    try:
        recent, tally = MongoRecentCases(client[f"{prefix}{TRIAGE}"]["cases"]), Tally()
        async for case in recent.received_since(now() - timedelta(days=days)):
            tally.count(case, comparison.of(case))
        return tally
    except (PyMongoError, Unavailable) as error:
        raise Trouble(f"MongoDB does not answer, or refuses: {error}.") from None
    finally:
        client.close()
