"""Saved views: filters of the queue that a person keeps under names of their own. Nobody else ever reads them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Protocol

from pydantic import BaseModel, ValidationError

from shared.ids import new_id
from shared.input.texts import TypedText
from shared.problems import FieldError, FieldsWrong, Unavailable, problem_of

MOST = 20
"""So many views a person keeps."""
LONGEST = 60
"""Characters of a name."""
TRIES = 5


class ViewName(BaseModel):
    """What a person calls a view."""

    name: Annotated[str, TypedText(LONGEST)]


@dataclass(frozen=True, slots=True)
class SavedView:
    """`chosen`: the filter, as an address of the queue says it."""

    id: str
    name: str
    chosen: Mapping[str, str]


Views = tuple[SavedView, ...]


@dataclass(frozen=True, slots=True)
class StoredViews:
    """The views of one person. `id`: the reference of the person; `version`: how often they were written."""

    id: str
    views: Views = ()
    version: int = 0


class ViewStore(Protocol):
    """Where views are kept. Raises Unavailable while it is away."""

    async def load(self, person: str) -> StoredViews:
        """The views of a person; without any, at version 0."""
        ...

    async def save(self, stored: StoredViews) -> bool:
        """Write the views of a person, unless they were written since this version. Returns whether."""
        ...


class SavedViews:
    """The views of each person."""

    def __init__(self, store: ViewStore) -> None:
        self._store = store

    async def of(self, person: str) -> Views:
        """The views of a person, in the order in which the person first saved them."""
        return (await self._store.load(person)).views

    async def put(self, person: str, view: SavedView) -> Views:
        """Save a view under its id. Returns all. Raises FieldsWrong for the name of another view, and one too many."""
        return await self._change(person, lambda views: with_view(views, view))

    async def name(self, person: str, typed: str, chosen: Mapping[str, str]) -> Views:
        """Save a view under a name as it was typed, in place of the one of that name. Raises FieldsWrong."""
        try:
            name = ViewName(name=typed).name
        except ValidationError as error:
            raise problem_of(error) from None

        def change(views: Views) -> Views:
            same = next((one.id for one in views if _is_same(one.name, name)), new_id())
            return with_view(views, SavedView(same, name, chosen))

        return await self._change(person, change)

    async def delete(self, person: str, view_id: str) -> Views:
        """Delete a view of the person, if there is one of this id. Returns the others."""
        return await self._change(person, lambda views: tuple(one for one in views if one.id != view_id))

    async def _change(self, person: str, change: Callable[[Views], Views]) -> Views:
        for _ in range(TRIES):
            stored = await self._store.load(person)
            views = change(stored.views)
            if views == stored.views or await self._store.save(replace(stored, views=views)):
                return views
        raise Unavailable("written by others all the time")


def with_view(views: Views, view: SavedView) -> Views:
    """The views with this one, in place of the one of its id. Raises FieldsWrong."""
    if any(_is_same(one.name, view.name) and one.id != view.id for one in views):
        raise FieldsWrong([FieldError("/name", "name_taken", "Another view has this name.")])
    if view.id in {one.id for one in views}:
        return tuple(view if one.id == view.id else one for one in views)
    if len(views) >= MOST:
        raise FieldsWrong([FieldError("", "too_many_views", f"A person keeps at most {MOST} views.")])
    return (*views, view)


def _is_same(name: str, other: str) -> bool:
    return name.casefold() == other.casefold()
