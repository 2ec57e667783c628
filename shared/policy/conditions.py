"""What rows of policy files look at, and what they are for. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


class Place(Protocol):
    """What a row looks at of a community (shared.policy.model.Community)."""

    @property
    def id(self) -> str: ...

    @property
    def kind(self) -> str: ...


class Reported(Protocol):
    """A report, or what came of it, as far as the rows of a policy look at it."""

    @property
    def community(self) -> str: ...

    @property
    def category(self) -> str: ...

    @property
    def flags(self) -> Iterable[str]: ...

    @property
    def setting(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What the rows of a policy may look at. They never see a name or the narrative."""

    community: str
    category: str
    flags: frozenset[str]
    setting: str

    @classmethod
    def of(cls, one: Reported) -> "ReportFacts":
        """These of a report, a case, or an event."""
        return cls(one.community, one.category, frozenset(one.flags), one.setting)


@dataclass(frozen=True, slots=True)
class RowCondition:
    """What a row is for. A part that is None fits everything, and all parts must fit."""

    categories: frozenset[str] | None = None
    flags: frozenset[str] | None = None
    settings: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    communities: frozenset[str] | None = None

    def fits(self, facts: ReportFacts, community: Place) -> bool:
        return self.holds_in(community) and self.fits_report(facts)

    def holds_in(self, community: Place) -> bool:
        """Whether a report from this community can fit."""
        is_kind = self.kinds is None or community.kind in self.kinds
        return is_kind and (self.communities is None or community.id in self.communities)

    def fits_report(self, facts: ReportFacts) -> bool:
        """Whether this report fits, where the condition holds in its community."""
        return (
            (self.categories is None or facts.category in self.categories)
            and (self.flags is None or not self.flags.isdisjoint(facts.flags))
            and (self.settings is None or facts.setting in self.settings)
        )


ALWAYS = RowCondition()
"""The condition of a row that has none."""
