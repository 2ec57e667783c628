"""Addresses in what people wrote become links, and nothing else of it becomes markup."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.web.links import linked

DIFF = "https://en.wikipedia.org/w/index.php?title=Foo&diff=1&oldid=2"


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        (DIFF, [DIFF]),
        (f"Look at {DIFF}.", [DIFF]),
        (f"({DIFF}), and HTTP://one.example/A_(b).", [DIFF, "HTTP://one.example/A_(b)"]),
        ("https://fa.wikipedia.org/wiki/ویکی\u200cپدیا", ["https://fa.wikipedia.org/wiki/ویکی\u200cپدیا"]),
        ("https://fa.wikipedia.org/wiki/%D9%88%DB%8C۔", ["https://fa.wikipedia.org/wiki/%D9%88%DB%8C"]),
        ("「https://ja.wikipedia.org/wiki/猫」。", ["https://ja.wikipedia.org/wiki/猫"]),
        ("javascript:alert(1) data:text/html,x ftp://a.example", []),
        ("https://user:word@evil.example/", []),  # pragma: allowlist secret
        ("https://", []),
        ("https://[half.example/", []),
        ("https://a.example/\u202egnp.exe", []),
        ("[https://a.example/x a diff]", ["https://a.example/x"]),
    ],
)
def test_only_safe_addresses_become_links(text: str, addresses: list[str]) -> None:
    html = str(linked(text))
    assert [found.replace("&amp;", "&") for found in re.findall('href="([^"]*)"', html)] == addresses
    assert html.count('rel="external nofollow noreferrer"') == len(addresses)


@given(st.text(alphabet=st.sampled_from("https://a.b<>\"'&()[] \n\u202e猫"), max_size=60))
def test_a_reader_sees_every_character_that_was_written(text: str) -> None:
    html = str(linked(text))
    bare = re.sub(r'<a class="cdx-link" dir="ltr" href="[^"]*" rel="external nofollow noreferrer">|</a>', "", html)
    assert "<" not in bare
    assert linked("") == ""
    for sign, name in (("&#39;", "'"), ("&#34;", '"'), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        bare = bare.replace(sign, name)
    assert bare == text
