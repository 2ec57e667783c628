"""Mail addresses: one rule wherever an address is typed. What it takes, our own sender can write to. Pure.

The part before the `@` may have letters of any script (RFC 6531), and dots in any place, because phone companies gave
out such addresses; `wire_form` puts those in quotes (RFC 5321, 4.1.2). The domain is a name by IDNA 2008 (RFC 5891),
and never by IDNA 2003, which leads a letter such as ß to the domain of another owner.
"""

import re
import unicodedata
from email.header import Header
from typing import Annotated, NamedTuple

import idna
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from shared.input.texts import AROUND, LARGEST_CHARACTER

LONGEST_LOCAL, LONGEST = 64, 254
"""Bytes on the wire: of the part before the `@`, and of all of it (RFC 5321, 4.5.3.1)."""
LONGEST_NAME, LONGEST_TYPED = 200, 320
"""Characters of a name before an address, and of what is typed as an address."""

_WIDE = {0xFF01 + offset: 0x21 + offset for offset in range(94)} | {0x3002: ".", 0xFF61: "."}
"""What keyboards of East Asia write instead of the characters of ASCII, and the dots that IDNA takes for a dot."""
_BRACKETS = {0xFF1C: "<", 0xFF1E: ">"}
_COMMON = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@"
    r"(?:(?!xn--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
)
"""What nearly all addresses look like: they are the same on the wire, and need no other check but of their length."""
_PLAIN = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+")
# Without ASCII, a dotless i would count as an i, and stay in the domain as it is.
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE | re.ASCII)
_JOINERS = "\u200c\u200d"


# `clean` takes more out of a text: control characters, and marks that turn letters around, may hide another address.
_COPIED = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u2060\ufeff]")
"""Marks without a width that pages put where a line may break, or between letters of two directions."""
_PAIRED = re.compile("[\u202a-\u202c\u2066-\u2069]")
"""Direction marks that stand around a word of a name. Mail programs set a name apart by themselves."""


class BadAddress(ValueError):
    """A text that is not an address. The message is a sentence, and never repeats the text."""


class Mailbox(NamedTuple):
    """A name that readers of a mail see, perhaps empty, and the address behind it as `read_address` gives it."""

    name: str
    address: str


def read_address(text: str) -> str:
    """One address as its owner writes it, without blanks and quotes around. Raises BadAddress."""
    return text if _is_common(text) else "@".join(_parts(text)[:2])


def wire_form(text: str) -> str:
    """The address as it goes to mail servers: odd dots in quotes, the domain in ASCII and lower case.

    It is ASCII unless the part before the `@` is not; that takes a server with SMTPUTF8. Raises BadAddress.
    """
    if _is_common(text):
        return text
    local, _, host = _parts(text)
    return f"{_quoted(local)}@{host}"


def _is_common(text: str) -> bool:
    return _COMMON.fullmatch(text) is not None and len(text) <= LONGEST and text.index("@") <= LONGEST_LOCAL


def read_mailbox(text: str) -> Mailbox:
    """`Trust, Safety <safety@example.org>` or a bare address; the name may be in quotes. Raises BadAddress."""
    name, bracket, rest = text.strip(AROUND).translate(_BRACKETS).rpartition("<")
    if not bracket:
        return Mailbox("", read_address(text))
    name = " ".join(_PAIRED.sub("", _COPIED.sub("", name)).split())
    if len(name) > LONGEST_NAME * LARGEST_CHARACTER:
        # To bring thousands of marks into order would take their number squared.
        raise _bad_name()
    name = unicodedata.normalize("NFC", name)
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    if not rest.endswith(">"):
        raise BadAddress("Write a name and an address, such as Hearth <hearth@example.org>.")
    if len(name) > LONGEST_NAME or not all(character.isprintable() or character in _JOINERS for character in name):
        raise _bad_name()
    return Mailbox(name, read_address(rest[:-1]))


def _bad_name() -> BadAddress:
    return BadAddress(f"The name has at most {LONGEST_NAME} characters, all of them visible.")


def mailbox_header(mailbox: Mailbox) -> str:
    """The mailbox as it stands in a header: a name of other scripts encoded (RFC 2047), others in quotes if needed."""
    name, address = mailbox.name, wire_form(mailbox.address)
    if not name:
        return address
    if not name.isascii() or "=?" in name:
        encoded = Header(name, "utf-8", header_name="From").encode(linesep="\r\n")
        return f"{encoded} <{address}>"
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+", name):
        name = '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    return f"{name} <{address}>"


def _parts(text: str) -> tuple[str, str, str]:
    """The part before the `@` without quotes, the domain as it was typed, and the domain in ASCII."""
    if len(text) > LONGEST_TYPED:
        raise BadAddress("This is longer than an address can be.")
    typed = unicodedata.normalize("NFC", _COPIED.sub("", text).strip(AROUND).translate(_WIDE))
    local, at, domain = typed.rpartition("@")
    if len(local) > 2 and local[0] == local[-1] == '"':
        local = local[1:-1]
    domain = domain.removesuffix(".")
    if not at or not local or not domain:
        raise BadAddress("Write one address such as name@example.org.")
    if not all(map(_stands_in_local, local)) or local[0] in _JOINERS:
        raise BadAddress("Before the @ stands a character that does not belong in an address.")
    host = _host(domain)
    if len(_quoted(local).encode()) > LONGEST_LOCAL or len(f"{_quoted(local)}@{host}".encode()) > LONGEST:
        raise BadAddress("This is longer than an address can be.")
    return local, domain, host


def _stands_in_local(character: str) -> bool:
    if character.isascii():
        return _PLAIN.fullmatch(character) is not None
    return character in _JOINERS or (character.isprintable() and character != "\N{REPLACEMENT CHARACTER}")


def _quoted(local: str) -> str:
    return f'"{local}"' if ".." in f".{local}." else local


def _host(domain: str) -> str:
    labels = domain.split(".")
    if not labels[-1]:
        # The library leaves the dot of the root, which no mail server takes.
        raise BadAddress("After the @ stands no domain that can exist.")
    # Labels such as `a--b` are in use, although IDNA keeps them for later; those with `xn--` have to be true.
    plain = all(_LABEL.fullmatch(label) and label[:4].lower() != "xn--" for label in labels)
    try:
        host = domain.lower() if plain else idna.encode(domain, uts46=True, std3_rules=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise BadAddress("After the @ stands no domain that can exist.") from None
    if "." not in host or host.rpartition(".")[2].isdigit():
        raise BadAddress("After the @ stands no whole domain such as example.org.")
    return host


def _taken(text: str) -> str:
    try:
        return read_address(text)
    except BadAddress as error:
        raise PydanticCustomError("mail_address", "{sentence}", {"sentence": str(error)}) from None


MailAddress = Annotated[str, Field(max_length=LONGEST_TYPED), AfterValidator(_taken)]
"""A field that holds one address, as `read_address` gives it; any other text is the fault `mail_address`."""
