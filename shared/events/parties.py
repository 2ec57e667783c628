"""Facts on restricted topics: by which pseudonyms people are shut out. The record holds only digests of them."""

from typing import ClassVar

from pydantic import AwareDatetime

from shared.events.envelope import Fact


def mark_noted(pseudonym: str) -> str:
    """What stands beside a pseudonym, where names are kept as one set, of a person that only words of handlers name."""
    return f"noted:{pseudonym}"


class ReportParties(Fact):
    """The pseudonyms of everybody named in a report; `mentioned` are those of people its words name. `noted`: of these,
    the ones that only words of handlers name, written since 1.3.

    A later one of the same report takes the place of the earlier. When the report is erased, a last one has no name
    keys: `shut_out` are the references of people on the roster who stay shut out, `named` says whether the report named
    anybody at all, and `erased_at` since when it is erased. `follows`: the case for which the reporter was treated
    badly, of a report that tells so; only this topic links the two. `salt` is random, so that nobody can try what a
    digest of this fact stands for.

    What finds similar reports, and shuts nobody out: `pages` are pseudonyms of the pages and places that the report
    names; `source` is one of the reporter, by the address or else by the name, or of the program that reported for
    nobody it names. `reported_at`: when the report was received.
    """

    topic: ClassVar[str] = "parties"
    name: ClassVar[str] = "report.parties"
    version: ClassVar[str] = "1.3"

    report_id: str
    subjects: tuple[str, ...] = ()
    reporter: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()
    mentioned: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()
    shut_out: tuple[str, ...] = ()
    named: bool = False
    erased_at: AwareDatetime | None = None
    follows: str | None = None
    pages: tuple[str, ...] = ()
    source: str | None = None
    reported_at: AwareDatetime | None = None
    salt: str

    @property
    def names(self) -> frozenset[str]:
        """The pseudonyms and references of all people who are shut out.

        An erased report that named people has one more, which is nobody's: its case never looks like one without names.
        Nobody's are also the marks of those that only words of handlers name.
        """
        nobody = (self.salt,) if self.named else ()
        shut_out = (*self.subjects, *self.reporter, *self.witnesses, *self.mentioned, *self.shut_out)
        return frozenset((*shut_out, *map(mark_noted, self.noted), *nobody))


class RosterNames(Fact):
    """The pseudonyms of a person's own names, all of them. `salt` is random, as in ReportParties."""

    topic: ClassVar[str] = "names"
    name: ClassVar[str] = "roster.names"

    person: str
    names: tuple[str, ...] = ()
    salt: str
