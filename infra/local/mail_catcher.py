"""A mail catcher: it takes every mail by SMTP, shows it on a page, and answers the part of Mailpit's API that we use.

`python -m infra.local.mail_catcher SMTP_PORT HTTP_PORT`. It keeps the newest `KEPT` mails in memory. In Compose,
Mailpit answers the same questions (https://mailpit.axllent.org/docs/api-v1/).
"""

import asyncio
import html
import sys
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses
from typing import Any

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from infra.local.ports import LOOPBACK

KEPT = 5000
SNIPPET_CHARACTERS = 250
LARGEST_MAIL = 10 * 1024 * 1024
Json = dict[str, Any]

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }} th, td {{ text-align: start; padding: .4rem .6rem .4rem 0;
border-bottom: 1px solid #8884; vertical-align: top; }} pre {{ white-space: pre-wrap; overflow-wrap: anywhere; }}
</style></head><body><main>{body}</main></body></html>"""


@dataclass(frozen=True)
class Mail:
    """One mail as it came."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:22])
    arrived: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def message(self) -> EmailMessage:
        return BytesParser(policy=policy.default).parsebytes(self.raw)


class Mailbox:
    """The mails, oldest first. aiosmtpd hands them over."""

    def __init__(self) -> None:
        self.mails: OrderedDict[str, Mail] = OrderedDict()

    async def handle_DATA(  # noqa: N802  # the name aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        content = envelope.content or b""
        mail = Mail(envelope.mail_from or "", tuple(envelope.rcpt_tos), bytes(content))  # type: ignore[arg-type]  # bytes, as decode_data is off
        self.mails[mail.id] = mail
        while len(self.mails) > KEPT:
            self.mails.popitem(last=False)
        return f"250 2.0.0 Ok: queued as {mail.id}"

    def newest_first(self) -> list[Mail]:
        return list(reversed(self.mails.values()))

    def get(self, mail_id: str) -> Mail | None:
        return next(iter(self.newest_first()), None) if mail_id == "latest" else self.mails.get(mail_id)


def build_app(mailbox: Mailbox) -> Starlette:
    """The pages and the API over one mailbox."""

    async def list_mails(request: Request) -> Response:
        try:
            start, limit = (int(request.query_params.get(key, usual)) for key, usual in (("start", 0), ("limit", 50)))
        except ValueError:
            return PlainTextResponse("start and limit are numbers", 400)
        mails = mailbox.newest_first()
        shown = [summary(mail) for mail in mails[start : start + limit]]
        counts = {"total": len(mails), "unread": len(mails), "messages_count": len(mails)}
        return JSONResponse({**counts, "start": start, "tags": [], "messages": shown})

    async def delete_mails(request: Request) -> Response:
        chosen = (await request.json()).get("IDs") if await request.body() else None
        if chosen:
            for mail_id in chosen:
                mailbox.mails.pop(mail_id, None)
        else:
            mailbox.mails.clear()
        return PlainTextResponse("ok")

    async def show_mail(request: Request) -> Response:
        mail = mailbox.get(request.path_params["mail_id"])
        return JSONResponse(detail(mail)) if mail else PlainTextResponse("message not found", 404)

    async def show_headers(request: Request) -> Response:
        mail = mailbox.get(request.path_params["mail_id"])
        return JSONResponse(headers(mail)) if mail else PlainTextResponse("message not found", 404)

    async def show_raw(request: Request) -> Response:
        mail = mailbox.get(request.path_params["mail_id"])
        return PlainTextResponse(mail.raw) if mail else PlainTextResponse("message not found", 404)

    async def list_page(request: Request) -> Response:
        return HTMLResponse(render_list(mailbox.newest_first()))

    async def mail_page(request: Request) -> Response:
        mail = mailbox.get(request.path_params["mail_id"])
        return HTMLResponse(render_mail(mail)) if mail else PlainTextResponse("message not found", 404)

    async def ready(request: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(
        routes=[
            Route("/", list_page),
            Route("/view/{mail_id}", mail_page),
            Route("/readyz", ready),
            Route("/api/v1/messages", list_mails),
            Route("/api/v1/messages", delete_mails, methods=["DELETE"]),
            Route("/api/v1/message/{mail_id}", show_mail),
            Route("/api/v1/message/{mail_id}/headers", show_headers),
            Route("/api/v1/message/{mail_id}/raw", show_raw),
        ]
    )


def summary(mail: Mail) -> Json:
    """A mail as Mailpit lists it."""
    message = mail.message
    senders = addresses(message, "from")
    known = {address["Address"] for name in ("to", "cc") for address in addresses(message, name)}
    return {
        "ID": mail.id,
        "MessageID": str(message.get("message-id", "")).strip("<> "),
        "Read": False,
        "From": senders[0] if senders else {"Name": "", "Address": mail.sender},
        "To": addresses(message, "to"),
        "Cc": addresses(message, "cc"),
        "Bcc": [{"Name": "", "Address": address} for address in mail.recipients if address not in known],
        "ReplyTo": addresses(message, "reply-to"),
        "Subject": str(message.get("subject", "")),
        "Created": mail.arrived.isoformat().replace("+00:00", "Z"),
        "Tags": [],
        "Size": len(mail.raw),
        "Attachments": sum(1 for _ in message.iter_attachments()),
        "Snippet": " ".join(text(message, "plain").split())[:SNIPPET_CHARACTERS],
    }


def detail(mail: Mail) -> Json:
    """A mail as Mailpit shows it."""
    message = mail.message
    listed = {key: value for key, value in summary(mail).items() if key not in ("Created", "Read", "Snippet")}
    return {
        **listed,
        "ReturnPath": mail.sender,
        "Date": mail.arrived.isoformat().replace("+00:00", "Z"),
        "Text": text(message, "plain"),
        "HTML": text(message, "html"),
        "Inline": [],
        "Attachments": [
            {
                "PartID": str(number),
                "FileName": part.get_filename() or "",
                "ContentType": part.get_content_type(),
                "Size": len(part.get_payload(decode=True) or b""),
            }
            for number, part in enumerate(message.iter_attachments(), 1)
        ],
    }


def headers(mail: Mail) -> dict[str, list[str]]:
    """Every header with all its values."""
    found: dict[str, list[str]] = {}
    for name, value in mail.message.items():
        found.setdefault(name, []).append(str(value))
    return found


def addresses(message: EmailMessage, header: str) -> list[dict[str, str]]:
    pairs = getaddresses([str(value) for value in message.get_all(header, [])])
    return [{"Name": name, "Address": address} for name, address in pairs if address]


def text(message: EmailMessage, kind: str) -> str:
    """The body of one kind, "plain" or "html". Empty if there is none."""
    body = message.get_body((kind,))
    return str(body.get_content()) if body else ""


def render_list(mails: list[Mail]) -> str:
    rows = "".join(
        f"<tr><td>{mail.arrived:%H:%M:%S}</td><td>{html.escape(', '.join(mail.recipients))}</td>"
        f'<td><a href="/view/{mail.id}">{html.escape(str(mail.message.get("subject", "")) or "(no subject)")}</a></td>'
        "</tr>"
        for mail in mails
    )
    head = "<thead><tr><th>Arrived (UTC)</th><th>To</th><th>Subject</th></tr></thead>"
    table = f"<table>{head}<tbody>{rows}</tbody></table>" if mails else "<p>No mail has arrived yet.</p>"
    return PAGE.format(title=f"Mail catcher: {len(mails)}", body=f"<h1>Mails caught: {len(mails)}</h1>{table}")


def render_mail(mail: Mail) -> str:
    message = mail.message
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>" for name, value in message.items()
    )
    # HTML bodies are shown as their source. This page never runs what a mail brings.
    body = html.escape(text(message, "plain") or text(message, "html"))
    subject = html.escape(str(message.get("subject", "")) or "(no subject)")
    return PAGE.format(
        title=subject,
        body=f'<p><a href="/">All mails</a></p><h1>{subject}</h1><table>{rows}</table><pre>{body}</pre>',
    )


async def serve(smtp_port: int, http_port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    mailbox = Mailbox()
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(
        lambda: SMTP(mailbox, hostname="localhost", data_size_limit=LARGEST_MAIL, enable_SMTPUTF8=True, loop=loop),
        LOOPBACK,
        smtp_port,
    )
    config = uvicorn.Config(build_app(mailbox), host=LOOPBACK, port=http_port, log_level="warning", lifespan="off")
    try:
        await uvicorn.Server(config).serve()
    finally:
        smtp.close()


def main() -> None:
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))


if __name__ == "__main__":
    main()
