"""Mails as bytes: read back by another program without a defect, and with no way in for more headers."""

from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any
from unicodedata import category

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.notification.channels.mime import to_bytes, write_html, write_plain
from services.notification.notices.notice import Link, Listing, Notice, Paragraph
from shared.times import now
from tests.support.examples import up_to
from tests.support.notification_world import parse, texts

AT = now()
SENDER = "Hearth <hearth@hearth.example>"
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=300)
NOTICES = st.builds(
    Notice,
    language=st.sampled_from(["en", "ar", "zh-hans"]),
    subject=st.text(max_size=200),
    blocks=st.lists(
        st.one_of(
            st.builds(Paragraph, TEXT),
            st.builds(Link, TEXT, TEXT),
            st.builds(Listing, st.lists(st.builds(Paragraph, TEXT), max_size=3).map(tuple)),
        ),
        max_size=4,
    ).map(tuple),
)


def mail(notice: Notice, to: str = "sam@example.org") -> EmailMessage:
    return parse(to_bytes(notice, sender=SENDER, to=to, message_id="abc@hearth.example", at=AT))


@up_to(40)
@given(NOTICES)
@example(Notice("en", "a\0b\x01\x7fc", ()))
@example(Notice("en", "ä\0\x80", ()))
def test_every_notice_is_read_back_as_it_was_written(notice: Notice) -> None:
    message = mail(notice)
    assert [part.defects for part in message.walk()] == [[], [], []]
    assert str(message["Subject"]).split() == "".join(" " if category(c) == "Cc" else c for c in notice.subject).split()
    plain, html = texts(message)
    assert plain.split() == write_plain(notice).split()
    assert html.split() == write_html(notice).split()
    assert all(len(line) <= 998 for line in bytes(message).split(b"\r\n"))


@up_to(40)
@given(NOTICES)
def test_a_mail_has_exactly_the_headers_it_should_have(notice: Notice) -> None:
    message = mail(notice)
    assert sorted(message.keys()) == sorted(
        [
            "Date",
            "From",
            "To",
            "Subject",
            "Message-ID",
            "Auto-Submitted",
            "Content-Language",
            "MIME-Version",
            "Content-Type",
        ]
    )
    assert message["Message-ID"] == "<abc@hearth.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == notice.language
    assert message["Date"].datetime == AT.replace(microsecond=0)
    assert message["From"].addresses == (Address("Hearth", addr_spec="hearth@hearth.example"),)
    assert message["To"].addresses == (Address("", addr_spec="sam@example.org"),)


def test_lines_end_as_the_protocol_wants_and_fit_it() -> None:
    raw = to_bytes(
        Notice("en", "a" * 500 + "é", (Paragraph("word " * 1000),)),
        sender=SENDER,
        to="a@b.example",
        message_id="x@y",
        at=AT,
    )
    assert raw.replace(b"\r\n", b"").count(b"\n") == 0
    assert raw.replace(b"\r\n", b"").count(b"\r") == 0
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert raw.isascii()


@pytest.mark.parametrize("values", [{"message_id": "a@b>\r\nBcc: c"}, {"sender": "x@y\r\nBcc: c"}])
def test_a_line_end_in_any_header_is_refused(values: dict[str, Any]) -> None:
    given_values = {"sender": SENDER, "to": "a@b.example", "message_id": "x@y", "at": AT} | values
    with pytest.raises(ValueError, match="line end"):
        to_bytes(Notice("en", "s", ()), **given_values)
