"""The e-mail channel against a real mail server that says all a mail server may say; and the fake beside it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from services.notification.channels.channel import Channel, SendDeferred, SendRefused
from services.notification.channels.email import EmailChannel
from services.notification.notices.notice import Notice, Paragraph
from services.notification.settings import NotificationSettings
from shared.input.mail_addresses import read_address
from shared.settings import load_settings
from shared.times import now
from tests.fakes.notification_fakes import MemoryChannel
from tests.support.cases import cases
from tests.support.notification_world import Mailbox, environment, mail_server, parse, texts
from tests.support.people import SIGN_IN

LETTER = Notice("en", "We have your report", (Paragraph("Thank you – really."),))


def make(mailbox: Mailbox, connections: int = 4, timeout: float = 3.0, **more: str) -> EmailChannel:
    return EmailChannel(
        mailbox.host,
        mailbox.port,
        connections=connections,
        timeout=timeout,
        **({"sender": "Hearth <hearth@hearth.example>"} | more),  # type: ignore[arg-type]  # sender, user, password, tls
    )


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with mail_server(Mailbox()) as running:
        yield running


@pytest.fixture
async def channel(mailbox: Mailbox) -> AsyncIterator[EmailChannel]:
    made = make(mailbox)
    yield made
    await made.close()


@pytest.fixture(params=["memory", "smtp"])
def either(request: pytest.FixtureRequest) -> tuple[Channel, Callable[[], list[bytes]]]:
    if request.param == "memory":
        memory = MemoryChannel()
        memory.answers = {"gone@example.org": SendRefused("smtp_550"), "full@example.org": SendDeferred("smtp_452")}
        return memory, lambda: [content for _, _, content in memory.mails]
    mailbox: Mailbox = request.getfixturevalue("mailbox")
    mailbox.replies = {"gone@example.org": "550 no such user", "full@example.org": "452 mailbox full"}
    return request.getfixturevalue("channel"), lambda: [content for _, content in mailbox.mails]


Either = tuple[Channel, Callable[[], list[bytes]]]


async def test_a_mail_arrives_as_it_was_written(either: Either) -> None:
    channel, arrived = either
    message_id = await channel.send("sam@example.org", LETTER, "mail-1", now())
    (raw,) = arrived()
    message = parse(raw)
    assert message["Message-ID"] == f"<{message_id}>"
    assert message["To"] == "sam@example.org"
    assert texts(message)[0].strip() == "Thank you – really."


async def test_the_same_mail_has_the_same_message_id(either: Either) -> None:
    channel, _ = either
    ids = [await channel.send("sam@example.org", LETTER, mail, now()) for mail in ("mail-1", "mail-1", "mail-2")]
    assert ids == ["mail-1@hearth.example", "mail-1@hearth.example", "mail-2@hearth.example"]


async def test_a_refusal_and_a_later_are_told_apart_and_spoil_nothing(either: Either) -> None:
    channel, arrived = either
    with pytest.raises(SendRefused, match="smtp_550"):
        await channel.send("gone@example.org", LETTER, "mail-1", now())
    with pytest.raises(SendDeferred, match="smtp_452"):
        await channel.send("full@example.org", LETTER, "mail-2", now())
    await channel.send("sam@example.org", LETTER, "mail-3", now())
    assert len(arrived()) == 1


async def test_what_is_no_address_is_refused_and_not_repeated(either: Either) -> None:
    channel, arrived = either
    with pytest.raises(SendRefused, match="bad_address") as refused:
        await channel.send("sam@example.org\r\nRCPT TO:<eve@example.org>", LETTER, "mail-1", now())
    assert "sam" not in str(refused.value)
    assert arrived() == []


@pytest.mark.parametrize(
    ("reply", "error", "code"),
    [
        ("451 try later", SendDeferred, "smtp_451"),
        ("550 spam", SendDeferred, "setup_550"),
        ("554 no", SendDeferred, "setup_554"),
        ("552 5.3.4 too large", SendDeferred, "setup_552_5.3.4"),
        ("550 5.1.1 no such user", SendRefused, "smtp_550_5.1.1"),
        ("421 shutting down", SendDeferred, "smtp_421"),
        ("530 sign in first", SendDeferred, "setup_530"),
    ],
)
async def test_every_answer_to_the_mail_itself_has_its_verdict(
    mailbox: Mailbox, channel: EmailChannel, reply: str, error: type[Exception], code: str
) -> None:
    mailbox.data_reply = reply
    with pytest.raises(error, match=code):
        await channel.send("sam@example.org", LETTER, "mail-1", now())


async def test_connections_are_kept_and_no_more_than_allowed_are_opened(
    mailbox: Mailbox, channel: EmailChannel
) -> None:
    await asyncio.gather(*(channel.send(f"r{n}@example.org", LETTER, f"mail-{n}", now()) for n in range(40)))
    assert len(mailbox.mails) == 40
    assert mailbox.connections <= 4


async def test_a_slow_answer_to_one_does_not_hold_up_the_others(mailbox: Mailbox, channel: EmailChannel) -> None:
    mailbox.pause = 0.2
    began = time.monotonic()
    await asyncio.gather(*(channel.send(f"r{n}@example.org", LETTER, f"mail-{n}", now()) for n in range(8)))
    assert time.monotonic() - began < 1.2


async def test_a_server_that_does_not_answer_means_later(mailbox: Mailbox) -> None:
    mailbox.pause = 2.0
    channel = make(mailbox, timeout=0.3)
    with pytest.raises(SendDeferred, match="smtp_timeout"):
        await channel.send("sam@example.org", LETTER, "mail-1", now())
    await channel.close()


async def test_a_server_that_is_not_there_means_later_and_is_found_when_it_is_back() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox):
        pass
    channel = make(mailbox)
    with pytest.raises(SendDeferred, match="smtp_unreachable"):
        await channel.send("sam@example.org", LETTER, "mail-1", now())
    async with mail_server(mailbox):
        await channel.send("sam@example.org", LETTER, "mail-1", now())
        await channel.close()
    assert len(mailbox.mails) == 1


async def test_a_kept_connection_that_the_server_dropped_is_replaced_without_a_word(
    mailbox: Mailbox, channel: EmailChannel
) -> None:
    await channel.send("sam@example.org", LETTER, "mail-1", now())
    for kept in channel._idle:
        assert kept.smtp.transport
        kept.smtp.transport.abort()
    await channel.send("sam@example.org", LETTER, "mail-2", now())
    assert mailbox.connections == 2


async def test_a_sign_in_that_is_not_accepted_means_later(mailbox: Mailbox, caplog: pytest.LogCaptureFixture) -> None:
    channel = make(mailbox, user="hearth", password="wrong")
    with pytest.raises(SendDeferred):
        await channel.send("sam@example.org", LETTER, "mail-1", now())
    assert "wrong" not in caplog.text
    await channel.close()


@pytest.mark.parametrize("case", cases("mail_replies"))
async def test_each_reply_is_final_only_if_it_is_about_the_recipient(mailbox: Mailbox, case: dict[str, str]) -> None:
    reply, to = case["reply"], "reader@example.org"
    user = {"user": "hearth", "password": "secret"} if case["to"] == "AUTH" else {}
    match case["to"]:
        case "MAIL":
            mailbox.mail_reply = reply
        case "RCPT":
            mailbox.replies[to] = reply
        case "DATA":
            mailbox.data_reply = reply
        case "AUTH":
            mailbox.sign_in_reply = reply
        case _:
            mailbox.greeting = reply
    channel = make(mailbox, **user)
    with pytest.raises(SendRefused if case["speaks_of"] == "recipient" else SendDeferred) as found:
        await channel.send(to, LETTER, "mail-1", now())
    assert getattr(found.value, "ours", False) is (case["speaks_of"] == "setup")
    assert "reader" not in str(found.value)
    assert mailbox.mails == []
    await channel.close()


@pytest.mark.parametrize("case", cases("no_mail_users"))
async def test_an_empty_user_name_means_no_sign_in(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, case: dict[str, str]
) -> None:
    given = environment(HEARTH_SMTP=f"{mailbox.host}:{mailbox.port}", **case)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    channel = EmailChannel.of(load_settings(NotificationSettings, **SIGN_IN))
    await channel.send("sam@example.org", LETTER, "mail-1", now())
    await channel.close()
    assert len(mailbox.mails) == 1


async def test_a_server_that_offers_no_sign_in_or_tls_is_ours_to_mend(mailbox: Mailbox) -> None:
    channel = make(mailbox, tls="starttls")
    with pytest.raises(SendDeferred, match="setup_unsupported") as found:
        await channel.send("sam@example.org", LETTER, "mail-1", now())
    assert found.value.ours
    await channel.close()


async def test_a_server_that_speaks_no_tls_is_ours_to_mend(mailbox: Mailbox) -> None:
    channel = make(mailbox, tls="tls")
    with pytest.raises(SendDeferred, match="setup_tls") as found:
        await channel.send("sam@example.org", LETTER, "mail-1", now())
    assert found.value.ours
    await channel.close()


@pytest.mark.parametrize("case", cases("mail_addresses"))
async def test_an_address_that_is_taken_is_written_to_as_it_goes_on_the_wire(
    mailbox: Mailbox, channel: EmailChannel, case: dict[str, str]
) -> None:
    await channel.send(read_address(case["typed"]), LETTER, "mail-1", now())
    ((_, raw),) = mailbox.mails
    assert mailbox.named == [f"TO:<{case['wire']}>"]
    assert f"\r\nTo: {case['wire']}\r\n".encode() in raw
    assert len(parse(raw)["To"].addresses) == 1


async def test_without_smtputf8_only_addresses_of_other_scripts_wait() -> None:
    async with mail_server(Mailbox(smtputf8=False)) as mailbox:
        channel = make(mailbox)
        with pytest.raises(SendDeferred, match="setup_smtputf8") as found:
            await channel.send("зина@bücher.example", LETTER, "mail-1", now())
        assert found.value.ours
        await channel.send("sam@bücher.example", LETTER, "mail-2", now())
        await channel.close()
    assert [to for to, _ in mailbox.mails] == [["sam@xn--bcher-kva.example"]]


@pytest.mark.parametrize("case", cases("mail_senders"))
async def test_a_sender_of_any_name_stands_in_the_mail_as_it_was_set(mailbox: Mailbox, case: dict[str, str]) -> None:
    channel = make(mailbox, sender=case["set"])
    await channel.send("sam@example.org", LETTER, "mail-1", now())
    await channel.close()
    (sender,) = mailbox.messages()[0]["From"].addresses
    # Python's parser leaves a blank between two encoded words.
    assert sender.display_name.replace(" ", "") == case["name"].replace(" ", "")
    assert sender.addr_spec == case["address"]
    assert mailbox.senders == [case["address"]]
    assert mailbox.mails[0][1].isascii()
