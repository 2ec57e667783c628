"""Spellings that reach one mailbox count as one address."""

import pytest

from services.notification.spacing import fold


@pytest.mark.parametrize(
    "spelling",
    [
        "victim@example.org",
        " Victim@EXAMPLE.org",
        "v.ic.tim@example.org",
        "victim+1@example.org",
        "ｖictim@example.org",
    ],
)
def test_spellings_of_one_mailbox_are_one_address(spelling: str) -> None:
    assert fold(spelling) == "victim@example.org"


@pytest.mark.parametrize("other", ["victims@example.org", "victim@example.com", "+@example.org", "no address"])
def test_other_mailboxes_stay_others(other: str) -> None:
    assert fold(other) != fold("victim@example.org")
