"""Frozen dataclasses of many fields, made and copied in a fraction of the time that the ones of dataclasses take.

As there, the functions are written out for each class and compiled. While they fill a value, it is of a class that is
not frozen, with the same slots: a frozen class goes a longer way to each of them.
"""

from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import cache
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

_BECOME = vars(object)["__class__"].__set__


def copier(kind: type[T]) -> Callable[..., T]:
    """A function that takes a value of `kind` and fields by name, and returns a copy with these fields.

    `kind`: a dataclass with slots for all of its fields and without `__post_init__`. Raises TypeError for any other.
    The function raises AttributeError for a field that there is not.
    """
    names, known = _slots_of(kind)
    lines = [
        "def copy(value, **changes):",
        " made = new(open_kind)",
        *(f" made.{name} = value.{name}" for name in names),
        " for name, field in changes.items():",
        "  set_field(made, name, field)",
        " made.__class__ = value.__class__",
        " return made",
    ]
    copy: Callable[..., T] = _compiled("copy", lines, known | {"new": object.__new__, "set_field": setattr})
    return copy


def quick(kind: type[T]) -> type[T]:
    """Decorates a dataclass as for `copier`, of which no field has a factory or is hidden: it is made faster."""
    names, known = _slots_of(kind)
    lines = [
        f"def __init__(self, {_given_to(kind, known)}):",
        " kind = self.__class__",
        " become(self, open_kind)",
        *(f" self.{name} = {name}" for name in names),
        " self.__class__ = kind",
    ]
    made = _compiled("__init__", lines, known | {"become": _BECOME})
    made.__annotations__, made.__qualname__ = kind.__init__.__annotations__, kind.__init__.__qualname__
    kind.__init__ = made  # type: ignore[method-assign]  # it takes the same
    return kind


def maker(kind: Callable[P, T]) -> Callable[P, T]:
    """A function that takes and makes what such a class does; fields by name are not gathered in a dictionary first."""
    names, known = _slots_of(kind)
    lines = [
        f"def make({_given_to(kind, known)}):",
        " made = new(open_kind)",
        *(f" made.{name} = {name}" for name in names),
        " made.__class__ = kind",
        " return made",
    ]
    make: Callable[P, T] = _compiled("make", lines, known | {"new": object.__new__, "kind": kind})
    return make


def _slots_of(kind: Any) -> tuple[list[str], dict[str, Any]]:
    """The fields of a class in order, and the class of which a value is while they are filled."""
    names = [one.name for one in fields(kind)]
    slots = {slot for part in kind.__mro__ for slot in vars(part).get("__slots__", ())}
    if hasattr(kind, "__post_init__") or not slots.issuperset(names):
        raise TypeError(f"{kind.__name__} needs slots for all of its fields, and no __post_init__")
    return names, {"open_kind": _open_kind_of(kind)}


@cache
def _open_kind_of(kind: Any) -> Any:
    settable = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(kind.__name__, (kind,), settable)


def _given_to(kind: Any, known: dict[str, Any]) -> str:
    """The parameters of what makes such a class. Their defaults come to what is `known`."""
    given = []
    for one in fields(kind):
        if not one.init or one.kw_only or one.default_factory is not MISSING:
            raise TypeError(f"{kind.__name__}.{one.name} is no plain field")
        known[f"default_{one.name}"] = one.default
        given.append(one.name if one.default is MISSING else f"{one.name}=default_{one.name}")
    return ", ".join(given)


def _compiled(name: str, lines: list[str], known: dict[str, Any]) -> Any:
    exec("\n".join(lines), known)  # noqa: S102  # nosec B102  # of names in our own code alone, as dataclasses does
    return known[name]
