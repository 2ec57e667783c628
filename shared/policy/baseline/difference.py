"""What differs between two versions of the catalogue, typed, so that nobody has to collect it by hand."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum

from shared.policy.baseline.model import AttestedRule, Catalogue, MeasuredRule, Responsibility


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
    """One thing that differs. `part` names it inside its kind, such as `attested.valid_days`; it may be empty.

    `before` and `after` are as the TOML says them, or None where there is nothing. Of `wording` they are message keys,
    of `retired`, `after` is the id that replaces it. `subject`: the id of a responsibility; of a source in `source`.
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
    before, after = ({source.id: source for source in one.sources} for one in (old, new))
    for subject in sorted(before.keys() | after.keys()):
        was, now = before.get(subject), after.get(subject)
        yield from _changed(
            subject,
            {(ChangeKind.SOURCE, name): value for name, value in (asdict(was) if was else {}).items()},
            {(ChangeKind.SOURCE, name): value for name, value in (asdict(now) if now else {}).items()},
        )


_Parts = Mapping[tuple[ChangeKind, str], str | None]


def _changed(subject: str, before: _Parts, after: _Parts) -> Iterator[Change]:
    for kind, part in sorted(before.keys() | after.keys()):
        was, now = before.get((kind, part)), after.get((kind, part))
        if was != now:
            yield Change(kind, subject, part, was, now)


def _parts(row: Responsibility) -> _Parts:
    """Every field of a row as text, under the kind of change that it makes."""
    counts_from = None if row.counts_from is None else row.counts_from.isoformat()
    parts: dict[tuple[ChangeKind, str], str | None] = {
        (ChangeKind.STATE, "state"): row.state,
        (ChangeKind.STATE, "counts_from"): counts_from,
        (ChangeKind.STATE, "replaced_by"): row.replaced_by,
        (ChangeKind.LEVEL, ""): str(row.level),
        (ChangeKind.GROUP, ""): row.group,
        (ChangeKind.APPLIES, "setting"): row.setting,
        (ChangeKind.APPLIES, "kinds"): ", ".join(sorted(row.kinds)),
        (ChangeKind.APPLIES, "not_applicable"): row.not_applicable,
        (ChangeKind.WORDING, ""): row.message("requirement"),
        (ChangeKind.EVIDENCE, "evidence"): row.evidence,
        (ChangeKind.EVIDENCE, "surveyed"): "yes" if row.surveyed else None,
        (ChangeKind.SOURCE, "sources"): ", ".join(row.sources),
        (ChangeKind.MAPS, ""): ", ".join(row.maps) or None,
    }
    return parts | _attested(row.attested) | _measured(row.measured)


def _attested(rule: AttestedRule | None) -> dict[tuple[ChangeKind, str], str | None]:
    if rule is None:
        return {}
    fields = ", ".join(f"{field.name} ({field.kind}, {field.least} or more)" for field in rule.fields)
    said = {
        "link": rule.link,
        "fields": fields or None,
        "valid_days": str(rule.valid_for.days),
        "confirm": rule.confirm,
        "link_check_days": None if rule.link_check is None else str(rule.link_check.days),
    }
    return {(ChangeKind.EVIDENCE, f"attested.{name}"): value for name, value in said.items()}


def _measured(rule: MeasuredRule | None) -> dict[tuple[ChangeKind, str], str | None]:
    if rule is None:
        return {}
    threshold = rule.threshold
    said = {
        "metric": rule.metric,
        "params": ", ".join(f"{name} = {value:g}" for name, value in sorted(rule.params.items())) or None,
        "window": f"{rule.window.total_seconds() / 86400:g} d",
        "min_n": str(rule.min_n),
        "open_cases": "yes" if rule.open_count else "no",
        "clock": rule.clock,
    }
    parts: dict[tuple[ChangeKind, str], str | None] = {
        (ChangeKind.EVIDENCE, f"measured.{name}"): value for name, value in said.items()
    }
    parts[ChangeKind.THRESHOLD, ""] = f"{threshold.op} {threshold.limit:g} {threshold.unit}"
    return parts
