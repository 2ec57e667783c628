"""Changes of the projects of the movement that serve responsibilities: list, change, end. Pure."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated

from pydantic import Field

from services.triage.baseline.changes import (
    BaselineChange,
    Code,
    Ground,
    Text,
    faults_of_link,
    faults_of_words,
    unknown_responsibility,
)
from services.triage.baseline.registry import PROJECTS_LIMIT, Registry
from services.triage.baseline.words import LINE_LIMIT
from shared.events import BaselineFact, ProjectChanged, ProjectEnded, ProjectFact, ProjectListed
from shared.ids import derive
from shared.problems import FieldError
from shared.times import Day


class _ProjectWords(BaselineChange):
    """What is known of a project."""

    title: Text
    stakeholder: Text = ""
    lead: Text = ""
    geography: Text = ""
    phase: Text = ""
    link: Text | None = None
    responsibilities: Annotated[tuple[Code, ...], Field(max_length=50)] = ()
    began_on: Day | None = None

    def faults(self, registry: Registry, ground: Ground) -> Iterable[FieldError]:
        """Words that are too long or look like an address, and responsibilities that nobody knows."""
        for field in ("title", "stakeholder", "lead", "geography", "phase"):
            yield from faults_of_words(f"/{field}", getattr(self, field), LINE_LIMIT, needed=field == "title")
        if self.link:
            yield from faults_of_link(self.link)
        for number, wanted in enumerate(self.responsibilities):
            if wanted not in ground.catalogue.responsibilities:
                yield unknown_responsibility(f"/responsibilities/{number}", wanted, ground.catalogue)

    def fact_of(self, kind: type[ProjectFact], community: str, project_id: str, ended_on: date | None) -> ProjectFact:
        """The project whole, as a fact of this kind tells it."""
        return kind(
            community=community,
            project_id=project_id,
            title=self.title,
            stakeholder=self.stakeholder,
            lead=self.lead,
            geography=self.geography,
            phase=self.phase,
            link=self.link or None,
            responsibilities=tuple(dict.fromkeys(self.responsibilities)),
            began_on=self.began_on,
            ended_on=ended_on,
        )


class ListProject(_ProjectWords):
    """POST /v1/baseline/{community}/list_project: a project of the movement that serves responsibilities."""

    name = "list_project"

    def faults(self, registry: Registry, ground: Ground) -> Iterable[FieldError]:
        """One more that runs than anybody reads, and faults of its words."""
        if sum(project.newest.ended_on is None for project in registry.projects) >= PROJECTS_LIMIT:
            yield FieldError("", "too_many", f"At most {PROJECTS_LIMIT} projects run at a time.")
        yield from super().faults(registry, ground)

    def facts(self, registry: Registry, ground: Ground) -> list[BaselineFact]:
        """It is listed."""
        return [self.fact_of(ProjectListed, registry.id, derive("project", registry.id, ground.cause), None)]


class ChangeProject(_ProjectWords):
    """POST /v1/baseline/{community}/change_project: what is known of a project from now on, whole."""

    name = "change_project"

    project_id: Code

    def faults(self, registry: Registry, ground: Ground) -> Iterable[FieldError]:
        """A project that has ended or was never listed, and faults of its words."""
        yield from _faults_of_project(registry, self.project_id)
        yield from super().faults(registry, ground)

    def facts(self, registry: Registry, ground: Ground) -> list[BaselineFact]:
        """It is changed, if that says anything new."""
        fact = self.fact_of(ProjectChanged, registry.id, self.project_id, None)
        known = registry.project(self.project_id)
        assert known  # noqa: S101  # `faults` has asked
        is_new = any(getattr(fact, field) != getattr(known.newest, field) for field in _ProjectWords.model_fields)
        return [fact] if is_new else []


class EndProject(BaselineChange):
    """POST /v1/baseline/{community}/end_project. Without `ended_on`, it ended today (UTC)."""

    name = "end_project"

    project_id: Code
    ended_on: Day | None = None

    def faults(self, registry: Registry, ground: Ground) -> Iterable[FieldError]:
        """A project that has ended or was never listed, and an end that is yet to come or before its beginning."""
        yield from _faults_of_project(registry, self.project_id)
        known = registry.project(self.project_id)
        if self.ended_on and self.ended_on > ground.at.date():
            yield FieldError("/ended_on", "future_date", "This is in the future.")
        elif self.ended_on and known and known.newest.began_on and self.ended_on < known.newest.began_on:
            yield FieldError("/ended_on", "range_reversed", "The end lies before the beginning.")

    def facts(self, registry: Registry, ground: Ground) -> list[BaselineFact]:
        """It has ended."""
        known = registry.project(self.project_id)
        assert known  # noqa: S101  # `faults` has asked
        words = {name: getattr(known.newest, name) for name in _ProjectWords.model_fields}
        ended = ProjectEnded(
            community=registry.id, project_id=known.id, **words, ended_on=self.ended_on or ground.at.date()
        )
        return [ended]


def _faults_of_project(registry: Registry, project_id: str) -> Iterable[FieldError]:
    known = registry.project(project_id)
    if known is None:
        yield FieldError("/project_id", "unknown_choice", "This community lists no such project.")
    elif known.newest.ended_on:
        yield FieldError("/project_id", "ended", "This project has ended.")
