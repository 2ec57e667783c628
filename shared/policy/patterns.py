"""What triage sees in several cases together, as values: pure, frozen, without clock or network."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

About = Literal["person", "page", "source"]


@dataclass(frozen=True, slots=True)
class MassRule:
    """A row of patterns.toml: so many `reports` about one person or page `within` this time, from few `sources`.

    In each of these `lanes` a source `keeps` the place of its first reports; its later ones rank behind all single
    reports.
    """

    id: str
    about: About
    within: timedelta
    reports: int
    sources: int
    keeps: int
    lanes: frozenset[str]


@dataclass(frozen=True, slots=True)
class SystemicRule:
    """A row of patterns.toml: `breaches` of these `deadlines` in at least `cases` of a community, `within` this time.

    Then a report with this `flag` is made, at most once in each such time.
    """

    id: str
    deadlines: frozenset[str]
    within: timedelta
    breaches: int
    cases: int
    flag: str


@dataclass(frozen=True, slots=True)
class Patterns:
    """The whole of patterns.toml.

    `close`: reports no further apart are close in time. A coordinator hears that a person is reported in other
    communities, too, from so many (`elsewhere_from`) on, and that the body `elsewhere_ask` knows more.
    """

    close: timedelta
    elsewhere_from: int
    elsewhere_ask: str
    mass: tuple[MassRule, ...]
    systemic: tuple[SystemicRule, ...] = ()
