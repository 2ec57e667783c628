"""Whether a server answers yet."""

import smtplib
from http import HTTPStatus

from shared.http import TransportError, make_blocking_http


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with make_blocking_http(seconds=2, connect=2) as http:
            return http.get(url).status_code == HTTPStatus.OK
    except TransportError:
        return False


def greets(server: tuple[str, int]) -> bool:
    """Whether a mail server greets with 220."""
    try:
        with smtplib.SMTP(*server, timeout=2):
            return True
    except (OSError, smtplib.SMTPException):
        return False
