"""Pseudonyms: HMACs of names under a deployment key, which link reports about one person without the name. Pure.

A name has several pseudonyms, one for each key of `shared.names`: a person is the one in a report if the two share one.
They stand in intake and on restricted topics only. Events carry party tokens, which hold within one report.
"""

import hmac
from collections.abc import Iterable, Sequence

from services.intake.report.places import pages_in
from services.intake.report.submission import MOST_NAMES, People, Pseudonyms, Reporter, Submission, copy_people
from shared.input.texts import trim_line
from shared.mac import mac_under
from shared.names import MOST_OF_LINE, Key, account_of, address_keys, keys_of, names_at_most, normalise_name, own_keys

_SPELLINGS = 4
"""So many names at least are read for each one that stands in a line: people write around names."""
_IN_REPORTS = frozenset({"name", "folded", "address", "ip"})
"""The kinds of keys that people in reports have."""


def pseudonym_of(key: bytes, of: Key) -> str:
    """The pseudonym (32 hex digits) of a person's key. Its kind keeps names and addresses apart."""
    return _digest(key, of.kind, of.text)


def _digest(key: bytes, kind: str, text: str) -> str:
    return mac_under(key, f"{kind}\x1f{text}".encode())[:16].hex()


def people_in(key: bytes, submission: Submission, program: str | None = None) -> People:
    """The pseudonyms of all people a submission names, of its pages, and of its source: `program` may have sent it."""
    reporter = submission.reporter
    people = people_named(
        key,
        reported=[person.name for person in submission.reported],
        witnesses=submission.witnesses,
        name=reporter.name if reporter else None,
        email=reporter.email if reporter else None,
    )
    pages = tuple(_digest(key, "page", page) for page in pages_in(submission.places, submission.community))
    return copy_people(people, pages=pages, source=_source_of(key, reporter, program))


def _source_of(key: bytes, reporter: Reporter | None, program: str | None) -> str | None:
    """One pseudonym of the reporter, by the address or else by the name, or else of the program; None for nobody."""
    if reporter and reporter.email:
        return _digest(key, "source address", reporter.email.casefold())
    if reporter and reporter.name:
        return _digest(key, "source name", normalise_name(reporter.name).casefold())
    return _digest(key, "source program", program) if program else None


def people_named(
    key: bytes, *, reported: Sequence[str], witnesses: Sequence[str], name: str | None, email: str | None
) -> People:
    """The name keys of the people in these lines, and of a reporter with this name and address."""
    own = [keys_of(name)] if name else []
    own += [_keys_of_address(email)] if email else []
    return People(
        subjects=_keys_of_lines(key, reported),
        reporter=tuple(_pseudonyms(key, keys) for keys in own),
        witnesses=_keys_of_lines(key, witnesses),
    )


def by_person(lines: Sequence[str], named: Sequence[Pseudonyms]) -> tuple[Pseudonyms, ...]:
    """For each line with its pseudonyms, those of the first line that means the same person: its token is one."""
    first: dict[str, Pseudonyms] = {}
    return tuple(first.setdefault(account_of(line), keys) for line, keys in zip(lines, named, strict=True))


def party_token(report_key: bytes, keys: Pseudonyms) -> str:
    """The party token (32 hex digits) of the pseudonyms of one text: the same within one report, and nowhere else.

    `report_key` belongs to the report alone, and is destroyed with its content.
    """
    return hmac.digest(report_key, "\x1f".join(keys).encode(), "sha256")[:16].hex()


def pseudonyms_for(key: bytes, names: Iterable[str], addresses: Iterable[str]) -> tuple[str, ...]:
    """The pseudonyms under which a person with these user names and mail addresses may stand in a submission.

    They are cleaned as the texts of a submission are: no mark in a name makes a person another one.
    """
    found = [key for name in names for key in own_keys(trim_line(name))]
    found += [key for address in addresses for key in _keys_of_address(trim_line(address))]
    return _pseudonyms(key, found)


def pseudonyms_sought(key: bytes, name: str) -> Pseudonyms:
    """The pseudonyms under which a person of this name stands among the people that a report names."""
    return _pseudonyms(key, (one for one in own_keys(trim_line(name)) if one.kind in _IN_REPORTS))


def _keys_of_address(address: str) -> tuple[Key, ...]:
    # The first is how stores know the address since before they knew it without its tag.
    return (Key("address", address.casefold()), *address_keys(address))


def _keys_of_lines(key: bytes, lines: Sequence[str]) -> tuple[Pseudonyms, ...]:
    # Each line has its share, so that no long line hides who stands below, and room for each name in it.
    share = min(MOST_OF_LINE, MOST_NAMES // max(len(lines), 1))
    if share == MOST_OF_LINE:
        return tuple(_pseudonyms(key, keys_of(line, share)) for line in lines)
    rooms = (min(MOST_OF_LINE, max(share, _SPELLINGS * names_at_most(line))) for line in lines)
    return tuple(_pseudonyms(key, keys_of(line, room)) for line, room in zip(lines, rooms, strict=True))


def _pseudonyms(key: bytes, keys: Iterable[Key]) -> Pseudonyms:
    return tuple(pseudonym_of(key, one) for one in dict.fromkeys(keys))
