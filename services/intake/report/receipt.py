"""Receipts: the one thing a reporter needs to come back. 100 bits in Crockford base32. Pure.

Intake stores only an HMAC of a receipt, under a pepper that is not in the database. 100 bits need no slow hash.
"""

import re
import unicodedata
from uuid import UUID

from shared.mac import mac_under

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # pragma: allowlist secret  # known to everyone
LENGTH = 20
_PAIRS = tuple(first + second for first in ALPHABET for second in ALPHABET)
_LETTERS = frozenset(ALPHABET)
_FORGIVEN = str.maketrans("OIL", "011", " -")
_BLANKS = frozenset(("Zs", "Zl", "Zp", "Cc"))
_DASHES = frozenset("\u2212\u30fc\u02d7")
"""What people take for a dash, and Unicode does not."""
_IN_GROUPS = re.compile(r"(?<![0-9A-Z-])(?:[0-9A-TV-Z]{4} ?- ?){4}[0-9A-TV-Z]{4}(?![0-9A-Z]| ?- ?[0-9A-Z])")


def make_receipt(pepper: bytes, nonce: bytes) -> str:
    """The receipt that follows from `nonce` (at least 16 random bytes, or a caller's key), in groups of four."""
    digest = mac_under(pepper, b"receipt\x1f" + nonce)
    number = int.from_bytes(digest[:13], "big") >> 4
    # Two letters, ten bits, at a time.
    pairs = [_PAIRS[number >> shift & 1023] for shift in range(90, -1, -10)]
    return "-".join([pairs[i] + pairs[i + 1] for i in range(0, len(pairs), 2)])


TOLD = "told"
"""As what a handler's words for a respondent stand among the statements of a report."""


def respondent_receipt(pepper: bytes, report_id: str, told_id: str) -> str:
    """The receipt by which a respondent opens the words of this id: always the same, and stored nowhere."""
    return make_receipt(pepper, f"respondent\x1f{report_id}\x1f{told_id}".encode())


def read_receipt(text: str) -> str:
    """The 20 letters of a receipt; ValueError otherwise.

    It forgives case, blanks, dashes, O for 0, I and L for 1, wide letters, digits of any script, signs around it, and
    words before it or around its groups.
    """
    letters = text.upper().translate(_FORGIVEN)
    if _is_whole(letters):
        return letters
    shown = "".join(map(_shown, unicodedata.normalize("NFKD", text).upper()))
    # What follows `Receipt:`, or else all of it; and what looks like a receipt in the middle of words.
    tried = (shown.rpartition(":")[2], *_IN_GROUPS.findall(shown))
    plain = ("".join(filter(str.isalnum, some)).translate(_FORGIVEN) for some in tried)
    found = set(filter(_is_whole, plain))
    if len(found) != 1:
        raise ValueError("a receipt has 20 letters and digits")
    return found.pop()


def _is_whole(letters: str) -> bool:
    return len(letters) == LENGTH and _LETTERS.issuperset(letters)


def _shown(character: str) -> str:
    if character.isascii():
        return "-" if character == "_" else character if character.isprintable() else " "
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    category = unicodedata.category(character)
    if category == "Pd" or character in _DASHES:
        return "-"
    return "" if category in ("Cf", "Mn") else " " if category in _BLANKS else character


def hash_receipt(pepper: bytes, receipt: str) -> bytes:
    """The hash that stands for a receipt in the store. Raises ValueError for a text that is no receipt."""
    return mac_under(pepper, b"lookup\x1f" + read_receipt(receipt).encode())


def digest_content(pepper: bytes, channel: str, content: bytes) -> str:
    """What stands for a submission in keys of callers without a token. Nobody can test words against it."""
    return mac_under(pepper, b"content\x1f" + channel.encode() + b"\x1f" + content).hex()


def derive_report_id(pepper: bytes, scope: str, key: str) -> str:
    """The report id that follows from a caller's own key within `scope`. It cannot be guessed without the pepper."""
    digest = mac_under(pepper, f"report\x1f{scope}\x1f{key}".encode())
    return str(UUID(bytes=digest[:16], version=5))
