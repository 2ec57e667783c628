"""For any way to write a name, the person named has a key in common with it, and nobody else has."""

import json
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.intake.report.pseudonym import people_in, pseudonyms_for
from services.intake.report.submission import MOST_NAMES, MOST_PEOPLE, Submission, find_faults
from shared.names import Key, address_keys, keys_of, own_keys
from shared.policy import load_policy
from shared.times import now
from tests.support.cases import cases
from tests.support.spellings import OTHERS, names, spelled

KEY = b"k" * 32


def submission_about(*reported: str, witnesses: Sequence[str] = (), **fields: Any) -> Submission:
    body = {"community": "enwiki", "narrative": "x", "reported": [{"name": name} for name in reported]}
    return Submission.model_validate_json(json.dumps(body | {"witnesses": list(witnesses)} | fields))


def shuts_out(submission: Submission, *own: str, addresses: Sequence[str] = ()) -> bool:
    """Whether a person who signs in with these names is shut out of the case of this submission."""
    return not set(people_in(KEY, submission).parties).isdisjoint(pseudonyms_for(KEY, own, addresses))


@given(st.data(), names())
def test_the_accused_is_shut_out_for_any_way_to_write_the_name(data: st.DataObject, name: str) -> None:
    text = data.draw(spelled(name))
    assume(len(text) <= 300)
    provided = data.draw(st.sampled_from((name, name.lower(), name.upper(), name.replace(" ", "_"))))
    assert shuts_out(submission_about(text), provided)
    assert shuts_out(submission_about("Nobody", witnesses=["Nobody", text]), provided)
    assert shuts_out(submission_about("Nobody", reporter={"name": text}), provided)


@pytest.mark.parametrize("mark", ["\x00", "\x1b", "\x7f", "\ufffe", "\ufff9", "\ud800", "\u2028", "\x85"])
def test_a_mark_in_a_user_name_does_not_open_the_case_to_the_accused(mark: str) -> None:
    for own in (f"Exa{mark}mple User", f"{mark}Example User", f"Example User{mark}"):
        try:
            told = submission_about(own)
        except ValidationError:
            # A line break inside of a name is refused where it is typed.
            continue
        assert shuts_out(told, own)
    address = f"sam{mark}@example.org"
    assert pseudonyms_for(KEY, (), (address,))


@given(st.data(), names(), names())
def test_a_strangers_name_shuts_out_nobody_else(data: st.DataObject, stranger: str, other: str) -> None:
    def words(name: str) -> set[str]:
        bare = "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
        parts = bare.replace("-", " ").replace("'", " ").casefold().replace("\u200c", "").split()
        return {*parts, "".join(parts)}

    text = data.draw(spelled(stranger))
    assume(len(text) <= 300 and words(other).isdisjoint(words(stranger) | words(" ".join(OTHERS))))
    assert not shuts_out(submission_about(text, witnesses=[text], reporter={"name": text}), other)


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("[[User:Example User|the admin]]", "Example User"),
        ("User:Example User User talk:Bob", "Example User"),
        ("Example User (talk) 12:00, 3 May 2025 (UTC)", "Example User"),
        ("https://xtools.wmcloud.org/ec/en.wikipedia.org/Example%20User", "Example User"),
        ("https://en.wikipedia.org/wiki/Talk:Foo#c-Example_User-20250101120000-Bob", "Example User"),
        ("https://en.wikipedia.org/wiki/User:Example User", "Example User"),
        ("http://de.wikipedia.org/wiki/Benutzer:Andr%E9", "André"),
        ("[[User:Example&#95;User]]", "Example User"),
        ("<a href='https://en.wikipedia.org/wiki/User:Example_User'>x</a>", "Example User"),
        ("Example User: he did it", "Example User"),
        ("User:Smith, John and Bob", "Smith, John"),
        ("Alice and Bob", "Alice and Bob"),
        ("https://en.wikipedia.org/wiki/User:Foo_(WMF)", "Foo (WMF)"),
        ('[[User:Robert "Bob" Smith]]', 'Robert "Bob" Smith'),
        ("exampleuser", "ExampleUser"),
        ("the user Example User", "Example User"),
        ("Ex aka Example User", "Example User"),
        ("1. Example User 2. Bob", "Example User"),
        ("1. Example User 2. Bob", "Bob"),
        ("Example User 42. And Bob", "Example User 42"),
        ("Special:Log?user=Example++User", "Example User"),
        ("User, Example; Bob", "Example User"),
        ("Jose Nguyen", "José Nguyễn"),
        ("مُحَمَّد", "محمد"),
        ("שלום", "שָׁלוֹם"),
        ("Omer", "Ömer"),
        ("IŞIK", "ışık"),
        ("istanbul", "İSTANBUL"),
        ("STRASSE", "Straße"),
        ("ΟΔΥΣΣΕΥΣ", "Οδυσσεύς"),
        ("ﬁlip", "FILIP"),
        ("Ａlice", "alice"),
        ("کاربر نمونه‌ها", "کاربر نمونه‌ها"),
        ("کاربر نمونهها", "کاربر نمونه‌ها"),
        ("علي", "علی"),
        ("محـــمد", "محمد"),
        ("👩‍💻 Coder", "👩‍💻 coder"),
        ("甲田と乙川", "乙川"),
        ("أحمد ومحمد", "محمد"),
        ("O’Brien", "O'Brien"),
        ("~2025-12345-6", "~2025-12345-6"),
        ("2025‑12345‑6", "~2025-12345-6"),
        ("~۲۰۲۵-۱۲۳۴۵-۶", "~2025-12345-6"),
        ("[[Special:Contributions/~2025-12345-6|~2025-12345-6]]", "~2025-12345-6"),
        (":)", ":)"),
        ("User:C++", "C++"),
        ("Soren", "Søren"),
        ("MICHAŁ", "Michal"),
        ("Dorde", "Đorđe"),
        ("Aegir", "Ægir"),
        ("Mueller", "Müller"),
        ("Müller", "Mueller"),
        ("فاطمه", "فاطمة"),
        ("ہما", "هما"),
        ("O'zbek", "Oʻzbek"),
        ("ExampleUser", "Example User"),
        ("#ExampleUser", "Example User"),
        ("Example-User", "Example User"),
        ("Example User", "ExampleUser"),
        ("Jean Luc", "Jean-Luc"),
        ("OBrien", "O’Brien"),
        ("J Smith", "J. Smith"),
        ("Foo WMF", "Foo (WMF)"),
        ("山田太郎", "山田 太郎"),
        ("山田・太郎", "山田太郎"),
        ("김 철수", "김철수"),
        ("Alice", "★Alice★"),
        ("★Ex 42★", "Ex 42"),
        ("https://ja.wikipedia.org/wiki/利用者:甲田、乙川", "甲田"),
        ("https://ja.wikipedia.org/wiki/利用者:甲田、乙川", "乙川"),
        ("https://en.wikipedia.org/wiki/User:Example_User,Bob", "Example User"),
        ("😀Alice😀", "Alice"),
        ("Bob→Example User", "Example User"),
        ("Example User ⇒ Bob", "Example User"),
        ("~2025 12345 6", "~2025-12345-6"),
        ("Special:Log?user=Example+User", "Example User"),
        ("Example%252520User", "Example User"),
        ("Example&amp;#32;User", "Example User"),
        ("<span>Example</span> <span>User</span>", "Example User"),
        ("'''Example''' ''User''", "Example User"),
        (r"Example\_User", "Example User"),
        ("ex.user@gmail.com", "exuser@googlemail.com"),
    ],
)
def test_a_name_is_known_in_this_spelling(text: str, own: str) -> None:
    assert shuts_out(submission_about(text), own)


@pytest.mark.parametrize(
    ("text", "own"), [("Lina", "Li Na"), ("Anna", "An Na"), ("Bob", "Example Bob"), ("例子", "例 子"), ("AB", "A.B.")]
)
def test_a_short_name_with_its_words_joined_is_nobody_elses(text: str, own: str) -> None:
    assert not shuts_out(submission_about(text), own)


@pytest.mark.parametrize("between", ["\n", "\r\n", "\u2028", "\x0b"])
def test_names_may_stand_on_lines_of_their_own(between: str) -> None:
    assert set(own_keys("Example User")) & set(keys_of(f"Somebody{between}Example User{between}Another"))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Example <Example.User@mail.example>", "example.user@mail.example"),
        ("mailto:example.user@mail.example?subject=x", "example.user@mail.example"),
        ("mailto:example.user%40mail.example", "example.user@mail.example"),
        ("his address is example.user@mail.example.", "Example.User@MAIL.example"),
        ("reader@bücher.example", "reader@xn--bcher-kva.example"),
        ("reader@XN--BCHER-KVA.example", "reader@bücher.example"),
        ("reader@straße.example", "reader@strasse.example"),
        ("用户@例子。example", "用户@xn--fsqu00a.example"),
        ("example.user@mail.example", "example.user+wiki@mail.example"),
        ("example.user [at] mail.example", "example.user@mail.example"),
        ("example.user(at)mail(dot)example", "example.user@mail.example"),
        ("example.user at mail dot example", "example.user@mail.example"),
        ("example.user ＠ mail.example", "example.user@mail.example"),
        ("example.user&#64;mail.example", "example.user@mail.example"),
    ],
)
def test_a_person_is_known_by_an_address_in_this_spelling(text: str, address: str) -> None:
    assert shuts_out(submission_about(text), "Someone", addresses=[address])
    assert shuts_out(submission_about(text), address)
    assert not shuts_out(submission_about(text), "Someone", addresses=["other@mail.example", "reader@books.example"])


@pytest.mark.parametrize(
    "text",
    [
        "2001:db8::1",
        "2001:DB8:0:0:0:0:0:1",
        "2001:0db8:0000:0000:0000:0000:0000:0001",
        "[2001:db8::1]:443",
        "2001:db8::0.0.0.1",
        "User talk:2001:DB8:0:0:0:0:0:1",
        "2001:db8::1/64",
        "２００１:db8::1",
        "https://en.wikipedia.org/wiki/Special:Contributions/2001:DB8:0:0:0:0:0:1",
        "https://en.wikipedia.org/wiki/Special:Contributions/2001%3ADB8%3A%3A1",
        "Alice, 2001:db8::1",
        "an anonymous editor (2001:db8::1)",
    ],
)
def test_one_network_address_is_one_key_in_all_spellings(text: str) -> None:
    assert Key("ip", "2001:db8::1") in keys_of(text)
    assert {"1", "db8::1"}.isdisjoint(key.text for key in keys_of(text))


@pytest.mark.parametrize("case", cases("mail_addresses"))
def test_an_address_is_one_person_as_typed_and_on_the_wire(case: dict[str, str]) -> None:
    typed, wire = case["typed"].strip(), case["wire"]
    for one, other in ((typed, wire), (wire, typed), (typed, typed)):
        assert shuts_out(submission_about("Somebody", reporter={"email": one}), "Someone", addresses=[other])
        assert shuts_out(submission_about(f"({one})"), "Someone", addresses=[other])


@pytest.mark.parametrize("text", cases("one_network_address"))
def test_one_network_address_has_one_key_however_wikis_write_it(text: str) -> None:
    assert Key("ip", "2001:db8::1") in keys_of(text)


@pytest.mark.parametrize("text", cases("names_with_namespaces"))
def test_the_accused_is_known_behind_the_namespace_of_any_wiki(text: str) -> None:
    assert shuts_out(submission_about(text), "Example User")


@pytest.mark.parametrize(
    "text", ["192.0.2.7", "::ffff:192.0.2.7", "::FFFF:c000:207", "192.000.002.007", "192.0.2.7:80"]
)
def test_an_address_of_the_old_network_is_one_key_in_all_spellings(text: str) -> None:
    assert Key("ip", "192.0.2.7") in keys_of(text)


@given(st.text(max_size=40))
def test_what_was_stored_before_still_matches(name: str) -> None:
    first = Key("name", " ".join(name.split()))
    assert (not keys_of(first.text)) or keys_of(first.text)[0] == own_keys(first.text)[0]


@given(st.text(max_size=320))
def test_a_person_is_always_known_by_the_name_as_it_stands(name: str) -> None:
    assert not own_keys(name) or set(own_keys(name)) & set(keys_of(name))


HOSTILE = [
    "a,", "User:", "https://a.b/c ", "(a!", "%25", "a:b c", "[[User:A|b]]", "x and ", "a/b:c d,e ", "@", "a.", ":", "[",
    "'s ", "1:", "é,", "{{", "ﷺ", "&amp;", "?a=b&", "//", "a@b.c,", "::1 ", "0.0.0.0 ", "w:de:", " wiki/",
]  # fmt: skip


@pytest.mark.parametrize("piece", [*HOSTILE, "".join(HOSTILE)])
def test_no_line_keeps_intake_busy(piece: str) -> None:
    assert _steps_of((piece * 300)[:300]) < 250_000


def _steps_of(line: str) -> int:
    """How many functions begin and end while the names of a line are read."""
    steps = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1

    sys.setprofile(count)
    try:
        keys_of(line)
    finally:
        sys.setprofile(None)
    return steps


def test_a_report_has_a_bound_of_pseudonyms_and_no_line_hides_the_next() -> None:
    line = ",".join(f"{number:x}" for number in range(100))[:300]
    about = submission_about(*[line.replace("1", chr(0x4E00 + n)) for n in range(9)], "[[User:Example User|x]]")
    assert not find_faults(about, load_policy(), now())
    assert sum(map(len, people_in(KEY, about).subjects)) <= 3 * MOST_NAMES
    assert shuts_out(about, "example user")


@pytest.mark.parametrize("between", [", ", ";", " and ", " | ", " / ", " و ", "、", "&#44; ", "%2C", " [[User:"])
def test_each_of_many_names_on_each_of_many_lines_shuts_its_owner_out(between: str) -> None:
    each = min(40, 300 // (6 + len(between)))
    lines = [[f"q{line}x{place}" for place in range(each)] for line in range(7)] + [["Eve"]] * (MOST_PEOPLE - 7)
    about = submission_about(*map(between.join, lines))
    assert not [fault for fault in find_faults(about, load_policy(), now()) if fault.pointer == "/reported"]
    named = set(people_in(KEY, about).parties)
    for line in lines:
        for name in line:
            assert named & set(pseudonyms_for(KEY, [name], [])), name


def test_more_names_than_are_read_are_refused_and_none_is_passed_over() -> None:
    about = submission_about(*[",".join("a" * 100)] * 10)
    assert not find_faults(about, load_policy(), now())
    about = submission_about(*[",".join("a" * 100)] * 10, "One more")
    (fault,) = find_faults(about, load_policy(), now())
    assert (fault.pointer, fault.code) == ("/reported", "too_many_names")


@pytest.mark.parametrize("sign", "!#$%&'*+/=?^_`{|}~-")
def test_a_mail_address_is_found_whatever_signs_stand_in_it_or_before_it(sign: str) -> None:
    for local in (f"a{sign}b", f"ab{sign}{sign}c", f"x{sign}y{sign}z"):
        address = f"{local}@mail.example"
        for around in ("{}", "write to {}, please", "({})", "<{}>", "„{}“", "mailto:{}", "[{}]", "{};"):
            assert set(address_keys(address)) <= set(keys_of(around.format(address))), around
    for text in (f"a{sign}sam@mail.example", "{{mail|sam@mail.example}}", f"{sign}{sign}sam@mail.example"):
        if sign not in "+_-":
            assert set(address_keys("sam@mail.example")) <= set(keys_of(text)), text
