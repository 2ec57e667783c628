"""Reports that intake makes of another report: one matter of it, or bad treatment of the reporter because of it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from services.intake.actions import Accepted, Submissions
from services.intake.erasure.actions import KnownPeople, shut_out_of
from services.intake.mailbox.words import StoredWords
from services.intake.report.check_ins import BAD_TREATMENT, QUESTIONS, WORDS
from services.intake.report.submission import Reported, Reporter, Submission
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
        self._words = StoredWords(vault)
        self._people = people

    def of_answers(self, answer_id: str) -> Accepted:
        """The id and the receipt of the report that the answers to a check-in become, by their id.

        What a handler noted of them has an id of its own.
        """
        return self._submissions.named(RETALIATION, answer_id)

    def of_matter(self, part_id: str) -> Accepted:
        """The id and the receipt of the report that one matter becomes, by the id of its words."""
        return self._submissions.named(SPLIT_CHANNEL, part_id)

    def made_of(self, report: StoredReport) -> tuple[str, ...]:
        """The ids of the reports that were made of this one, erased or not."""
        matters, answers = map(self.of_matter, report.parts), map(self.of_answers, report.opened)
        return tuple(made.report_id for made in (*matters, *answers))

    async def open_of_answers(self, first: StoredReport, answer_id: str, entries: Mapping[str, str]) -> Change:
        """The report that these answers become. Raises Unavailable before the roster was ever read."""
        return await self._open(first, self._answers(first, answer_id, entries, self._reported(first)))

    def is_opened(
        self, first: StoredReport, answer_id: str, entries: Mapping[str, str], opened: StoredReport | None
    ) -> bool:
        """Whether `opened` is what these answers became. Handlers may have added people to the first one since."""
        if opened is None:
            return False
        arrival = self._answers(first, answer_id, entries, self._names_in(opened))
        return self._submissions.is_same(opened, arrival)

    async def open_of_matter(self, first: StoredReport, split: CaseSplit, words: str) -> Change:
        """The report that one matter becomes. It was received when the first was: no clock starts anew.

        Raises Unavailable before the roster was ever read.
        """
        said = {"category": split.category, "flags": split.flags, "narrative": words}
        arrival = self._arrival(first, SPLIT_CHANNEL, SPLIT_CHANNEL, split.part_id, said, self._reported(first))
        return await self._open(first, replace(arrival, received_at=first.received_at))

    async def _open(self, first: StoredReport, arrival: Arrival) -> Change:
        """The report of this arrival, with everybody shut out who is shut out of the first one."""
        shut_out = (*await shut_out_of(first, self._people), *first.hidden_from)
        return await self._submissions.prepare(arrival, first.case_id, tuple(dict.fromkeys(shut_out)))

    def _answers(
        self, first: StoredReport, answer_id: str, entries: Mapping[str, str], names: Iterable[str]
    ) -> Arrival:
        given = "; ".join(f"{name}: {entries[name]}" for name in QUESTIONS if name in entries and name != BAD_TREATMENT)
        said = {
            "category": UNCLASSIFIED,
            "flags": (RETALIATION,),
            "narrative": entries.get(WORDS) or WITHOUT_WORDS,
            "anything_else": given or None,
        }
        return self._arrival(first, CHANNEL, RETALIATION, answer_id, said, names)

    def _arrival(
        self, first: StoredReport, channel: str, scope: str, key: str, said: Mapping[str, Any], names: Iterable[str]
    ) -> Arrival:
        facts, reporter = first.facts, self._words.section(first, "reporter")
        of_first: dict[str, Any] = {
            "community": facts.community,
            "setting": facts.setting,
            "language": facts.language,
            "privacy": facts.privacy,
            "reported": tuple(Reported.model_construct(name=name, details=None) for name in names),
            "reporter": Reporter.model_construct(**reporter) if reporter else None,
        }
        # What the vault has was checked when it came.
        return Arrival(channel, Submission.model_construct(**of_first, **said), scope=scope, key=key)

    def _reported(self, first: StoredReport) -> tuple[str, ...]:
        """The names of those that the report is about, also of those that handlers added."""
        added = (self._words.statement(first, token) for token in first.status.added)
        return tuple(dict.fromkeys((*self._names_in(first), *filter(None, added))))

    def _names_in(self, report: StoredReport) -> tuple[str, ...]:
        return tuple(person["name"] for person in self._words.section(report, "reported").get("people", ()))
