"""The shape of patterns.toml, and the values that it gives."""

from typing import Annotated

from pydantic import Field

from shared.policy.model import Lane
from shared.policy.patterns import About, MassRule, Patterns
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


class PatternsFile(Row):
    similar: SimilarRow
    mass: list[MassRow]


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
    )
