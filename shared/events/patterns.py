"""Facts that triage writes to `cases`: what it sees in several cases together. They name and count no other case."""

from typing import ClassVar

from shared.events.cases import CaseFact


class CaseGrouped(CaseFact):
    """The case is one of many that came from few sources within a short time, by the rule `rule` of the policy.

    `behind`: it ranks behind the single reports of its lane, because its source has reported more than the policy
    keeps a place for. The case stays in its lane, and each deadline of it holds. The state stays.
    """

    name: ClassVar[str] = "case.grouped"
    follows_policy: ClassVar[bool] = True
    unseen: ClassVar[bool] = True

    rule: str
    behind: bool
