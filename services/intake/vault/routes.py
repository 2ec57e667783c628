"""The vault over HTTP, for the other services."""

import re
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from services.intake.fields import Identifier, Name, Words, _Body
from services.intake.vault.reads import Readable
from shared.problems import FieldError

# A statement's id becomes the name of a field in the store.
_IDENTIFIER = re.compile(r"[A-Za-z0-9-]{1,64}")
_BAD_STATEMENT_ID = FieldError("/statement_id", "invalid_id", "Letters, digits and hyphens, 64 at most.")


class ReadItem(_Body):
    """One report to read from."""

    report_id: Identifier
    sections: Annotated[tuple[Readable, ...], Field(min_length=1, max_length=4)]


class VaultRead(_Body):
    """POST /v1/vault/read."""

    purpose: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
    reads: Annotated[tuple[ReadItem, ...], Field(max_length=500)]


class Statement(_Body):
    """PUT /v1/vault/reports/{report_id}/statements/{statement_id}."""

    kind: Literal["question", "reason"]
    text: Words


class Names(_Body):
    """POST /v1/vault/pseudonyms."""

    names: Annotated[tuple[Name, ...], Field(max_length=20)]
    addresses: Annotated[tuple[Name, ...], Field(max_length=20)]
