"""From rows to a scorecard: `evaluate` says what the record shows of a community at a checkpoint. Pure.

"Now" is the time of the checkpoint's last seal. The same record up to there, catalogue, policy and code give the same
scorecard, with the same digest.
"""

from collections import Counter
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import takewhile

from services.audit.scorecard.attestations import NO_WORD, Word, hear
from services.audit.scorecard.document import with_digest
from services.audit.scorecard.lives import RECEIVED, Life, live
from services.audit.scorecard.metrics import Question, has_fewer, measure
from services.audit.scorecard.people import Member, members_of
from services.audit.scorecard.result import (
    AsOf,
    Item,
    Measured,
    Outcome,
    Project,
    ReasonCode,
    Scorecard,
    TrendPoint,
)
from services.audit.scorecard.rows import Round, Rows, Step, settle
from shared.events.baseline import BaselineAnnotated, ProjectChanged, ProjectEnded, ProjectListed
from shared.policy import Policy
from shared.policy.baseline.model import Catalogue, Responsibility
from shared.times import parse_day

TREND_MONTHS = 12
_GOOD = frozenset({Outcome.MET, Outcome.NOT_APPLICABLE})
_PROJECTS = frozenset({ProjectListed.name, ProjectChanged.name, ProjectEnded.name})
Past = MutableMapping[int, tuple[Item, ...]]
"""The outcomes of a community at the ends of months, by the number of the last seal. They never change."""
Lives = MutableMapping[str, Life | None]
"""Cases of a community by id, of which everything so far is read. None: nothing says where the case belongs."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All evidence on one community up to a seal, at its time (UTC-aware). `lives` are in the order of receipt."""

    community: str
    at: datetime
    lives: tuple[Life, ...]
    own: tuple[Step, ...]
    members: tuple[Member, ...]
    unreadable: int


def evaluate(
    community: str,
    rows: Rows,
    catalogue: Catalogue,
    as_of: AsOf,
    policy: Policy,
    past: Past | None = None,
    lives: Lives | None = None,
) -> Scorecard:
    """The scorecard of a community. What `rows` hold of later seals is left out.

    `past`: what earlier calls with this community, catalogue and policy found of past months, and room for more.
    `lives`: what an earlier call for an earlier checkpoint left there of cases; the rows need none of these, unless
    more was sealed of them, and `past` must have every month. Afterwards it holds what the next call may start from.
    A community that the policy does not know has the responsibilities that it once gave evidence on, and no level.
    """
    lives = {} if lives is None else lives
    gathering = Gathering(community, rows, policy, lives)
    evidence = gathering.until(Round(as_of.sealed, as_of.at))
    known = policy.communities.get(community)
    responsibilities = catalogue.for_kind(known.kind) if known else _once_answered(catalogue, evidence.own)
    items = tuple(judge(one, evidence, policy) for one in responsibilities)
    months = months_before(as_of, rows)
    past = {} if past is None else past
    for month in months if known else ():
        if month.number not in past:
            then = gathering.until(month)
            # Without their evidence, because they are kept for long.
            past[month.number] = tuple(
                replace(judge(one, then, policy), attested=None, measured=None, annotation=None)
                for one in responsibilities
            )
    before = [(month.at, past[month.number]) for month in months if known]
    items = tuple(
        replace(item, since=_since(item, [(at, judged[n]) for at, judged in before])) for n, item in enumerate(items)
    )
    level, missing = level_of(items) if known else (0, ())
    unreadable = Counter(gap.log for gap in rows.gaps if gap.round <= as_of.sealed)
    card = Scorecard(
        community=community,
        kind=known.kind if known else None,
        catalogue_version=catalogue.version,
        policy_version=policy.version,
        as_of=as_of,
        items=items,
        level_reached=level,
        next_level_missing=missing,
        trend=tuple(_point(at, judged) for at, judged in before),
        projects=_projects(evidence.own),
        unreadable=tuple(sorted(unreadable.items())),
        digest="",
    )
    lives.update(gathering.settled)
    return with_digest(card)


def months_before(as_of: AsOf, rows: Rows) -> Sequence[Round]:
    """The ends of months that a scorecard at this checkpoint looks back to."""
    return [month for month in rows.months if month.number < as_of.sealed and month.at < as_of.at][-TREND_MONTHS:]


class Gathering:
    """Gathers the evidence on a community at several checkpoints. It reads a case once while nothing of it changes."""

    def __init__(self, community: str, rows: Rows, policy: Policy, lives: Lives) -> None:
        """`lives`: of cases that an earlier checkpoint has read; those of which `rows` hold more are taken away."""
        for case_id in rows.cases:
            lives.pop(case_id, None)
        self._read = tuple(lives.values())
        self._community = community
        self._rows = rows
        self._policy = policy
        self._cases = {
            case_id: (min(step.round for step in steps), max(step.round for step in steps))
            for case_id in sorted(rows.cases)
            if (steps := rows.cases[case_id])
        }
        self._whole: dict[str, Life | None] = {}

    @property
    def settled(self) -> Mapping[str, Life | None]:
        """The lives of the cases of the rows to which no seal after those that were asked for adds anything."""
        return self._whole

    def until(self, sealed: Round) -> Evidence:
        """What the seals up to this one cover, at its time."""
        lives = (*self._read, *(self._life(case_id, sealed.number) for case_id in self._cases))
        people = {person: settle(steps, sealed.number) for person, steps in self._rows.people.items()}
        return Evidence(
            community=self._community,
            at=sealed.at,
            lives=tuple(
                sorted((one for one in lives if one is not None and one.community == self._community), key=RECEIVED)
            ),
            own=settle(self._rows.own, sealed.number),
            members=members_of(self._community, people, self._policy, sealed.at),
            unreadable=sum(gap.round <= sealed.number for gap in self._rows.gaps),
        )

    def _life(self, case_id: str, sealed: int) -> Life | None:
        first, last = self._cases[case_id]
        if sealed < first:
            return None
        if sealed < last:
            return live(case_id, settle(self._rows.cases[case_id], sealed))
        if case_id not in self._whole:
            self._whole[case_id] = live(case_id, settle(self._rows.cases[case_id], sealed))
        return self._whole[case_id]


def judge(responsibility: Responsibility, evidence: Evidence, policy: Policy) -> Item:
    """The result of one responsibility. What is measured beats what is said, and a contradiction is not met."""
    word = hear(responsibility, evidence.own, evidence.at)
    measured, reason, is_small = None, ReasonCode.NO_DATA_YET, False
    if responsibility.measured is not None:
        question = Question(
            responsibility.measured, evidence.at, policy, evidence.community, evidence.lives, evidence.members
        )
        is_small = has_fewer(question, responsibility.min_cases)
        measured, reason = measure(question, responsibility.min_cases)
        if evidence.unreadable:
            excluded = (*measured.excluded, ("unreadable_entries", evidence.unreadable))
            measured = replace(measured, excluded=excluded)
    outcome, reason, since = _weigh(responsibility, word, measured, reason, is_small=is_small)
    counts = responsibility.counts_on(evidence.at.date())
    return Item(
        responsibility_id=responsibility.id,
        level=responsibility.level,
        group=responsibility.group,
        outcome=outcome if counts else Outcome.UPCOMING,
        reason=reason,
        since=since if counts else None,
        attested=word.attested,
        measured=measured,
        annotation=_annotation(responsibility.id, evidence.own),
        counts=counts,
    )


def level_of(items: Sequence[Item]) -> tuple[int, tuple[str, ...]]:
    """The level that these items reach, and the ids of what the next level lacks.

    Level k needs everything of the levels 1 to k that counts. No level is reached above the last that asks something.
    """
    counting = [item for item in items if item.counts]
    highest = max((item.level for item in counting), default=0)
    missing = [item for item in counting if item.outcome not in _GOOD]
    reached = min([highest, *(item.level - 1 for item in missing)])
    lacking = sorted(item.responsibility_id for item in missing if item.level == reached + 1)
    return reached, tuple(lacking)


def _weigh(
    responsibility: Responsibility, word: Word, measured: Measured | None, reason: ReasonCode, *, is_small: bool
) -> tuple[Outcome, ReasonCode, datetime | None]:
    holds = measured.holds if measured is not None else None
    said = word.outcome
    if holds is False:
        contradicts = said in _GOOD
        return Outcome.NOT_MET, ReasonCode.CONTRADICTED if contradicts else reason, None
    if holds is True:
        if said is Outcome.NOT_MET:
            return Outcome.NOT_MET, ReasonCode.CONTRADICTED, None
        if responsibility.evidence == "all" and responsibility.attested is not None and said is not Outcome.MET:
            return word.outcome, word.reason, word.since
        return Outcome.MET, reason, None
    if responsibility.attested is None:
        return Outcome.NO_EVIDENCE, reason, None
    needs_both = responsibility.evidence == "all" and said is Outcome.MET and not is_small
    if responsibility.measured is not None and (word is NO_WORD or needs_both):
        return Outcome.NO_EVIDENCE, reason, None
    return word.outcome, word.reason, word.since


def _once_answered(catalogue: Catalogue, own: Sequence[Step]) -> tuple[Responsibility, ...]:
    ids = {step.said.get("responsibility_id") for step in own}
    return tuple(r for id_, r in sorted(catalogue.responsibilities.items()) if id_ in ids and r.state != "retired")


def _since(item: Item, past: Sequence[tuple[datetime, Item]]) -> datetime | None:
    """Where no event tells it: the first of the ends of months since which the outcome has been the same."""
    if item.since is not None or not item.counts:
        return item.since
    same = [at for at, _ in takewhile(lambda then: then[1].outcome is item.outcome, reversed(past))]
    return same[-1] if same else None


def _point(at: datetime, items: Sequence[Item]) -> TrendPoint:
    counting = [item for item in items if item.counts]
    return TrendPoint(at, level_of(items)[0], sum(item.outcome in _GOOD for item in counting), len(counting))


def _annotation(responsibility_id: str, own: Sequence[Step]) -> str | None:
    said = [
        s.said for s in own if s.name == BaselineAnnotated.name and s.said["responsibility_id"] == responsibility_id
    ]
    return (said[-1].get("statement") or None) if said else None


def _projects(own: Sequence[Step]) -> tuple[Project, ...]:
    latest = {step.said["project_id"]: step for step in own if step.name in _PROJECTS}
    return tuple(_project(step) for _, step in sorted(latest.items()))


def _project(step: Step) -> Project:
    said = step.said
    return Project(
        project_id=said["project_id"],
        title=said["title"],
        stakeholder=said.get("stakeholder", ""),
        lead=said.get("lead", ""),
        geography=said.get("geography", ""),
        phase=said.get("phase", ""),
        link=said.get("link"),
        responsibilities=tuple(said.get("responsibilities", ())),
        began_on=_day(said.get("began_on")),
        ended_on=_day(said.get("ended_on")),
        ended=step.name == ProjectEnded.name,
        told_at=step.at,
        place=step.place,
    )


def _day(text: str | None) -> date | None:
    return None if text is None else parse_day(text)
