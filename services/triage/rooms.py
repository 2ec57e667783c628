"""Which rooms of the desk a person may enter, for the navigation of every page."""

from collections.abc import Mapping
from datetime import datetime

from shared.access.authorization import is_permitted
from shared.access.principal import Principal, Resource


def rooms_of(who: Principal, at: datetime) -> Mapping[str, bool]:
    """`cases`, `measures`, `roster`, `baseline` and `policy`: whether `who` may read them at that time (UTC-aware)."""
    return {
        "cases": is_permitted(who, "case.list", None, at),
        "measures": is_permitted(who, "measure.list", None, at),
        "roster": is_permitted(who, "roster.read", Resource(), at),
        "baseline": is_permitted(who, "baseline.list", Resource(), at),
        "policy": is_permitted(who, "policy.read", Resource(), at),
    }
