"""Public words name nobody: what looks like an address of a person is refused, in any script and spelling."""

import time

import pytest

from services.triage.baseline.words import (
    LINK_LIMIT,
    WORDS_LIMIT,
    fault_of_link,
    fault_of_words,
    has_address,
    tidied,
)

FINE = [
    "Two people answer reports within a day.",
    "Our policy of 2026-11-28 says who decides; version 1.2 follows 1.1.",
    "Since 28.11.2026 18:00 we meet at 10:30. In 2024-2026 we had 120 reports, 35 of them in 2025.",
    "تقاريرنا يجيب عنها شخصان خلال يوم واحد.",
    "報告には二人が一日以内に答えます。",
    "See [[Wikipedia:Harassment]] and WP:CIVIL: every user can report. The user talk namespace is watched.",
    "An admin and a steward decide @ the meeting; 3/4 agree, 100%.",
    "The page https://meta.wikimedia.org/wiki/Universal_Code_of_Conduct says so.",
    "\U0001f44d\U0001f3fd We answer within 24 h.",
    "The user feedback: good. Discussion: open; plan B: closed. Talk: two hours.",
    "注意:我们在一天内回答。注意：報告には二人が答えます。",
    "Users: 300, of whom 120 reported; ratio 3:2:1, 24/7, ISO 639-3.",
    "We meet at example.org and follow https://meta.wikimedia.org/w/index.php?title=Help&action=history.",
    "Help:Contents, Project:Sera and Mradi:Sera say so.",
    "See Special:Permalink/1, Special:Diff/1/2 and Special:MyLanguage/Universal_Code_of_Conduct.",
]
ADDRESSES = [
    "Write to ada@example.org.",
    "Write to ada＠example。org",
    "Write to ada%40example.org",
    "Write to ada (at) example.org or ada [at] example dot org",
    "Write to ada at example dot org.",
    "User:Ada answers.",
    "Ask [[User:Ada|her]].",
    "Ask [[Benutzerin:Ada]] or [[Benutzer Diskussion:Ada]].",
    "Ask [[участница:Ада]].",
    "اسأل [[مستخدم:آدا]]",
    "利用者:アダ に聞いてください",
    "Ask user talk:Ada.",
    "Ask User : Ada",
    "Ask U\u200bser:Ada.",
    "Ask @ada.",
    "Ask @ada:matrix.org.",
    "{{ping|Ada}} answers.",
    "Special:Contributions/Ada",
    "https://meta.wikimedia.org/wiki/User:Ada",
    "https://meta.wikimedia.org/wiki/%55ser%3AAda",
    "Call +49 30 1234567.",
    "Call (030) 123-4567.",
    "Call 0049301234567.",
    "اتصل ٠٣٠١٢٣٤٥٦٧",
    "From 192.0.2.7.",
    "From 2001:db8::1.",
    "https://t.me/ada",
    "Ask ada#1234 there.",
    "Ask BD:Ada.",
    "Ask [[U:Ada]].",
    "質問は利用者・会話:アダに",
    "利用者‐会話:アダ",
    "Dyskusja wikipedystki:Ada",
    "Обсуждение участницы:Ада",
    "Ask Felhasználó:Ada, or Szerkesztő:Ada.",
    "Ask İstifadəçi:Ada.",
    "Մասնակից:Ադա",
    "მომხმარებელი:ადა",
    "Spezial:Beiträge/Ada",
    "Special:Contributions/1Ada",
    "特別:投稿記録/アダ",
    "See Special:CentralAuth?target=Ada",
    "{{noping|Ada}} and {{Benutzer|Ada}}",
    "Write to ada&#64;example.org.",
    "Write to ada%2540example.org.",
    "Write to ada@ example.org.",
    "mailto:ada",
    "https://bsky.app/profile/ada",
]


@pytest.mark.parametrize("text", FINE)
def test_plain_words_are_taken(text: str) -> None:
    assert fault_of_words(tidied(text)) is None


@pytest.mark.parametrize("text", ADDRESSES)
def test_what_looks_like_an_address_is_refused(text: str) -> None:
    assert has_address(text)
    fault = fault_of_words(tidied(text))
    assert fault is not None
    assert fault[0] == "address"


@pytest.mark.parametrize("character", ["a", "नि", "👩‍👩‍👧"])
def test_a_limit_counts_characters_as_people_do(character: str) -> None:
    assert fault_of_words(character * WORDS_LIMIT) is None
    assert (fault_of_words(character * (WORDS_LIMIT + 1)) or ("",))[0] == "string_too_long"


@pytest.mark.parametrize("text", ["a\x00b", "a\u202eb", "\ufeffab", "a\u200bb"])
def test_marks_of_copying_are_cleaned_from_public_words(text: str) -> None:
    assert tidied(text) == "ab"


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "a\x07", "\ue000"])
def test_what_cannot_be_shown_is_refused(text: str) -> None:
    assert (fault_of_words(text) or ("",))[0] == "not_printable"


def test_a_heap_of_marks_on_one_letter_is_too_long() -> None:
    assert (fault_of_words("a" + "\u0301" * 5_000) or ("",))[0] == "string_too_long"


@pytest.mark.parametrize(
    "text", ["1 " * 1_000, "(" * 2_000, "a@" * 1_000, "[[" * 1_000, "1-" * 1_000, ":" * 2_000, "user " * 400]
)
def test_no_text_takes_long_to_look_through(text: str) -> None:
    began = time.process_time()
    has_address(text)
    fault_of_words(text)
    assert time.process_time() - began < 0.5


def test_a_letter_with_thousands_of_marks_is_tidied_at_once() -> None:
    marks = "a" + "\u0315" * 8_000 + "\u0334" * 7_999
    began = time.process_time()
    assert tidied(f" {marks}  b ") == "a" + "\u0334" * 7_999 + "\u0315" * 8_000 + " b"
    assert time.process_time() - began < 0.2
    assert tidied("e\u0301  \u2026 ½ ™") == "\u00e9 \u2026 ½ ™"


@pytest.mark.parametrize(
    "link",
    [
        "https://meta.wikimedia.org/wiki/Universal_Code_of_Conduct",
        "https://meta.wikimedia.org:443/w/index.php?title=Help&oldid=1234567890",
        "https://sw.wikipedia.org/wiki/Wikipedia:Sera",
        "https://github.com/ossf/gemara",
        "https://الويكي.example/صفحة",
        "https://xn--e1afmkfd.xn--p1ai/",
        "https://meta.wikimedia.org./",
    ],
)
def test_a_public_page_is_taken(link: str) -> None:
    assert fault_of_link(link) is None


@pytest.mark.parametrize(
    ("link", "code"),
    [
        ("http://meta.wikimedia.org/", "not_https"),
        ("ftp://meta.wikimedia.org/", "not_https"),
        ("javascript:alert(1)", "not_https"),
        ("//meta.wikimedia.org/", "not_https"),
        ("https://ada:secret@meta.wikimedia.org/", "has_credentials"),  # pragma: allowlist secret
        ("https://@meta.wikimedia.org/", "has_credentials"),
        ("https://meta.wikimedia.org:8443/", "other_port"),
        ("https://meta.wikimedia.org:0/", "other_port"),
        ("https://meta.wikimedia.org:x/", "not_a_link"),
        ("https://localhost/", "private_host"),
        ("https://db/", "private_host"),
        ("https://mongo.internal/", "private_host"),
        ("https://printer.local/", "private_host"),
        ("https://127.0.0.1/", "private_host"),
        ("https://8.8.8.8/", "private_host"),
        ("https://[::1]/", "private_host"),
        ("https://[::ffff:10.0.0.1]/", "private_host"),
        ("https://0x7f.1/", "private_host"),
        ("https://2130706433/", "private_host"),
        ("https://0x7f000001/", "private_host"),
        ("https://127.1/", "private_host"),
        ("https://１２７.0.0.1/", "private_host"),
        ("https:///x", "private_host"),
        ("https://a..b/", "private_host"),
        ("https://example.org../", "private_host"),
        ("https://example.org。。/", "private_host"),
        ("https://exa mple.org/", "not_a_link"),
        ("https://example.org\\@evil.example/", "not_a_link"),
        ("https://example.org/\x00", "not_a_link"),
        ("https://[::1/", "not_a_link"),
        ("https://example.org/" + "a" * LINK_LIMIT, "string_too_long"),
        ("https://meta.wikimedia.org/wiki/User:Ada", "address"),
        ("https://meta.wikimedia.org/wiki/User_talk:Ada", "address"),
        ("https://meta.wikimedia.org/w/index.php?title=%55ser%3AAda", "address"),
        ("https://example.org/?mail=ada%40example.org", "address"),
    ],
)
def test_a_link_to_anything_else_is_refused(link: str, code: str) -> None:
    assert (fault_of_link(link) or ("",))[0] == code
