"""How far a measure reaches: for which respondents, in which project, and on which pages. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.events import ExtendedFact


@dataclass(frozen=True, slots=True)
class Extent:
    """For which respondents a measure holds (tokens of the case; empty: it does not say), and where.

    `project`: the community in which it holds; None for that of the case. The vault has its pages under `pages_id`.
    """

    respondents: tuple[str, ...] = ()
    project: str | None = None
    pages_id: str | None = None

    def told(self) -> Iterator[tuple[str, object]]:
        """The fields of the fact that tells it."""
        yield from (("respondents", self.respondents), ("project", self.project), ("pages_id", self.pages_id))


NOWHERE_ELSE = Extent()
"""The extent of a measure that says nothing of it: of older ones, and where there is nothing to say."""


def extent_of(fact: ExtendedFact) -> Extent:
    """The extent that a fact tells."""
    return Extent(fact.respondents, fact.project, fact.pages_id)
