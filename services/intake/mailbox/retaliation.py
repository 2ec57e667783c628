"""A reporter tells at a check-in of bad treatment because of the report: that becomes a report of its own."""

from collections.abc import Mapping
from typing import Any

import orjson

from services.intake.actions import Accepted, Submissions
from services.intake.erasure.actions import KnownPeople, shut_out_of
from services.intake.report.check_ins import BAD_TREATMENT, QUESTIONS, WORDS
from services.intake.report.submission import Reported, Reporter, Section, Submission
from services.intake.sources.arrival import Arrival
from services.intake.stored import Change, StoredReport
from services.intake.vault.cipher import Vault
from shared.events import RETALIATION
from shared.policy import UNCLASSIFIED

CHANNEL = "follow_up"
"""As what the facts of such a report tell where it came from."""
WITHOUT_WORDS = "The reporter was treated badly because of an earlier report, and wrote no words about it."


class Retaliation:
    """Makes the report out of what a reporter answered: for the same community, with the same people and privacy."""

    def __init__(self, submissions: Submissions, vault: Vault, people: KnownPeople) -> None:
        self._submissions = submissions
        self._vault = vault
        self._people = people

    def named(self, answer_id: str) -> Accepted:
        """The id and the receipt of the report that the answers of this id become."""
        return self._submissions.named(RETALIATION, answer_id)

    async def open(self, first: StoredReport, answer_id: str, entries: Mapping[str, str]) -> Change:
        """The report that these answers become, with everybody shut out who is shut out of the first one.

        Raises Unavailable before the roster was ever read.
        """
        shut_out = (*await shut_out_of(first, self._people), *first.hidden_from)
        arrival = self._arrival_of(first, answer_id, entries)
        return await self._submissions.prepare(arrival, first.case_id, tuple(dict.fromkeys(shut_out)))

    def is_opened(
        self, first: StoredReport, answer_id: str, entries: Mapping[str, str], opened: StoredReport | None
    ) -> bool:
        """Whether `opened` is what these answers became."""
        return opened is not None and self._submissions.is_same(opened, self._arrival_of(first, answer_id, entries))

    def _arrival_of(self, first: StoredReport, answer_id: str, entries: Mapping[str, str]) -> Arrival:
        facts = first.facts
        reporter, people = self._section(first, "reporter"), self._section(first, "reported").get("people", ())
        given = "; ".join(f"{name}: {entries[name]}" for name in QUESTIONS if name in entries and name != BAD_TREATMENT)
        said: dict[str, Any] = {
            "community": facts.community,
            "category": UNCLASSIFIED,
            "flags": (RETALIATION,),
            "setting": facts.setting,
            "language": facts.language,
            "privacy": facts.privacy,
            "narrative": entries.get(WORDS) or WITHOUT_WORDS,
            "anything_else": given or None,
            "reported": tuple(Reported.model_construct(name=person["name"], details=None) for person in people),
            "reporter": Reporter.model_construct(**reporter) if reporter else None,
        }
        # What the vault has was checked when it came.
        return Arrival(CHANNEL, Submission.model_construct(**said), scope=RETALIATION, key=answer_id)

    def _section(self, report: StoredReport, name: Section) -> dict[str, Any]:
        sealed = report.vault.section(name) if report.vault else None
        opened: dict[str, Any] = orjson.loads(self._vault.open(f"{report.id}/{name}", sealed)) if sealed else {}
        return opened
