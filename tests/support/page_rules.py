"""What every page keeps to, whatever it shows: nothing from another host, no inline code, no form without its token.

tests/service/conftest.py judges each page that any test there has made.
"""

from collections.abc import Container
from html.parser import HTMLParser
from urllib.parse import urlsplit

from shared.web.forms import TOKEN_FIELD

# Where an address may stand (HTML, "attributes whose value is a URL").
_ADDRESSES = {
    "action", "background", "cite", "data", "formaction", "href", "longdesc", "manifest", "ping", "poster", "src",
    "srcset", "xlink:href",
}  # fmt: skip


class _Judge(HTMLParser):
    def __init__(self, providers: Container[str]) -> None:
        super().__init__()
        self._providers = providers
        self.faults: list[str] = []
        self._forms: list[bool] = []

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
        if tag == "form" and given.get("method", "get").lower() != "get":
            self._forms.append(False)
        if tag == "input" and given.get("name") == TOKEN_FIELD and self._forms:
            self._forms[-1] = True

    @staticmethod
    def _leads_away(address: str) -> bool:
        return "//" in address.partition("?")[0] or ":" in address.partition("/")[0]

    def _is_provider(self, address: str) -> bool:
        return address.startswith("https://") and urlsplit(address).netloc in self._providers

    def close(self) -> None:
        super().close()
        self.faults += ["<form> without a token"] * self._forms.count(False)


def _says_that_it_leaves(address: str, rel: str) -> bool:
    return address.startswith(("https://", "http://")) and {"external", "nofollow", "noreferrer"} <= set(rel.split())


def faults_of(page: str, providers: Container[str] = ()) -> list[str]:
    """What is wrong with a page, one sentence each. A link (nothing else) may lead to these sign-in providers, and with
    its `rel` elsewhere.
    """
    judge = _Judge(providers)
    judge.feed(page)
    judge.close()
    return judge.faults
