"""Documents that are made from code: written, or compared with what is there."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from infra.commands.console import FINDING, USAGE, AsJson, Trouble, answer, commands
from infra.commands.documents.access_page import access_page
from infra.commands.documents.forgiving_page import forgiving_page
from infra.commands.documents.lifecycle_page import lifecycle_page
from infra.commands.documents.settings_page import settings_page

CheckOnly = Annotated[bool, typer.Option("--check", help="Write nothing; exit status 1 if it is out of date.")]

settings = commands("Document the settings.")
access = commands("Document who may do what.")
forgiving = commands("Document what is forgiven.")
lifecycle = commands("Document the life of a case.")


def write_or_check(path: Path, text: str, check_only: bool, as_json: bool, *, command: str) -> None:
    """Write `text` to `path`, or end with a finding when the file says something else."""
    current = path.read_text(encoding="utf-8") if path.exists() else None
    same = current == text
    if not check_only and not same:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise Trouble(f"{path} cannot be written: {error.strerror}.", USAGE) from None
    said = f"{path} is up to date." if same else f"{path} is out of date: run `{command}`."
    if not check_only:
        said = f"{path} is unchanged." if same else f"{path} is written."
    answer({"path": str(path), "same": same, "written": not same and not check_only}, as_json, lambda: said)
    if check_only and not same:
        raise typer.Exit(FINDING)


def add_page(group: typer.Typer, name: str, page: Callable[[], str], path: str, what: str) -> None:
    """Give the group of commands of this name its `doc`: it writes the `page` of `what` to `path`, or compares it."""

    @group.command("doc", help=f"Write the page of {what}, or with --check say whether it is up to date.")
    def doc(
        output: Annotated[Path, typer.Option("--output", help="The page.")] = Path(path),
        check_only: CheckOnly = False,
        as_json: AsJson = False,
    ) -> None:
        write_or_check(output, page(), check_only, as_json, command=f"hearth {name} doc")


add_page(settings, "settings", settings_page, "docs/settings.md", "all settings")
add_page(access, "access", access_page, "docs/access.md", "who may do what")
add_page(
    forgiving,
    "forgiving",
    forgiving_page,
    "docs/integrate/forgiving.md",
    "what is forgiven and what is refused",
)
add_page(lifecycle, "lifecycle", lifecycle_page, "docs/case-lifecycle.md", "the life of a case")
