"""What differs between two checkpoints of one community, by what its documents say. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import TypedDict

from services.audit.scorecard.document import AsOfDocument, ItemDocument, ProjectDocument, ScorecardDocument

_MOVES = ("window_from", "window_until")
"""Differs at every checkpoint, and says nothing by itself."""


class ItemChange(TypedDict):
    """One responsibility that differs. `changed` names the fields; a side is null where it was not listed."""

    id: str
    changed: list[str]
    before: ItemDocument | None
    after: ItemDocument | None


class ProjectChange(TypedDict):
    """One project that differs; as of responsibilities."""

    project_id: str
    changed: list[str]
    before: ProjectDocument | None
    after: ProjectDocument | None


class SideDocument(TypedDict):
    """One of the two checkpoints."""

    as_of: AsOfDocument
    catalogue_version: str
    level_reached: int
    next_level_missing: list[str]
    digest: str


class DifferenceDocument(TypedDict):
    """What differs between two checkpoints."""

    community: str
    before: SideDocument
    after: SideDocument
    items: list[ItemChange]
    projects: list[ProjectChange]


def compare(before: ScorecardDocument, after: ScorecardDocument) -> DifferenceDocument:
    """What differs. Both documents are of one community, and for readers who may see the same."""
    return {
        "community": after["community"],
        "before": _side(before),
        "after": _side(after),
        "items": [
            {"id": name, "changed": changed, "before": one, "after": other}
            for name, changed, one, other in _pairs(before["items"], after["items"], "id")
        ],
        "projects": [
            {"project_id": name, "changed": changed, "before": one, "after": other}
            for name, changed, one, other in _pairs(before["projects"], after["projects"], "project_id")
        ],
    }


def _side(card: ScorecardDocument) -> SideDocument:
    return {
        "as_of": card["as_of"],
        "catalogue_version": card["catalogue_version"],
        "level_reached": card["level_reached"],
        "next_level_missing": card["next_level_missing"],
        "digest": card["digest"],
    }


def _pairs(before: Sequence[Any], after: Sequence[Any], name: str) -> list[tuple[str, list[str], Any, Any]]:
    old, new = ({one[name]: one for one in side} for side in (before, after))
    found = ((key, _changed(old.get(key), new.get(key)), old.get(key), new.get(key)) for key in sorted({*old, *new}))
    return [pair for pair in found if pair[1]]


def _changed(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> list[str]:
    if old is None or new is None:
        return ["listed"]
    return [field for field in new if _still(old[field]) != _still(new[field])]


def _still(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: inner for name, inner in value.items() if name not in _MOVES}
    return value
