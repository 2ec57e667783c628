"""What differs between two versions of the catalogue, typed, so that nobody has to collect it by hand."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum

from shared.policy.baseline.document import row_document
from shared.policy.baseline.model import Catalogue, Responsibility


class ChangeKind(StrEnum):
    """What a change is about, in the order in which a reader wants to know it."""

    ADDED = "added"
    RETIRED = "retired"
    MISSING = "missing"
    STATE = "state"
    LEVEL = "level"
    THRESHOLD = "threshold"
    EVIDENCE = "evidence"
    APPLIES = "applies"
    WORDING = "wording"
    GROUP = "group"
    SOURCE = "source"
    MAPS = "maps"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs. `part` is the name that it has in the TOML, such as `attested.valid_days`.

    `part` is empty where a row is added, retired or missing. `before` and `after` are None where there is nothing.
    In `wording` they are message keys; in `retired`, `after` is the id that replaces it. `subject`: the id of a
    responsibility, and in `source` also of a source.
    """

    kind: ChangeKind
    subject: str
    part: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs from version `old` to version `new`, by kind and id. `effective_from` is that of `new`."""

    old: str
    new: str
    effective_from: date
    changes: tuple[Change, ...]

    def document(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "old": self.old,
            "new": self.new,
            "effective_from": self.effective_from.isoformat(),
            "changes": [asdict(change) for change in self.changes],
        }


def diff(old: Catalogue, new: Catalogue) -> Difference:
    """What differs from `old` to `new`. Without any change, all rows and sources are equal."""
    changes = [*_rows(old, new), *_sources(old, new)]
    order = list(ChangeKind)
    changes.sort(key=lambda change: (order.index(change.kind), change.subject, change.part))
    return Difference(old.version, new.version, new.effective_from, tuple(changes))


def _rows(old: Catalogue, new: Catalogue) -> Iterator[Change]:
    for subject in sorted(old.responsibilities.keys() | new.responsibilities.keys()):
        was, now = old.responsibilities.get(subject), new.responsibilities.get(subject)
        if was is None and now is not None:
            yield Change(ChangeKind.ADDED, subject, "", None, now.state)
        elif was is not None and now is None:
            yield Change(ChangeKind.MISSING, subject, "", was.state, None)
        elif was is not None and now is not None:
            retired = now.state == "retired" != was.state
            if retired:
                yield Change(ChangeKind.RETIRED, subject, "", was.state, now.replaced_by)
            for change in _changed(subject, _parts(was), _parts(now)):
                if not (retired and change.kind is ChangeKind.STATE):
                    yield change


def _sources(old: Catalogue, new: Catalogue) -> Iterator[Change]:
    before, after = ({source.id: asdict(source) for source in one.sources} for one in (old, new))
    for subject in sorted(before.keys() | after.keys()):
        was, now = (
            {(ChangeKind.SOURCE, name): value for name, value in side.get(subject, {}).items()}
            for side in (before, after)
        )
        yield from _changed(subject, was, now)


_Parts = Mapping[tuple[ChangeKind, str], str | None]
_KINDS = {
    "state": ChangeKind.STATE,
    "counts_from": ChangeKind.STATE,
    "replaced_by": ChangeKind.STATE,
    "group": ChangeKind.GROUP,
    "level": ChangeKind.LEVEL,
    "setting": ChangeKind.APPLIES,
    "kinds": ChangeKind.APPLIES,
    "min_cases": ChangeKind.APPLIES,
    "not_applicable": ChangeKind.APPLIES,
    "sources": ChangeKind.SOURCE,
    "maps": ChangeKind.MAPS,
}


def _changed(subject: str, before: _Parts, after: _Parts) -> Iterator[Change]:
    for kind, part in sorted(before.keys() | after.keys()):
        was, now = before.get((kind, part)), after.get((kind, part))
        if was != now:
            yield Change(kind, subject, part, was, now)


def _parts(row: Responsibility) -> _Parts:
    """Every field of a row as text, under the kind of change that it makes."""
    document = row_document(row)
    del document["id"], document["wording"]
    parts = {(_KINDS.get(name.partition(".")[0], ChangeKind.EVIDENCE), name): text for name, text in _flat(document)}
    if row.measured is not None:
        limit = row.measured.threshold
        parts[ChangeKind.THRESHOLD, "measured.threshold"] = f"{limit.op} {limit.limit:g} {limit.unit}"
    parts[ChangeKind.WORDING, "requirement"] = row.message("requirement")
    return parts


def _flat(document: Mapping[str, object], before: str = "") -> Iterator[tuple[str, str | None]]:
    for name, value in document.items():
        match value:
            case dict() if name != "threshold":
                yield from _flat(value, f"{before}{name}.")
            case dict():
                continue
            case list():
                yield f"{before}{name}", ", ".join(map(_text, value)) or None
            case None:
                yield f"{before}{name}", None
            case _:
                yield f"{before}{name}", _text(value)


def _text(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case dict():
            return " ".join(map(_text, value.values()))
        case _:
            return str(value)
