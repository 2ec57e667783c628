"""`hearth baseline`: what communities are responsible for, and how that changes from version to version."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.table import Table

from infra.commands.baseline_preview import preview
from infra.commands.console import FINDING, USAGE, AsJson, Trouble, answer, commands, count, table
from infra.commands.documents.baseline_page import attested_text, baseline_page, measured_text
from infra.commands.documents.pages import add_page
from infra.commands.options import MONGO, DatabasePrefix, Mongo, PolicyDir, mongo_access
from shared.i18n.messages import ENGLISH, Messages
from shared.policy import Policy, PolicyError, load_policy
from shared.policy.baseline import (
    Catalogue,
    Change,
    ChangeKind,
    Responsibility,
    catalogue_document,
    catalogue_versions,
    diff,
    row_document,
    word_folders,
    words_of,
)

app = commands("Read the baseline of community responsibilities.")

Version = Annotated[
    str | None, typer.Option("--version", metavar="DATE", help="A version of the baseline; else the newest one.")
]


@app.command("list")
def list_responsibilities(version: Version = None, policy_dir: PolicyDir = None, as_json: AsJson = False) -> None:
    """List what a version of the baseline asks for."""
    catalogue, words = version_of(version, policy_dir), Messages.load(word_folders(policy_dir))
    document = catalogue_document(catalogue, words, ENGLISH)
    rows = [
        (row.id, row.state, row.level, row.group, _evidence(row), words.text(ENGLISH, row.message("requirement")))
        for row in catalogue.responsibilities.values()
    ]
    versions = [one.version for one in known_versions(policy_dir)]
    answer(
        {**document, "versions": versions},
        as_json,
        lambda: Group(
            table(("Id", "State", "Level", "Group", "Evidence", "Requirement"), rows),
            f"\nVersion {catalogue.version}, from {catalogue.effective_from}. All versions: {', '.join(versions)}.",
        ),
    )


@app.command()
def show(
    responsibility: Annotated[str, typer.Argument(metavar="ID", help="Such as HB-03.")],
    version: Version = None,
    policy_dir: PolicyDir = None,
    as_json: AsJson = False,
) -> None:
    """Show all of one responsibility: its words, its rules, and its sources."""
    catalogue, words = version_of(version, policy_dir), Messages.load(word_folders(policy_dir))
    row = catalogue.responsibilities.get(responsibility.upper())
    if row is None:
        ids = ", ".join(catalogue.responsibilities)
        raise Trouble(f"Version {catalogue.version} has no {responsibility}; it has: {ids}.", USAGE)
    sources = {source.id: source for source in catalogue.sources}
    document = {
        "version": catalogue.version,
        **row_document(row),
        **words_of(row, words, ENGLISH),
        "sources": [
            {"url": sources[name].url, "oldid": sources[name].oldid, "read_on": sources[name].read_on}
            for name in row.sources
        ],
    }
    answer(document, as_json, lambda: _shown(row, catalogue, words))


@app.command("diff")
def show_difference(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The date of a version, such as 2026-11-01.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The date of another version.")],
    policy_dir: PolicyDir = None,
    as_json: AsJson = False,
) -> None:
    """Say what differs from one version to another. A difference is no finding: the exit status is 0."""
    difference = diff(version_of(old, policy_dir), version_of(new, policy_dir))
    words = Messages.load(word_folders(policy_dir))
    changes = [(change.kind, change.subject, change.part, *_sides(change, words)) for change in difference.changes]
    said = (
        f"{count(len(changes), 'change')} from {difference.old} to {difference.new}, from {difference.effective_from}."
    )
    answer(
        difference.document(),
        as_json,
        lambda: Group(table(("What", "Id", "Part", "Before", "After"), changes), f"\n{said}") if changes else said,
    )


@app.command("preview")
def show_preview(
    candidate: Annotated[
        str,
        typer.Argument(metavar="VERSION|FOLDER", help="The date of a version, or a policy folder with a newer one."),
    ],
    policy_dir: PolicyDir = None,
    mongo: Mongo = MONGO,
    database_prefix: DatabasePrefix = "",
    as_json: AsJson = False,
) -> None:
    """Say which communities would get another result under a version, by audit's rows as they are now.

    It reads audit's database. Where MongoDB asks who comes, set HEARTH_MONGO_USER and HEARTH_MONGO_PASSWORD to audit's.
    """
    folder = Path(candidate)
    new = version_of(None, folder) if folder.is_dir() else version_of(candidate, policy_dir)
    policy = policy_in(policy_dir)
    found = preview(mongo, database_prefix, mongo_access(database_prefix), policy, known_versions(policy_dir), new)
    shifts = [shift for shift in found.shifts if shift.turns or shift.level_before != shift.level_after]
    rows = [
        (
            shift.community,
            f"{shift.level_before} → {shift.level_after}",
            turn.responsibility,
            turn.before or "–",
            turn.after or "–",
        )
        for shift in shifts
        for turn in shift.turns
    ]
    changed = count(len(shifts), "community changes", "communities change")
    said = f"{changed}, of {len(found.shifts)}, from {found.old} to {found.new}."
    answer(
        {"old": found.old, "new": found.new, "sealed": found.sealed, "changed": [asdict(shift) for shift in shifts]},
        as_json,
        lambda: Group(table(("Community", "Level", "Id", "Before", "After"), rows), f"\n{said}") if rows else said,
    )


add_page(app, "baseline", baseline_page, "docs/responsibilities.md", "what the baseline asks for")


def known_versions(policy_dir: Path | None) -> tuple[Catalogue, ...]:
    """All versions, the oldest first. Raises Trouble that names everything wrong."""
    try:
        return catalogue_versions(policy_dir)
    except PolicyError as error:
        raise Trouble(str(error), FINDING) from None


def policy_in(policy_dir: Path | None) -> Policy:
    """The policy. Raises Trouble that names everything wrong."""
    try:
        return load_policy(policy_dir)
    except PolicyError as error:
        raise Trouble(str(error), FINDING) from None


def version_of(version: str | None, policy_dir: Path | None) -> Catalogue:
    """A version by its date, with or without its digest; the newest for None. Raises Trouble for an unknown one."""
    versions = known_versions(policy_dir)
    if version is None:
        return versions[-1]
    for catalogue in versions:
        if version in (catalogue.version, catalogue.dated):
            return catalogue
    raise Trouble(f"There is no version {version}: there are {', '.join(one.version for one in versions)}.", USAGE)


def _evidence(row: Responsibility) -> str:
    kinds = (("attested", row.attested), ("measured", row.measured), ("surveyed", row.surveyed))
    return {"any": " or ", "all": " and "}[row.evidence].join(name for name, there in kinds if there)


def _shown(row: Responsibility, catalogue: Catalogue, words: Messages) -> Table:
    said = words_of(row, words, ENGLISH)
    sources = {source.id: source for source in catalogue.sources}
    rows = [("Requirement", said["requirement"]), ("Why", said["why"]), ("Recommended", said["recommendation"])]
    rows += [("State", row.state + (f", counts from {row.counts_from}" if row.counts_from else ""))]
    rows += [("Replaced by", row.replaced_by)] if row.replaced_by else []
    rows += [("Level", f"{row.level}, {words.text(ENGLISH, f'baseline-level-{row.level}')}"), ("Group", row.group)]
    rows += [("Of", f"{', '.join(sorted(row.kinds))}; {words.code(ENGLISH, 'baseline-setting', row.setting).lower()}")]
    rows += [("Not applicable", row.not_applicable.replace("_", " ")), ("Evidence", _evidence(row))]
    rows += [("", attested_text(row.attested, words).replace("*", ""))] if row.attested else []
    rows += [("", measured_text(row.measured, words).replace("*", ""))] if row.measured else []
    for source in (sources[name] for name in row.sources):
        version = f", version {source.oldid}" if source.oldid else ""
        rows.append(("Source", f"{source.url}{version}, read {source.read_on}"))
    return table((row.id, f"Version {catalogue.version}"), rows)


def _sides(change: Change, words: Messages) -> tuple[str, str]:
    before, after = change.before or "–", change.after or "–"
    if change.kind is ChangeKind.WORDING:
        return words.text(ENGLISH, before), words.text(ENGLISH, after)
    return before, after
