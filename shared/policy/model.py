"""The policy as values: pure, frozen, without clock or network.

Sources: Universal Code of Conduct section 3 (categories), Enforcement Guidelines 3.1.2 (who handles what).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from operator import attrgetter
from typing import Literal, NamedTuple, get_args

from shared.policy.business_days import Calendar
from shared.policy.conditions import ALWAYS, ReportFacts, RowCondition
from shared.policy.hearings import Hearing
from shared.policy.patterns import Patterns
from shared.policy.peer_support import PeerSupportDirectory
from shared.policy.playbooks import Playbooks
from shared.policy.retention import Retention

Lane = Literal["standard", "emergency", "child_protection"]
CommunityKind = Literal["wiki", "affiliate", "event", "technical_space", "global"]
Consent = Literal["alone", "four_eyes", "two_thirds"]
ClockStart = Literal[
    "received", "referred", "last_update", "emergency_measure", "decided", "appealed", "followed_up", "recusal_asked"
]

OWED_TO_PARTIES: frozenset[ClockStart] = frozenset({"received", "last_update"})
"""What starts a clock of which both parties hear. An answer to a request is owed to who asks; every other clock runs
between handlers.
"""
EVERYWHERE = Calendar()
"""The calendar of a handling body that names none."""
GLOBAL_COMMUNITY = "global"
UNCLASSIFIED = "unclassified"
MEASURE_REVIEW = "emergency_measure_review"
"""The deadline by which a measure is reviewed that one person has taken in an emergency."""
RECUSAL_ANSWER = "recusal_answer"
"""The deadline by which a party hears who asked that a person does not handle the case."""
QUORUM = 2
"""The `quorum` of a handling body that names none."""


@dataclass(frozen=True, slots=True)
class Category:
    """One code of the taxonomy. `accuses` is false where a report accuses nobody, because a person needs help."""

    code: str
    source: str
    accuses: bool

    @property
    def group(self) -> str:
        """The part before the dot: `harassment` of `harassment.insults`."""
        return self.code.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case can end, and who has to agree (see taxonomy.toml).

    `quorum`: how many in a hundred of those who may vote must have voted. `timed`: it ends on a date, after
    `longest` at most. `scoped`: it is a measure that goes on. `emergency`: one person alone may take it in an
    emergency.
    """

    code: str
    needs: Consent
    quorum: int = 0
    sanction: bool = False
    timed: bool = False
    scoped: bool = False
    emergency: bool = False
    longest: timedelta | None = None

    @property
    def needs_proposal(self) -> bool:
        """Whether it is proposed before the case is decided so."""
        return self.needs != "alone" or self.timed or self.scoped


@dataclass(frozen=True, slots=True)
class HandlingBody:
    """People who may handle cases. `name_key` is a message of shared/i18n; `email` takes notices without content.

    `training`: the modules that its people must have completed; `stand_in`: the body that gets a case which this one
    cannot look after; `last_resort`: it gets what nobody else can look after; `language`: that of its notices;
    `calendar`: its business days; `quorum`: so many of its people must be left who may handle a case, once one of them
    is shut out of it.
    """

    id: str
    name_key: str
    email: str
    training: tuple[str, ...] = ()
    stand_in: str | None = None
    language: str = "en"
    last_resort: bool = False
    calendar: Calendar = EVERYWHERE
    quorum: int = QUORUM


@dataclass(frozen=True, slots=True)
class Community:
    """A place where people work together. `bodies` maps a local part (`arbcom`, `admins`) to the id of a handling
    body.
    """

    id: str
    kind: CommunityKind
    name: str
    language: str
    bodies: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Triage:
    """Where a report goes. `rule` is the id of the rule that matched; `act_within` counts from the receipt."""

    lane: Lane
    body: str
    rule: str
    act_within: timedelta | None


@dataclass(frozen=True, slots=True)
class DeadlineRule:
    """`lanes` empty means every lane; `pausable` clocks stand still while the case awaits information.

    `met_by`: the names of the facts that keep it. `warn`: so long before it is due the handlers are warned. `escalate`:
    so long after it was missed the stand-in of the handling body hears of it. `business`: all its times are business
    time of the handling body. `restarts`: its clock starts anew where the case is reopened.
    """

    id: str
    starts: ClockStart
    within: timedelta
    lanes: frozenset[str]
    pausable: bool
    met_by: frozenset[str]
    warn: timedelta | None = None
    escalate: timedelta | None = None
    business: bool = False
    restarts: bool = True

    def applies_to(self, lane: str) -> bool:
        return not self.lanes or lane in self.lanes

    def from_start(self, at: datetime, calendar: Calendar = EVERYWHERE) -> "Clock":
        """The deadline of a case, with a clock that starts at that time (UTC-aware), in a body with that calendar."""
        return self.due(calendar.after(at, self.within.days) if self.business else at + self.within, calendar)

    def due(self, at: datetime, calendar: Calendar) -> "Clock":
        """The deadline of a case that is due at that time (UTC-aware), in a body with that calendar."""
        time = calendar.counting(business=self.business)
        return Clock(
            self.id,
            at,
            time.earlier(at, self.warn) if self.warn else None,
            time.later(at, self.escalate) if self.escalate else None,
        )


class Deadline(NamedTuple):
    """A deadline of one case. `due_at` is UTC-aware."""

    name: str
    due_at: datetime


class Clock(NamedTuple):
    """A deadline of one case as its clock starts. All times are UTC-aware.

    `warn_at`: when the handlers are warned; `escalate_at`: when others hear of it, if nothing has kept it by then.
    """

    name: str
    due_at: datetime
    warn_at: datetime | None = None
    escalate_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of routing.toml. `to` lists bodies in order of preference; `local.<part>` looks in the community."""

    id: str
    lane: Lane
    to: tuple[str, ...]
    when: tuple[RowCondition, ...]
    act_within: timedelta | None

    def matches(self, facts: ReportFacts, community: Community) -> bool:
        return any(condition.fits(facts, community) for condition in self.when or (ALWAYS,))

    def body_for(self, community: Community) -> str | None:
        """The first body of `to` that exists for this community; None if none does."""
        for target in self.to:
            scope, dot, part = target.partition(".")
            body = community.bodies.get(part) if dot and scope == "local" else target
            if body is not None:
                return body
        return None


@dataclass(frozen=True, slots=True)
class FollowUpRule:
    """A row of follow_up.toml. `outcomes` and `settings` None: every one. `after`: the check-ins, soonest first."""

    outcomes: frozenset[str] | None
    settings: frozenset[str] | None
    after: tuple[timedelta, ...]

    def fits(self, outcome: str, setting: str) -> bool:
        """Whether it is for a case with this outcome, in this setting."""
        is_outcome = self.outcomes is None or outcome in self.outcomes
        return is_outcome and (self.settings is None or setting in self.settings)


@dataclass(frozen=True, slots=True)
class MeasureFollowUp:
    """What follows a measure: a row `measure` of follow_up.toml. `outcomes` None: every kind.

    `talk` and `before`: so long before its last day people talk with the person, and ask the reporter; None: never.
    """

    outcomes: frozenset[str] | None
    talk: timedelta | None = None
    before: timedelta | None = None
    after: tuple[timedelta, ...] = ()


@dataclass(frozen=True)
class Policy:
    """Everything that communities may decide. `load_policy` builds it after its checks.

    It has no slots, because it remembers what follows from its rows: each command on a case asks for that.
    """

    version: str
    categories: Mapping[str, Category]
    flags: tuple[str, ...]
    settings: tuple[str, ...]
    scopes: tuple[str, ...]
    boundless: frozenset[str]
    """Those of the scopes that hold in every community."""
    outcomes: Mapping[str, Outcome]
    hearings: tuple[Hearing, ...]
    communities: Mapping[str, Community]
    bodies: Mapping[str, HandlingBody]
    rules: tuple[Rule, ...]
    deadlines: Mapping[str, DeadlineRule]
    retention: Retention
    identities: Mapping[tuple[str, str], tuple[str, ...]]
    """By privacy of the report and state of its case: what handlers are told of the reporter."""
    follow_up: tuple[FollowUpRule, ...]
    measure_follow_up: tuple[MeasureFollowUp, ...]
    tries: int
    """How many times a reporter is asked, the first time included, if no answer comes."""
    again_after: timedelta
    """How long after one try the next one follows."""
    answer_within: timedelta
    """How long a case waits for the answer of a reporter who is asked something."""
    pauses: Mapping[str, timedelta]
    """Why handlers may pause a case: by code, for how long at most."""
    peer_support: PeerSupportDirectory
    patterns: Patterns
    playbooks: Playbooks

    @cached_property
    def emergency_outcomes(self) -> tuple[str, ...]:
        """The codes of the measures that one person alone may take in an emergency."""
        return tuple(outcome.code for outcome in self.outcomes.values() if outcome.emergency)

    @cached_property
    def last_resort(self) -> str:
        """The id of the body of last resort. There is exactly one."""
        return next(body.id for body in self.bodies.values() if body.last_resort)

    def names_nobody(self, community: str, rule: str | None, body: str | None) -> bool:
        """Whether `rule` (an id) is the last of several, for what no other one is for, and names this `body`."""
        last = self.rules[-1]
        return len(self.rules) > 1 and rule == last.id and body == last.body_for(self._community(community))

    def training_of(self, body: str | None) -> tuple[str, ...]:
        """The modules that the people of a handling body must have completed.

        Of one that this policy does not know any more, what those need who would get its cases.
        """
        if body is None:
            return ()
        return (self.bodies.get(body) or self.bodies[self.last_resort]).training

    @cached_property
    def ordinary_bodies(self) -> tuple[str, ...]:
        """The ids of all bodies but that of last resort."""
        return tuple(body.id for body in self.bodies.values() if not body.last_resort)

    @cached_property
    def handled_by(self) -> Mapping[str, frozenset[str]]:
        """By community the bodies that handle cases of it: its own, those of the rules, and the stand-ins of all."""
        found: dict[str, frozenset[str]] = {}
        for community in self.communities.values():
            first = {*community.bodies.values(), *(way.body for _, way in self._ways[community.id])}
            found[community.id] = frozenset(first).union(*(self.stand_ins(body) for body in first))
        return found

    @cached_property
    def handle_all(self) -> frozenset[str]:
        """The bodies that handle cases of every community."""
        return frozenset.intersection(*self.handled_by.values())

    def kind_of(self, community: str) -> CommunityKind | None:
        """Of what kind the community of this id is; None where the policy does not have it any more."""
        found = self.communities.get(community)
        return found.kind if found else None

    def stand_ins(self, body: str) -> tuple[str, ...]:
        """The bodies that get a case which `body` cannot look after, in this order; the last resort comes last."""
        return self._stand_ins.get(body, (self.last_resort,))

    @cached_property
    def _stand_ins(self) -> Mapping[str, tuple[str, ...]]:
        return {body: tuple(self._stand_ins_of(body)) for body in self.bodies}

    def _stand_ins_of(self, body: str) -> Iterator[str]:
        asked, known = {body}, self.bodies[body]
        while known.stand_in and known.stand_in not in asked:
            yield known.stand_in
            asked.add(known.stand_in)
            known = self.bodies[known.stand_in]
        if body != self.last_resort:
            yield self.last_resort

    def hearing(self, outcome: str, category: str, flags: frozenset[str], lane: str) -> Hearing | None:
        """How the reporter of such a case hears of this outcome before it is decided; None where that is left open."""
        return next((row for row in self.hearings if row.fits(outcome, category, flags, lane)), None)

    def check_ins(self, outcome: str, setting: str) -> tuple[timedelta, ...]:
        """How long after the follow-up of such a case began its reporter is asked how it goes, soonest first."""
        return next((rule.after for rule in self.follow_up if rule.fits(outcome, setting)), ())

    def after_measure(self, outcome: str) -> MeasureFollowUp:
        """What follows a measure of this kind."""
        fitting = (row for row in self.measure_follow_up if row.outcomes is None or outcome in row.outcomes)
        return next(fitting, MeasureFollowUp(None))

    def identity_of(self, privacy: str, state: str) -> tuple[str, ...]:
        """What the handlers of a case in this state are told of a reporter who chose this privacy: names of fields."""
        return self.identities.get((privacy, state), ())

    def ever_told(self, privacy: str) -> frozenset[str]:
        """What the handlers are told of such a reporter at one state or another: names of fields."""
        return frozenset(field for (row, _), fields in self.identities.items() if row == privacy for field in fields)

    def triage(self, facts: ReportFacts) -> Triage:
        """The lane and the handling body of a report. There always is one.

        A community that this policy does not know is treated as `global`. Intake refuses such a report now, but a case
        from the time of an earlier policy must still have an owner.
        """
        community = self._community(facts.community)
        # The last rule matches everything: load_policy has checked that.
        return next(way for condition, way in self._ways[community.id] if condition.fits_report(facts))

    def _community(self, code: str) -> Community:
        return self.communities.get(code) or self.communities[GLOBAL_COMMUNITY]

    @cached_property
    def _ways(self) -> Mapping[str, tuple[tuple[RowCondition, Triage], ...]]:
        """By community the conditions that hold there, in order, each with the way of a report that fits."""
        return {
            community.id: tuple(
                (condition, Triage(rule.lane, body, rule.id, rule.act_within))
                for rule in self.rules
                if (body := rule.body_for(community)) is not None
                for condition in rule.when or (ALWAYS,)
                if condition.holds_in(community)
            )
            for community in self.communities.values()
        }

    def deadlines_for(
        self, lane: str, at: datetime, body: str | None = None, starts: ClockStart = "received"
    ) -> tuple[Clock, ...]:
        """The deadlines of this lane that start `at` this moment, such as the receipt of a report; soonest first.

        `body` handles it.

        `at` must be UTC-aware; the answers are, too.
        """
        calendar = self.calendar_of(body)
        found = [
            rule.from_start(at, calendar)
            for rule in self.starting(starts)
            # Without a fact that could keep it, no clock of updates starts; the notes on the policy say so.
            if rule.applies_to(lane) and (rule.met_by or starts != "last_update")
        ]
        return tuple(sorted(found, key=attrgetter("due_at", "name")))

    def is_owed_to_parties(self, name: str) -> bool:
        """Whether a party can appeal against it that this deadline was missed, also one that the policy had before."""
        rule = self.deadlines.get(name)
        return rule is None or rule.starts in OWED_TO_PARTIES

    def unanswered(self, asked_at: datetime, until: datetime, body: str | None) -> datetime | None:
        """When a party was to hear who asked for a recusal, where that time had passed by `until`. All UTC-aware."""
        due = [rule.from_start(asked_at, self.calendar_of(body)).due_at for rule in self.starting("recusal_asked")]
        return min((at for at in due if at < until), default=None)

    def starting(self, starts: ClockStart) -> tuple[DeadlineRule, ...]:
        """The rules of the deadlines that start at such a moment, in every lane."""
        return self._by_start[starts]

    @cached_property
    def _by_start(self) -> Mapping[ClockStart, tuple[DeadlineRule, ...]]:
        rules = self.deadlines.values()
        return {start: tuple(rule for rule in rules if rule.starts == start) for start in get_args(ClockStart)}

    def deadline(self, name: str, started_at: datetime, body: str | None = None) -> Clock:
        """One deadline by its id, for clocks that start later (`update`, `appeal_window`, …); `body` has the case.

        Raises KeyError for an id that deadlines.toml does not have.
        """
        return self.deadlines[name].from_start(started_at, self.calendar_of(body))

    def calendar_of(self, body: str | None) -> Calendar:
        """The business days of a handling body."""
        known = self.bodies.get(body or "")
        return known.calendar if known else EVERYWHERE
