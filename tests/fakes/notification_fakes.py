"""Notification's outside, in memory. The suites in tests/integration/ prove these against the real ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.notification.channels.channel import SendRefused
from services.notification.channels.mime import to_bytes
from services.notification.delivery import Delivery, DeliveryState, Settlement
from services.notification.notices.notice import Notice
from services.notification.routing.plan import shut_out
from services.notification.routing.summary import CaseSummary
from services.notification.store import DeliveryPlace, ListedDelivery
from shared.clients.vault import Contents
from shared.events import Event
from shared.input.mail_addresses import BadAddress, wire_form


@dataclass
class MemoryStore:
    """The store in memory. `away` is raised by every call while it is set; `events` are in the outbox."""

    summaries: dict[str, CaseSummary] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    calendar: dict[str, datetime] = field(default_factory=dict)
    turns: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    away: Exception | None = None

    def _check(self) -> None:
        if self.away:
            raise self.away

    async def read_summaries(self, case_ids: Sequence[str], after: int = -1) -> dict[str, CaseSummary]:
        self._check()
        return {i: known for i in case_ids if (known := self.summaries.get(i)) and known.seq > after}

    async def keep_summaries(self, new: Sequence[CaseSummary], changed: Sequence[CaseSummary]) -> None:
        self._check()
        for summary in (*new, *changed):
            kept = self.summaries.get(summary.id)
            if (summary in new) if kept is None else kept.seq < summary.seq:
                self.summaries[summary.id] = summary

    async def add(self, deliveries: Sequence[Delivery]) -> set[str]:
        self._check()
        new = {d.id: d for d in deliveries if d.id not in self.deliveries}
        self.deliveries |= new
        return set(new)

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        self._check()
        for settlement in settlements:
            if self.deliveries[settlement.delivery.id].state is DeliveryState.PLANNED:
                self.deliveries[settlement.delivery.id] = settlement.delivery
                self.events.append(settlement.event)

    async def postpone(self, deliveries: Sequence[Delivery]) -> None:
        self._check()
        for delivery in deliveries:
            stored = self.deliveries[delivery.id]
            if stored.state is DeliveryState.PLANNED:
                self.deliveries[delivery.id] = replace(
                    stored, due_at=delivery.due_at, attempts=delivery.attempts, reason=delivery.reason
                )

    async def claim(self, now: datetime, until: datetime, limit: int) -> list[Delivery]:
        self._check()
        due = sorted((d for d in self._planned() if d.due_at and d.due_at <= now), key=lambda d: d.due_at or now)
        mails = {d.mail for d in due[:limit]}
        first = {mail: min((d for d in self._planned() if d.mail == mail), key=lambda d: d.id) for mail in mails}
        return self._hold({mail for mail, d in first.items() if d.due_at and d.due_at <= now}, until)

    async def gather(self, recipient: str, mail: str, until: datetime, limit: int) -> list[Delivery]:
        self._check()
        waiting = [(d.gather_at, d) for d in self._planned() if d.recipient == recipient and d.gather_at]
        for _, delivery in sorted(waiting, key=lambda found: found[0])[:limit]:
            self.deliveries[delivery.id] = delivery.send_at_once(until, mail)
        return self._hold({mail}, until)

    def _hold(self, mails: set[str | None], until: datetime) -> list[Delivery]:
        held = [replace(d, due_at=until) for d in self._planned() if d.mail in mails]
        self.deliveries |= {d.id: d for d in held}
        return held

    def _planned(self) -> list[Delivery]:
        return [d for d in self.deliveries.values() if d.state is DeliveryState.PLANNED]

    async def waiting(self, now: datetime) -> list[str]:
        self._check()
        return list({d.recipient for d in self._planned() if d.gather_at and d.gather_at <= now})

    async def open_window(self, recipient: str, now: datetime, until: datetime) -> datetime | None:
        self._check()
        at = self.calendar.get(recipient)
        if at is not None and at > now:
            return at
        self.calendar[recipient] = until
        return None

    async def take_turns(self, wanted: Mapping[str, str], now: datetime, until: datetime) -> set[str]:
        self._check()
        took = set()
        for delivery, address in wanted.items():
            by, ends = self.turns.get(address, (delivery, until))
            if by == delivery or ends <= now:
                self.turns[address] = delivery, until
                took.add(delivery)
        return took

    async def hide(self, summaries: Sequence[CaseSummary], only: Sequence[str] | None = None) -> None:
        self._check()
        for summary in summaries:
            for one in [d for d in self.deliveries.values() if d.case_id == summary.id and d.heard < summary.seq]:
                if only is None or one.id in only:
                    hidden = shut_out(one.recipient, summary.parties, summary)
                    self.deliveries[one.id] = replace(one, shuts_out=hidden, heard=summary.seq)

    async def read_page(self, state: DeliveryState | None, after: DeliveryPlace | None, limit: int) -> list[Delivery]:
        self._check()
        newest = sorted(self.deliveries.values(), key=lambda d: (d.planned_at, d.id), reverse=True)
        wanted = [d for d in newest if state is None or d.state is state]
        return [d for d in wanted if after is None or (d.planned_at, d.id) < (after.planned_at, after.id)][:limit]

    async def read_listed(self, state: DeliveryState, after: DeliveryPlace | None, limit: int) -> list[ListedDelivery]:
        found = await self.read_page(state, after, limit)
        return [ListedDelivery(DeliveryPlace(d.planned_at, d.id), d.case_id, d.shuts_out, d.reason) for d in found]


@dataclass
class MemoryChannel:
    """A channel that keeps mails. `answers` maps an address to what sending to it raises."""

    answers: dict[str, Exception] = field(default_factory=dict)
    mails: list[tuple[str, str, bytes]] = field(default_factory=list)
    closed: bool = False

    async def send(self, address: str, notice: Notice, mail: str, at: datetime) -> str:
        message_id = self.name_message(mail)
        try:
            to = wire_form(address)
            content = to_bytes(notice, sender="Hearth <hearth@hearth.example>", to=to, message_id=message_id, at=at)
        except BadAddress:
            raise SendRefused("bad_address") from None
        if to in self.answers:
            raise self.answers[to]
        self.mails.append((to, message_id, content))
        return message_id

    def name_message(self, mail: str) -> str:
        return f"{mail}@hearth.example"

    async def close(self) -> None:
        self.closed = True

    def to(self, address: str) -> list[bytes]:
        return [content for to, _, content in self.mails if to == address]


@dataclass
class MemoryVault:
    """A vault in memory. `people` maps a report to its reporter's section; None stands for erased."""

    people: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    away: Exception | None = None
    refuses: set[str] = field(default_factory=set)
    refusal: Exception | None = None
    reads: list[tuple[tuple[str, ...], tuple[str, ...], str]] = field(default_factory=list)

    async def read(self, report_ids: Sequence[str], *, sections: Sequence[str], purpose: str) -> Mapping[str, Contents]:
        self.reads.append((tuple(report_ids), tuple(sections), purpose))
        if self.away:
            raise self.away
        if self.refusal and self.refuses.intersection(report_ids):
            raise self.refusal
        return {i: self._contents(i) for i in report_ids if i in self.people}

    def _contents(self, report_id: str) -> Contents:
        section = self.people[report_id]
        return Contents(report_id, {}, erased=True) if section is None else Contents(report_id, {"reporter": section})
