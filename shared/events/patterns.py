"""Facts that triage writes to `cases`: what it sees in several cases together. They name no other case."""

from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from shared.events.cases import CaseFact


class BreachCount(BaseModel):
    """How often a deadline was missed, by its name in the policy."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    deadline: str
    count: int


class SystemicPatternFound(CaseFact):
    """The case is about what its community misses: so many deadlines in so many `cases`, by the rule `rule`.

    It was counted from `since` to `until`, among all cases of the community. The state stays.
    """

    name: ClassVar[str] = "pattern.systemic"
    unseen: ClassVar[bool] = True

    community: str
    rule: str
    counts: tuple[BreachCount, ...]
    cases: int
    since: AwareDatetime
    until: AwareDatetime


class CaseGrouped(CaseFact):
    """The case is one of many that came from few sources within a short time, by the rule `rule` of the policy.

    `behind`: it ranks behind the single reports of its lane, because its source has reported more than the policy
    keeps a place for. The case stays in its lane, and each deadline of it holds. The state stays.
    """

    name: ClassVar[str] = "case.grouped"
    unseen: ClassVar[bool] = True

    rule: str
    behind: bool
