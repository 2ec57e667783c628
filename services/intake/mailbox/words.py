"""The sealed words of a report: its own, and what handlers, reporters and respondents wrote afterwards."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from services.intake.report.sealed import SealedAnswer, SealedStatement
from services.intake.report.submission import Section
from services.intake.stored import StoredReport
from services.intake.vault.cipher import Vault


@dataclass(frozen=True, slots=True)
class StoredWords:
    """Seals and opens them, each bound to its report and its place there."""

    vault: Vault

    def section(self, report: StoredReport, name: Section) -> dict[str, Any]:
        """What the report itself says in a section; empty where it says nothing (any more)."""
        sealed = report.vault.section(name) if report.vault else None
        opened: dict[str, Any] = orjson.loads(self.vault.open(f"{report.id}/{name}", sealed)) if sealed else {}
        return opened

    def statement(self, report: StoredReport, statement_id: str) -> str | None:
        """The words of handlers, reporters or respondents under an id; None when there are none (yet, or no more)."""
        sealed = report.statements.get(statement_id)
        return self.vault.open(f"{report.id}/statements/{statement_id}", sealed).decode() if sealed else None

    def answer(self, report: StoredReport, key: str) -> str | None:
        """The reporter's answer under a key; None when there is none (yet, or no more)."""
        sealed = report.answers.get(key)
        return self.vault.open(f"{report.id}/answers/{key}", sealed).decode() if sealed else None

    def sealed(
        self,
        report: StoredReport,
        statement_id: str,
        text: str,
        *,
        kind: str,
        at: datetime,
        ground: str | None = None,
        party: str | None = None,
    ) -> SealedStatement:
        """Words to be kept under an id; `at` is UTC-aware."""
        words = self.vault.seal(f"{report.id}/statements/{statement_id}", text.encode())
        return SealedStatement(words.key_id, words.key, words.data, kind=kind, at=at, ground=ground, party=party)

    def sealed_answer(self, report: StoredReport, key: str, text: str, at: datetime) -> SealedAnswer:
        """An answer to be kept under a key; `at` is UTC-aware."""
        words = self.vault.seal(f"{report.id}/answers/{key}", text.encode())
        return SealedAnswer(words.key_id, words.key, words.data, at=at)
