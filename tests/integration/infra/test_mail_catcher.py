"""The mail catcher takes what it is sent and shows it, in the shapes Mailpit uses."""

import smtplib
from email.message import EmailMessage

import httpx
import pytest

from tests.support.shared_stack import MailServer

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def sent(mail: MailServer, prefix: str) -> str:
    """The address that one mail was sent to."""
    address = f"{prefix}reader@example.org"
    message = EmailMessage()
    message["From"] = "Hearth <hearth@example.org>"
    message["To"] = address
    message["Subject"] = f"Grüße {SCRIPT}"
    message["Message-ID"] = f"<{prefix}1@example.org>"
    message.set_content("We have your report.\n")
    message.add_alternative("<p>We have your report.</p>", subtype="html")
    with smtplib.SMTP(mail.host, mail.port) as smtp:
        smtp.send_message(message)
    return address


def mails_to(mail: MailServer, address: str) -> list[dict[str, object]]:
    listed = httpx.get(f"{mail.url}/api/v1/messages", params={"limit": 1000}).json()
    return [m for m in listed["messages"] if [to["Address"] for to in m["To"]] == [address]]


def test_a_mail_is_listed_and_read_as_it_was_sent(mail: MailServer, sent: str, prefix: str) -> None:
    (listed,) = mails_to(mail, sent)
    assert listed["MessageID"] == f"{prefix}1@example.org"
    assert listed["From"] == {"Name": "Hearth", "Address": "hearth@example.org"}
    assert listed["Snippet"] == "We have your report."
    read = httpx.get(f"{mail.url}/api/v1/message/{listed['ID']}").json()
    assert read["Subject"] == f"Grüße {SCRIPT}"
    assert read["Text"].strip() == "We have your report."
    assert read["HTML"].strip() == "<p>We have your report.</p>"
    assert read["Attachments"] == []
    headers = httpx.get(f"{mail.url}/api/v1/message/{listed['ID']}/headers").json()
    assert headers["Message-ID"] == [f"<{prefix}1@example.org>"]


def test_the_page_shows_a_mail_and_runs_nothing_it_brings(mail: MailServer, sent: str) -> None:
    (listed,) = mails_to(mail, sent)
    for page in (httpx.get(mail.url), httpx.get(f"{mail.url}/view/{listed['ID']}")):
        assert page.status_code == 200
        assert "Grüße &lt;script&gt;" in page.text
        assert SCRIPT not in page.text


def test_deleted_mails_are_gone_and_others_stay(mail: MailServer, sent: str) -> None:
    (listed,) = mails_to(mail, sent)
    deleted = httpx.request("DELETE", f"{mail.url}/api/v1/messages", json={"IDs": [listed["ID"]]})
    assert deleted.text == "ok"
    assert mails_to(mail, sent) == []
    assert httpx.get(f"{mail.url}/api/v1/message/{listed['ID']}").status_code == 404
