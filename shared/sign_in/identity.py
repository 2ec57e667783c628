"""Who signed in, as the provider says, and the reference under which Hearth knows them."""

import hmac
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """A person as a provider names them. `subject` is stable at `issuer`; everything else may change.

    `aliases` and `other_emails` are further names and addresses the provider told, all of which a report may have used.
    `sid` is the provider's own session. `authenticated_at` (UTC-aware) is when the person last proved who they are;
    None: the provider did not say.
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
    """`person:<16 hex digits>`: the same for the same account, and without the key nothing leads back to it.

    Raises ValueError for an issuer that holds the separator, which no address does.
    """
    if "\x1f" in issuer:
        raise ValueError("an issuer is an address")
    account = f"{issuer}\x1f{subject}".encode()
    return f"person:{hmac.digest(key, account, 'sha256')[:8].hex()}"
