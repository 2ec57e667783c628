"""The door that the receipt of a respondent opens, what stands behind it, and for how long it opens."""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count, takewhile

from services.intake.report.sealed import SealedStatement
from services.intake.report.status import Appeal
from services.intake.stored import APPEAL, RespondentDoor, StoredReport
from shared.ids import derive


@dataclass(frozen=True, slots=True)
class Found:
    """A report, the door that a receipt opens, and the token of its respondent."""

    report: StoredReport
    door: RespondentDoor
    party: str

    @property
    def appeals(self) -> dict[str, SealedStatement | Appeal]:
        """The respondent's own appeals by id, the oldest first: the words, or of erased ones a mark."""
        if self.report.vault is not None:
            return dict(self.said(APPEAL))
        told = {one.id: one for one in (*self.report.sent_appeals, *self.report.status.their_appeals)}
        # The ids follow from each other.
        return {one: told[one] for one in takewhile(told.__contains__, map(self.appeal_id, count()))}

    def appeal_id(self, number: int) -> str:
        """The id of the respondent's own appeal after so many others."""
        return derive("appeal", self.report.id, self.party, str(number))

    def said(self, kind: str) -> dict[str, SealedStatement]:
        """The respondent's own words of this kind, by their ids, the oldest first."""
        own = {i: s for i, s in self.report.statements.items() if (s.kind, s.party) == (kind, self.party)}
        return dict(sorted(own.items(), key=lambda item: item[1].at))


def find_behind(report: StoredReport | None, receipt_hash: bytes, at: datetime) -> Found | None:
    """What a receipt opens at `at`: only while what it was made for is the newest that the respondent was told.

    After an erasure it opens no words, and nothing at all once no measure stands and no appeal is possible.
    """
    if report is None or (report.vault is None and not report.status.binds(at)):
        return None
    holding = {told_id: party for party, told_id in report.status.disclosed.items()}
    door = next((door for door in report.doors if door.receipt == receipt_hash and door.told_id in holding), None)
    return Found(report, door, holding[door.told_id]) if door else None


def opened(found: Found, at: datetime) -> StoredReport:
    """The report after the respondent has used the receipt: handlers do not see it any more."""
    used = replace(found.door, opened_at=found.door.opened_at or at)
    return replace(found.report, doors=tuple(used if door == found.door else door for door in found.report.doors))
