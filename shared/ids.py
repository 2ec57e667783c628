"""Identifiers. Those that follow from a cause are derived from it, so that doing a thing twice names it once."""

from uuid import UUID, uuid4, uuid5

_CASES = UUID("6b1f6c1e-2a0c-5c35-9d1b-3c2f3f1b7a10")
_CAUSES = UUID("0d3f5c52-8f0a-5a44-8c5e-7a3f0b9d2e61")


def new_id() -> str:
    """A random identifier (UUID 4) for something that no earlier fact causes."""
    return str(uuid4())


def case_id_of(report_id: str) -> str:
    """The case that a report opens; known before the case exists, so that it can key the report's own events."""
    return str(uuid5(_CASES, report_id))


def derive(*cause: str) -> str:
    """The identifier that follows from `cause`; the same parts always give the same id."""
    return str(uuid5(_CAUSES, "\x1f".join(cause)))
