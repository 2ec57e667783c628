"""The reporter is asked."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the reporter something; the words are in the vault under `question_id`."""

    name: ClassVar[str] = "ask"
    question_id: str
