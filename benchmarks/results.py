"""How results are written: one JSON file a benchmark, one table on the terminal."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Result:
    """One figure: Hearth's value, the bare program's in the same run, their ratio, the goal, and whether it is met."""

    name: str
    value: float
    unit: str
    floor: float | None
    ratio: float | None
    goal: str
    met: bool


def write(name: str, results: Sequence[Result]) -> None:
    """Keep the figures of one benchmark in `benchmarks/results/<name>.json`."""
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps([asdict(result) for result in results], indent=2)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def show(results: Sequence[Result]) -> None:
    """Print the table."""
    table = Table("figure", "value", "floor", "ratio", "goal", "met", title="Benchmarks")
    for r in results:
        floor = "" if r.floor is None else f"{r.floor:,.0f}"
        ratio = "" if r.ratio is None else f"{r.ratio:.2f}"
        table.add_row(r.name, f"{r.value:,.1f} {r.unit}", floor, ratio, r.goal, "yes" if r.met else "no")
    Console().print(table)
