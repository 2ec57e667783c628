"""What one community says of its responsibilities, as values, and what each fact makes of it. Pure.

The facts on the topic `baseline` with the key of a community, in order, give exactly its registry.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import PlainSerializer

from shared.events import (
    BaselineAnnotated,
    BaselineAttested,
    BaselineConfirmed,
    BaselineExpired,
    BaselineExpiring,
    BaselineLinkChecked,
    BaselineWithdrawn,
    Event,
    FieldStated,
    LinkState,
    ProjectFact,
)

ENDED_KEPT = 100
"""So many attestations, and projects, that have ended are kept beside those that run; the record has all."""
VERSIONS_KEPT = 20
"""So many versions of a project are kept; the record has all."""
PROJECTS_LIMIT = 50
"""So many projects run at a time."""
REMIND_DAYS = (30, 7)
"""So many days before an attestation ends, a reminder is told."""

# MongoDB keeps no dates without a time.
Day = Annotated[date, PlainSerializer(date.isoformat)]


class Standing(StrEnum):
    """Whether an attestation still says something."""

    RUNNING = "running"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Attestation:
    """One attestation, and what became of it. Times are UTC-aware.

    `digest`: that of the page when it was attested, or at the first look that found it; `link_state`: what the last
    look found, at `looked_at`; `link_fault`: what is wrong with it after all looks, as audit weighs them. `missed`: so
    many looks in a row have not reached the page, since `missed_since`. `reminded`: the reminders told.
    """

    id: str
    responsibility_id: str
    catalogue_version: str
    claim: str
    statement: str
    made_by: str
    made_role: str
    made_at: datetime
    valid_until: datetime
    link: str | None = None
    fields: tuple[FieldStated, ...] = ()
    supersedes: str | None = None
    standing: Standing = Standing.RUNNING
    ended_at: datetime | None = None
    ended_by: str | None = None
    ended_because: str | None = None
    confirmed_by: str | None = None
    confirmed_role: str | None = None
    confirmed_at: datetime | None = None
    reminded: tuple[int, ...] = ()
    digest: str | None = None
    seen_at: datetime | None = None
    link_state: str | None = None
    link_fault: str | None = None
    link_reason: str | None = None
    looked_at: datetime | None = None
    missed: int = 0
    missed_since: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether it says something at that time (UTC-aware)."""
        return self.standing is Standing.RUNNING and at < self.valid_until

    def standing_at(self, at: datetime) -> Standing:
        """Its standing at that time (UTC-aware): it ends by itself, before anything has told so."""
        return self.standing if self.standing is not Standing.RUNNING or self.holds(at) else Standing.EXPIRED

    def due_reminders(self, at: datetime) -> tuple[int, ...]:
        """The reminders to be told at that time (UTC-aware), the earliest first. An attestation that is shorter than
        the time of a reminder has none of it.
        """
        if not self.holds(at):
            return ()
        left = {days: self.valid_until - timedelta(days=days) for days in REMIND_DAYS if days not in self.reminded}
        return tuple(days for days, since in left.items() if self.made_at < since <= at)


@dataclass(frozen=True, slots=True)
class Annotation:
    """A community's explanation of a result of its scorecard."""

    responsibility_id: str
    statement: str
    made_by: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class ProjectVersion:
    """What was known of a project from `at` (UTC-aware) on. `change`: the name of the fact that said so."""

    title: str
    stakeholder: str
    lead: str
    geography: str
    phase: str
    link: str | None
    responsibilities: tuple[str, ...]
    began_on: Day | None
    ended_on: Day | None
    change: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Project:
    """A project of the movement, with its versions, the newest last."""

    id: str
    versions: tuple[ProjectVersion, ...]

    @property
    def newest(self) -> ProjectVersion:
        """What is known of it."""
        return self.versions[-1]


@dataclass(frozen=True, slots=True)
class Registry:
    """One community. `id`: its id in the policy; `seq`: the number of its last fact, which is its version."""

    id: str
    seq: int = 0
    attestations: tuple[Attestation, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    projects: tuple[Project, ...] = ()

    def attestation(self, attestation_id: str) -> Attestation | None:
        """The attestation of this id."""
        return next((a for a in self.attestations if a.id == attestation_id), None)

    def running(self, responsibility_id: str) -> Attestation | None:
        """The attestation of a responsibility that nothing has ended yet. There is one at most."""
        found = (a for a in self.attestations if a.responsibility_id == responsibility_id)
        return next((a for a in found if a.standing is Standing.RUNNING), None)

    def annotation(self, responsibility_id: str) -> Annotation | None:
        """The community's explanation for a responsibility."""
        return next((a for a in self.annotations if a.responsibility_id == responsibility_id), None)

    def project(self, project_id: str) -> Project | None:
        """The project of this id."""
        return next((p for p in self.projects if p.id == project_id), None)


def fold(events: Iterable[Event], registry: Registry) -> Registry:
    """The registry after these events, in this order."""
    for event in events:
        registry = evolve(registry, event)
    return registry


def evolve(registry: Registry, event: Event) -> Registry:
    """The registry after one event. Raises TypeError for one that does not follow on the last."""
    if event.case_seq != registry.seq + 1:
        raise TypeError(f"{event.fact.name} {event.case_seq} does not follow on {registry.seq} of {registry.id}")
    registry = replace(registry, seq=event.case_seq)
    match event.fact:
        case BaselineAttested() as fact:
            return _attested(registry, fact, event)
        case BaselineWithdrawn() as fact:
            ended = {"standing": Standing.WITHDRAWN, "ended_at": event.time, "ended_by": event.actor.ref}
            return _changed(registry, fact.attestation_id, **ended, ended_because=fact.statement)
        case BaselineConfirmed() as fact:
            by = {"confirmed_by": event.actor.ref, "confirmed_role": event.actor.role, "confirmed_at": event.time}
            return _changed(registry, fact.attestation_id, **by)
        case BaselineExpired() as fact:
            ended = {"standing": Standing.EXPIRED, "ended_at": fact.valid_until}
            return _changed(registry, fact.attestation_id, **ended)
        case BaselineExpiring() as fact:
            known = registry.attestation(fact.attestation_id)
            reminded = (*(known.reminded if known else ()), fact.days_left)
            return _changed(registry, fact.attestation_id, reminded=reminded)
        case BaselineLinkChecked() as fact:
            return _looked(registry, fact, event)
        case BaselineAnnotated() as fact:
            others = tuple(a for a in registry.annotations if a.responsibility_id != fact.responsibility_id)
            added = Annotation(fact.responsibility_id, fact.statement, event.actor.ref, event.time)
            return replace(registry, annotations=(*others, added) if fact.statement else others)
        case ProjectFact() as fact:
            return _with_project(registry, fact, event)
        case _:
            raise TypeError(f"{event.fact.name} says nothing of a registry")


def _attested(registry: Registry, fact: BaselineAttested, event: Event) -> Registry:
    if fact.supersedes:
        ended = {"standing": Standing.SUPERSEDED, "ended_at": event.time, "ended_by": event.actor.ref}
        registry = _changed(registry, fact.supersedes, **ended)
    made = Attestation(
        id=fact.attestation_id,
        responsibility_id=fact.responsibility_id,
        catalogue_version=fact.catalogue_version,
        claim=fact.claim,
        statement=fact.statement,
        made_by=event.actor.ref,
        made_role=event.actor.role,
        made_at=event.time,
        valid_until=fact.valid_until,
        link=fact.link,
        fields=fact.fields,
        supersedes=fact.supersedes,
        digest=fact.link_digest,
        seen_at=fact.link_seen_at,
        link_state=LinkState.UNCHANGED.value if fact.link_digest else None,
        looked_at=fact.link_seen_at if fact.link_digest else None,
    )
    kept = [a for a in registry.attestations if a.standing is not Standing.RUNNING][-ENDED_KEPT:]
    running = [a for a in registry.attestations if a.standing is Standing.RUNNING]
    return replace(registry, attestations=(*kept, *running, made))


def _looked(registry: Registry, fact: BaselineLinkChecked, event: Event) -> Registry:
    known = registry.attestation(fact.attestation_id)
    if known is None:
        return registry
    found: dict[str, Any] = {"link_state": fact.link_state, "link_reason": fact.reason, "looked_at": event.time}
    if fact.link_state == LinkState.UNREACHABLE:
        found |= {"missed": known.missed + 1, "missed_since": known.missed_since or event.time}
    else:
        found |= {"missed": 0, "missed_since": None}
    found["link_fault"] = _fault_after(known, fact.link_state, found["missed"])
    if fact.digest:
        found |= {"seen_at": event.time, "digest": known.digest or fact.digest}
    return _changed(registry, known.id, **found)


def _fault_after(known: Attestation, state: str, missed: int) -> str | None:
    """What is wrong with a link after a look. One look that misses a page which was seen before tells nothing."""
    match state:
        case LinkState.UNCHANGED:
            return None
        case LinkState.UNREACHABLE:
            return known.link_fault or (state if missed > 1 or known.digest is None else None)
        case _:
            return state


def _with_project(registry: Registry, fact: ProjectFact, event: Event) -> Registry:
    version = ProjectVersion(
        title=fact.title,
        stakeholder=fact.stakeholder,
        lead=fact.lead,
        geography=fact.geography,
        phase=fact.phase,
        link=fact.link,
        responsibilities=fact.responsibilities,
        began_on=fact.began_on,
        ended_on=fact.ended_on,
        change=fact.name,
        by=event.actor.ref,
        at=event.time,
    )
    known = registry.project(fact.project_id)
    if known is None:
        ended = [p for p in registry.projects if p.newest.ended_on][-ENDED_KEPT:]
        running = [p for p in registry.projects if not p.newest.ended_on]
        return replace(registry, projects=(*ended, *running, Project(fact.project_id, (version,))))
    after = Project(known.id, (*known.versions, version)[-VERSIONS_KEPT:])
    return replace(registry, projects=tuple(after if p is known else p for p in registry.projects))


def _changed(registry: Registry, attestation_id: str, **fields: Any) -> Registry:
    changed = (replace(a, **fields) if a.id == attestation_id else a for a in registry.attestations)
    return replace(registry, attestations=tuple(changed))
