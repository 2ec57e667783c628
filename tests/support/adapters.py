"""What FastAPI and pydantic make of routes, and typer of commands, made once in a run: applications of the same
routes are built thousands of times, and most of the time of building one goes into this.
"""

from dataclasses import replace
from functools import cache
from typing import Any

import typer.main
from fastapi import routing
from fastapi._compat import v2
from fastapi._compat.v2 import ModelField, asdict
from fastapi.dependencies import models
from fastapi.routing import APIRoute
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


def share_routes() -> None:
    """From now on FastAPI finds out once what an endpoint takes and gives, and knows it of the same endpoint of every
    further application. Nothing of it leads back to an application.
    """
    made: dict[object, tuple[object, dict[str, Any]]] = {}
    make = routing._populate_api_route_state

    def take_or_make(route: Any, path: str, endpoint: Any, **options: Any) -> None:
        if not issubclass(type(route), APIRoute):
            # What a router makes of a route of another router leads to that one.
            make(route, path, endpoint, **options)
            return
        own = {name: options[name] for name in _OF_ONE_APPLICATION}
        told = (options | dict.fromkeys(own), endpoint.__annotations__, endpoint.__defaults__, endpoint.__kwdefaults__)
        key = path, endpoint.__code__, *(options["methods"] or ())
        before, known = made.get(key, (None, {}))
        if before == told:
            vars(route).update(known | own, endpoint=endpoint, dependant=replace(known["dependant"], call=endpoint))
        else:
            make(route, path, endpoint, **options)
            if not route.dependant.dependencies:
                found = {name: value for name, value in vars(route).items() if name not in own}
                made[key] = told, found | {"endpoint": None, "dependant": replace(route.dependant, call=None)}

    # FastAPI leaves no other place for it.
    setattr(routing, "_populate_api_route_state", take_or_make)  # noqa: B010  # a plain assignment is no method for mypy


_OF_ONE_APPLICATION = ("dependency_overrides_provider", "openapi_extra")
"""What is told of a route, belongs to one application, and changes nothing of what is found out."""


def share_commands() -> None:
    """From now on a command line is made once, however often it is called. Nothing of a call stays in it."""
    setattr(typer.main, "get_command", cache(typer.main.get_command))  # noqa: B010  # typer leaves no other place


def let_applications_go() -> None:
    """From now on FastAPI looks again at what kind of function a route has.

    To remember it, it keeps 4096 functions alive, and with them sixty applications or more that nobody uses: the
    collector goes through all of them again and again, and does not tell what they leave open.
    """
    for name in ("_is_gen_callable_cached", "_is_async_gen_callable_cached", "_is_coroutine_callable_cached"):
        setattr(models, name, getattr(models, name).__wrapped__)
