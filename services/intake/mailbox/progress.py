"""What triage tells of cases, in the status of their reports."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.intake.mailbox.further import FurtherReports
from services.intake.mailbox.words import StoredWords
from services.intake.mentions import Mentions
from services.intake.report.status import Status, follow
from services.intake.stored import INTAKE, Change, RespondentDoor, Store, StoredReport, copy_report
from shared.aggregates import change, change_together
from shared.events import CaseSplit, Event, MentionCleared
from shared.times import now

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _ByCase:
    """The reports by the ids of their cases, as a store of aggregates."""

    store: Store

    async def load(self, case_ids: Iterable[str]) -> dict[str, StoredReport]:
        return await self.store.load_by_case(case_ids)

    async def save(self, changes: Sequence[Change]) -> set[str]:
        lost = await self.store.save(changes)
        return {change.report.case_id for change in changes if change.id in lost}


class Progress:
    """Follows the cases of reports. One matter of a report becomes a report of its own."""

    def __init__(
        self,
        store: Store,
        words: StoredWords,
        mentions: Mentions,
        further: FurtherReports,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._store = store
        self._words = words
        self._mentions = mentions
        self._further = further
        self._clock = clock

    async def project(self, events: Sequence[Event]) -> None:
        """Bring the status of each report up to date with the events of its case, given in order for each case."""
        by_case: dict[str, list[Event]] = {}
        for event in events:
            by_case.setdefault(event.case_id, []).append(event)

        async def decide(case_id: str, report: StoredReport | None) -> Change | None:
            if report is None:
                event_id = by_case[case_id][0].id
                log.warning("a case without a report here", extra={"case_id": case_id, "event_id": event_id})
                return None
            after, status, doors, causes = report, report.status, report.doors, []
            for event in by_case[case_id]:
                if isinstance(event.fact, MentionCleared):
                    after = after if event.fact.waits else self._mentions.without(after, event.fact.mention)
                elif followed := follow(status, event):
                    status, doors = followed, _doors_left(doors, status, followed)
                else:
                    continue
                causes.append(event.id)
            if not causes:
                return None
            if report.erased and doors and not status.binds(self._clock()):
                doors = ()
            after = copy_report(after, status=status, doors=doors)
            return Change(report, after, self._mentions.told(report, after, INTAKE, self._clock(), causes[-1]), causes)

        await change(_ByCase(self._store), by_case, decide)
        for event in events:
            if isinstance(event.fact, CaseSplit):
                await self._split(event.case_id, event.fact)

    async def _split(self, case_id: str, split: CaseSplit) -> None:
        """Make the report of one matter, once. Nothing is left to make it of where the first one is erased."""
        first = (await self._store.load_by_case([case_id])).get(case_id)
        if first is None:
            return
        part = self._further.of_matter(split.part_id)

        async def decide(stored: Mapping[str, StoredReport]) -> Sequence[Change]:
            report = stored.get(first.id)
            words = self._words.statement(report, split.part_id) if report and report.vault else None
            if report is None or words is None or part.report_id in stored:
                return []
            after = replace(report, parts=(*report.parts, split.part_id))
            opened = await self._further.open_of_matter(report, split, words)
            return [Change(report, after, [], [split.part_id]), opened]

        await change_together(self._store, [first.id, part.report_id], decide)


def _doors_left(doors: tuple[RespondentDoor, ...], before: Status, after: Status) -> tuple[RespondentDoor, ...]:
    """The doors for respondents that are left: a new disclosure ends the receipt of the one before, for all."""
    ended = {*before.disclosed.values()} - {*after.disclosed.values()} if doors else None
    return tuple(door for door in doors if door.told_id not in ended) if ended else doors
