"""Filling in forms of pages without a browser."""

from collections.abc import Mapping, Sequence
from html.parser import HTMLParser

import httpx


class Forms(HTMLParser):
    """The forms of a page: each one's action and hidden fields, and the names of its other fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str], set[str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append((given.get("action", ""), {}, set()))
        elif tag in ("input", "textarea", "select") and self.found and "name" in given:
            _, hidden, open_to_fill = self.found[-1]
            if given.get("type") == "hidden":
                hidden[given["name"]] = given.get("value", "")
            else:
                open_to_fill.add(given["name"])


def send_form(http: httpx.Client, page: httpx.Response, fields: Mapping[str, str]) -> httpx.Response:
    """Fill in the one form of a page that has these fields, and send it as a browser does."""
    (form,) = [f for f in Forms(page.raise_for_status().text).found if fields.keys() <= f[2]]
    headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    action = form[0] or str(page.request.url.path)
    return http.post(action, data=form[1] | dict(fields), headers=headers).raise_for_status()
