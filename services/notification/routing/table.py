"""Who is told what, as a table: reads and checks routing.toml."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

ROUTING = Path(__file__).parents[1] / "routing.toml"


class Route(BaseModel):
    """One row: the fact `fact` brings the notice `notice` to `recipient`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fact: str
    recipient: Literal["reporter", "body"]
    notice: str
    channel: str
    urgency: Literal["now", "gathered"]
    now_in: tuple[str, ...] = ()

    def at_once(self, lane: str | None) -> bool:
        """Whether the notice goes out by itself and at once, in this lane."""
        return self.urgency == "now" or lane in self.now_in


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    route: tuple[Route, ...]


Routes = Mapping[str, Sequence[Route]]
"""The rows by the name of their fact."""


def read_routes(text: str, *, facts: Iterable[str], notices: Iterable[str], channels: Iterable[str]) -> Routes:
    """The table in `text`. Raises ValueError for a row with a name that is not among the given ones, or a row twice."""
    known = {"fact": frozenset(facts), "notice": frozenset(notices), "channel": frozenset(channels)}
    found: dict[str, list[Route]] = {}
    for number, route in enumerate(_File.model_validate(tomllib.loads(text)).route, 1):
        for column, names in known.items():
            value = getattr(route, column)
            if value not in names:
                raise ValueError(f"routing.toml, row {number}: there is no {column} “{value}”")
        rows = found.setdefault(route.fact, [])
        if any((r.recipient, r.notice) == (route.recipient, route.notice) for r in rows):
            raise ValueError(f"routing.toml, row {number}: the same recipient gets the same notice twice")
        rows.append(route)
    return found
