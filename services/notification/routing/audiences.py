"""Who can be told: an audience is a class here, or in a module of its own, and a row of AUDIENCES.

An audience reads addresses only through the protocols of Sources.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol

from opentelemetry import trace
from opentelemetry.trace import SpanKind

from services.notification.delivery import Delivery, Suppressed
from services.notification.routing.summary import CaseSummary
from shared.events import FACTS, BodyInvited, CaseFact, CaseOpened, CaseReferred, DeadlineEscalated, ReportReceived
from shared.policy import HandlingBody, Policy
from shared.telemetry import span_for

log = logging.getLogger(__name__)

CASE_FACTS = frozenset(fact.name for fact in FACTS.values() if issubclass(fact, CaseFact))
SECTION = "reporter"
"""The section of the vault that has the addresses of a reporter."""


class BodyMembers(Protocol):
    """What audiences need of the roster (shared.access.roster.Roster)."""

    async def ready(self) -> None: ...
    def names_in(self, body: str, at: datetime) -> frozenset[str]: ...


class Contents(Protocol):
    """What the vault hands out of one report (shared.clients.vault.Contents)."""

    @property
    def sections(self) -> Mapping[str, Mapping[str, Any]]: ...
    @property
    def erased(self) -> bool: ...


class Vault(Protocol):
    """Where the addresses of reporters are; they are read when a mail goes out, and kept nowhere."""

    async def read(
        self, report_ids: Sequence[str], *, sections: Sequence[str], purpose: str
    ) -> Mapping[str, Contents]: ...


class NamedPeople(Protocol):
    """Who is named in the reports of cases (shared.parties.Parties), by pseudonyms and references."""

    async def load(self, case_ids: AbstractSet[str]) -> Mapping[str, frozenset[str]]: ...


@dataclass(frozen=True, slots=True)
class Sources:
    """Where addresses are found: the policy has those of handling bodies, the vault those of reporters.

    `parties` say who may not be told.
    """

    policy: Policy
    members: BodyMembers
    vault: Vault
    parties: NamedPeople


@dataclass(frozen=True, slots=True)
class Recipient:
    """One of an audience: the name that deliveries and events have for it, and the language it reads."""

    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Located:
    """A delivery as it may go out now, and the address that it goes to."""

    delivery: Delivery
    address: str


class Audience(Protocol):
    """Who a row of routing.toml tells."""

    @property
    def named_by(self) -> frozenset[str]:
        """The facts with which notification knows who is told."""
        ...

    @property
    def channels(self) -> frozenset[str]:
        """The channels for which it has addresses."""
        ...

    @property
    def digests(self) -> bool:
        """Whether several notices to one recipient may become one mail."""
        ...

    def find(self, about: CaseSummary, policy: Policy) -> Recipient | None:
        """Who is told of this case; None when that is nobody. Pure."""
        ...

    async def locate(
        self, deliveries: Sequence[Delivery], sources: Sources, now: datetime
    ) -> Mapping[str, Located | Suppressed]:
        """Where each delivery goes, by its id, or why it goes nowhere; one that is missing here has to wait.

        Raises Unavailable while that is not known, and Problem when the vault refuses one of the reports.
        """
        ...


class ReporterAudience:
    """The reporter who left an address, in the language of the report."""

    named_by = CASE_FACTS | {ReportReceived.name}
    addresses: Mapping[str, Callable[[Mapping[str, Any]], Any]] = MappingProxyType(
        {"email": lambda section: section.get("email")}
    )
    channels = frozenset(addresses)
    # All reporters have the same name here, and two of them must never share a mail.
    digests = False

    def find(self, about: CaseSummary, policy: Policy) -> Recipient | None:
        """The reporter; None without an address."""
        return Recipient("reporter", about.language) if about.contactable else None

    async def locate(
        self, deliveries: Sequence[Delivery], sources: Sources, now: datetime
    ) -> Mapping[str, Located | Suppressed]:
        """One read of the vault for all of them. A report that the vault does not know waits."""
        traces = list(dict.fromkeys(d.trace for d in deliveries if d.trace))
        parent, links = (traces[0] if traces else None), tuple(traces[1:])
        with span_for(trace.get_tracer(__name__), "vault read", kind=SpanKind.CLIENT, parent=parent, links=links):
            reports = list(dict.fromkeys(d.report_id for d in deliveries))
            contents = await sources.vault.read(reports, sections=(SECTION,), purpose="notify")
        # The event came from intake. So the vault reads from a server that lags behind, or from a restored one.
        if unknown := sum(d.report_id not in contents for d in deliveries):
            log.error("the vault does not know a report; its notices wait", extra={"count": unknown})
        return {d.id: self._place(d, contents[d.report_id]) for d in deliveries if d.report_id in contents}

    def _place(self, delivery: Delivery, contents: Contents) -> Located | Suppressed:
        if contents.erased:
            return Suppressed("erased")
        address = self.addresses[delivery.channel](contents.sections.get(SECTION, {}))
        if not isinstance(address, str) or not address.strip():
            return Suppressed("no_contact")
        return Located(delivery, address)


def body_named(body: str | None) -> str:
    """The name that deliveries and events have for a handling body."""
    return f"body:{body or ''}"


def asked_named(body: str | None) -> str:
    """The name that deliveries and events have for a handling body that is asked to take a case over, or to join it."""
    return f"asked_body:{body or ''}"


def recipients_of(about: CaseSummary) -> tuple[str, str]:
    """The bodies that may hear of a case, as recipients: the one that has it, and the one that is asked to."""
    return body_named(about.body), asked_named(about.asked)


class BodyAudience:
    """The handling body of the case, in the body's language. Triage gives a case only to a body that may be told."""

    named_by = CASE_FACTS - {CaseOpened.name}
    addresses: Mapping[str, Callable[[HandlingBody], str]] = MappingProxyType({"email": lambda body: body.email})
    channels = frozenset(addresses)
    digests = True

    def find(self, about: CaseSummary, policy: Policy) -> Recipient | None:
        """The body; one without a name if the case was triaged before summaries kept it."""
        known = policy.bodies.get(about.body or "")
        return Recipient(body_named(about.body), known.language if known else "en")

    async def locate(
        self, deliveries: Sequence[Delivery], sources: Sources, now: datetime
    ) -> Mapping[str, Located | Suppressed]:
        """Asks policy and roster, because a person of the body may have been recused since the planning."""
        await sources.members.ready()
        named = await sources.parties.load({delivery.case_id for delivery in deliveries})
        return {d.id: self._place(d, sources, named.get(d.case_id, frozenset()), now) for d in deliveries}

    def _place(
        self, delivery: Delivery, sources: Sources, named: frozenset[str], now: datetime
    ) -> Located | Suppressed:
        known = sources.policy.bodies.get(delivery.which)
        if known is None:
            log.error("the policy does not have the handling body of a case", extra={"delivery_id": delivery.id})
            return Suppressed("no_contact")
        if delivery.recipient in delivery.shuts_out:
            return Suppressed("passed_on")
        # A shared address reaches everybody in the body. Not one of them may hear of a case that shuts them out.
        if not sources.members.names_in(delivery.which, now).isdisjoint(named.union(delivery.shuts_out)):
            return Suppressed("shut_out")
        return Located(delivery, self.addresses[delivery.channel](known))


class AskedBodyAudience(BodyAudience):
    """The handling body that is asked to take the case over or to join it, told as the body that has the case is."""

    named_by = frozenset({BodyInvited.name, CaseReferred.name})

    def find(self, about: CaseSummary, policy: Policy) -> Recipient | None:
        """The body; None where a later fact has answered already."""
        known = policy.bodies.get(about.asked or "")
        return Recipient(asked_named(about.asked), known.language if known else "en") if about.asked else None


class StandInAudience(BodyAudience):
    """The stand-in of a handling body, where a case of that body waits for too long. The stand-in does not have it."""

    named_by = frozenset({DeadlineEscalated.name})

    def find(self, about: CaseSummary, policy: Policy) -> Recipient | None:
        """The body that the fact names; None where it is the one that has the case, because it has no stand-in."""
        known = policy.bodies.get(about.stand_in or "") if about.stand_in != about.body else None
        return Recipient(f"stand_in:{about.stand_in}", known.language) if known else None


AUDIENCES: Mapping[str, Audience] = MappingProxyType(
    {
        "reporter": ReporterAudience(),
        "body": BodyAudience(),
        "asked_body": AskedBodyAudience(),
        "stand_in": StandInAudience(),
    }
)
"""Audience by the name that routing.toml uses, which is also the part of a recipient's name before the colon."""
