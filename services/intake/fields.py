"""The kinds of fields in the bodies that intake takes."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

ANSWER_LIMIT = 20_000
Receipt = Annotated[str, StringConstraints(max_length=100)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=320)]
Words = Annotated[str, StringConstraints(min_length=1, max_length=ANSWER_LIMIT, pattern=r"\S")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
