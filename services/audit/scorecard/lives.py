"""The life of a case, as far as the record tells it: what metrics look at. Pure.

Triage judges deadlines, and tells them as facts. A life follows these facts and computes no deadline again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from services.audit.scorecard.appeals import appeals_in
from services.audit.scorecard.rows import CLOCK_ERROR, Step, has_gap, read_time
from services.audit.scorecard.timed_measures import TimedMeasure, timed_measures_in
from shared.events import (
    FACTS,
    MET_BY_STEP,
    CaseDecided,
    CaseFact,
    CaseOpened,
    CaseState,
    CaseTriaged,
    CategoryConfirmed,
    DeadlineMet,
    DeadlinePaused,
    DeadlineResumed,
    FollowUpBegun,
    LaneLowered,
    LaneRaised,
    RecusalDeclared,
    RecusalLapsed,
    RecusalWithdrawn,
    ReportErased,
    ReporterTold,
    ReportReceived,
)

_CASES = "cases/"
_OPENING = (CaseOpened.name, ReportReceived.name)
_UNSEEN = frozenset(fact.name for fact in FACTS.values() if issubclass(fact, CaseFact) and fact.unseen)
"""Steps that leave the time alone from which intake counts how long the content of a closed case is kept."""

Pause = tuple[datetime, datetime | None]
RECEIVED = attrgetter("received_at")
"""Puts lives in the order in which their reports were received."""


@dataclass(frozen=True, slots=True)
class Life:
    """One case. `flaw` says why no metric may use it: `merged`, `record_gap` or `clock`.

    `met`: when each deadline was kept. `pauses`: when its clock stood still (None: it still does). `updates`: when the
    reporter could see a new state, or a message. `recused_decided`: a person decided who was recused at that time.
    `appeals`: by id, whether a person without a part in the case decided it (None: it waits). `followed_up`: follow-up
    was begun. `measures`: those that were set for a time.
    """

    id: str
    community: str
    received_at: datetime
    report_id: str = ""
    category: str = ""
    lane: str | None = None
    outcome: str | None = None
    state: str = CaseState.RECEIVED.value
    still_since: datetime | None = None
    met: Mapping[str, datetime] | None = None
    pauses: Mapping[str, tuple[Pause, ...]] | None = None
    updates: tuple[datetime, ...] = ()
    decided_at: datetime | None = None
    recused_decided: bool = False
    appeals: Mapping[str, bool | None] | None = None
    followed_up: bool = False
    measures: tuple[TimedMeasure, ...] = ()
    erased_at: datetime | None = None
    erased_by: str | None = None
    erased_policy: str | None = None
    flaw: str | None = None

    def met_at(self, deadline: str) -> datetime | None:
        """When the deadline was kept, in time or not; None while it is open."""
        return self.met.get(deadline) if self.met else None

    def paused(self, deadline: str, until: datetime) -> timedelta:
        """For how long the clock of a deadline stood still before `until`."""
        pauses = self.pauses.get(deadline, ()) if self.pauses else ()
        spans = ((begin, min(end or until, until)) for begin, end in pauses)
        return sum((end - begin for begin, end in spans if end > begin), timedelta())


def live(case_id: str, steps: Sequence[Step]) -> Life | None:
    """The life that these settled steps of a case tell. None while nothing says to which community it belongs."""
    openings = [step for step in steps if step.name in _OPENING]
    if not openings:
        return None
    opening = min(openings, key=lambda step: (step.at, step.event_id))
    received = read_time(opening.said["received_at"])
    own = [step for step in steps if step.log.startswith(_CASES)]
    told = any(step.said.get("deadlines_told") for step in own)
    met: dict[str, datetime] = {}
    pauses: dict[str, list[Pause]] = {}
    recused: set[str] = set()
    updates: list[datetime] = []
    lane = outcome = still = decided = None
    category, state, broken = str(opening.said["category"]), CaseState.RECEIVED.value, False
    for step in own:
        said = step.said
        state = said.get("state", state)
        if said.get("moved") or step.name == ReporterTold.name:
            updates.append(step.at)
        if step.name not in _UNSEEN:
            still = step.at
        if not told:
            for deadline, names in MET_BY_STEP.items():
                if step.name in names:
                    met.setdefault(deadline, step.at)
        match step.name:
            case CaseTriaged.name:
                lane, category = said["lane"], said["category"]
            case CategoryConfirmed.name:
                category = said["category"]
            case LaneRaised.name | LaneLowered.name:
                lane = said["lane"]
            case CaseDecided.name:
                outcome, decided = said["outcome"], decided or step.at
                broken = broken or step.actor in recused or said.get("by_recused", False)
            case RecusalDeclared.name:
                recused.add(said["person"])
            case RecusalWithdrawn.name | RecusalLapsed.name:
                recused.discard(said["person"])
            case DeadlineMet.name:
                met.setdefault(said["deadline"], min(read_time(said["met_at"]), step.at))
            case DeadlinePaused.name:
                spans = pauses.setdefault(said["deadline"], [])
                if not spans or spans[-1][1] is not None:
                    spans.append((step.at, None))
            case DeadlineResumed.name if said["deadline"] in pauses:
                spans = pauses[said["deadline"]]
                begin, end = spans[-1]
                spans[-1] = (begin, end or step.at)
    erased = next((step for step in steps if step.name == ReportErased.name), None)
    return Life(
        id=case_id,
        community=str(opening.said["community"]),
        received_at=received,
        report_id=str(opening.said["report_id"]),
        category=category,
        lane=lane,
        outcome=outcome,
        state=state,
        still_since=still,
        met=met,
        pauses={name: tuple(found) for name, found in pauses.items()},
        updates=tuple(updates),
        decided_at=decided,
        recused_decided=broken,
        appeals=appeals_in(own),
        followed_up=any(step.name == FollowUpBegun.name for step in own),
        measures=timed_measures_in(own),
        erased_at=erased.at if erased else None,
        erased_by=erased.said.get("reason") if erased else None,
        erased_policy=erased.policy_version if erased else None,
        flaw=_flaw(state, received, steps, own, met.values()),
    )


def _flaw(
    state: str, received: datetime, steps: Sequence[Step], own: Sequence[Step], met: Iterable[datetime]
) -> str | None:
    if state == CaseState.MERGED:
        return "merged"
    if has_gap(own):
        return "record_gap"
    first = min([*met, *[step.at for step in own]], default=received)
    return "clock" if first + CLOCK_ERROR < received or True in [step.ahead for step in steps] else None
