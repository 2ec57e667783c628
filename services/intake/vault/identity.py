"""Who learns who reported: what the policy gives to the responder who has the case, report by report."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from services.intake.stored import StoredReport
from services.intake.vault.resources import resource_of
from shared.access.authorization import is_permitted
from shared.access.principal import Principal
from shared.policy import Policy
from shared.times import now


class People(Protocol):
    """What this needs of the roster (shared.access.roster.Roster)."""

    async def person(self, ref: str, *, began_at: datetime, authenticated_at: datetime | None) -> Principal | None:
        """The person as the roster knows them now. Raises Unavailable."""
        ...


class Identities:
    """Judges by intake's own copies of the policy, the roster and the case, whatever the caller says."""

    def __init__(self, policy: Policy, people: People, clock: Callable[[], datetime] = now) -> None:
        self._policy = policy
        self._people = people
        self._clock = clock

    async def fields_for(self, report: StoredReport, ref: str) -> tuple[str, ...]:
        """The fields of the section `reporter` that this person may be told of the report. Raises Unavailable."""
        fields = self._policy.identity_of(report.facts.privacy, report.status.state)
        if not fields or report.status.assignee != ref:
            return ()
        at = self._clock()
        who = await self._people.person(ref, began_at=at, authenticated_at=None)
        about = resource_of(report, self._policy)
        may_read = who is not None and is_permitted(who, "case.read_content", about, at)
        return fields if may_read else ()
