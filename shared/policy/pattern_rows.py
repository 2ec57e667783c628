"""The shape of patterns.toml, and the values that it gives."""

from typing import Annotated

from pydantic import Field

from shared.policy.model import Lane
from shared.policy.patterns import About, MassRule, Patterns, SystemicRule
from shared.policy.rows import Duration, Id, Row, parse_duration


class SimilarRow(Row):
    close: Duration
    # Of one or two communities a number would tell which.
    elsewhere_from: Annotated[int, Field(ge=2)]
    elsewhere_ask: Id


class MassRow(Row):
    id: Id
    about: About
    within: Duration
    reports: Annotated[int, Field(ge=2, le=1000)]
    sources: Annotated[int, Field(ge=1)]
    # The first report of a source always keeps its place.
    keeps: Annotated[int, Field(ge=1)]
    lanes: list[Lane]


class SystemicRow(Row):
    id: Id
    deadlines: Annotated[list[Id], Field(min_length=1)]
    within: Duration
    breaches: Annotated[int, Field(ge=2, le=1000)]
    # What is missed in one case says something about this case.
    cases: Annotated[int, Field(ge=2)]
    flag: Id


class PatternsFile(Row):
    similar: SimilarRow
    mass: list[MassRow]
    # A policy from before has none.
    systemic: list[SystemicRow] = Field(default_factory=list)


def patterns_of(file: PatternsFile) -> Patterns:
    """The rows as values."""
    return Patterns(
        parse_duration(file.similar.close),
        file.similar.elsewhere_from,
        file.similar.elsewhere_ask,
        tuple(
            MassRule(
                row.id, row.about, parse_duration(row.within), row.reports, row.sources, row.keeps, frozenset(row.lanes)
            )
            for row in file.mass
        ),
        tuple(
            SystemicRule(
                row.id, frozenset(row.deadlines), parse_duration(row.within), row.breaches, row.cases, row.flag
            )
            for row in file.systemic
        ),
    )
