"""The folded forms of one name, as people write it: with its words joined, and without what decorates it."""

import re

from shared.names.folding import fold, normalise
from shared.names.scripts import DENSE, SYMBOLS

_SEPARATORS = re.compile(rf"[\s\-.'·・(),~{SYMBOLS}]+")
"""What stands between the words of a name, or around it as a decoration."""
_DECORATION = re.compile(rf"[\s\u200d\ufe0f{SYMBOLS}]")
_DIGRAPHS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
"""What people type for letters that their keyboard does not have."""
_SHORTEST, _SHORTEST_DENSE = 6, 3
"""Characters of the shortest name that is known with its words joined, and of one in DENSE: "Li Na" is not Lina."""
_ALL_DENSE = re.compile(rf"[{DENSE}]+")


def forms_in_line(name: str) -> tuple[str, ...]:
    """The forms of a name in a line of names: as it stands, with its words joined, and with `ue` for `ü`."""
    found: dict[str, None] = {}
    for folded in _folded(name):
        found |= dict.fromkeys(filter(None, (folded, _joined(folded))))
    return tuple(found)


def forms_in_words(name: str) -> tuple[str, ...]:
    """The forms by which running text is searched for a name: also with other marks between its words."""
    found: dict[str, None] = {}
    for folded in filter(None, _folded(name)):
        found[folded] = None
        if joined := _joined(folded):
            words = [word for word in _SEPARATORS.split(folded) if word]
            found |= dict.fromkeys((joined, *(mark.join(words) for mark in " -.")))
    return tuple(found)


def _folded(name: str) -> tuple[str, ...]:
    if name.isascii():
        return (fold(name),)
    typed = normalise("NFC", name).lower().translate(_DIGRAPHS)
    return tuple(dict.fromkeys(fold(one) for one in (name, typed, _undecorated(name))))


def _undecorated(name: str) -> str:
    first, last = 0, len(name)
    while first < last and _DECORATION.match(name, first):
        first += 1
    while last > first and _DECORATION.match(name, last - 1):
        last -= 1
    return name[first:last]


def _joined(folded: str) -> str:
    """The name without blanks, dots and decorations. Empty if it has none, or if it is too short."""
    words = [word for word in _SEPARATORS.split(folded) if word]
    joined = "".join(words)
    shortest = _SHORTEST if len(words) > 1 and not _ALL_DENSE.fullmatch(joined) else _SHORTEST_DENSE
    return joined if joined != folded and len(joined) >= shortest and "@" not in joined else ""
