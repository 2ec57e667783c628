"""What pydantic makes of the types of routes, made once in a run: applications of the same types are built hundreds of
times, and half of the time of building one goes into this.
"""

from functools import lru_cache
from typing import Any

from fastapi._compat import v2
from fastapi._compat.v2 import ModelField, asdict
from fastapi.dependencies import models
from pydantic import TypeAdapter


def share_adapters() -> None:
    """From now on fields of equal types have one adapter. Adapters never change."""
    made: dict[object, TypeAdapter[Any]] = {}
    make = ModelField.__post_init__

    def take_or_make(field: ModelField) -> None:
        info = field.field_info
        if getattr(info.annotation, "__module__", "") == v2.__name__:
            # FastAPI has made this type for one route of one application.
            make(field)
            return
        given = asdict(info)["attributes"].items()
        # Some things are equal and not alike, as `int | str` and `str | int`.
        key = (info.annotation, *info.metadata, frozenset(given), repr((info.annotation, info.metadata, given)))
        try:
            known = made.get(key)
        except TypeError:
            make(field)
            return
        if known is None:
            make(field)
            known = made[key] = field._type_adapter
        field._type_adapter = known

    # FastAPI leaves no other place for it.
    setattr(ModelField, "__post_init__", take_or_make)  # noqa: B010  # a plain assignment is no method for mypy


def let_applications_go() -> None:
    """From now on FastAPI remembers of the last few applications alone what kind of functions their routes are.

    It keeps the functions of 4096 routes and dependencies alive, and with them sixty applications that nobody uses: the
    collector goes through all of them again and again, and does not tell what they leave open.
    """
    for name in ("_is_gen_callable_cached", "_is_async_gen_callable_cached", "_is_coroutine_callable_cached"):
        setattr(models, name, lru_cache(maxsize=256)(getattr(models, name).__wrapped__))
