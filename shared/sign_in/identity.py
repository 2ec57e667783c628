"""Who signed in, as the provider says, and the reference by which Hearth knows the person."""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from shared.own_names import Proof, Trust

PROOF_LIFE = timedelta(minutes=2)
"""How long after a sign-in its proof is good for asking intake which names the person has."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim by which a provider tells a name or an address. While the claim `if_true` is not true, it is TYPED."""

    name: str
    kind: Literal["name", "address"]
    trust: Trust
    if_true: str | None = None


@dataclass(frozen=True, slots=True)
class ToldName:
    """One name or address of a person, as a provider tells it."""

    kind: Literal["name", "address"]
    text: str = field(repr=False)
    trust: Trust


@dataclass(frozen=True, slots=True)
class Identity:
    """A person as a provider names them. `subject` is stable at `issuer`; `sid` is the provider's own session.

    `authenticated_at` (UTC-aware) is when the person last proved who they are. None: the provider did not say.
    """

    issuer: str
    subject: str
    sid: str | None
    authenticated_at: datetime | None
    proof: Proof


@dataclass(frozen=True, slots=True)
class Account:
    """The account that a proof is of, with every name and address that the provider tells of the person."""

    issuer: str
    subject: str
    names: tuple[ToldName, ...]


def read_names(table: Iterable[Claim], *told: Mapping[str, object]) -> tuple[ToldName, ...]:
    """The names that `told` holds (an ID token and user info, or a profile), each once, by its highest trust.

    An account name that is written like an address counts only if that is the address that the provider has verified.
    Otherwise anyone could open an account under the address of another person.
    """
    found: dict[tuple[Literal["name", "address"], str], Trust] = {}
    ranks = list(Trust)
    for claim in table:
        for values in told:
            text = values.get(claim.name)
            if not isinstance(text, str) or not text.strip():
                continue
            text, trust = text.strip(), claim.trust
            if claim.if_true is not None and values.get(claim.if_true) is not True:
                trust = Trust.TYPED
            if trust is Trust.ACCOUNT and "@" in text[1:] and not _is_verified(text, table, told):
                trust = Trust.TYPED
            place = (claim.kind, text)
            found[place] = min(found.get(place, trust), trust, key=ranks.index)
    return tuple(ToldName(kind, text, trust) for (kind, text), trust in found.items())


def _is_verified(text: str, table: Iterable[Claim], told: Sequence[Mapping[str, object]]) -> bool:
    addresses = [claim for claim in table if claim.kind == "address" and claim.if_true]
    return any(
        values.get(claim.if_true or "") is True and str(values.get(claim.name)).casefold() == text.casefold()
        for claim in addresses
        for values in told
    )


def person_ref(key: bytes, issuer: str, subject: str) -> str:
    """`person:<16 hex digits>`. It is the same for the same account. Without the key nobody can find the account.

    Raises ValueError for an issuer that holds the separator, which no address does.
    """
    if "\x1f" in issuer:
        raise ValueError("an issuer is an address")
    account = f"{issuer}\x1f{subject}".encode()
    return f"person:{hmac.digest(key, account, 'sha256')[:8].hex()}"
