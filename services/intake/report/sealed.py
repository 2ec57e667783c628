"""What the vault has sealed, as it is stored. Pure: services/intake/vault/cipher.py seals and opens.

A stored field that is missing is read as empty: nobody can open it, and the report can still be followed and erased.
"""

from dataclasses import dataclass, field
from datetime import datetime

from services.intake.report.submission import Section


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A random key, wrapped by the master key with the id `key_id`."""

    key_id: str = ""
    key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Sealed(WrappedKey):
    """Something encrypted under that random key."""

    data: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class SealedSections:
    """The sections of a report that have something in them, and the key of its content digest."""

    digest: WrappedKey
    content: Sealed | None = None
    reported: Sealed | None = None
    reporter: Sealed | None = None
    unknown: Sealed | None = None

    def section(self, name: Section) -> Sealed | None:
        """The section of this name; None for one without anything in it."""
        sealed: Sealed | None = getattr(self, name)
        return sealed


@dataclass(frozen=True, slots=True)
class SealedStatement(Sealed):
    """Words about the case, kept at a UTC-aware time: a handler's, such as a `question` or a `reason`, or the
    reporter's own `appeal`, which has a `ground`. `party`: the token of the respondent who wrote them.
    """

    kind: str = field(kw_only=True)
    at: datetime = field(kw_only=True)
    ground: str | None = field(default=None, kw_only=True)
    party: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class SealedAnswer(Sealed):
    """A reporter's answer, kept at a UTC-aware time."""

    at: datetime = field(kw_only=True)
