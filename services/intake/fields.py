"""The kinds of fields in the bodies that intake takes, and the headers of its answers."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

ANSWER_LIMIT = 20_000
Receipt = Annotated[str, StringConstraints(max_length=100)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=320)]
Words = Annotated[str, StringConstraints(min_length=1, max_length=ANSWER_LIMIT, pattern=r"\S")]

PRIVATE: Mapping[str, str] = MappingProxyType({"Cache-Control": "no-store"})
"""Headers of every answer: nothing on the way may keep it."""


class Body(BaseModel):
    """A body in JSON: no field but those that it names, each of exactly its type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
