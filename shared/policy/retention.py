"""How long the content of a report is kept, as values: pure, frozen, without clock or network."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class ReportLife:
    """What retention may look at. `lane` and `outcome` are None until the case has them. Times are UTC-aware.

    `still_since` is when the last thing happened. `closed`: nothing more is to be done on the case.
    """

    report_id: str
    community: str
    kind: str
    category: str
    lane: str | None
    outcome: str | None
    received_at: datetime
    still_since: datetime
    closed: bool


@dataclass(frozen=True, slots=True)
class LifeCondition:
    """One table of a row's `when`. A part that is None fits everything, and all parts must fit."""

    outcomes: frozenset[str] | None = None
    lanes: frozenset[str] | None = None
    categories: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    communities: frozenset[str] | None = None

    def fits(self, life: ReportLife) -> bool:
        return (
            (self.outcomes is None or life.outcome in self.outcomes)
            and (self.lanes is None or life.lane in self.lanes)
            and (self.categories is None or life.category in self.categories)
            and (self.kinds is None or life.kind in self.kinds)
            and (self.communities is None or life.community in self.communities)
        )


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """A row of retention.toml: `keep` counts from the last step of a closed case. No `when` fits everything."""

    id: str
    keep: timedelta
    when: tuple[LifeCondition, ...]

    def fits(self, life: ReportLife) -> bool:
        return not self.when or any(condition.fits(life) for condition in self.when)


@dataclass(frozen=True, slots=True)
class Hold:
    """What retention must not touch: reports by id, or all that fit a condition."""

    id: str
    reports: frozenset[str]
    when: tuple[LifeCondition, ...]

    def covers(self, life: ReportLife) -> bool:
        return life.report_id in self.reports or any(condition.fits(life) for condition in self.when)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What retention decides about a report now.

    `due`: its content is to be erased, by the row `rule`. `kept`: its time has not come. `held`: it must not be erased;
    `rule` is the hold, or None while its case is open. `undecided`: it is open for longer than the policy allows.
    """

    fate: Literal["due", "kept", "held", "undecided"]
    rule: str | None


@dataclass(frozen=True, slots=True)
class Retention:
    """The whole of retention.toml. `load_policy` builds it after it has checked that the last rule fits everything."""

    rules: tuple[RetentionRule, ...]
    holds: tuple[Hold, ...]
    longest_undecided: timedelta

    @property
    def shortest(self) -> timedelta:
        """No closed report is due before it has been still for this long."""
        return min(rule.keep for rule in self.rules)

    def rule_for(self, life: ReportLife) -> RetentionRule:
        """The first row that fits. There always is one."""
        return next(rule for rule in self.rules if rule.fits(life))

    def judge(self, life: ReportLife, now: datetime) -> Verdict:
        """What is to be done with the report at `now` (UTC-aware)."""
        if not life.closed:
            old = life.outcome is None and now - life.received_at > self.longest_undecided
            return Verdict("undecided" if old else "held", None)
        if hold := next((hold for hold in self.holds if hold.covers(life)), None):
            return Verdict("held", hold.id)
        rule = self.rule_for(life)
        return Verdict("due" if now - life.still_since >= rule.keep else "kept", rule.id)
