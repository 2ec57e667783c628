"""The account of a line: the one that it means, where it can be read in one way only. Pure.

Two lines with one account mean one person. To take one person for two does less harm than to take two for one: so the
signs must be exactly the same, capitals as well, and a line that could mean something else stands for itself.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import parse_qs, unquote, urlsplit

from shared.names.folding import normalise
from shared.names.keys import LONGEST_LINE, normalise_name

_SETTINGS, _KINDS, _ELSEWHERE = frozenset({"online"}), frozenset({"wiki"}), frozenset({"off_wiki"})
"""In these settings, in communities of these kinds, people are known by their accounts; with these flags, not."""
_DIRECTIONS = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
"""Marks that come along where a name is copied from a page. MediaWiki takes them out of titles."""
_SITES = re.compile(
    r"(?:[a-z0-9-]+\.){0,2}(?:wikipedia|wiktionary|wiki(?:books|news|quote|source|versity|voyage|data|functions)|mediawiki)\.org"
    r"|(?:meta|commons|species|incubator)\.(?:m\.)?wikimedia\.org",
    re.IGNORECASE,
)
"""Hosts of wikis that share their accounts. On another one, the same name may be that of another person."""
_USER_PAGE = re.compile(
    r":?\s?(?:special:contributions/|(?:user|benutzer(?:in)?|utilisat(?:eur|rice)|usuari[oa]|utente|usuári[oa](?:\(a\))?"
    r"|utilizador(?:a|\(a\))?|участни(?:к|ца)|użytkowni(?:k|czka)|wikipedyst(?:a|ka)|kullanıcı|pengguna|mtumiaji"
    r"|利用者|사용자|用户|用戶|使用者|مستخدمة?|کاربر|सदस्य|ব্যবহারকারী)\s?:)\s?([^:/#|\[\]{}<>@]+)",
    re.IGNORECASE,
)
_WIKI_LINK = re.compile(r"\[\[([^\[\]|]+)(?:\|([^\[\]|]+))?\]\]")
_EVERYWHERE = "@global"
"""How stewards write an account of all wikis. No name of one has this sign."""


def known_by_account(setting: str, kind: str | None, flags: Iterable[str]) -> bool:
    """Whether the people of a report are known by their accounts of wikis, so that a bare name means one of these.

    Of those who met, or who know each other from another site, two may have one name. `kind`: that of the community;
    None: the policy does not have it any more.
    """
    return setting in _SETTINGS and kind in _KINDS and _ELSEWHERE.isdisjoint(flags)


def count_people(tokens: Collection[str], named: Mapping[str, str]) -> int:
    """For how many people these party tokens stand, where those whose names mean one account are one person.

    `named`: the names by token, as far as they are known. A token without a name stands for a person of its own.
    """
    return len({account_of(named[token]) if token in named else token for token in tokens})


def account_of(line: str) -> str:
    """The account that a line means, as MediaWiki writes its name; else the line itself in the same form."""
    text = _DIRECTIONS.sub("", normalise("NFC", line[:LONGEST_LINE])).strip()
    if (link := _WIKI_LINK.fullmatch(text)) and (name := _user_at(link[1])):
        return name if link[2] is None or normalise_name(link[2]) == name else normalise_name(text)
    title = _title_at(text)
    if title is not None:
        return _user_at(title) or text
    plain = text.removesuffix(_EVERYWHERE) if text.count("@") == 1 else text
    return _user_at(plain) or normalise_name(plain)


def _user_at(title: str) -> str | None:
    """The account behind the title of its page."""
    found = _USER_PAGE.fullmatch(" ".join(title.replace("_", " ").split()))
    return normalise_name(found[1]) if found else None


def _title_at(address: str) -> str | None:
    """The title of the page of a wiki, where the address leads to the page as it is now and to nothing else."""
    try:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not _SITES.fullmatch(parts.hostname or ""):
            return None
        if parts.path == "/w/index.php":
            asked = parse_qs(parts.query, errors="strict")
            return asked["title"][0] if asked.keys() == {"title"} and len(asked["title"]) == 1 else None
        prefix, wiki, title = parts.path.partition("/wiki/")
        return unquote(title, errors="strict") if wiki and not prefix and not parts.query else None
    except ValueError:
        return None
