"""All changes of a registry by name, and the form of each, for the API and the pages. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from services.triage.baseline.attesting import Annotate, Attest, Confirm, Withdraw
from services.triage.baseline.changes import BaselineChange, Ground
from services.triage.baseline.projects import ChangeProject, EndProject, ListProject
from services.triage.baseline.registry import Registry
from services.triage.baseline.words import LINE_LIMIT, LINK_LIMIT, WORDS_LIMIT
from shared.events import Claim

CHANGES: Mapping[str, type[BaselineChange]] = {
    change.name: change for change in (Attest, Withdraw, Confirm, Annotate, ListProject, ChangeProject, EndProject)
}

InputKind = Literal["choice", "choices", "words", "line", "link", "fields", "until", "date"]


@dataclass(frozen=True, slots=True)
class Input:
    """One value of a change.

    A `choice` is one option, `choices` are several; `words` are sentences and a `line` is one line, of at most
    `max_length` characters as people count them; `fields` are those that the chosen responsibility asks for; `until` is
    a time, and a `date` has none.
    """

    name: str
    kind: InputKind
    required: bool = False

    @property
    def max_length(self) -> int | None:
        """The most characters of a text."""
        return {"words": WORDS_LIMIT, "line": LINE_LIMIT, "link": LINK_LIMIT}.get(self.kind)


_PROJECT = (
    Input("title", "line", required=True),
    Input("stakeholder", "line"),
    Input("lead", "line"),
    Input("geography", "line"),
    Input("phase", "line"),
    Input("link", "link"),
    Input("responsibilities", "choices"),
    Input("began_on", "date"),
)
INPUTS: Mapping[str, tuple[Input, ...]] = {
    Attest.name: (
        Input("responsibility_id", "choice", required=True),
        Input("claim", "choice", required=True),
        Input("statement", "words", required=True),
        Input("link", "link"),
        Input("fields", "fields"),
        Input("valid_until", "until"),
    ),
    Withdraw.name: (Input("attestation_id", "choice", required=True), Input("statement", "words", required=True)),
    Confirm.name: (Input("attestation_id", "choice", required=True),),
    Annotate.name: (Input("responsibility_id", "choice", required=True), Input("statement", "words")),
    ListProject.name: _PROJECT,
    ChangeProject.name: (Input("project_id", "choice", required=True), *_PROJECT),
    EndProject.name: (Input("project_id", "choice", required=True), Input("ended_on", "date")),
}


def options_of(
    change: type[BaselineChange], registry: Registry, ground: Ground, who: str
) -> Mapping[str, tuple[str, ...]]:
    """What each choice of a change offers the person `who` in this registry now."""
    kind = ground.community.kind
    if change is Attest:
        offered = [r for r in ground.catalogue.for_kind(kind) if r.attested or r.not_applicable == "with_reason"]
        return {"responsibility_id": tuple(r.id for r in offered), "claim": tuple(Claim)}
    if change is Annotate:
        return {"responsibility_id": tuple(r.id for r in ground.catalogue.for_kind(kind))}
    if change is Withdraw:
        return {"attestation_id": tuple(a.id for a in registry.attestations if a.holds(ground.at))}
    if change is Confirm:
        found = (a for a in registry.attestations if a.made_by != who)
        fit = (a.id for a in found if not [*Confirm(attestation_id=a.id).faults(registry, ground)])
        return {"attestation_id": tuple(fit)}
    options = {"responsibilities": tuple(sorted(ground.catalogue.responsibilities))}
    if change is ListProject:
        return options
    project_ids = tuple(p.id for p in registry.projects if p.newest.ended_on is None)
    return {"project_id": project_ids, **(options if change is ChangeProject else {})}
