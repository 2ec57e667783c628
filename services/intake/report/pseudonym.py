"""Pseudonyms: HMACs of names under a deployment key, which link reports about one person without the name. Pure."""

import hmac
import unicodedata
from collections.abc import Iterable

from services.intake.report.submission import Pseudonyms, Submission


def normalise_name(name: str) -> str:
    """A user name as MediaWiki would write it: NFC, spaces for underscores, first letter upper, without `User:`."""
    text = " ".join(unicodedata.normalize("NFC", name).replace("_", " ").split())
    if text[:5].casefold() == "user:":
        text = text[5:].strip()
    first = text[:1].upper()
    return (first if len(first) == 1 else text[:1]) + text[1:]


def pseudonym_of(key: bytes, kind: str, text: str) -> str:
    """The pseudonym (32 hex digits) of a normalised text; `kind` keeps names and addresses apart."""
    return hmac.digest(key, f"{kind}\x1f{text}".encode(), "sha256")[:16].hex()


def pseudonyms_of(key: bytes, submission: Submission) -> Pseudonyms:
    """The pseudonyms of all people a submission names. A reporter without a name gets one by the address."""
    reporter = submission.reporter
    names = [reporter.name] if reporter and reporter.name else []
    addresses = [reporter.email] if reporter and reporter.email else []
    own = pseudonyms_for(key, names, addresses)
    return Pseudonyms(
        subjects=pseudonyms_for(key, [person.name for person in submission.reported], []),
        reporter=own[0] if own else None,
        witnesses=pseudonyms_for(key, submission.witnesses, []),
        reporter_aliases=own[1:],
    )


def pseudonyms_for(key: bytes, names: Iterable[str], addresses: Iterable[str]) -> tuple[str, ...]:
    """The pseudonyms under which a person with these user names and mail addresses may stand in a submission."""
    found = [pseudonym_of(key, "name", normalise_name(name)) for name in names]
    found += [pseudonym_of(key, "address", address.casefold()) for address in addresses]
    return tuple(dict.fromkeys(found))
