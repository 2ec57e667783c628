"""One rule for mail addresses: what is taken can be written to, and what cannot be written to is not taken."""

import time
import unicodedata
from email.utils import parseaddr

import idna
import pytest
from aiosmtplib.email import quote_address
from hypothesis import assume, given
from hypothesis import strategies as st

from services.notification.channels.mime import to_bytes
from services.notification.notices.notice import Notice
from shared.input.mail_addresses import BadAddress, mailbox_header, read_address, read_mailbox, wire_form
from shared.times import now
from tests.support.cases import cases
from tests.support.notification_world import parse

LOCALS = st.text(
    st.one_of(
        st.sampled_from("abcXYZ019.!#$%&'*+/=?^_`{|}~-"),
        st.characters(categories=("L", "M", "N", "So"), exclude_characters="\u3002\uff0e\uff61"),
    ),
    min_size=1,
    max_size=20,
)
DOMAINS = st.sampled_from(["example.org", "bücher.example", "παράδειγμα.example", "例子.example", "docomo.example"])


@pytest.mark.parametrize("case", cases("mail_addresses"))
def test_an_address_goes_over_the_wire_in_one_form(case: dict[str, str]) -> None:
    assert wire_form(case["typed"]) == wire_form(read_address(case["typed"])) == case["wire"]


@pytest.mark.parametrize("text", cases("no_mail_addresses"))
def test_what_no_server_can_take_is_no_address(text: str) -> None:
    with pytest.raises(BadAddress) as refused:
        read_address(text)
    with pytest.raises(BadAddress):
        wire_form(text)
    said = str(refused.value)
    assert said.endswith(".")
    assert "sam" not in said


@given(LOCALS, DOMAINS)
def test_what_is_taken_survives_the_wire_whole(local: str, domain: str) -> None:
    typed = f"{local}@{domain}"
    try:
        read = read_address(typed)
    except BadAddress:
        assert len(unicodedata.normalize("NFC", local).encode()) > 60 or not local.isprintable()
        return
    assert read_address(read) == read
    wire = wire_form(read)
    assert quote_address(wire) == f"<{wire}>"
    assert parseaddr(wire)[1] == wire
    assert wire.rpartition("@")[2].isascii()
    assert wire.rpartition("@")[0].strip('"') == read.rpartition("@")[0]


@given(st.text(max_size=80))
def test_no_text_as_address_adds_a_header_or_a_recipient(text: str) -> None:
    try:
        wire = wire_form(f"{text}@example.org")
    except BadAddress:
        return
    message = parse(to_bytes(Notice("en", "s", ()), sender="a@b.example", to=wire, message_id="x@y", at=now()))
    assert len(message.keys()) == 9
    assert len(message["To"].addresses) == 1


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20))
def test_no_domain_is_read_by_the_rules_of_2003(label: str) -> None:
    try:
        host = wire_form(f"a@{label}.example").rpartition("@")[2]
    except BadAddress:
        return
    assume("--" not in label)
    assert idna.encode(f"{label}.example", uts46=True, std3_rules=True).decode().removesuffix(".") == host


@pytest.mark.parametrize("case", cases("mail_senders"))
def test_a_mailbox_has_a_name_and_an_address(case: dict[str, str]) -> None:
    mailbox = read_mailbox(case["set"])
    assert (mailbox.name, wire_form(mailbox.address)) == (case["name"], case["address"])
    assert mailbox_header(mailbox).isascii()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hearth",
        "Hearth <hearth>",
        "Hearth <hearth@hearth.example",
        "a\0b <h@h.example>",
        "a@b.example, c@d.example",
    ],
)
def test_what_is_no_mailbox_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        read_mailbox(text)


def test_a_name_of_any_length_is_read_or_refused_in_linear_time() -> None:
    began = time.process_time()
    for name in (
        "a" + "\u0301\u0316" * 100_000,
        "<" * 200_000,
        '"' + "\\a" * 100_000 + '"',
        " a" * 100_000,
        "x\u2066" * 100_000,
    ):
        with pytest.raises(BadAddress):
            read_mailbox(f"{name} <sam@example.org>")
    for address in (
        "a" * 200_000 + "@example.org",
        "@" * 200_000,
        "a@" + "b." * 100_000,
        "\u0301\u0316" * 100_000 + "@x.org",
    ):
        with pytest.raises(BadAddress):
            read_address(address)
    assert time.process_time() - began < 2
