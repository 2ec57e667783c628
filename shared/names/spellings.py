"""The names that a text may mean: people write them in wikitext, in addresses of pages, and in lists."""

import re
from collections import deque
from collections.abc import Iterator
from itertools import pairwise

from shared.names.addresses import without_ips
from shared.names.folding import trim
from shared.names.readings import percent_decoded, readings_of
from shared.names.scripts import ARROWS

_AND = (
    "and|or|with|vs|aka|alias|und|oder|mit|et|ou|avec|y|e|o|con|och|eller|og|en|of|ja|tai|sekä|és|i|oraz|lub|и|или|та|й|або|а|ve"
    "|veya|və|dan|atau|na|au|și|sau|kaj|kai|και|ή|և|و|أو|और|या|এবং|ও|மற்றும்|మరియు|ಮತ್ತು|ഉം|සහ|และ|和|与|與|跟|と|및"
)
"""Words that join two names. A name with such a word in it is read as one name, too."""
_TITLE = re.compile(
    r"the|le|la|el|der|die|user|username|account|admin|administrator|sysop|editor|benutzer(?:in)?|utilisat(?:eur|rice)|usuari[ao]|utente"
    r"|участни(?:к|ца)|aka|alias|(?:mrs?|ms|dr)\.?",
    re.IGNORECASE,
)
"""Words that stand before a name."""
_NO_NAME = re.compile(
    r"user(?: ?talk)?|talk|contrib(?:ution)?s|special|centralauth|w(?:iki)?|index\.php|https?|utc|log|block|emailuser"
    r"|benutzer|en|de|fr|es|m",
    re.IGNORECASE,
)
"""What stands around names in links and signatures. It is read as a name only where nothing else stands."""
_NO_VALUE = re.compile(
    r"action|use(?:lang|skin)|variant|oldid|diff|limit|offset|dir|(?:ve)?(?:section|action)|type|days|format|lang|project"
    r"|wiki|site|namespace|start|end|printable|redirect|curid|feed|year|month",
    re.IGNORECASE,
)
"""Parameters of pages and of templates that name nobody."""

_MARKUP = re.compile(r"(\{\{|\}\}|\[\[?|\]\]?|[|<>{}\n])")
_INNER = re.compile('[()"“”„«»‹›「」『』〈〉《》【】〔〕]')
_PAGE = re.compile(
    r"(?:[a-z][a-z0-9+.-]{0,20}:)?//|(?<!\w)[\w.-]{1,80}\.[a-z]{2,}/|/?\b(?:wiki|index\.php)[/?]", re.IGNORECASE
)
_PATH = re.compile(r"/(?:wiki|index\.php)/", re.IGNORECASE)
_END_OF_ADDRESS = re.compile("[,;、。،؛।]")
_COMMENT = re.compile(r"[ch]-(.+?)-\d{8,14}")
_BETWEEN = re.compile(
    rf"((?:^|\s)\d{{1,2}}[.)]\s|[,;&+/\\•·・、،؛؍፣፤।։|{ARROWS}]|\s[-\u2010-\u2015*]+\s|\s(?=@)|\s(?=[^\s:]+:[^\s:])|\s[וو](?=\w\w)"
    rf"|\s(?:{_AND})\s"
    r"|(?<=\w\w)(?:和|与|與|及び|及|跟|と|및)(?=\w\w))",
    re.IGNORECASE,
)
_RUN = 3
"""So many neighbours in a list are also read as one name, because a comma or an "and" can belong to it."""
_POSSESSIVE = re.compile(r"['\u2019\u02bc]s(?:\s|$)", re.IGNORECASE)
_ELSEWHERE = re.compile(
    r"\s(?:on|at|from|auf|sur|en|di|w|в)\s+\S*(?:wiki|commons|викип)|[@~](?=[^@~.]+$)", re.IGNORECASE
)


_PLAIN = re.compile(r"(?:[a-z ]{1,40}:)?([a-z0-9][a-z0-9 _]*)", re.IGNORECASE)
_MORE = re.compile(rf"[ _](?:{_AND})[ _]|(?:^|:)(?:{_TITLE.pattern})\s|wiki|commons", re.IGNORECASE)


def plain_names(text: str) -> tuple[str, ...]:
    """The names that a text means if it can be read in one way only, as most names can; else nothing.

    It is a few letters and digits of ASCII, perhaps behind a namespace.
    """
    plain = _PLAIN.fullmatch(text) if text.isascii() else None
    return () if plain is None or _MORE.search(text) else (text, plain[1])


def count_names(text: str) -> int:
    """How many names a text (see `folding.clear`) has at most, as a list reads."""
    return 1 + max(len(_BETWEEN.findall(reading)) + len(_MARKUP.findall(reading)) for reading in readings_of(text))


def names_in(text: str, most: int) -> list[str]:
    """The names that a text (see `folding.clear`) may mean, each once, the likeliest first, and at most so many."""
    reader = _Reader(most)
    for variant in readings_of(text):
        reader.found[variant] = None
        reader.read(without_ips(variant))
    return list(reader.found)[:most]


class _Reader:
    """Collects the names of one text. Each title is read once, so that a text of repetitions costs little."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.found: dict[str, None] = {}
        self._read: set[str] = set()

    def read(self, text: str) -> None:
        self._title(text)
        if "//" not in text:
            # Each name of a list comes before all that its neighbours may be with it.
            for piece in _pieces(text):
                for part in _BETWEEN.split(piece)[::2]:
                    self._title(part)
        for piece in _pieces(text):
            starts = [found.start() for found in _PAGE.finditer(piece)]
            for start, end in pairwise([*starts, len(piece)]):
                self._page(piece[start:end])
            # An address with a scheme is no list, but "Alice/Bob" and "J.Smith/Bob" may be one.
            self._list(piece[: starts[0]] if starts and "//" in piece else piece)

    def _page(self, address: str) -> None:
        """The names in the address of a page. People also paste a name with a blank into an address."""
        first, _, rest = address.partition(" ")
        for part in (first, address) if rest else (first,):
            for title in _titles_of_page(part):
                self._title(title)
        if rest:
            self._list(rest)
        if found := _END_OF_ADDRESS.search(first):
            # A list may go on without a blank. The sign may belong to the title as well, and then it is read above.
            for title in _titles_of_page(first[: found.start()]):
                self._title(title)
            self._list(first[found.end() :])

    def _list(self, text: str) -> None:
        """The names in a list, up to _RUN neighbours as one name, and "Smith, Alice" as "Alice Smith"."""
        self._title(text)
        parts = _BETWEEN.split(text)
        for length in range(1, min(_RUN, len(parts) // 2) + 1):
            for first in range(0, len(parts) - 2 * (length - 1), 2):
                self._title("".join(parts[first : first + 2 * length - 1]))
        for last_name, between, first_name in zip(parts[::2], parts[1::2], parts[2::2], strict=False):
            if between == ",":
                self._title(f"{first_name.strip()} {last_name.strip()}")
            if between.strip()[:1].isdigit():
                # What looks like the number of the next name may be the end of this one.
                self._title(f"{last_name}{between}")

    def _title(self, title: str) -> None:
        """The names in the title of a page, and in what is left of each without one thing more around it."""
        waiting = deque([title.replace("_", " ")])
        while waiting and len(self.found) < self._most and len(self._read) < 2 * self._most:
            name = trim(waiting.popleft())
            if name and name not in self._read:
                self._read.add(name)
                if not _NO_NAME.fullmatch(name):
                    self.found[name] = None
                waiting.extend(_without_one(name))


def _pieces(text: str) -> Iterator[str]:
    """The parts of a text between brackets and bars, without the names of templates and of parameters."""
    parts = _MARKUP.split(text)
    for place in range(0, len(parts), 2):
        before = parts[place - 1] if place else ""
        after = parts[place + 1] if place + 1 < len(parts) else ""
        if before == "{{" and after == "|":
            continue
        name, is_set, value = parts[place].partition("=")
        if is_set and "/" not in name and "?" not in name:
            if not _NO_VALUE.fullmatch(name.strip()):
                yield value
        elif parts[place].strip():
            yield parts[place]


def _titles_of_page(address: str) -> Iterator[str]:
    """The titles in an address: in its path, its parameters, and the part behind `#`."""
    address, _, fragment = address.partition("#")
    path, _, query = address.partition("?")
    if "//" in path:
        path = path.partition("//")[2].partition("/")[2]
    *_, title = _PATH.split(f"/{path}", maxsplit=1)
    yield _title_of(title.strip("/"))
    for part in re.split("[&;]", query):
        name, _, value = part.partition("=")
        if not _NO_VALUE.fullmatch(name):
            yield _title_of(value.replace("+", " "))
            yield _title_of(value)
    comment = _COMMENT.search(_title_of(fragment))
    yield comment[1] if comment else _title_of(fragment)


def _title_of(text: str) -> str:
    return without_ips(percent_decoded(text))


def _without_one(name: str) -> Iterator[str]:
    """The name without one thing that people write around names, for each such thing that it has."""
    if "#" in name:
        yield name.partition("#")[0]
    space, colon, title = name.partition(":")
    if colon:
        # A namespace, or a prefix of another wiki.
        yield title
        if title.startswith(" "):
            yield space
        first, more, _ = title.partition(":")
        if more and " " in first.strip():
            # "User:A User talk:B" has two names.
            words = first.split()[:6]
            yield from (" ".join(words[:count]) for count in range(1, len(words)))
    if "/" in name:
        yield from name.split("/")
        yield name.partition("/")[2]
    if _INNER.search(name):
        yield from _INNER.split(name)
    if "=" in name:
        yield name.rpartition("=")[2]
    for mark in (_ELSEWHERE, _POSSESSIVE):
        if found := mark.search(name):
            yield name[: found.start()]
    word, _, rest = name.partition(" ")
    if _TITLE.fullmatch(word):
        yield rest
