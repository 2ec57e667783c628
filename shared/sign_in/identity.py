"""Who signed in, as the provider says, and the reference by which Hearth knows the person."""

import hmac
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """A person as a provider names them. `subject` is stable at `issuer`; everything else may change.

    `aliases` and `other_emails` are further names and addresses from the provider: a report may use any of them. `sid`
    is the provider's own session. `authenticated_at` (UTC-aware) is when the person last proved who they are; None: the
    provider did not say.
    """

    issuer: str
    subject: str
    name: str
    email: str | None
    sid: str | None
    authenticated_at: datetime | None
    aliases: tuple[str, ...] = ()
    other_emails: tuple[str, ...] = ()


def person_ref(key: bytes, issuer: str, subject: str) -> str:
    """`person:<16 hex digits>`. It is the same for the same account. Without the key nobody can find the account.

    Raises ValueError for an issuer that holds the separator, which no address does.
    """
    if "\x1f" in issuer:
        raise ValueError("an issuer is an address")
    account = f"{issuer}\x1f{subject}".encode()
    return f"person:{hmac.digest(key, account, 'sha256')[:8].hex()}"
