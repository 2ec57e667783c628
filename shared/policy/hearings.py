"""Which decisions the reporter hears of before they are made. Pure."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Hearing:
    """A row `hearing` of taxonomy.toml. A part that is None fits everything, and all parts must fit.

    `within`: how long the decision waits for an answer; None where it only has to be put to the reporter.
    """

    outcomes: frozenset[str] | None = None
    categories: frozenset[str] | None = None
    flags: frozenset[str] | None = None
    lanes: frozenset[str] | None = None
    within: timedelta | None = None

    def fits(self, outcome: str, category: str, flags: frozenset[str], lane: str) -> bool:
        """Whether it is for this outcome of such a case."""
        return (
            (self.outcomes is None or outcome in self.outcomes)
            and (self.categories is None or category in self.categories)
            and (self.flags is None or not self.flags.isdisjoint(flags))
            and (self.lanes is None or lane in self.lanes)
        )
