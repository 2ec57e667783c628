"""What triage does with what intake tells: cases are opened, get answers, and forget."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from services.triage.author import TRIAGE
from services.triage.case.attendance import People
from services.triage.case.case import Case
from services.triage.case.code_names import code_name_of
from services.triage.case.commands.appeals import ReceiveAppeal
from services.triage.case.commands.asking import ReceiveRecusalAsk
from services.triage.case.commands.check_ins import ReceiveCheckIn, ReceiveConsent
from services.triage.case.commands.command import Command
from services.triage.case.commands.inquiry import LoseReporter, ReceiveAnswer
from services.triage.case.commands.linking import SPLIT
from services.triage.case.commands.opening import Open
from services.triage.case.commands.parties import ReceiveReply
from services.triage.case.commands.table import carry_out, carry_out_other, events_of
from services.triage.case.evolve.fold import fold
from services.triage.case.lifecycle import NotPermitted, UnknownQuestion
from services.triage.case.tokens import Tokens
from services.triage.case.values import Flood, Systemic
from services.triage.consequences import Consequences
from services.triage.sight import Sight
from services.triage.stored import CaseChange, CaseStore, Staffing, StoredCase, count_passed_on
from shared import metrics
from shared.aggregates import change, change_together
from shared.events import (
    PATTERN_CHANNEL,
    RETALIATION,
    SPLIT_CHANNEL,
    Event,
    ReportAnswered,
    ReportAppealed,
    ReportCheckedIn,
    ReportConsented,
    ReportErased,
    ReportReceived,
    ReportRecusalAsked,
    ReportReplied,
    parties_of,
)
from shared.ids import case_id_of, derive
from shared.parties import Parties
from shared.policy import Policy
from shared.problems import Malformed
from shared.times import now

NAMES_AHEAD = 6


class Arriving(Protocol):
    """Who says which new reports are part of a flood (services.triage.patterns.arrivals.Arrivals)."""

    async def floods(self, reports: Mapping[str, ReportReceived]) -> Mapping[str, tuple[Flood, ...]]: ...


class Counting(Protocol):
    """Who says what a community misses (services.triage.patterns.hints.SystemicHints)."""

    async def counted(self, community: str, flag: str) -> tuple[Systemic, ...]: ...


PORTION = 100
"""Cases of a batch in one write. Of more, some are decided while MongoDB writes others."""


@dataclass(slots=True)
class _Work:
    """One case while the messages of a batch are folded into it."""

    stored: StoredCase | None
    code_name: str
    case: Case | None
    events: list[Event] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)

    def knows(self, cause: str) -> bool:
        return cause in self.causes or (self.stored is not None and cause in self.stored.applied)

    def change(self) -> CaseChange | None:
        return CaseChange(self.case, self.stored, self.events, self.causes) if self.case and self.causes else None


class ReportFollower:
    """Takes what intake reports: one load and one save a batch, however many messages."""

    def __init__(
        self,
        cases: CaseStore,
        policy: Policy,
        parties: Parties,
        staffing: Staffing,
        tokens: Tokens,
        clock: Callable[[], datetime] = now,
        arrivals: Arriving | None = None,
        counting: Counting | None = None,
    ) -> None:
        """`arrivals`: says which new reports are part of a flood; without it, none is. `counting`: counts again what
        Hearth itself made a report of.
        """
        self._clock = clock
        self._cases = cases
        self._policy = policy
        self._parties = parties
        self._staffing = staffing
        self._tokens = tokens
        self._sight = Sight(parties, tokens, cases, clock)
        self._consequences = Consequences(cases, self._sight, staffing, tokens, policy, clock)
        self._arrivals = arrivals
        self._counting = counting

    async def take(self, events: Sequence[Event]) -> None:
        """Open a case for each report, and hand each answer, check-in and appeal to its case.

        What was done before is passed over. A case is opened only when it is known who is named in its report. Raises
        Malformed for an answer, check-in or appeal that fits no case (`unknown_case`), an answer that fits no question
        of it (`unknown_question`), and Unavailable.
        """
        apart = {_case_id(event): report for event in events if (report := _report_apart(event))}
        named = await self._parties.known(apart.keys())
        named |= await self._parties.load({_case_id(event) for event in events} - apart.keys())
        floods = await self._arrivals.floods(apart) if self._arrivals else {}
        patterns = {_case_id(event): await self._counted(event) for event in events if _is_counted(event)}
        staff = await self._staffing.staff()
        firsts = await self._parties.followed({_case_id(event) for event in events if _follows_another(event)})
        for event in events:
            if (first_id := firsts.get(_case_id(event))) and isinstance(event.fact, ReportReceived):
                await self._open_after(event, event.fact, first_id, People(staff, named[_case_id(event)]))
        at, everybody = self._clock(), People(staff)
        by_case: dict[str, list[Event]] = {}
        for event in events:
            by_case.setdefault(_case_id(event), []).append(event)
        attempts: dict[str, int] = {}
        repeated: dict[str, Case] = {}

        async def decide(case_id: str, stored: StoredCase | None) -> CaseChange | None:
            code_name = stored.case.code_name if stored else await self._name_for(case_id, attempts)
            work = _Work(stored, code_name, stored.case if stored else None)
            names = named.get(case_id, frozenset())
            if stored and stored.case.absorbed:
                names = await self._sight.names_of(stored.case)
            for event in by_case[case_id]:
                if not work.knows(event.id):
                    there = everybody.beside(names)
                    self._fold(work, case_id, event, there, at, floods.get(case_id, ()), patterns.get(case_id, ()))
                elif stored and not isinstance(event.fact, ReportReceived):
                    repeated[case_id] = stored.case
            return work.change()

        written = await change(self._cases, by_case, decide, PORTION, self._count)
        # The process may have ended here the first time.
        await self._consequences.of(written.values(), repeated.values())

    async def _open_after(self, event: Event, report: ReportReceived, first_id: str, people: People) -> None:
        """Open a case that follows the case of an earlier report.

        After bad treatment the new case alone has the link. Of a split both have one.
        """
        case_id, attempts = _case_id(event), dict[str, int]()

        async def decide(found: Mapping[str, StoredCase]) -> Sequence[CaseChange]:
            if case_id in found:
                return []
            first, at, code_name = found.get(first_id), self._clock(), await self._name_for(case_id, attempts)
            refs = self._tokens.ref_of(case_id, first_id), self._tokens.ref_of(first_id, case_id)
            survivor = (await self._consequences.survivors_of([first.case])).get(first_id) if first else None
            opening = Open(code_name, report, people, first.case if first else None, survivor, first is None, *refs)
            if first and opening.relation == RETALIATION:
                opening = replace(opening, matters=await self._consequences.matters_beside(first.case))
            told: dict[str, Any] = {"actor": TRIAGE, "cause": event.id, "trace": event.trace}
            case, events = carry_out(None, opening, self._policy, people, at, case_id=case_id, **told)
            assert case is not None  # noqa: S101  # a case that is opened is there
            changes = [CaseChange(case, None, events, [event.id])]
            if first and opening.relation == SPLIT:
                # Nothing in the events of the one case leads to those of the other without the key of the tokens.
                told |= {"cause": derive("linked", opening.own_ref), "trace": None}
                theirs = self._tokens.people(first.case, people, await self._sight.names_of(first.case))
                after, events = carry_out_other(first.case, case, opening, self._policy, theirs, at, **told)
                changes.append(CaseChange(after, first, events, [told["cause"]]))
            return changes

        for done in await change_together(self._cases, [case_id, first_id], decide):
            self._count(done)
        # The first case may have changed after it was read, before what follows from that could find this one.
        await self._consequences.keep_apart({case_id: first_id})

    async def _counted(self, event: Event) -> tuple[Systemic, ...]:
        report = event.fact
        if self._counting is None or not isinstance(report, ReportReceived):
            return ()
        return tuple([one for flag in report.flags for one in await self._counting.counted(report.community, flag)])

    def _count(self, done: CaseChange) -> None:
        if done.stored is None:
            metrics.CASES.labels(done.case.lane).inc()
        count_passed_on(done, self._policy)

    async def _name_for(self, case_id: str, attempts: dict[str, int]) -> str:
        """The code name of a new case; another that nobody has if it could not be written under the one before."""
        attempt = attempts[case_id] = attempts.get(case_id, -1) + 1
        if attempt == 0:
            return code_name_of(case_id)
        names = [code_name_of(case_id, attempt + ahead) for ahead in range(NAMES_AHEAD)]
        taken = await self._cases.taken(names)
        return next((name for name in names if name not in taken), names[-1])

    def _fold(
        self,
        work: _Work,
        case_id: str,
        event: Event,
        people: People,
        began_at: datetime,
        floods: tuple[Flood, ...],
        patterns: tuple[Systemic, ...],
    ) -> None:
        actor = event.actor
        match event.fact:
            case ReportReceived() as report:
                if work.case is not None:
                    return
                if not report.parties_apart:
                    people = replace(people, parties=people.parties.union(parties_of(report)))
                command: Command = Open(work.code_name, report, people, floods=floods, patterns=patterns)
                actor = TRIAGE
            case ReportAnswered() as answer:
                command = ReceiveAnswer(answer.question_id, answer.answer_id)
            case ReportCheckedIn() as told:
                command = ReceiveCheckIn(told.number, told.due_at, told.answer, told.stop, told.answer_id)
            case ReportConsented() as said:
                command = ReceiveConsent(said.consent)
            case ReportAppealed() as appeal:
                command = ReceiveAppeal(
                    appeal.appeal_id, appeal.appeal_ground, appeal.party, appeal.respondent, event.time
                )
            case ReportReplied() as reply:
                command = ReceiveReply(reply.party, reply.reply_id)
            case ReportRecusalAsked() as ask:
                command = ReceiveRecusalAsk(ask.ask_id, ask.party, ask.respondent)
            case other:
                raise Malformed("unexpected_type", f"{other.name} is not for triage")
        if work.case is not None:
            people = self._tokens.people(work.case, people, people.parties)
        elif not isinstance(command, Open):
            raise Malformed("unknown_case", f"{event.fact.name} in a case that was never opened")
        try:
            work.case, events = carry_out(
                work.case,
                command,
                self._policy,
                people,
                # New cases of a batch begin at one time, so that what is the same for them is judged once.
                began_at if work.case is None else self._clock(),
                case_id=case_id,
                actor=actor,
                cause=event.id,
                trace=event.trace,
            )
        except (UnknownQuestion, NotPermitted):
            # Only a case that has asked nothing yet, or is merged, is in a state that takes no answers.
            raise Malformed("unknown_question", "an answer to a question that was never asked") from None
        work.events += events
        work.causes.append(event.id)


class DigestEraser:
    """Takes what intake erased: of the words that passed through triage, not even a digest stays.

    The case learns that nobody can reach its reporter any more.
    """

    def __init__(
        self,
        cases: CaseStore,
        policy: Policy,
        forget_drafts: Callable[[str], Awaitable[None]],
    ) -> None:
        """`forget_drafts` takes what anybody has typed into the forms of the case with this code name."""
        self._cases = cases
        self._policy = policy
        self._forget_drafts = forget_drafts

    async def remembering(self, case_ids: Iterable[str]) -> set[str]:
        """Those of the cases that may have something to forget."""
        return await self._cases.remembering(case_ids)

    async def take(self, events: Sequence[Event]) -> None:
        """Forget what a case keeps of its report's words. A case that is not opened yet has nothing to forget."""
        await self.forget(events)

    async def forget(self, events: Sequence[Event]) -> int:
        """As take(); returns how many cases had not yet done so. What was done before is passed over."""
        erasures = {_case_id(event): event for event in events}

        async def decide(case_id: str, stored: StoredCase | None) -> CaseChange | None:
            erasure = erasures[case_id]
            known = derive("reporter lost", erasure.id)
            if stored is None or known in stored.applied:
                return None
            await self._forget_drafts(stored.case.code_name)
            told = events_of(
                stored.case,
                LoseReporter(),
                self._policy,
                # After a restore the same facts are told again, and the record has each once.
                erasure.time,
                case_id=case_id,
                actor=TRIAGE,
                cause=erasure.id,
                trace=erasure.trace,
            )
            return CaseChange(fold(told, stored.case) or stored.case, stored, told, [known], forget=True)

        return len(await change(self._cases, erasures, decide))

    async def forget_readable(self, events: Sequence[Event]) -> int:
        """As `forget`, without the cases that cannot be read: these forget at the first start after they are mended."""
        readable = await self._cases.load_whole({_case_id(event) for event in events})
        return await self.forget([event for event in events if _case_id(event) in readable])


_OF_REPORTS = (
    ReportReceived,
    ReportAnswered,
    ReportCheckedIn,
    ReportConsented,
    ReportAppealed,
    ReportReplied,
    ReportRecusalAsked,
    ReportErased,
)
"""The facts that name a report, and so its case."""


def _report_apart(event: Event) -> ReportReceived | None:
    """The report that an event tells, if who is named in it is told apart."""
    return event.fact if isinstance(event.fact, ReportReceived) and event.fact.parties_apart else None


def _is_counted(event: Event) -> bool:
    """Whether Hearth itself made the report, of what it counts in several cases."""
    return isinstance(event.fact, ReportReceived) and event.fact.channel == PATTERN_CHANNEL


def _follows_another(event: Event) -> bool:
    """Whether the report may be one that intake made of another: a flag alone does not say so."""
    report = event.fact
    return (
        isinstance(report, ReportReceived)
        and report.parties_apart
        and (RETALIATION in report.flags or report.channel == SPLIT_CHANNEL)
    )


def _case_id(event: Event) -> str:
    fact = event.fact
    if isinstance(fact, _OF_REPORTS):
        return case_id_of(fact.report_id)
    return event.case_id
