"""Keys of the people that a text may name."""

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from shared.names.addresses import ips_in, mails_in
from shared.names.folding import clear
from shared.names.forms import forms_in_line, forms_in_words
from shared.names.spellings import count_names, names_in, plain_names
from shared.names.words import LONGEST as LONGEST_NAME
from shared.names.words import number_of, start_of

LONGEST_LINE = 1000
"""Characters of a text that are read. No line of names is longer."""
MOST_OF_LINE = 150
"""So many names are read from one text. A line that people write has far fewer."""
_EXACT, _ABOUT = 32, 16
"""Lengths of names up to the first are told apart; longer ones in steps of the second."""
_NO_USER_NAME = frozenset("[]{}|<>#:/\n")
"""Characters that stand in no user name of MediaWiki."""


class Key(NamedTuple):
    """One spelling of a person, in a form that all spellings like it have.

    A `name` keeps its capitals and marks, `folded` has neither. `address` is of mail, `ip` of the network. Only a
    person has the others, and no report: `start` says how a folded name starts, `length` how it starts and how long it
    is, `whole` is a number of all of it.
    """

    kind: Literal["name", "folded", "address", "ip", "start", "length", "whole"]
    text: str


def keys_of(text: str, most: int = MOST_OF_LINE) -> tuple[Key, ...]:
    """The keys of each person that this text of a report may name, each once. The text's own exact form comes first.

    At most so many names are read from it, the likeliest first.
    """
    text = text[:LONGEST_LINE]
    if names := plain_names(text):
        exact = [Key("name", normalise_name(name)) for name in names]
        return tuple(dict.fromkeys((*exact, *(Key("folded", form) for name in names for form in forms_in_line(name)))))
    cleared = clear(text)
    return _keys(text, cleared, names_in(cleared, most))


def names_at_most(text: str) -> int:
    """How many people this text of a report names at most."""
    text = text[:LONGEST_LINE]
    return 1 if plain_names(text) else count_names(clear(text))


def own_keys(name: str) -> tuple[Key, ...]:
    """The keys of one person by one of the person's own names or addresses. The exact form comes first.

    A name is never taken apart here, because a person called "Smith, John" is not every John.
    """
    name = name[:LONGEST_LINE]
    cleared = clear(name)
    names = (cleared, normalise_name(cleared))
    forms = dict.fromkeys(form for one in names for form in forms_in_words(one))
    by_words = [key for form in forms for key in (Key("folded", form), *_numbers_of(form))]
    return tuple(dict.fromkeys((*_keys(name, cleared, names), *by_words)))


def length_keys(start: int) -> Iterator[tuple[Key, range]]:
    """The keys of names that begin with this number, each with the lengths in characters for which it stands."""
    for length in (*range(1, _EXACT + 1), *range(_EXACT + _ABOUT, LONGEST_NAME + _ABOUT, _ABOUT)):
        yield _length_key(start, length), range(length if length <= _EXACT else length - _ABOUT + 1, length + 1)


def address_keys(address: str) -> tuple[Key, ...]:
    """The keys of one person by a mail address."""
    return tuple(Key("address", one) for one in mails_in(clear(address[:LONGEST_LINE])))


def normalise_name(name: str) -> str:
    """A user name as MediaWiki would write it: NFC, spaces for underscores, first letter upper, without `User:`."""
    text = " ".join(unicodedata.normalize("NFC", name).replace("_", " ").split())
    if text[:5].casefold() == "user:":
        text = text[5:].strip()
    first = text[:1].upper()
    return (first if len(first) == 1 else text[:1]) + text[1:]


def _numbers_of(name: str) -> Iterator[Key]:
    """By what a folded name is looked for in running text; see `words`."""
    if (start := start_of(name)) is not None:
        yield Key("start", str(start))
        yield _length_key(start, len(name))
        yield Key("whole", str(number_of(name)))


def _length_key(start: int, length: int) -> Key:
    # Long names are few, so one key stands for several lengths: there are fewer keys to make.
    rounded = length if length <= _EXACT else length + -(length - _EXACT) % _ABOUT
    return Key("length", f"{start} {rounded}")


def _keys(text: str, cleared: str, names: Iterable[str]) -> tuple[Key, ...]:
    return tuple(dict.fromkeys(key for key in _each(text, cleared, names) if key.text))


def _each(text: str, cleared: str, names: Iterable[str]) -> Iterator[Key]:
    yield Key("name", normalise_name(text))
    for name in names:
        yield from (Key("folded", form) for form in forms_in_line(name))
        if _NO_USER_NAME.isdisjoint(name):
            yield Key("name", normalise_name(name))
    for address in mails_in(cleared, names):
        yield Key("address", address)
    for address in ips_in(cleared, names):
        yield Key("ip", address)
