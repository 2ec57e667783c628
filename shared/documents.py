"""Frozen values become documents of MongoDB and come back. Their type says how."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from shared.mongo import Document

T = TypeVar("T")


class Codec(Generic[T]):
    """Documents of one type: a frozen dataclass or model. Its field `id`, if it has one, is the document's `_id`.

    A field that a document lacks gets its default, so a new field needs no migration. A field that the type does not
    know is passed over.
    """

    def __init__(self, kind: type[T]) -> None:
        self._adapter = TypeAdapter(kind)

    def to_document(self, value: T) -> Document:
        """The fields of a value. The id is left out, because a store writes it by itself."""
        document: Document = self._adapter.dump_python(value)
        document.pop("id", None)
        return document

    def from_document(self, document: Mapping[str, Any]) -> T:
        """The value that a document holds. Raises pydantic's ValidationError for a document that no version wrote."""
        return self._adapter.validate_python({**document, "id": document["_id"]} if "_id" in document else document)
