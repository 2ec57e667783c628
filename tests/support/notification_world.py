"""What tests of notification share: facts as other services write them, a stand-in vault, mail servers, settings."""

import asyncio
import base64
import email
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Any

import uvicorn
from aiosmtpd.smtp import SMTP, AuthResult
from fastapi import FastAPI, Request, Response

from services.notification.channels import CHANNELS
from services.notification.notices.table import NOTICES
from services.notification.routing.summary import CaseSummary, follow
from services.notification.routing.table import ROUTING, read_routes
from shared.access.service_tokens import ServiceVerifier
from shared.events import (
    Actor,
    CaseAssigned,
    CaseDecided,
    CaseOpened,
    CasePassedOn,
    CaseTriaged,
    DeadlineFact,
    DeadlineSet,
    Draft,
    Event,
    Fact,
    InformationRequested,
    RecusalDeclared,
    RecusalLapsed,
    ReportReceived,
    stamp,
)
from shared.ids import case_id_of, derive, new_id
from shared.times import now
from tests.support.service_keys import PEERS_FILE, files_of

KEY = b"0123456789abcdef0123456789abcdef"
NARRATIVE = "the secret narrative: they followed me home"
NAME = "Sam Reporter"
ROUTES = read_routes(ROUTING.read_text(), notices=NOTICES, channels=CHANNELS)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass(frozen=True)
class Story:
    """One report and its case, as facts."""

    report_id: str = field(default_factory=new_id)
    code_name: str = "amber-harbour"
    contactable: bool = True
    language: str = "en"
    body: str = "enwiki_arbcom"
    lane: str = "standard"
    received_at: datetime = field(default_factory=now)

    @property
    def case_id(self) -> str:
        return case_id_of(self.report_id)

    def event(self, fact: Fact, name: str, source: str, at: int = 1) -> Event:
        (event,) = stamp(
            [Draft(fact, Actor("service:test", "service"), self.received_at, derive(self.report_id, name), "2026-11")],
            source=source,
            subject=f"{source}/{self.report_id}",
            case_id=self.case_id,
            last_seq=at - 1,
            trace=TRACE,
        )
        return event

    def received(self, apart: bool = False) -> Event:
        fact = ReportReceived(
            report_id=self.report_id,
            channel="http",
            community="enwiki",
            category="harassment.insults",
            setting="online",
            language=self.language,
            privacy="confidential",
            contactable=self.contactable,
            received_at=self.received_at,
            content_digest="00",
            parties_apart=apart,
        )
        return self.event(fact, "received", "hearth/intake")

    def opened(self, apart: bool = False) -> Event:
        fact = CaseOpened(
            previous=None,
            state="received",
            report_id=self.report_id,
            code_name=self.code_name,
            community="enwiki",
            category="harassment.insults",
            setting="online",
            language=self.language,
            privacy="confidential",
            contactable=self.contactable,
            received_at=self.received_at,
            parties_apart=apart,
        )
        return self.event(fact, "opened", "hearth/triage")

    def triaged(self) -> Event:
        deadlines = tuple(
            DeadlineSet(name=name, due_at=self.received_at + timedelta(days=days))
            for name, days in (("acknowledgement", 1), ("first_response", 7), ("decision", 28))
        )
        fact = CaseTriaged(
            previous="received",
            state="triaged",
            category="harassment.insults",
            lane=self.lane,
            body=self.body,
            rule="one-wiki",
            deadlines=deadlines,
        )
        return self.event(fact, "triaged", "hearth/triage", 2)

    def late(self, kind: type[DeadlineFact], **more: Any) -> Event:
        """Something is told of the first response; `kind` says what."""
        due_at = self.received_at + timedelta(days=7)
        fact = kind(previous="triaged", state="triaged", deadline="first_response", due_at=due_at, **more)
        return self.event(fact, kind.name, "hearth/triage", 4)

    def passed_on(self, body: str, previous: str | None = None, at: int = 3) -> Event:
        fact = CasePassedOn(
            previous="triaged",
            state="triaged",
            lane=self.lane,
            body=body,
            previous_body=previous or self.body,
            deadlines=(DeadlineSet(name="first_response", due_at=self.received_at + timedelta(days=7)),),
        )
        return self.event(fact, f"passed on to {body}", "hearth/triage", at)

    def recused(self, person: str, at: int = 3) -> Event:
        fact = RecusalDeclared(previous="triaged", state="triaged", person=person, ground="other")
        return self.event(fact, f"recused {at}", "hearth/triage", at)

    def lapsed(self, person: str, at: int = 4) -> Event:
        fact = RecusalLapsed(previous="triaged", state="triaged", person=person)
        return self.event(fact, f"lapsed {at}", "hearth/triage", at)

    def assigned(self, assignee: str) -> Event:
        return self.event(
            CaseAssigned(previous="triaged", state="assigned", assignee=assignee), "assigned", "hearth/triage", 4
        )

    def asked(self) -> Event:
        fact = InformationRequested(previous="investigating", state="awaiting_information", question_id=new_id())
        return self.event(fact, "asked", "hearth/triage", 5)

    def decided(self) -> Event:
        fact = CaseDecided(previous="investigating", state="decided", outcome="advice", reason_id=new_id())
        return self.event(fact, "decided", "hearth/triage", 6)


@dataclass
class VaultPage:
    """Intake's vault as notification sees it, over HTTP. `people` maps a report to its reporter's section."""

    people: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    away: bool = False
    reads: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def app(self) -> FastAPI:
        app, verifier = FastAPI(), ServiceVerifier("intake", PEERS_FILE)

        @app.post("/v1/vault/read")
        async def read(request: Request) -> Any:
            if self.away:
                return Response(status_code=503)
            scheme, _, token = request.headers["authorization"].partition(" ")
            assert scheme == "Bearer"
            assert verifier.read(token, "notify").service == "notification"
            asked = await request.json()
            self.reads.append(asked)
            return {"items": [self._item(read["report_id"]) for read in asked["reads"]]}

        return app

    def _item(self, report_id: str) -> dict[str, Any]:
        if report_id not in self.people:
            return {"report_id": report_id, "unknown": True}
        section = self.people[report_id]
        if section is None:
            return {"report_id": report_id, "erased": True}
        return {"report_id": report_id, "sections": {"reporter": section}}


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """The app on a free port, until the end of the block; its lifespan runs."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="on", timeout_graceful_shutdown=1))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined,method-assign,unused-ignore]  # pytest keeps its own
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), "the server ended before it began"
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


@dataclass
class Mailbox:
    """A real mail server (aiosmtpd) that says to each recipient what the test wants. `replies`: address → reply.

    `named` has what stood behind each RCPT.
    """

    replies: dict[str, str] = field(default_factory=dict)
    greeting: str | None = None
    mail_reply: str = "250 OK"
    data_reply: str = "250 OK"
    sign_in_reply: str | None = None
    smtputf8: bool = True
    on_data: Callable[[], None] = lambda: None
    pause: float = 0.0
    mails: list[tuple[list[str], bytes]] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    connections: int = 0
    host: str = "127.0.0.1"
    port: int = 0

    async def handle_EHLO(  # noqa: N802  # the name aiosmtpd calls
        self, server: SMTP, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802  # the name aiosmtpd calls
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.mail_reply.startswith("250"):
            envelope.mail_from = address
            self.senders.append(address)
        return self.mail_reply

    async def handle_RCPT(  # noqa: N802  # the name aiosmtpd calls
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        reply = self.replies.get(address, "250 OK")
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802  # as above
        await asyncio.sleep(self.pause)
        if self.data_reply.startswith("250"):
            self.mails.append((list(envelope.rcpt_tos), bytes(envelope.content)))
        self.on_data()
        return self.data_reply

    def messages(self) -> list[EmailMessage]:
        return [parse(raw) for _, raw in self.mails]

    def to(self, address: str) -> list[EmailMessage]:
        return [parse(raw) for recipients, raw in self.mails if address in recipients]


class _Noting(SMTP):
    """Greets as the mailbox wants, and notes what stands behind RCPT: the server takes the quotes from addresses."""

    async def push(self, status: Any) -> None:
        greets = isinstance(status, str) and status.startswith("220 ")
        await super().push(self.event_handler.greeting or status if greets else status)

    async def smtp_RCPT(self, arg: str) -> None:  # noqa: N802  # the name aiosmtpd calls
        self.event_handler.named.append(arg)
        await super().smtp_RCPT(arg)


@asynccontextmanager
async def mail_server(mailbox: Mailbox) -> AsyncIterator[Mailbox]:
    """The mailbox behind a free port, until the end of the block; entered again it takes the same port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _Noting(
            mailbox,
            hostname="mail.test",
            enable_SMTPUTF8=mailbox.smtputf8,
            authenticator=lambda *_: AuthResult(success=False, handled=False, message=mailbox.sign_in_reply),
            auth_require_tls=False,
            loop=loop,
        ),
        mailbox.host,
        mailbox.port,
    )
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()


def parse(raw: bytes) -> EmailMessage:
    """A mail as its reader's program sees it."""
    message = email.message_from_bytes(raw, policy=SMTP_POLICY)
    assert isinstance(message, EmailMessage)
    return message


def texts(message: EmailMessage) -> tuple[str, str]:
    """Plain text and HTML of a mail, decoded."""
    found = []
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part is not None
        found.append(part.get_content())
    return found[0], found[1]


def environment(**more: str) -> dict[str, str]:
    """Settings of a notification service under test, as environment variables."""
    files = {f"HEARTH_{name.upper()}": str(file) for name, file in files_of("notification").items()}
    return {"HEARTH_FORM_KEY": base64.b64encode(KEY).decode(), **files} | more


async def eventually(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until the condition holds; fails the test after `seconds`."""
    end = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < end, "it did not come to pass in time"
        await asyncio.sleep(0.01)


def codes(reads: Sequence[dict[str, Any]]) -> set[str]:
    """The report ids of vault reads."""
    return {read["report_id"] for asked in reads for read in asked["reads"]}


@dataclass
class People:
    """A roster: the names of those in each handling body. `away` is raised while it is set."""

    names: dict[str, frozenset[str]] = field(default_factory=dict)
    away: Exception | None = None

    async def ready(self) -> None:
        if self.away:
            raise self.away

    def names_in(self, body: str, at: datetime) -> frozenset[str]:
        return self.names.get(body, frozenset())


def summary_of(*events: Event) -> CaseSummary:
    """What is known of a case after these of its facts, the first of which opens it."""
    summary = None
    for event in events:
        summary = follow(summary, event)
    assert summary
    return summary
