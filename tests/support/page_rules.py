"""What every page keeps to, whatever it shows: nothing from another host, no inline code, no form without its token.

tests/service/conftest.py judges each page that any test there has made.
"""

import re
from functools import lru_cache
from html.parser import HTMLParser
from urllib.parse import urlsplit

from shared.web.forms import TOKEN_FIELD

# Where an address may stand (HTML, "attributes whose value is a URL").
_ADDRESSES = {
    "action", "background", "cite", "data", "formaction", "href", "longdesc", "manifest", "ping", "poster", "src",
    "srcset", "xlink:href",
}  # fmt: skip


# The values of attributes stand in quotes, or hold neither a quote nor a bracket.
_TAG = re.compile(r"""(<[/!]?[a-zA-Z](?:[^<>"']|"[^"]*"|'[^']*')*>)""")


class _Tag(HTMLParser):
    """What is wrong with one tag, and what it does for the form that it stands in."""

    def __init__(self, text: str, providers: frozenset[str]) -> None:
        super().__init__()
        self._providers = providers
        self.faults: list[str] = []
        self.begins_form = self.is_token = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        for name, value in given.items():
            may_leave = tag == "a" and (self._is_provider(value) or _says_that_it_leaves(value, given.get("rel", "")))
            if name in _ADDRESSES and self._leads_away(value) and not may_leave:
                self.faults.append(f"<{tag} {name}={value!r}> leads to another host")
            if name.startswith("on") or name == "style":
                self.faults.append(f"<{tag} {name}> is inline code")
        if tag in ("script", "style") and not given.get("nonce"):
            self.faults.append(f"<{tag}> without a nonce")
        if tag == "script" and "src" not in given:
            self.faults.append("<script> is inline code")
        if tag in ("iframe", "object", "embed", "base"):
            self.faults.append(f"<{tag}>")
        if tag == "meta" and given.get("http-equiv"):
            self.faults.append("<meta http-equiv>")
        self.begins_form = tag == "form" and given.get("method", "get").lower() != "get"
        self.is_token = tag == "input" and given.get("name") == TOKEN_FIELD

    @staticmethod
    def _leads_away(address: str) -> bool:
        return "//" in address.partition("?")[0] or ":" in address.partition("/")[0]

    def _is_provider(self, address: str) -> bool:
        return address.startswith("https://") and urlsplit(address).netloc in self._providers


def _says_that_it_leaves(address: str, rel: str) -> bool:
    return address.startswith(("https://", "http://")) and {"external", "nofollow", "noreferrer"} <= set(rel.split())


@lru_cache(maxsize=10_000)
def _judged(tag: str, providers: frozenset[str]) -> _Tag:
    # Thousands of pages are judged, and almost all of their tags are the same.
    return _Tag(tag, providers)


def faults_of(page: str, providers: frozenset[str] = frozenset()) -> list[str]:
    """What is wrong with a page, one sentence each. A link (nothing else) may lead to these sign-in providers, and with
    its `rel` elsewhere.
    """
    faults, forms = [], []
    parts = _TAG.split(page)
    for text in parts[1::2]:
        tag = _judged(text, providers)
        faults += tag.faults
        if tag.begins_form:
            forms.append(False)
        if tag.is_token and forms:
            forms[-1] = True
    faults += [f"{left!r} is no tag" for left in re.findall("<.{0,80}", "".join(parts[::2]), re.DOTALL)]
    return faults + ["<form> without a token"] * forms.count(False)
