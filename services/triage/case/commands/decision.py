"""A case is decided."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Decide:
    """Decide on an outcome of the policy; the reasons are in the vault under `reason_id`."""

    name: ClassVar[str] = "decide"
    outcome: str
    reason_id: str
