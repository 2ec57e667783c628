"""By what reports are found that have something in common: pseudonyms, which stand beside the cases.

They come on the topic `parties`, and go with the report as those do that shut people out. No page and no answer of an
API ever shows one.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.events import ReportParties
from shared.parties import PartiesCopy, PartiesEvent
from shared.policy import About

MOST_KEYS = 60
"""So many keys of a report are looked up at most: a line of names has several for each name, the likeliest first."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of the report of a case, by the id of the case. `reported_at` is UTC-aware.

    `people`: of those reported; `pages`: of pages and places; `source`: of the reporter, or of the program that
    reported for nobody it names. `by_person`: it is of a reporter.
    """

    id: str
    reported_at: datetime
    people: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    source: str | None = None
    by_person: bool = False

    @property
    def place(self) -> tuple[datetime, str]:
        """Its place among all reports, the earliest first."""
        return self.reported_at, self.id

    def keys(self, about: About) -> tuple[str, ...]:
        """What it can have in common with others. A program speaks for many people, so it is no source of its own."""
        match about:
            case "person":
                return self.people[:MOST_KEYS]
            case "page":
                return self.pages[:MOST_KEYS]
            case "source":
                return (self.source,) if self.source and self.by_person else ()

    def shares(self, about: About, other: "Marks") -> bool:
        """Whether the two have it in common."""
        return not set(self.keys(about)).isdisjoint(other.keys(about))


def marks_of(told: PartiesEvent) -> Marks:
    """The marks that a fact tells; none are left of a report that is erased."""
    fact: ReportParties = told.fact
    return Marks(
        told.event.case_id,
        fact.reported_at or told.event.time,
        fact.subjects,
        fact.pages,
        fact.source,
        bool(fact.reporter),
    )


class MarkStore(PartiesCopy, Protocol):
    """Where marks are kept: services.triage.patterns.store.MongoMarks, or memory in tests. Raises Unavailable."""

    async def load(self, case_ids: Iterable[str]) -> dict[str, Marks]:
        """The marks of these cases, without those of which nothing is known."""
        ...

    async def sharing(
        self, about: About, keys: Collection[str], since: datetime, until: datetime, limit: int
    ) -> Sequence[Marks]:
        """The newest reports of this time with one of the keys, at most `limit`. Both ends of the time count."""
        ...
