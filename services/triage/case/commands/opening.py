"""A case is opened. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from services.triage.case.attendance import NOBODY, People, choose_body
from services.triage.case.case import Case
from services.triage.case.commands.command import Command
from services.triage.case.commands.linking import SPLIT
from services.triage.case.commands.recusal import CONFIRM_WITHIN, NAMED, declared_anew, detected, recusals_of
from services.triage.case.commands.sorting import way_of
from services.triage.case.parts import had_part
from services.triage.case.values import Flood, Recusal, Systemic
from shared.events import (
    RETALIATION,
    SPLIT_CHANNEL,
    WITHOUT_RECEIPT,
    BreachCount,
    CaseDecided,
    CaseFact,
    CaseGrouped,
    CaseLinked,
    CaseOpened,
    CaseSplit,
    CaseState,
    CaseTriaged,
    DeadlineMet,
    DeadlineSet,
    ReportReceived,
    SystemicPatternFound,
    parties_of,
)
from shared.policy import Policy
from shared.policy.model import Clock


@dataclass(frozen=True, slots=True)
class Open(Command):
    """A report becomes a case, and the policy passes it to a handling body at once.

    A body that cannot look after it is passed over: see choose_body. `first`: the case of an earlier report of which
    this one is a part, or for which the reporter of this one was treated badly. The people who are recused from the
    first are recused before anybody hears of the new one. After bad treatment, so are those who had the first or
    decided in it, in the `survivor` of which it is a part, or in other `matters` of its report and the cases of which
    these are a part. `first_lost`: there is such a case, but triage does not have it. Nobody can tell who has to be
    recused, so the case goes to the last stand-in, and does not come back.
    """

    name = "open"
    by_people = False

    code_name: str
    report: ReportReceived
    people: People = NOBODY
    first: Case | None = None
    survivor: Case | None = None
    first_lost: bool = False
    other_ref: str = ""
    own_ref: str = ""
    floods: tuple[Flood, ...] = ()
    patterns: tuple[Systemic, ...] = ()
    matters: tuple[Case, ...] = ()

    def decide(self, case: Case | None, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The opening, and the way that the policy chose. There is no case yet."""
        report = self.report
        way = way_of(report, policy)
        recusals = self._recusals(now)
        own = (way.body, *policy.stand_ins(way.body))[-1 if self.first_lost else 0]
        body = choose_body(own, report.community, self.people, policy, now, frozenset(recusals))
        # No report comes from the future: two clocks that disagree must not give the handlers more time.
        deadlines = policy.deadlines_for(way.lane, min(report.received_at, now), own)
        kept = list(self._kept(deadlines, state, policy))
        if self._reachable:
            deadlines = (*deadlines, *policy.deadlines_for(way.lane, now, own, "last_update"))
        opened = CaseOpened(
            previous=None,
            state=CaseState.RECEIVED,
            report_id=report.report_id,
            code_name=self.code_name,
            community=report.community,
            category=report.category,
            flags=report.flags,
            setting=report.setting,
            language=report.language,
            privacy=report.privacy,
            contactable=report.contactable,
            received_at=report.received_at,
            parties=parties_of(report),
            parties_apart=report.parties_apart,
            # Pseudonyms, as they were before, would link cases.
            subjects=report.subjects if report.parties_apart else (),
            reachable=self._reachable,
        )
        triaged = CaseTriaged(
            previous=CaseState.RECEIVED,
            state=state,
            category=report.category,
            lane=way.lane,
            body=body,
            rule=way.rule,
            deadlines=tuple(
                [
                    DeadlineSet(name=d.name, due_at=d.due_at, warn_at=d.warn_at, escalate_at=d.escalate_at)
                    for d in deadlines
                ]
            ),
            deadlines_told=True,
            own_body=own,
        )
        recused = [declared_anew(recusal, CaseState.RECEIVED, None) for recusal in recusals.values()]
        linked = [self._linked(state, self.other_ref, *self._was_there())] if self.first else []
        return [opened, *recused, triaged, *kept, *linked, *self._grouped(state, way.lane), *self._patterns(state, now)]

    def _kept(self, deadlines: Iterable[Clock], state: CaseState, policy: Policy) -> Iterator[DeadlineMet]:
        """Those of the deadlines that the whole report had kept before this matter became a case of its own.

        Each is due as in the first case, where a pause may have moved it. What is done in the first case behind the
        split says nothing of the matter, and neither does a decision there, also where the case was reopened since.
        What one lane asks for has to be done in the matter itself.
        """
        if (whole := self._whole) is None:
            return
        category = self.report.category
        splits = (step.at for step in whole.history if step.fact == CaseSplit.name and step.detail == category)
        split_at = max(splits, default=whole.received_at)
        decided = {step.at for step in whole.history if step.fact == CaseDecided.name}
        kept = {one.name: one for one in whole.deadlines}
        for clock in deadlines:
            one = kept.get(clock.name)
            if one is None or one.met_at is None or one.met_at > split_at or one.met_at in decided:
                continue
            if not policy.deadlines[one.name].lanes:
                yield DeadlineMet(previous=state, state=state, deadline=one.name, due_at=one.due_at, met_at=one.met_at)

    def _patterns(self, state: CaseState, now: datetime) -> list[CaseFact]:
        """What was counted in the community, where the report is about that."""
        return [
            SystemicPatternFound(
                previous=state,
                state=state,
                community=self.report.community,
                rule=found.rule,
                counts=tuple(BreachCount(deadline=name, count=count) for name, count in found.counts),
                cases=found.cases,
                since=found.since,
                until=now,
            )
            for found in self.patterns
        ]

    @property
    def relation(self) -> str:
        """What the new case has to do with the first one. A matter is a part, also where it is about bad treatment."""
        return SPLIT if self.report.channel == SPLIT_CHANNEL else RETALIATION

    @property
    def _whole(self) -> Case | None:
        """The case of the report of which the new one is one matter."""
        return self.first if self.relation == SPLIT else None

    @property
    def _reachable(self) -> bool:
        """Whether the reporter has an address, or a receipt: that of a part stands on the page of the first report.

        Who told of bad treatment has just had that page open, also where the first report is erased since.
        """
        whole = self._whole
        has_receipt = self.report.channel not in WITHOUT_RECEIPT and (whole is None or whole.reachable)
        return self.report.contactable or has_receipt

    def _grouped(self, state: CaseState, lane: str) -> list[CaseFact]:
        """That the case is part of a flood, if it is; a rule by which it ranks behind goes before others."""
        for behind in (True, False):
            for flood in self.floods:
                if behind == (lane in flood.behind_in):
                    return [CaseGrouped(previous=state, state=state, rule=flood.rule, behind=behind)]
        return []

    def decide_other(self, other: Case, case: Case, policy: Policy, now: datetime) -> list[CaseFact]:
        """The first case has to do with the new one. Triage asks for this of a split alone."""
        return [self._linked(other.state, self.own_ref)]

    def _linked(
        self, state: CaseState, ref: str, categories: tuple[str, ...] = (), flags: tuple[str, ...] = ()
    ) -> CaseLinked:
        return CaseLinked(
            previous=state, state=state, other_case=ref, relation=self.relation, categories=categories, flags=flags
        )

    def _was_there(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The categories and flags of the first case, now and before: of a matter of it a handler chose them alone."""
        whole, report = self._whole, self.report
        if whole is None:
            return (), ()
        categories = dict.fromkeys((*whole.earlier_categories, whole.category))
        flags = dict.fromkeys((*whole.earlier_flags, *whole.flags))
        return tuple(c for c in categories if c != report.category), tuple(f for f in flags if f not in report.flags)

    def _recusals(self, now: datetime) -> dict[str, Recusal]:
        """The people (references) who have nothing to do with the case, each as recused."""
        found = {who: detected(who) for one in self.matters for who in sorted(had_part(one))}
        for first in filter(None, (self.survivor, self.first)):
            here = self._recused_in(first, now).items()
            found |= {who: one for who, one in here if who not in found or one.confirm_by is None}
        return found

    def _recused_in(self, first: Case, now: datetime) -> dict[str, Recusal]:
        """The people who are recused in this earlier case, or who are shut out by what they did in it.

        What one person alone has said holds for a day, unless another one confirms it here, too.
        """
        # Who is named stands beside the case, and not in it.
        known = {
            one.person: replace(one, confirm_by=one.confirm_by and now + CONFIRM_WITHIN)
            for one in recusals_of(first)
            if one.ground != NAMED and (one.confirm_by is None or one.confirm_by > now)
        }
        before = had_part(first) if self.relation == RETALIATION else ()
        lasting = {person for person, one in known.items() if one.confirm_by is None}
        return {
            **known,
            **{one: detected(one) for one in sorted(set(before) - lasting)},
        }
