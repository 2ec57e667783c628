"""What a command says and how it ends: a JSON document, or text for people. Exit status 0 fine, 1 finding, 2 usage."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import typer
from rich.console import Console, RenderableType
from rich.table import Table

FINE, FINDING, USAGE = 0, 1, 2

AsJson = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]


class Trouble(Exception):
    """A command cannot do what it was asked. `sentence` says why, and what helps."""

    def __init__(self, sentence: str, status: int = FINDING) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status


def commands(help_text: str) -> typer.Typer:
    """An empty group of commands."""
    return typer.Typer(help=help_text, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


def answer(document: Mapping[str, object], as_json: bool, show: Callable[[], RenderableType]) -> None:
    """Print the document as JSON, or what `show` makes of it."""
    if as_json:
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        say(show())


def say(text: RenderableType) -> None:
    """Print for people, without reading `[...]` as markup."""
    Console(markup=False, highlight=False, soft_wrap=isinstance(text, str)).print(text)


def note(text: str) -> None:
    """Say something beside the answer, on standard error, so that the answer can be piped."""
    print(text, file=sys.stderr)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table that folds long cells instead of cutting them."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(str(cell) for cell in row))
    return made


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 topic`, `2 topics`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
