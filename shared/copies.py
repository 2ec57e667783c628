"""Frozen dataclasses of many fields, made and copied in a fraction of the time that the ones of dataclasses take.

As there, the functions are written out for each class and compiled. They set the slots themselves, while a frozen class
goes a longer way to each of them.
"""

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar

T = TypeVar("T")


def copier(kind: type[T]) -> Callable[..., T]:
    """A function that takes a value of `kind` and fields by name, and returns a copy with these fields.

    `kind`: a dataclass with slots for all of its fields and without `__post_init__`. Raises TypeError for any other.
    The function raises KeyError for a field that there is not.
    """
    names, known = _slots_of(kind)
    lines = [
        "def copy(value, **changes):",
        " made = new(kind)",
        *(f" set_{name}(made, value.{name})" for name in names),
        " for name, field in changes.items():",
        "  sets[name](made, field)",
        " return made",
    ]
    known |= {"new": object.__new__, "kind": kind, "sets": {name: known[f"set_{name}"] for name in names}}
    copy: Callable[..., T] = _compiled("copy", lines, known)
    return copy


def quick(kind: type[T]) -> type[T]:
    """Decorates a dataclass as for `copier`, of which no field has a factory or is hidden: it is made faster."""
    names, known = _slots_of(kind)
    given = []
    for one in fields(kind):  # type: ignore[arg-type]  # T stands for dataclasses only
        if not one.init or one.kw_only or one.default_factory is not MISSING:
            raise TypeError(f"{kind.__name__}.{one.name} is no plain field")
        known[f"default_{one.name}"] = one.default
        given.append(one.name if one.default is MISSING else f"{one.name}=default_{one.name}")
    lines = [f"def __init__(self, {', '.join(given)}):", *(f" set_{name}(self, {name})" for name in names)]
    made = _compiled("__init__", lines, known)
    made.__annotations__, made.__qualname__ = kind.__init__.__annotations__, kind.__init__.__qualname__
    kind.__init__ = made  # type: ignore[method-assign]  # it takes the same
    return kind


def _slots_of(kind: type[Any]) -> tuple[list[str], dict[str, Any]]:
    """The fields of a class in order, and what sets each."""
    names = [one.name for one in fields(kind)]
    slots = {slot for part in kind.__mro__ for slot in vars(part).get("__slots__", ())}
    if hasattr(kind, "__post_init__") or not slots.issuperset(names):
        raise TypeError(f"{kind.__name__} needs slots for all of its fields, and no __post_init__")
    return names, {f"set_{name}": getattr(kind, name).__set__ for name in names}


def _compiled(name: str, lines: list[str], known: dict[str, Any]) -> Any:
    exec("\n".join(lines), known)  # noqa: S102  # nosec B102  # of names in our own code alone, as dataclasses does
    return known[name]
