"""The kinds of fields in the bodies that intake takes, and the headers of its answers."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict

from shared.field_words import IDENTIFIER, of_form
from shared.input.texts import Trimmed, TypedText
from shared.names import LONGEST_LINE

ANSWER_LIMIT = 20_000
RECEIPT_LIMIT = 200
"""Characters of a receipt as it is typed, with blanks and marks."""
Receipt = Annotated[str, TypedText(RECEIPT_LIMIT, optional=True, one_line=False)]
Identifier = Annotated[str, Trimmed, of_form(IDENTIFIER)]
Name = Annotated[str, TypedText(320, longest=LONGEST_LINE)]
Words = Annotated[str, TypedText(ANSWER_LIMIT, one_line=False)]

PRIVATE: Mapping[str, str] = MappingProxyType({"Cache-Control": "no-store"})
"""Headers of every answer: nothing on the way may keep it."""


class Body(BaseModel):
    """A body in JSON: no field but those that it names, each of exactly its type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
