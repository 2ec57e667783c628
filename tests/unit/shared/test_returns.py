"""A return address leads back to our own pages, whatever somebody wrote into a link."""

from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.web.redirects import CLEAR_SITE_DATA, LONGEST_ADDRESS, own_address, redirect_page

HOME = "/desk"
OURS = "https://hearth.example/desk/sign-in"
PIECES = st.sampled_from([
    "/", "//", "\\", "/\\", "desk", "/desk", "/desk/", "evil.example", "@", ":", "?", "#", "..", ".", "%2e", "%2E%2e",
    "%2f", "%5c", "%09", "%00", "\t", "\n", "\r", " ", "\x00", "\x7f", "\u00a0", "\u2215", "\uff0f", "\ufe68", "\u202e",
    "https:", "javascript:", "data:", "user:pass@", "[::1]", "a", "é", "%", "%zz", "%c3%a9", ";", "&x=//evil.example",
])  # fmt: skip
ADDRESSES = (
    st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=40) | st.text(max_size=40).map("/desk/".__add__)
)


def as_browsers_read(address: str) -> str:
    """What browsers do before they look for a host (WHATWG URL): drop some characters, turn the slashes round."""
    trimmed = address.strip("".join(map(chr, range(0x21))))
    return "".join(letter for letter in trimmed if letter not in "\t\n\r").replace("\\", "/")


@given(ADDRESSES)
@example("//evil.example")
@example("/\t/evil.example")
@example("/desk\\..\\..//evil.example")
@example("/desk/%2e%2e/%2e%2e/audit")
@example("/desk@evil.example")
@example("/desk/..;")
@example("/desk/..;a/..;b/audit")
@example("/desk/%2e%2e%3b/audit")
def test_it_stays_on_our_host_and_below_its_root_for_every_reader(address: str) -> None:
    found = own_address(address, HOME)
    for read in (found, as_browsers_read(found), as_browsers_read(unquote(found))):
        target = urlsplit(urljoin(OURS, read))
        assert (target.scheme, target.netloc) == ("https", "hearth.example")
        assert target.path == HOME or target.path.startswith(f"{HOME}/")


@given(ADDRESSES)
def test_it_is_what_was_given_or_home_and_needs_no_second_look(address: str) -> None:
    found = own_address(address, HOME)
    assert found in (address, HOME)
    assert own_address(found, HOME) == found
    assert found.isascii()
    assert found.isprintable()


@pytest.mark.parametrize(
    "address",
    ["/desk", "/desk/", "/desk?state=closed&cursor=a%20b", "/desk/cases/amber-harbour?done=ask", "/desk/a?next=//x"],
)
def test_an_address_of_ours_is_kept(address: str) -> None:
    assert own_address(address, HOME) == address


@pytest.mark.parametrize(
    "address",
    [
        "", "/", "desk", "/deskx", "/audit", "https://evil.example/desk", "//evil.example/desk", "/\\evil.example",
        "\\\\evil.example", "/desk/../audit", "/desk/./x", "/desk/%2e%2e/audit", "/desk/%2E./audit", "/desk//x",
        "/desk/..", "/desk%2f..%2faudit", "/desk/a%5cb", "/desk/a%0d%0ab", "/desk/a%", "/desk/é", "/desk/\u202e",
        "/desk\n", " /desk", "/desk#top", "/desk/" + "x" * LONGEST_ADDRESS,
    ],
)  # fmt: skip
def test_what_could_mean_another_place_is_not(address: str) -> None:
    assert own_address(address, HOME) == HOME


def test_the_root_may_be_another_one_than_home() -> None:
    assert own_address("/report/enwiki", "/report", below="/") == "/report/enwiki"
    assert own_address("//evil.example", "/report", below="/") == "/report"
    assert own_address("/v1/cases", "/desk", below="/desk") == "/desk"


def test_leading_away_names_the_place_only_to_the_browser() -> None:
    answer = redirect_page("https://weather.example/", clear=True)
    assert answer.headers["refresh"] == "0; url=https://weather.example/"
    assert answer.headers["clear-site-data"] == CLEAR_SITE_DATA
    assert b"weather" not in bytes(answer.body)
    assert "clear-site-data" not in redirect_page("https://weather.example/").headers


@pytest.mark.parametrize("address", ["/report", "javascript:alert(1)", "https://a.example/\r\nx: y", "https://a b"])
def test_nobody_is_led_to_what_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        redirect_page(address)
