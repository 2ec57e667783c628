"""What can be read of a body that has faults, so that its sender hears of all of them in one round. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError

M = TypeVar("M", bound=BaseModel)


def readable(model: type[M], document: object) -> M | None:
    """The model of a JSON document, without what is wrong with it. None for what is no object.

    A part that is wrong is as if it were not there; of a list of texts, the wrong ones are empty. A list that is too
    long is wrong as a whole, so that nothing judges more items than a model can have. A part that is needed is an empty
    text then: what judges the model has to bear that.
    """
    if not isinstance(document, Mapping):
        return None
    fields = _fields(model).items()
    found: dict[str, Any] = {n: field.read(document[n]) if n in document else field.default for n, field in fields}
    return model.model_construct(**found)


@dataclass(frozen=True, slots=True)
class _Field:
    """How one field of a model is read. `default`: what it is where it is not there. `holds`: tuple, Mapping or None.

    A list of models, and what holds nothing, is read as a whole.
    """

    kind: TypeAdapter[Any]
    default: object
    holds: object

    def read(self, value: object) -> object:
        try:
            return self.kind.validate_json(orjson.dumps(value), strict=True)
        except orjson.JSONEncodeError:
            return self.default
        except ValidationError as error:
            if any(not fault["loc"] for fault in error.errors(include_url=False, include_context=False)):
                return self.default
        if self.holds is tuple and isinstance(value, list) and value:
            return tuple(self._item(item) for item in value)
        if self.holds is Mapping and isinstance(value, Mapping):
            entries = ((name, self._entry(name, part)) for name, part in value.items())
            return {name: entry for name, entry in entries if entry is not None}
        return self.default

    def _read(self, value: object) -> list[Any] | None:
        try:
            return [self.kind.validate_json(orjson.dumps(value), strict=True)]
        except (ValidationError, orjson.JSONEncodeError):
            return None

    def _item(self, item: object) -> object:
        found = self._read([item])
        return found[0][0] if found else ""

    def _entry(self, name: str, part: object) -> object:
        found = self._read({name: part})
        if found or not isinstance(part, list):
            return next(iter(found[0].values())) if found else None
        items = (self._read({name: [item]}) for item in part)
        return tuple(next(iter(item[0].values()))[0] if item else "" for item in items)


@cache
def _fields(model: type[BaseModel]) -> Mapping[str, _Field]:
    found: dict[str, _Field] = {}
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        of_models = any(isinstance(part, type) and issubclass(part, BaseModel) for part in get_args(kind))
        holds = None if of_models else get_origin(kind)
        for demand in field.metadata:
            kind = Annotated[kind, demand]
        default = "" if field.is_required() else field.get_default(call_default_factory=True)
        found[name] = _Field(TypeAdapter(kind), default, holds)
    return found
