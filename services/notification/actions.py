"""The verbs of notification: it plans a delivery for each notice, durably. The sender sends it and marks it."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from services.notification.delivery import Delivery
from services.notification.digests import Digests, name_mail
from services.notification.routing.plan import plan, shut_out
from services.notification.routing.summary import CaseSummary, follow
from services.notification.routing.table import Route, Routes
from shared import times
from shared.events import (
    CaseFollowed,
    CasePassedOn,
    Event,
    InvitationAccepted,
    InvitationDeclined,
    InvitationLapsed,
    RecusalDeclared,
    RecusalLapsed,
    RecusalWithdrawn,
    ReferralAccepted,
    ReferralDeclined,
    ReferralReturned,
    ReportReceived,
)
from shared.parties import Parties
from shared.policy import Policy

_HIDING = (
    RecusalDeclared
    | RecusalWithdrawn
    | RecusalLapsed
    | CaseFollowed
    | CasePassedOn
    | InvitationAccepted
    | InvitationDeclined
    | InvitationLapsed
    | ReferralAccepted
    | ReferralDeclined
    | ReferralReturned
)
"""Facts that change who may hear of the notices that were planned before."""


class PlanStore(Protocol):
    """What planning needs of the store."""

    async def read_summaries(self, case_ids: Sequence[str], after: int = -1) -> dict[str, CaseSummary]: ...
    async def keep_summaries(self, new: Sequence[CaseSummary], changed: Sequence[CaseSummary]) -> None: ...
    async def add(self, deliveries: Sequence[Delivery]) -> set[str]: ...
    async def hide(self, summaries: Sequence[CaseSummary], only: Sequence[str] | None = None) -> None: ...


class Outgoing(Protocol):
    """What planning needs of the sender."""

    @property
    def lease(self) -> timedelta: ...
    def has_room(self, count: int) -> bool: ...
    def wake(self, deliveries: Sequence[Delivery]) -> None: ...


class Planner:
    """Turns facts into planned deliveries. A call may be repeated in any number: it plans each delivery once."""

    def __init__(
        self,
        store: PlanStore,
        outgoing: Outgoing,
        digests: Digests,
        *,
        routes: Routes,
        policy: Policy,
        parties: Parties,
        clock: Callable[[], datetime] = times.now,
    ) -> None:
        self._store = store
        self._outgoing = outgoing
        self._digests = digests
        self._routes = routes
        self._policy = policy
        self._parties = parties
        self._clock = clock

    async def plan(self, events: Sequence[Event]) -> None:
        """Plan the deliveries of these facts, store them durably, and wake the sender.

        Raises Malformed for a fact of a case that was never opened, Unavailable while the store is away.
        """
        summaries = await self._follow(events)
        moved = {event.case_id for event in events if isinstance(event.fact, _HIDING)}
        if hiding := [summaries[case_id] for case_id in moved if case_id in summaries]:
            await self._store.hide(hiding)
        planned = await self._place(events, summaries)
        if not planned:
            return
        new = await self._store.add(planned)
        late = await self._hide_new([delivery for delivery in planned if delivery.id in new])
        # What is hidden by now is sent from the store, when its lease ends.
        new -= late
        ours = [d for d in planned if d.id in new and d.due_at is not None and d.due_at > d.planned_at]
        if ours:
            self._outgoing.wake(ours)

    async def _hide_new(self, added: Sequence[Delivery]) -> set[str]:
        """Hide new deliveries from people that another consumer shut out of the case meanwhile. Returns their ids.

        That consumer keeps the summary before it hides deliveries: it finds these deliveries, or they find its summary.
        """
        if not added:
            return set()
        heard = min(delivery.heard for delivery in added)
        known = await self._store.read_summaries(list({delivery.case_id for delivery in added}), heard)
        late = [
            delivery.id
            for delivery in added
            if (summary := known.get(delivery.case_id))
            and summary.seq > delivery.heard
            and set(shut_out(delivery.recipient, summary.parties, summary)) != set(delivery.shuts_out)
        ]
        if late:
            await self._store.hide(list(known.values()), late)
        return set(late)

    async def _follow(self, events: Sequence[Event]) -> dict[str, CaseSummary]:
        """The summaries of the cases after all of these facts. The store keeps them, too."""
        stored = await self._store.read_summaries(list({event.case_id for event in events}))
        known = dict(stored)
        learned: dict[str, CaseSummary] = {}
        for event in events:
            before = known.get(event.case_id)
            after = follow(before, event)
            # A fact that comes again must not undo what later facts said.
            if after and (before is None or after.seq > before.seq):
                known[event.case_id] = learned[event.case_id] = after
        if learned:
            new = [summary for case_id, summary in learned.items() if case_id not in stored]
            changed = [summary for case_id, summary in learned.items() if case_id in stored]
            await self._store.keep_summaries(new, changed)
        return known

    async def _place(self, events: Sequence[Event], summaries: dict[str, CaseSummary]) -> list[Delivery]:
        """The deliveries, each with its time: now, under the lease of our sender, or at the next digest."""
        now = self._clock()
        # If our sender has no room, they are due at once, and a replica that has room takes them up.
        until = now + self._outgoing.lease if self._outgoing.has_room(len(events)) else now
        # By id, because a batch may hold one fact several times.
        planned: dict[str, tuple[Route, Delivery]] = {}
        apart: set[str] = set()
        for event in events:
            summary = summaries.get(event.case_id)
            told = plan(event, summary, self._routes, self._policy, now)
            planned |= {delivery.id: (route, delivery) for route, delivery in told}
            if told and _names_apart(event, summary):
                apart.add(event.case_id)
        # Nobody is told before it is known who may not hear of it.
        await self._parties.told(apart)
        times_of: dict[str, datetime] = {}
        placed: list[Delivery] = []
        for route, delivery in planned.values():
            window = route.window(delivery.recipient, delivery.lane)
            if window is None:
                placed.append(delivery.send_at_once(until))
                continue
            if window not in times_of:
                # Only what waits for the recipient as a whole is taken up by the sender.
                gives_way = window == delivery.recipient
                times_of[window] = await self._digests.next_mail(window, now, gives_way=gives_way)
            at = times_of[window]
            placed.append(
                delivery.send_at_once(until, name_mail(window, now)) if at == now else delivery.wait_until(at)
            )
        return placed


def _names_apart(event: Event, summary: CaseSummary | None) -> bool:
    """Whether `report.parties` tells who is named in the report of this case."""
    if isinstance(event.fact, ReportReceived):
        return event.fact.parties_apart
    return summary is not None and summary.parties_apart
