"""E-mail over SMTP, through a few connections that are kept open."""

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import aiosmtplib
from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from services.notification.channels.channel import SendDeferred, SendRefused
from services.notification.channels.mime import BadAddress, envelope_sender, read_address, to_bytes
from services.notification.notices.notice import Notice
from services.notification.settings import NotificationSettings
from shared.settings import secret_text

log = logging.getLogger(__name__)

TIMEOUT = 10.0
"""Seconds that one answer of the server may take."""
IDLE = 20.0
"""Seconds after which we do not use an idle connection again, because servers close such connections silently."""
OUR_FAULT = frozenset({502, 503, 530, 534, 535, 538})
"""Replies about the server's configuration or ours, which say nothing about a recipient (RFC 5321, RFC 4954)."""


@dataclass(slots=True)
class _Kept:
    """A connection and when it was last used (monotonic seconds)."""

    smtp: SMTP
    used: float
    fresh: bool = True


class EmailChannel:
    """Sends to one mail server, on at most `connections` connections at a time."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        sender: str,
        mail_host: str,
        user: str | None = None,
        password: str | None = None,
        tls: Literal["none", "starttls", "tls"] = "none",
        connections: int = 6,
        timeout: float = TIMEOUT,
    ) -> None:
        self._host = host
        self._port = port
        self._sender = sender
        self._mail_host = mail_host
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
            mail_host=settings.mail_host,
            user=settings.smtp_user,
            password=secret_text(settings.smtp_password),
            tls=settings.smtp_tls,
            connections=settings.smtp_connections,
        )

    async def send(self, address: str, notice: Notice, mail: str, at: datetime) -> str:
        """Hand the notice to the server; see Channel. The Message-ID is `<mail@domain of the sender>`."""
        message_id = self.name_message(mail)
        try:
            to = read_address(address)
            content = to_bytes(notice, sender=self._sender, to=to, message_id=message_id, at=at)
        except BadAddress:
            raise SendRefused("bad_address") from None
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
                    raise SendDeferred(_code_of(error)) from None
                # The server may have closed a kept connection since its last use, and may still be there.
                continue
            except BaseException:
                kept.smtp.close()
                raise
            await self._keep(kept)
            return

    async def _transact(self, smtp: SMTP, to: str, content: bytes) -> None:
        options = [] if to.isascii() else ["SMTPUTF8"]
        if not to.isascii() and not smtp.supports_extension("smtputf8"):
            raise SendRefused("smtputf8_unsupported")
        try:
            await smtp.sendmail(envelope_sender(self._sender), to, content, mail_options=options)
        except SMTPRecipientsRefused as error:
            raise _verdict(error.recipients[0].code) from None
        except SMTPDataError as error:
            raise _verdict(error.code) from None

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
            if isinstance(error, SMTPAuthenticationError):
                log.error("the mail server does not accept our sign-in")
            raise SendDeferred(_code_of(error)) from None
        except BaseException:
            smtp.close()
            raise
        return _Kept(smtp, time.monotonic())

    async def _keep(self, kept: _Kept) -> None:
        if kept.smtp.is_connected:
            kept.used = time.monotonic()
            self._idle.append(kept)


def _verdict(code: int) -> SendDeferred | SendRefused:
    """A refusal for good only if the reply is about the recipient or the mail, and not about our configuration."""
    if 500 <= code < 600 and code not in OUR_FAULT:
        return SendRefused(f"smtp_{code}")
    return SendDeferred(f"smtp_{code}")


def _code_of(error: BaseException) -> str:
    if isinstance(error, SMTPResponseException):
        return f"smtp_{error.code}"
    if isinstance(error, TimeoutError | aiosmtplib.SMTPTimeoutError):
        return "smtp_timeout"
    return "smtp_unsupported" if isinstance(error, SMTPNotSupported) else "smtp_unreachable"


async def _quit(smtp: SMTP) -> None:
    with suppress(SMTPException, OSError, EOFError):
        await smtp.quit(timeout=1)
    smtp.close()
