"""Who is told what, as a table: reads and checks routing.toml."""

import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from services.notification.routing.audiences import AUDIENCES
from shared.events import FACTS, CaseState, Fact

ROUTING = Path(__file__).parents[1] / "routing.toml"
_BY_NAME = {fact.name: fact for fact in FACTS.values()}


class Route(BaseModel):
    """One row: the fact `fact` brings the notice `notice` to the audience `recipient`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fact: str
    recipient: str
    notice: str
    channel: str
    urgency: Literal["now", "gathered"]
    now_in: tuple[str, ...] = ()
    at_most: Literal["hourly"] | None = None
    only: Mapping[str, tuple[str | bool, ...]] = {}

    def fits(self, fact: Fact) -> bool:
        """Whether the row is for this fact: each field that `only` names has one of the values there."""
        return all(getattr(fact, field) in values for field, values in self.only.items())

    def window(self, recipient: str, lane: str | None) -> str | None:
        """The name of the window in which the notice shares mails to the recipient; None: it goes by itself, at once.

        Each urgent lane has a window of its own, so its first notice never waits for those of other lanes.
        """
        if self.urgency == "now":
            return None
        return f"{recipient} {lane}" if lane in self.now_in else recipient


Routes = Mapping[str, Sequence[Route]]
"""The rows by the name of their fact."""


def read_routes(text: str, *, notices: Collection[str], channels: Collection[str]) -> Routes:
    """The table in `text`, the content of routing.toml.

    Raises ValueError with the file and the row of the first mistake: a row of another shape, a name that no table has,
    an audience that the fact cannot name or the channel cannot reach, a notice that the audience would get twice.
    """
    found: dict[str, list[Route]] = {}
    for number, row in enumerate(_rows(text), 1):
        try:
            route = Route.model_validate(row)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"routing.toml, row {number}: “{key}”: {first['msg']}") from None
        rows = found.setdefault(route.fact, [])
        mistake = _mistake(route, rows, notices, channels)
        if mistake:
            raise ValueError(f"routing.toml, row {number} ({route.fact} → {route.recipient}): {mistake}")
        rows.append(route)
    return found


def _rows(text: str) -> list[Any]:
    try:
        file = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"routing.toml: {error}") from None
    rows = file.get("route")
    if not isinstance(rows, list) or len(file) > 1:
        raise ValueError("routing.toml: holds [[route]] tables and nothing else")
    return rows


def _mistake(route: Route, above: Sequence[Route], notices: Collection[str], channels: Collection[str]) -> str | None:
    names = {"fact": _BY_NAME, "recipient": AUDIENCES, "notice": notices, "channel": channels}
    for column, known in names.items():
        if getattr(route, column) not in known:
            return f"there is no {column} “{getattr(route, column)}”"
    if missing := sorted(set(route.only) - _BY_NAME[route.fact].model_fields.keys()):
        return f"the fact has no “{missing[0]}”"
    if unknown := sorted(set(route.only.get("state", ())) - set(CaseState)):
        return f"there is no state “{unknown[0]}”"
    if empty := sorted(field for field, values in route.only.items() if not values):
        return f"“{empty[0]}” has no value, so the row would tell nobody"
    audience = AUDIENCES[route.recipient]
    if route.fact not in audience.named_by:
        return f"with this fact notification does not know who the {route.recipient} is, and would tell nobody"
    if route.channel not in audience.channels:
        return f"a {route.recipient} has no address for the channel “{route.channel}”"
    if route.urgency == "gathered" and not audience.digests:
        return f"each {route.recipient} gets a mail of their own: the urgency has to be “now”"
    if any((row.recipient, row.notice) == (route.recipient, route.notice) for row in above):
        return "the same recipient gets the same notice twice"
    return None
