"""A notice as the bytes of a mail (RFC 5322, RFC 2045), pure. No value can add a header or a recipient.

Written out by hand because `email.message` takes 3 ms for what takes 0.1 ms here, and every third report causes one;
a test reads every mail back with `email` and finds no defect.
"""

from binascii import b2a_qp
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha256
from html import escape

from services.notification.notices.notice import Block, Link, Listing, Notice, Paragraph
from shared.i18n.messages import direction

SPACES = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")
"""The control characters of ASCII and Latin-1; each becomes a space."""


def to_bytes(notice: Notice, *, sender: str, to: str, message_id: str, at: datetime) -> bytes:
    """The whole mail, ready to send: multipart/alternative, plain text first, quoted-printable.

    `sender` and `to` as they stand in a header, see shared.input.mail_addresses; `message_id` without angle brackets;
    `at` UTC-aware.
    """
    boundary = f"=_{sha256(message_id.encode()).hexdigest()[:32]}"
    headers = (
        ("Date", format_datetime(at)),
        ("From", sender),
        ("To", to),
        ("Subject", _encoded(notice.subject)),
        ("Message-ID", f"<{message_id}>"),
        ("Auto-Submitted", "auto-generated"),
        ("Content-Language", notice.language),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/alternative; boundary="{boundary}"'),
    )
    lines = [_header(name, value) for name, value in headers]
    for kind, text in (("plain", write_plain(notice)), ("html", write_html(notice))):
        lines += [
            b"",
            b"--" + boundary.encode(),
            f"Content-Type: text/{kind}; charset=utf-8".encode(),
            b"Content-Transfer-Encoding: quoted-printable",
            b"",
            _quoted(text),
        ]
    lines += [b"--" + boundary.encode() + b"--", b""]
    return b"\r\n".join(lines)


def write_plain(notice: Notice) -> str:
    """The notice as plain text, lines ending in newlines."""
    return "\n\n".join(_plain(block) for block in notice.blocks) + "\n"


def write_html(notice: Notice) -> str:
    """The notice as a whole HTML page, complete without images, styles or scripts from elsewhere."""
    language = escape(notice.language)
    body = "\n".join(_html(block) for block in notice.blocks)
    return (
        f'<!DOCTYPE html>\n<html lang="{language}" dir="{direction(notice.language)}">\n<head>\n'
        f'<meta charset="utf-8">\n<title>{escape(notice.subject)}</title>\n</head>\n'
        f'<body style="font-family: sans-serif; line-height: 1.5; max-width: 40em">\n{body}\n</body>\n</html>\n'
    )


@lru_cache(maxsize=1024)
def _encoded(subject: str) -> str:
    # RFC 5322 allows no control character in a subject, and takes white space of any length for one space.
    clean = " ".join(subject.translate(SPACES).split())
    return Header(clean, "us-ascii" if clean.isascii() else "utf-8", header_name="Subject").encode(linesep="\r\n")


def _header(name: str, value: str) -> bytes:
    unfolded = value.replace("\r\n ", "")
    if "\r" in unfolded or "\n" in unfolded or "\0" in unfolded:
        raise ValueError(f"a line end in {name}")
    return f"{name}: {value}".encode()


def _quoted(text: str) -> bytes:
    # b2a_qp writes line ends as it finds them, and soft breaks like the first of those.
    return b2a_qp("\r\n".join(text.splitlines()).encode() + b"\r\n", istext=True)


def _plain(block: Block) -> str:
    match block:
        case Paragraph(text):
            return text
        case Link(text, url):
            return f"{text}\n{url}"
        case Listing(lines):
            return "\n".join("- " + _plain(line).replace("\n", "\n  ") for line in lines)


def _html(block: Block) -> str:
    match block:
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Link():
            return f"<p>{_anchor(block)}</p>"
        case Listing(lines):
            items = "\n".join(
                f"<li>{_anchor(line) if isinstance(line, Link) else escape(line.text)}</li>" for line in lines
            )
            return f"<ul>\n{items}\n</ul>"


def _anchor(link: Link) -> str:
    return f'<a href="{escape(link.url)}">{escape(link.text)}</a>'
