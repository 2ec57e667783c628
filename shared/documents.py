"""Frozen values become MongoDB's documents and come back, by nothing but their type."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from shared.mongo import Document

T = TypeVar("T")


class Codec(Generic[T]):
    """Documents of one type: a frozen dataclass or model whose field `id`, if it has one, is the document's `_id`.

    Fields that a document lacks get their defaults, so that a new field needs no migration; fields that the type does
    not know are passed over.
    """

    def __init__(self, kind: type[T]) -> None:
        self._adapter = TypeAdapter(kind)

    def to_document(self, value: T) -> Document:
        """The fields of a value, without its id, which a store writes by itself."""
        document: Document = self._adapter.dump_python(value)
        document.pop("id", None)
        return document

    def from_document(self, document: Mapping[str, Any]) -> T:
        """The value that a document holds. Raises pydantic's ValidationError for one that no version has written."""
        return self._adapter.validate_python({**document, "id": document["_id"]} if "_id" in document else document)
