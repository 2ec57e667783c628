"""What a text says without the ways of HTML, of addresses and of markup to write it."""

import html
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

_DEPTH = 4
"""So often a text that was encoded again and again is decoded."""
_BYTES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_PLUS = re.compile(r"(?<=\S)\+{1,2}(?=\S)")
"""A blank in the parameters of an address."""
_MARKUP = re.compile(
    r"^[ \t]*(?:[>|*#:;][ \t]*)+|</?[a-z!][^<>]{0,200}>|'{2,}|\*+|`+|~~+|\\(?=[^\w\s]|_)"
    r"|(?<=\w)[-\u2010][ \t]*\n\s*(?=\w)",
    re.MULTILINE | re.IGNORECASE,
)
"""Marks of wikis, of HTML, of Markdown and of quoted mails, and a word that is parted at the end of a line."""
_SIGNS = ("<", "''", "*", "`", "~~", "\\", "-\n", "\u2010\n", "\n>", "\n|", "\n#", "\n:", "\n;")
"""A text with none of these has none of those marks, which takes less time to find out."""


def readings_of(text: str) -> Iterator[str]:
    """The text as it stands, and what it says once each way to write it is undone, each once."""
    last = text
    for last in decodings_of(text):
        yield last
    if "+" in last and (shown := _PLUS.sub(" ", last)) != last:
        yield shown
        last = shown
    if any(sign in last for sign in _SIGNS) and (shown := _MARKUP.sub("", last)) != last:
        yield shown


def decodings_of(text: str) -> Iterator[str]:
    """The text as it stands, and without what stands for a character in HTML and in addresses, each once."""
    yield text
    for _ in range(_DEPTH):
        decoded = percent_decoded(html.unescape(text) if "&" in text else text)
        if decoded == text:
            return
        yield decoded
        text = decoded


def percent_decoded(text: str) -> str:
    """The text with the characters that addresses write in bytes. Old links of Western wikis are not in UTF-8."""
    return _BYTES.sub(_decoded, text) if "%" in text else text


def _decoded(found: re.Match[str]) -> str:
    octets = unquote_to_bytes(found[0])
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")
