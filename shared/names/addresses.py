"""One form for all spellings of a mail address, and of an IP address."""

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv6Address, ip_address
from itertools import islice

from shared.names.folding import fold
from shared.names.readings import decodings_of

_MAIL = re.compile(r"[^\s@<>()\[\],;:\"]{1,100}\"?@[^\s@<>()\[\]{},;:\"|/?&#]{1,255}")
_IP = re.compile(r"(?<!\w)(?:::)?[0-9A-Fa-f][0-9A-Fa-f:.]{2,58}|(?<!\w)::[0-9A-Fa-f]{1,4}")
_SIGNS_OF_NAMES = re.compile(r"[!#$%&'*/=?^`{|}~]")
"""Signs that may stand in an address (RFC 5322, 3.2.3), and also before one."""
MOST_OF_KIND = 150
"""So many addresses of each kind are read from one text."""
_MOST_STARTS = 10
_WIDE = {0xFF01 + offset: 0x21 + offset for offset in range(94)} | {0xFE6B: "@", 0x3002: ".", 0xFF61: "."}
"""What keyboards of East Asia write instead of the characters of ASCII."""
_AT_SIGNS = frozenset("@\uff20\ufe6b")
_BEFORE_SIGN, _AFTER_SIGN = r"\s{0,3}[\[({<]\s?(?:", r")\s?[\])}>]\s{0,3}"
_AT = re.compile(
    rf"{_BEFORE_SIGN}at|ät|@|arroba|собака{_AFTER_SIGN}|\s@\s|\sat\s(?=[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{0,9}}\sdot\s)",
    re.IGNORECASE,
)
_DOT = re.compile(rf"{_BEFORE_SIGN}dot|punkt|punto|ponto|point|точка|\.{_AFTER_SIGN}|\sdot\s", re.IGNORECASE)
_SIGNS = (*"[({<@", " dot ")
"""A text with none of these hides no address."""
_WITHOUT_DOTS = [["gmail", "com"], ["googlemail", "com"]]
"""Domains under which dots in the name before them mean nothing; all of them lead to one mailbox."""
_ZEROS = re.compile(r"(?<![0-9A-Fa-f])0+(?=[0-9A-Fa-f])")


def mails_in(text: str, parts: Iterable[str] = (), most: int | None = MOST_OF_KIND) -> Iterator[str]:
    """Each mail address in a text (see `folding.clear`) and in parts of it, in one form; `most`: None for all."""
    if not text.isascii() and not _AT_SIGNS.isdisjoint(text):
        text = text.translate(_WIDE)
    shown = [_with_signs(one) for one in decodings_of(text)]
    if any("@" in one for one in shown):
        for token in _found(_MAIL, (*shown, *parts), most):
            signs = islice(_SIGNS_OF_NAMES.finditer(token, 0, token.index("@")), _MOST_STARTS)
            yield from filter(None, (read_mail(token[start:]) for start in (0, *(sign.end() for sign in signs))))


def read_mail(text: str) -> str | None:
    """A mail address in one form: folded, its domain in letters, and without a tag (`+news`). None: it is none."""
    local, _, domain = text.strip(" <>'.").rpartition("@")
    labels = [fold(_in_letters(label)) for label in domain.replace("\u3002", ".").split(".")]
    name = fold(local.partition("+")[0] or local)
    if labels in _WITHOUT_DOTS:
        name, labels = name.replace(".", ""), _WITHOUT_DOTS[0]
    return f"{name}@{'.'.join(labels)}" if name and len(labels) > 1 and all(labels) else None


def _with_signs(text: str) -> str:
    """The text with signs for the words that hide an address from programs, as in `sam (at) mail dot example`."""
    if not any(sign in text for sign in _SIGNS):
        return text
    shown = _AT.sub("@", text)
    return text if shown == text else _DOT.sub(".", shown)


def ips_in(text: str, parts: Iterable[str] = ()) -> Iterator[str]:
    """Each IP address in a text and in parts of it, in one form."""
    if "." in text or ":" in text or "%3" in text:
        yield from filter(None, map(read_ip, _found(_IP, (text, *parts), MOST_OF_KIND)))


def without_ips(text: str) -> str:
    """The text without network addresses, which hold no names between their colons."""
    return _IP.sub(lambda found: "" if any(map(str.isdigit, found[0])) and read_ip(found[0]) else found[0], text)


def read_ip(text: str) -> str | None:
    """An IP address in one form: as IPv4 where it stands for one. None: it is none."""
    if text.count(".") < 3 and text.count(":") < 2:
        return None
    token = _ZEROS.sub("", text.strip(" .[]").partition("/")[0].partition("%")[0])
    for wanted in dict.fromkeys((token, token.rstrip(":"), token.rpartition(":")[0].strip("[]"))):
        try:
            address = ip_address(wanted)
        except ValueError:
            continue
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return str(mapped or address)
    return None


def _found(pattern: re.Pattern[str], texts: Iterable[str], most: int | None) -> Iterable[str]:
    found = (token for text in texts for token in pattern.findall(text))
    return islice(dict.fromkeys(found), most)


def _in_letters(label: str) -> str:
    """A label of a domain in its own letters instead of Punycode (RFC 3492)."""
    if label[:4].casefold() != "xn--":
        return label
    try:
        return label[4:].casefold().encode("ascii").decode("punycode")
    except (UnicodeError, OverflowError):
        return label
