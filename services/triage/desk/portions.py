"""Long lists on the page of a case: the last entries of each, and the way to all of them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode

from fastapi import Request

NEWEST = 20
"""So many entries of a list a page shows at first."""
LISTS = ("notes", "parties", "history")
_ALL = "all"
"""The parameter of an address that names the lists which are shown as a whole."""

T = TypeVar("T")


class Rest(NamedTuple):
    """That a list has more entries than are shown: how many it has in all, and where all are shown."""

    in_all: int
    query: str


class Portions:
    """What one page shows of its lists. `left`: those of which it does not show everything, by their names.

    `whole`: it shows everything, because a link to more would lose what stands in a form of the page.
    """

    def __init__(self, request: Request, *, whole: bool) -> None:
        asked = LISTS if whole else request.query_params.getlist(_ALL)
        self._whole = [name for name in LISTS if name in asked]
        self.left: dict[str, Rest] = {}

    def of(self, name: str, entries: Sequence[T], stays: Callable[[T], bool] = lambda _: False) -> Sequence[T]:
        """The entries to show, in their order: the last ones and those that `stays` keeps; or all, if asked for."""
        older = len(entries) - NEWEST
        if older <= 0 or name in self._whole:
            return entries
        shown = [one for place, one in enumerate(entries) if place >= older or stays(one)]
        if len(shown) < len(entries):
            self.left[name] = Rest(len(entries), urlencode([(_ALL, one) for one in (*self._whole, name)]))
        return shown
