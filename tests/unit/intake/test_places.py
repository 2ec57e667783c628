"""Two reports name one page if their places give one text."""

import pytest

from services.intake.report.places import MOST_PAGES, pages_in


@pytest.mark.parametrize(
    "place",
    [
        "https://en.wikipedia.org/wiki/Talk:Some_page",
        "http://en.wikipedia.org/wiki/Talk:Some_page?action=history#Section",
        "https://en.m.wikipedia.org/wiki/Talk:Some%20page",
        "https://en.wikipedia.org/w/index.php?title=Talk:Some_page&oldid=123",
        "It was on https://EN.wikipedia.org/wiki/talk:some_page, twice.",
    ],
    ids=["plain", "asked", "phone", "version", "sentence"],
)
def test_all_addresses_of_a_page_are_one_page(place: str) -> None:
    assert pages_in([place], "enwiki") == ("en.wikipedia.org talk:some page",)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://en.wikipedia.org/wiki/A", "https://de.wikipedia.org/wiki/A"),
        ("https://x.example/w/index.php?oldid=1", "https://x.example/w/index.php?oldid=2"),
        ("https://forum.example/t?id=1", "https://forum.example/t?id=2"),
        ("Village pump", "Tea house"),
    ],
    ids=["wikis", "versions", "threads", "words"],
)
def test_other_pages_are_others(one: str, other: str) -> None:
    assert set(pages_in([one], "enwiki")).isdisjoint(pages_in([other], "enwiki"))


def test_a_place_in_words_is_one_of_its_community() -> None:
    assert pages_in(["Village_pump"], "enwiki") == pages_in([" village  PUMP"], "enwiki")
    assert set(pages_in(["Village pump"], "enwiki")).isdisjoint(pages_in(["Village pump"], "swwiki"))


def test_what_is_no_address_is_known_by_its_words_and_nothing_fails() -> None:
    assert pages_in(["https://[bad", "", "https://"], "enwiki") == ("enwiki https://[bad", "enwiki https://")


def test_so_many_pages_at_most() -> None:
    assert len(pages_in([f"https://x.example/{n}" for n in range(50)], "enwiki")) == MOST_PAGES
