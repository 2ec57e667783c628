"""Under which texts the places of a report are known: two reports name one page if both have such a text. Pure.

A page has many addresses: of an old version, of the site for phones, with other cases and signs in it. All of one page
give one text. Any other place is known by its words, within its community.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qs, unquote, urlsplit

from shared.names import normalise_name

MOST_PAGES = 20
_ADDRESS = re.compile(r"https?://[^\s<>\"'\]]+", re.IGNORECASE)
_AT_THE_END = ".,;:!?)"
"""Marks that end the sentence around an address."""


def pages_in(places: Iterable[str], community: str) -> tuple[str, ...]:
    """The text of each page or place, once and in order; at most MOST_PAGES."""
    found: dict[str, None] = {}
    for place in places:
        addresses = [page for address in _ADDRESS.findall(place) if (page := _page_at(address.rstrip(_AT_THE_END)))]
        words = " ".join(unicodedata.normalize("NFC", place).casefold().replace("_", " ").split())
        found |= dict.fromkeys(addresses or ([f"{community} {words}"] if words else []))
    return tuple(found)[:MOST_PAGES]


def _page_at(address: str) -> str | None:
    """The host and the title of a page of a wiki; of another page its host, path and query. None: no address."""
    try:
        parts = urlsplit(address)
        host = _site_of(parts.hostname or "")
    except ValueError:
        return None
    if not host:
        return None
    asked = parse_qs(parts.query)
    if title := _title_of(parts.path, asked.get("title")):
        return f"{host} {title.casefold()}"
    for name in ("oldid", "curid", "diff"):
        if parts.path.endswith("/index.php") and asked.get(name, [""])[0].isdecimal():
            return f"{host} {name} {asked[name][0]}"
    path = unquote(parts.path).rstrip("/")
    return f"{host} {path}?{parts.query}" if parts.query else f"{host} {path}"


def _site_of(host: str) -> str:
    """The host, without what tells the site for phones apart."""
    labels = host.lower().rstrip(".").split(".")
    if len(labels) > 2 and labels[0] in ("www", "m"):
        labels = labels[1:]
    if len(labels) > 3 and labels[1] == "m":
        labels = [labels[0], *labels[2:]]
    return ".".join(labels)


def _title_of(path: str, asked: Sequence[str] | None) -> str | None:
    """The title of a page of MediaWiki, as MediaWiki writes it; `asked`: the titles in the query."""
    prefix, wiki, title = path.partition("/wiki/")
    if wiki and not prefix and title:
        return normalise_name(unquote(title))
    return normalise_name(asked[0]) if asked and asked[0].strip() and path.endswith("/index.php") else None
