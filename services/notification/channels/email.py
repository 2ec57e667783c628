"""E-mail over SMTP, through a few connections that are kept open."""

import asyncio
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from services.notification.channels.channel import SendDeferred, SendRefused
from services.notification.channels.mime import to_bytes
from services.notification.channels.replies import About, Step, read_refusal
from services.notification.notices.notice import Notice
from services.notification.settings import NotificationSettings
from shared.input.mail_addresses import BadAddress, mailbox_header, read_mailbox, wire_form
from shared.settings import secret_text

TIMEOUT = 10.0
"""Seconds that one answer of the server may take."""
IDLE = 20.0
"""Seconds after which we do not use an idle connection again, because servers close such connections silently."""


@dataclass(slots=True)
class _Kept:
    """A connection and when it was last used (monotonic seconds)."""

    smtp: SMTP
    used: float
    fresh: bool = True


class EmailChannel:
    """Sends to one mail server, on at most `connections` connections at a time.

    `sender`: a mailbox as people write it, such as `Hearth <hearth@example.org>`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        sender: str,
        user: str | None = None,
        password: str | None = None,
        tls: Literal["none", "starttls", "tls"] = "none",
        connections: int = 6,
        timeout: float = TIMEOUT,
    ) -> None:
        self._host = host
        self._port = port
        mailbox = read_mailbox(sender)
        self._header = mailbox_header(mailbox)
        self._sender = wire_form(mailbox.address)
        self._mail_host = self._sender.rpartition("@")[2]
        self._user = user
        self._password = password
        self._tls = tls
        self._timeout = timeout
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[_Kept] = []

    @classmethod
    def of(cls, settings: NotificationSettings) -> "EmailChannel":
        """The channel that the settings describe."""
        return cls(
            settings.smtp_host,
            settings.smtp_port,
            sender=settings.mail_from,
            user=settings.smtp_user,
            password=secret_text(settings.smtp_password),
            tls=settings.smtp_tls,
            connections=settings.smtp_connections,
        )

    async def send(self, address: str, notice: Notice, mail: str, at: datetime) -> str:
        """Hand the notice to the server; see Channel. The Message-ID is `<mail@domain of the sender>`."""
        message_id = self.name_message(mail)
        try:
            to = wire_form(address)
        except BadAddress:
            raise SendRefused("bad_address") from None
        content = to_bytes(notice, sender=self._header, to=to, message_id=message_id, at=at)
        async with self._slots:
            await self._hand_over(to, content)
        return message_id

    def name_message(self, mail: str) -> str:
        """See Channel."""
        return f"{mail}@{self._mail_host}"

    async def close(self) -> None:
        """Close every idle connection, after a QUIT."""
        idle, self._idle = self._idle, []
        for kept in idle:
            await _quit(kept.smtp)

    async def _hand_over(self, to: str, content: bytes) -> None:
        while True:
            kept = await self._connection()
            try:
                await self._transact(kept.smtp, to, content)
            except (SendDeferred, SendRefused):
                await self._keep(kept)
                raise
            except (SMTPException, OSError, EOFError) as error:
                kept.smtp.close()
                if kept.fresh:
                    raise _deferred(error) from None
                # The server may have closed a kept connection since its last use, and may still be there.
                continue
            except BaseException:
                kept.smtp.close()
                raise
            await self._keep(kept)
            return

    async def _transact(self, smtp: SMTP, to: str, content: bytes) -> None:
        options = [] if to.isascii() else ["SMTPUTF8"]
        if options and not smtp.supports_extension("smtputf8"):
            # Another mail server, or another setting of this one, will take the mail.
            raise SendDeferred("setup_smtputf8", ours=True)
        try:
            await smtp.sendmail(self._sender, to, content, mail_options=options)
        except SMTPSenderRefused as error:
            raise _verdict(error, "sender") from None
        except SMTPRecipientsRefused as error:
            raise _verdict(error.recipients[0], "recipient") from None
        except SMTPDataError as error:
            raise _verdict(error, "content") from None

    async def _connection(self) -> _Kept:
        while self._idle:
            kept = self._idle.pop()
            if kept.smtp.is_connected and time.monotonic() - kept.used < IDLE:
                kept.fresh = False
                return kept
            kept.smtp.close()
        smtp = SMTP(
            hostname=self._host,
            port=self._port,
            # Without this name the client would ask DNS for the name of this machine, and wait for the answer.
            local_hostname=self._mail_host,
            username=self._user,
            password=self._password,
            use_tls=self._tls == "tls",
            start_tls=self._tls == "starttls",
            timeout=self._timeout,
        )
        try:
            await smtp.connect()
            if not smtp.is_ehlo_or_helo_needed:
                return _Kept(smtp, time.monotonic())
            await smtp.ehlo()
        except (SMTPException, OSError, EOFError, ValueError) as error:
            smtp.close()
            raise _deferred(error) from None
        except BaseException:
            smtp.close()
            raise
        return _Kept(smtp, time.monotonic())

    async def _keep(self, kept: _Kept) -> None:
        if kept.smtp.is_connected:
            kept.used = time.monotonic()
            self._idle.append(kept)


def _verdict(error: SMTPResponseException, step: Step) -> SendDeferred | SendRefused:
    refusal = read_refusal(error.code, error.message, step)
    if refusal.about is About.RECIPIENT:
        return SendRefused(refusal.reason)
    return SendDeferred(refusal.reason, ours=refusal.about is About.SETUP)


def _deferred(error: BaseException) -> SendDeferred:
    """Why there is no connection, or no longer."""
    match error:
        case SMTPResponseException():
            refusal = read_refusal(error.code, error.message, "session")
            return SendDeferred(refusal.reason, ours=refusal.about is About.SETUP)
        case SMTPException() if type(error) in (SMTPException, SMTPNotSupported):
            # The server offers no TLS or no sign-in, or neither over this way, and the settings want it.
            return SendDeferred("setup_unsupported", ours=True)
        case ssl.SSLError():
            return SendDeferred("setup_tls", ours=True)
        case TimeoutError():
            return SendDeferred("smtp_timeout")
    # The library wraps what TLS says, and a wrong host name looks like a server that is away.
    inner = error.__cause__ or error.__context__
    return _deferred(inner) if isinstance(inner, ssl.SSLError) else SendDeferred("smtp_unreachable")


async def _quit(smtp: SMTP) -> None:
    with suppress(SMTPException, OSError, EOFError):
        await smtp.quit(timeout=1)
    smtp.close()
