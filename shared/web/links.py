"""Addresses that people wrote into a text, as links that a reader can follow safely. Pure."""

import re
import unicodedata
from collections import Counter
from urllib.parse import urlsplit

from markupsafe import Markup, escape

_ADDRESS = re.compile(r"https?://[^\s<>\"`{}|\\^]+", re.IGNORECASE)
_CLOSING = {")": "(", "]": "["}
_SIGNS = frozenset(("Pe", "Pf", "Po"))
"""The Unicode categories of what closes and ends a sentence, in every script."""
_OF_ADDRESSES = frozenset("/%#&@")
_JOINERS = str.maketrans("", "", "\u200c\u200d")
"""Titles in many scripts need them, and they turn no letters around."""


def linked(text: str) -> Markup:
    """The text as HTML: each address that begins with http or https is a link, everything else is only text.

    The reader sees the whole address, and the other host gets no word of where the reader came from.
    """
    parts: list[Markup] = []
    end = 0
    for match in _ADDRESS.finditer(text):
        address = _without_the_end_of_a_sentence(match[0])
        if _is_safe(address):
            parts += [escape(text[end : match.start()]), _LINK.format(address, address)]
            end = match.start() + len(address)
    return Markup().join([*parts, escape(text[end:])])


_LINK = Markup('<a class="cdx-link" dir="ltr" href="{}" rel="external nofollow noreferrer">{}</a>')


def _without_the_end_of_a_sentence(address: str) -> str:
    """An address ends before the signs that end a sentence, but a bracket that it opened belongs to it."""
    left = Counter(address)
    end = len(address)
    while True:
        last = address[end - 1]
        is_open = last in _CLOSING and left[_CLOSING[last]] >= left[last]
        if unicodedata.category(last) not in _SIGNS or last in _OF_ADDRESSES or is_open:
            return address[:end]
        left[last] -= 1
        end -= 1


def _is_safe(address: str) -> bool:
    """Whether it leads where it seems to: it has a host, no password, and no mark that turns its letters around."""
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.username is None and address.translate(_JOINERS).isprintable()
    except ValueError:
        return False
