"""Frozen values become documents of MongoDB and come back. Their type says how."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cached_property, partial
from itertools import compress
from operator import attrgetter, is_, is_not
from typing import Any, Generic, TypeVar, get_type_hints

from pydantic import TypeAdapter

from shared.mongo import Document

T = TypeVar("T")


class Codec(Generic[T]):
    """Documents of one type: a frozen dataclass or model. Its field `id`, if it has one, is the document's `_id`.

    A field that a document lacks gets its default, so a new field needs no migration. A field that the type does not
    know is passed over.
    """

    def __init__(self, kind: type[T], *, sparse: bool = False) -> None:
        """`sparse`: a document lacks the fields that have their default, at any depth.

        It takes less work to write, to find and to read. Then no default may change, and no document of before may be
        written over by `to_document`, because it would keep what has its default now.
        """
        self._kind = kind
        self._sparse = sparse
        self._adapter = TypeAdapter(kind)

    def to_document(self, value: T) -> Document:
        """The fields of a value. The id is left out, because a store writes it by itself."""
        document: Document = self._adapter.dump_python(value, exclude_defaults=self._sparse)
        document.pop("id", None)
        return document

    def changes(self, value: T, before: T) -> tuple[Document, dict[str, list[Any]]]:
        """The fields of a value that was made of `before`, as far as they are not the same objects. For dataclasses.

        First those that change as a whole; then, of sequences that only have more items than before, these.
        """
        whole, more = Document(), dict[str, list[Any]]()
        writers, read = self._writers
        for name in compress(writers, map(is_not, read(before), read(value))):
            old, one = getattr(before, name), getattr(value, name)
            if isinstance(one, tuple) and isinstance(old, tuple) and len(one) > len(old) and all(map(is_, old, one)):
                more[name] = list(writers[name](one[len(old) :]))
            else:
                whole[name] = writers[name](one)
        return whole, more

    @cached_property
    def _writers(self) -> tuple[dict[str, Callable[[Any], Any]], Callable[[T], tuple[Any, ...]]]:
        """How each field becomes part of a document, and what reads all of them."""
        hints = get_type_hints(self._kind, include_extras=True)
        names = [one.name for one in fields(self._kind) if one.name != "id"]  # type: ignore[arg-type]  # see `changes`
        writers = [
            partial(TypeAdapter(hints[name]).serializer.to_python, exclude_defaults=self._sparse) for name in names
        ]
        return dict(zip(names, writers, strict=True)), attrgetter(*names)

    def from_document(self, document: Mapping[str, Any]) -> T:
        """The value that a document holds. Raises pydantic's ValidationError for a document that no version wrote."""
        return self._adapter.validate_python({**document, "id": document["_id"]} if "_id" in document else document)
