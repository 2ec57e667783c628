"""The names of a person on the roster, as keys: told at a sign-in, given by coordinators, waiting, taken away. Pure.

Names are only ever added. Taking one away needs two coordinators.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared.ids import derive
from shared.own_names import NameKeys, Trust

TYPED_DELAY = timedelta(hours=24)
"""How long a typed name waits (set on 2026-11-28). Then the next sign-in makes it hold, for good.

If it held at once, a person could type the name of a stranger and see which case vanishes. In this time a coordinator
sees the alarm.
"""
ASKING = timedelta(days=7)
"""How long a second coordinator has to agree that a name is taken away."""


class Source(StrEnum):
    """How Hearth knows a name: three kinds from the provider, and those that coordinators gave."""

    ACCOUNT = Trust.ACCOUNT.value
    PROVED = Trust.PROVED.value
    TYPED = Trust.TYPED.value
    GIVEN = "given"
    EARLIER = "earlier"
    """From before Hearth kept how it knows a name."""


class Alarm(StrEnum):
    """What coordinators should look at."""

    TYPED = "names_typed"
    """A typed name waits."""
    RENAMED = "names_renamed"
    """The provider told a user name, and it is not the person's first."""


@dataclass(frozen=True, slots=True)
class NameHeld:
    """One name of a person. `keys`: under which it may stand in reports. Times are UTC-aware.

    `holds_from`: since when reports with this name are hidden from the person. None: it waits. `asked_by`: the
    coordinator who wants it taken away, since `asked_at`.
    """

    id: str
    keys: tuple[str, ...]
    source: Source
    noted_at: datetime
    holds_from: datetime | None
    asked_by: str | None = None
    asked_at: datetime | None = None

    def is_asked(self, at: datetime) -> bool:
        """Whether a coordinator wants it taken away, and the time to agree is not over."""
        return self.asked_at is not None and at - self.asked_at < ASKING


Names = tuple[NameHeld, ...]
_TOLD = (Source.ACCOUNT, Source.PROVED, Source.TYPED)


def with_told(names: Names, told: Iterable[NameKeys], at: datetime, *, signed_in: bool) -> Names:
    """The names after the provider told these. `signed_in`: at a sign-in; else from a session that runs.

    A name that a person cannot choose freely holds at once. A typed one waits, unless the person comes for the first
    time: a person who has seen no case yet learns nothing from one that is missing.
    """
    is_first = all(name.source is Source.GIVEN for name in names)
    for one in told:
        adds_nothing = one.trust is Trust.TYPED and set(one.keys) <= set(keys_that_hold(names))
        if not one.keys or adds_nothing:
            continue
        holds_from = at if is_first or one.trust is not Trust.TYPED else None
        old = _find(names, one.keys, _TOLD)
        if old is None:
            names = _added(names, one.keys, Source(one.trust), at, holds_from)
        elif old.source is Source.TYPED and one.trust is not Trust.TYPED:
            names = _put(names, replace(old, source=Source(one.trust), holds_from=old.holds_from or at))
    if signed_in:
        due = [name for name in names if name.holds_from is None and at - name.noted_at >= TYPED_DELAY]
        for name in due:
            names = _put(names, replace(name, holds_from=at))
    return names


def with_given(names: Names, given: Iterable[tuple[str, ...]], at: datetime) -> Names:
    """The names after a coordinator gave these, which hold at once."""
    for keys in given:
        if keys and _find(names, keys, (Source.GIVEN,)) is None:
            names = _added(names, keys, Source.GIVEN, at, at)
    return names


def without_name(names: Names, name_id: str, by: str, at: datetime) -> Names:
    """The names after the coordinator `by` wanted one taken away. It goes when a second coordinator wants it, too."""
    name = find_name(names, name_id)
    if name is None:
        return names
    if name.is_asked(at) and name.asked_by != by:
        return tuple(other for other in names if other.id != name_id)
    return names if name.is_asked(at) else _put(names, replace(name, asked_by=by, asked_at=at))


def find_name(names: Names, name_id: str) -> NameHeld | None:
    """The name with this id."""
    return next((name for name in names if name.id == name_id), None)


def keys_that_hold(names: Names) -> tuple[str, ...]:
    """The keys by which reports are hidden from the person."""
    return tuple(dict.fromkeys(key for name in names if name.holds_from is not None for key in name.keys))


def has_user_name(names: Names) -> bool:
    """Whether the provider has told the person's user name."""
    return any(name.source is Source.ACCOUNT for name in names)


def has_given(names: Names) -> bool:
    """Whether a coordinator has given the person a name."""
    return any(name.source is Source.GIVEN for name in names)


def is_confirmed(names: Names) -> bool:
    """Whether a coordinator gave the person every user name that the provider has told."""
    given = {key for name in names if name.source is Source.GIVEN for key in name.keys}
    accounts = [name for name in names if name.source is Source.ACCOUNT]
    return bool(accounts) and all(given.intersection(name.keys) for name in accounts)


def alarm_of(before: Names, after: Names) -> Alarm | None:
    """What coordinators should look at, after names were told."""
    new = tuple(name for name in after if find_name(before, name.id) is None)
    if has_user_name(before) and has_user_name(new):
        return Alarm.RENAMED
    return Alarm.TYPED if any(name.holds_from is None for name in new) else None


def look_at(names: Names, at: datetime, *, has_role: bool = False) -> tuple[str, ...]:
    """What a coordinator should look at: a typed name that waits, a second user name that no coordinator gave, a name
    that a coordinator wants taken away, and a person with a role (`has_role`) and no known name.
    """
    accounts = sum(name.source is Source.ACCOUNT for name in names)
    found = {
        "typed": any(name.holds_from is None for name in names),
        "renamed": accounts > 1 and not is_confirmed(names),
        "unwanted": any(name.is_asked(at) for name in names),
        "unnamed": has_role and not names,
    }
    return tuple(what for what, holds in found.items() if holds)


def _find(names: Names, keys: Sequence[str], sources: Sequence[Source]) -> NameHeld | None:
    return next((name for name in names if name.source in sources and set(name.keys) == set(keys)), None)


def _added(names: Names, keys: Sequence[str], source: Source, at: datetime, holds_from: datetime | None) -> Names:
    # The id tells nothing of the keys, because coordinators see it.
    name_id = derive("name", at.isoformat(), str(len(names)))
    return (*names, NameHeld(name_id, tuple(keys), source, at, holds_from))


def _put(names: Names, changed: NameHeld) -> Names:
    return tuple(changed if name.id == changed.id else name for name in names)
