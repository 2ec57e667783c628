"""What every page keeps to, whatever it shows: nothing from another host, no inline code, no form without its token.

tests/service/conftest.py judges each page that any test there has made.
"""

from html.parser import HTMLParser

from shared.web.forms import TOKEN_FIELD

# Where an address may stand (HTML, "attributes whose value is a URL").
_ADDRESSES = {
    "action", "background", "cite", "data", "formaction", "href", "longdesc", "manifest", "ping", "poster", "src",
    "srcset", "xlink:href",
}  # fmt: skip


class _Judge(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self._forms: list[bool] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        for name, value in given.items():
            if name in _ADDRESSES and ("//" in value.partition("?")[0] or ":" in value.partition("/")[0]):
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

    def close(self) -> None:
        super().close()
        self.faults += ["<form> without a token"] * self._forms.count(False)


def faults_of(page: str) -> list[str]:
    """What is wrong with a page, one sentence each."""
    judge = _Judge()
    judge.feed(page)
    judge.close()
    return judge.faults
