"""Reports that intake makes of another report: one matter of it, or bad treatment of the reporter because of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from services.intake.actions import Accepted, Submissions
from services.intake.erasure.actions import KnownPeople, shut_out_of
from services.intake.report.check_ins import BAD_TREATMENT, QUESTIONS, WORDS
from services.intake.report.submission import Reported, Reporter, Section, Submission
from services.intake.sources.arrival import Arrival
from services.intake.stored import Change, StoredReport
from services.intake.vault.cipher import Vault
from shared.events import RETALIATION, SPLIT_CHANNEL, CaseSplit
from shared.policy import UNCLASSIFIED

CHANNEL = "follow_up"
"""As what the facts of a report of bad treatment tell where it came from."""
WITHOUT_WORDS = "The reporter was treated badly because of an earlier report, and wrote no words about it."


class FurtherReports:
    """Makes a report out of words that belong to another: for the same community, people, reporter and privacy."""

    def __init__(self, submissions: Submissions, vault: Vault, people: KnownPeople) -> None:
        self._submissions = submissions
        self._vault = vault
        self._people = people

    def of_answers(self, answer_id: str) -> Accepted:
        """The id and the receipt of the report that the answers to a check-in become, by the id of the answers."""
        return self._submissions.named(RETALIATION, answer_id)

    def of_matter(self, part_id: str) -> Accepted:
        """The id and the receipt of the report that one matter becomes, by the id of its words."""
        return self._submissions.named(SPLIT_CHANNEL, part_id)

    async def open_of_answers(self, first: StoredReport, answer_id: str, entries: Mapping[str, str]) -> Change:
        """The report that these answers become. Raises Unavailable before the roster was ever read."""
        return await self._open(first, self._answers(first, answer_id, entries))

    def is_opened(
        self, first: StoredReport, answer_id: str, entries: Mapping[str, str], opened: StoredReport | None
    ) -> bool:
        """Whether `opened` is what these answers became."""
        return opened is not None and self._submissions.is_same(opened, self._answers(first, answer_id, entries))

    async def open_of_matter(self, first: StoredReport, split: CaseSplit, words: str) -> Change:
        """The report that one matter becomes. It was received when the first was: no clock starts anew.

        Raises Unavailable before the roster was ever read.
        """
        said = {"category": split.category, "flags": split.flags, "narrative": words}
        arrival = self._arrival(first, SPLIT_CHANNEL, SPLIT_CHANNEL, split.part_id, said)
        return await self._open(first, replace(arrival, received_at=first.received_at))

    async def _open(self, first: StoredReport, arrival: Arrival) -> Change:
        """The report of this arrival, with everybody shut out who is shut out of the first one."""
        shut_out = (*await shut_out_of(first, self._people), *first.hidden_from)
        return await self._submissions.prepare(arrival, first.case_id, tuple(dict.fromkeys(shut_out)))

    def _answers(self, first: StoredReport, answer_id: str, entries: Mapping[str, str]) -> Arrival:
        given = "; ".join(f"{name}: {entries[name]}" for name in QUESTIONS if name in entries and name != BAD_TREATMENT)
        said = {
            "category": UNCLASSIFIED,
            "flags": (RETALIATION,),
            "narrative": entries.get(WORDS) or WITHOUT_WORDS,
            "anything_else": given or None,
        }
        return self._arrival(first, CHANNEL, RETALIATION, answer_id, said)

    def _arrival(self, first: StoredReport, channel: str, scope: str, key: str, said: Mapping[str, Any]) -> Arrival:
        facts = first.facts
        reporter, people = self._section(first, "reporter"), self._section(first, "reported").get("people", ())
        of_first: dict[str, Any] = {
            "community": facts.community,
            "setting": facts.setting,
            "language": facts.language,
            "privacy": facts.privacy,
            "reported": tuple(Reported.model_construct(name=person["name"], details=None) for person in people),
            "reporter": Reporter.model_construct(**reporter) if reporter else None,
        }
        # What the vault has was checked when it came.
        return Arrival(channel, Submission.model_construct(**of_first, **said), scope=scope, key=key)

    def _section(self, report: StoredReport, name: Section) -> dict[str, Any]:
        sealed = report.vault.section(name) if report.vault else None
        opened: dict[str, Any] = orjson.loads(self._vault.open(f"{report.id}/{name}", sealed)) if sealed else {}
        return opened
