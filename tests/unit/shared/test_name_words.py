"""People on the roster are found in running text, as whole words, by keys alone."""

import random
import time
import tracemalloc
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.intake.report.mentions import Known, words_of
from services.intake.report.pseudonym import pseudonyms_for
from services.intake.report.submission import Submission
from shared.names.folding import normalise
from tests.support.spellings import names, spelled

KEY = b"k" * 32
KNOWN = Known(KEY)
LONGEST_REPORT = 576_300
"""Characters of all texts of a report within the limits of the API."""
SENTENCES = (
    "Yesterday {} wrote it again.",
    "It was [[User:{}|him]], as always.",
    "“{}”, who is an administrator,\nfollowed me.",
    "Вчера {} снова написал это.",
    "昨日、{}さんに言われた。",
    "어제 {}가 그랬어요.",
    "كتب {} ذلك مرة أخرى",
    "{}",
    "@{}: stop",
)


def mentions(text: str, *own: str) -> bool:
    """Whether a text mentions a person who signs in with these names."""
    return bool(KNOWN.mentioned([text], frozenset(pseudonyms_for(KEY, own, []))))


@given(names(), st.sampled_from(SENTENCES), st.sampled_from([str, str.upper, str.lower, lambda n: n.replace(" ", "_")]))
def test_a_name_is_found_in_any_sentence(name: str, sentence: str, written) -> None:
    assume(len(name.replace("\u200c", "")) > 2)
    assert mentions(sentence.format(written(name)), name)


@given(st.data(), names())
def test_a_name_is_found_in_words_for_any_way_to_write_it(data: st.DataObject, name: str) -> None:
    assume(len(name.replace("\u200c", "")) > 2)
    assert mentions(f"yesterday {data.draw(spelled(name))} again", name)


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("yesterday Example user hit me", "Example User"),
        ("[[user:example_user|x]]", "Example User"),
        ("https://en.wikipedia.org/wiki/User:Example%20User did", "Example User"),
        ("by Example\u00a0User’s friend", "Example User"),
        ("我被Bob打了", "Bob"),
        ("رأيت ومحمد هناك", "محمد"),
        ("ואחמד היה שם", "אחמד"),
        ("वह हिन्दी नाम था।", "हिन्दी नाम"),
        ("เขาคือชื่อผู้ใช้นะ", "ชื่อผู้ใช้"),
        ("by José", "Jose"),
        ("the user C++ did", "C++"),
        ("I saw $bob there", "$Bob"),
        ("by Smith, John and others", "Smith, John"),
        ("by 👩‍💻 Coder!", "👩‍💻 Coder"),
        ("it was ~2025-12345-6.", "~2025-12345-6"),
        ("[[User:An]] hit me", "An"),
        ("it was @an", "An"),
        ("An", "An"),
        ("I think Will did it.", "Will"),
        ("i think will did it", "Will"),
        ("see https://meta.wikimedia.org/wiki/Special:CentralAuth?target=Example+User&x=1 there", "Example User"),
        ("see https://de.wikipedia.org/wiki/Benutzer:Andr%E9 für mehr", "André"),
        ("the page User%253AExample%2520User", "Example User"),
        ("by Example&nbsp;User", "Example User"),
        ("by &#69;xample User", "Example User"),
        ("it was <b>E</b>xample <i>User</i>", "Example User"),
        ("it was Example<br/>User", "Example User"),
        ("it was '''Example''' User", "Example User"),
        ("it was **Example** `User`", "Example User"),
        (r"it was Example\_User", "Example User"),
        ("> it was Example\n> User again", "Example User"),
        ("it was Exam-\nple User", "Example User"),
        ("it was 😀Bob😀 again", "Bob"),
        ("it was Bob→Alice", "Alice"),
        ("it was ★Alice★", "Alice"),
        ("it was Alice", "★Alice★"),
        ("#ExampleUser is at it", "Example User"),
        ("@exampleuser stop", "Example User"),
        ("it was example.user, or Example-User", "Example User"),
        ("it was Jean Luc", "Jean-Luc"),
        ("by OBrien", "O'Brien"),
        ("by Soren", "Søren"),
        ("昨日、山田太郎さんに", "山田 太郎"),
        ("昨日、山田・太郎さんに", "山田太郎"),
    ],
)
def test_a_person_is_mentioned_here(text: str, own: str) -> None:
    assert mentions(text, own)


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("Joanna and Annabel", "Ann"),
        ("it was Lina", "Li Na"),
        ("see a.b for more", "A B"),
        ("An apple and an idea", "An"),
        ("It will never stop.", "Will"),
        ("in the middle of 中国", "中"),
        ("🙂 :)", ":)"),
        ("Alice", "Alice Smith"),
    ],
)
def test_nobody_is_mentioned_here(text: str, own: str) -> None:
    assert not mentions(text, own)


def test_every_text_of_a_report_is_searched_also_lines_of_names() -> None:
    fields = {
        "narrative": "one",
        "harmed": "two",
        "anything_else": "three",
        "places": ["four", "five"],
        "reported": [{"name": "A name", "details": "six"}, {"name": "the tall man whom they all call seven"}],
        "witnesses": ["Another name", "eight people who stood beside them there"],
        "reporter": {"name": "Nine"},
    }
    words = list(words_of(Submission.model_validate({"community": "enwiki", **fields}, strict=False)))
    found = ["one", "two", "three", "four", "five", "six", "name", "seven", "name", "there", "Nine"]
    assert [word.split()[-1] for word in words] == found


@pytest.mark.parametrize(
    "text", ["I think Alice", "our admin Alice", "Alice from Berlin", "Alice@en.wikipedia.org", "it was alice"]
)
def test_a_line_of_names_that_describes_a_person_is_read_as_words(text: str) -> None:
    about = {"community": "enwiki", "narrative": "x", "reported": [{"name": text}]}
    known = frozenset(pseudonyms_for(KEY, ["Alice"], []))
    assert KNOWN.mentioned(words_of(Submission.model_validate(about, strict=False)), known)


@pytest.mark.parametrize("piece", ["王小", "王小QQ", "alice ab "])
def test_a_text_that_repeats_a_name_takes_little_memory(piece: str) -> None:
    known = frozenset(pseudonyms_for(KEY, ["王小明", "Alice"], []))
    KNOWN.mentioned(["x"], known)
    tracemalloc.start()
    try:
        KNOWN.mentioned([(piece * 20_000)[:20_000]] * 3, known)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


PADDING = {
    "words": "the quick brown fox ",
    "many short words": "ex am us er a b c ",
    "beginnings of the name": "example x example y ",
    "one letter": "a",
    "zero-width characters": "a\u200b\u200d\ufeff",
    "right to left": "\u202eوفبلكمن ",
    "combining marks": "\u0323\u0301",
    "letters with marks": "e\u0301\u0323\u0302",
    "no blanks": "山田太郎",
    "ligatures of many letters": "\ufdfa",
    "pictures": "😀",
    "pictures in pieces": "👩‍💻",
    "marks of HTML": "<a&#",
    "marks of quoted mails": "> a-\n",
    "percent signs": "%41%20",
    "addresses": "a@b.example ",
}


@pytest.mark.slow
@pytest.mark.parametrize("padding", PADDING)
def test_a_name_is_found_behind_any_padding(padding: str) -> None:
    known = frozenset(pseudonyms_for(KEY, ["Example User", "Example Xanthippe", "Am Us", "山田花子"], ["a@b.org"]))
    name = frozenset(pseudonyms_for(KEY, ["Nadja Petrova"], []))
    address = frozenset(pseudonyms_for(KEY, [], ["nadja@mail.example"]))
    letters = PADDING[padding]
    text = (letters * (LONGEST_REPORT // len(letters)))[:LONGEST_REPORT]
    began = time.process_time()
    found = KNOWN.mentioned([f"{text}. \nit was Nadja Petrova.\nwrite to nadja@mail.example."], known | name | address)
    assert time.process_time() - began < 10
    assert not name.isdisjoint(found)
    assert not address.isdisjoint(found)


@pytest.mark.parametrize("length", [*range(30, 52), 63, 64, 65, 240, 254, 255])
def test_names_of_every_length_are_found(length: int) -> None:
    name = ("Nadja " + "x" * 300)[:length]
    assert mentions(f"it was {name}.", name)


def test_every_address_in_a_text_is_read() -> None:
    known = frozenset(pseudonyms_for(KEY, [], ["nadja@mail.example"]))
    text = " ".join(f"a{number}@mail.example" for number in range(100))
    assert KNOWN.mentioned([f"{text} nadja@mail.example"], known)


@pytest.mark.parametrize(
    "typed",
    ["ｎａｄｊａ＠ｍａｉｌ．ｅｘａｍｐｌｅ", "nadja@mail．example", "nadja﹫mail。example", "nadja@mail｡example"],
)
def test_a_mail_address_in_wide_letters_is_read(typed: str) -> None:
    known = frozenset(pseudonyms_for(KEY, [], ["nadja@mail.example"]))
    assert KNOWN.mentioned([f"it was {typed}, again", f"彼は {typed} です"], known)


@pytest.mark.parametrize("typed", ["nadja&#64;mail.example", "nadja%40mail.example", "nadja [at] mail dot example"])
def test_a_mail_address_that_is_hidden_from_programs_is_read(typed: str) -> None:
    known = frozenset(pseudonyms_for(KEY, [], ["nadja@mail.example"]))
    assert KNOWN.mentioned([f"it was {typed}, again"], known)


@given(st.text(alphabet="ae\u0301\u0323\u0344\u0f73\uff9e\u3099\u05b0 \u200dが", max_size=200))
def test_many_marks_are_ordered_as_unicode_says(text: str) -> None:
    for form in ("NFC", "NFD", "NFKC"):
        marks = text.replace("a", "\u0315") + text
        assert normalise("NFKC", marks) == unicodedata.normalize("NFKC", marks)
        composed = unicodedata.normalize("NFKC", marks)
        assert normalise(form, composed) == unicodedata.normalize(form, composed)


@pytest.mark.parametrize("letters", ["山田太郎", "abcdefgh ", "กขคงจฉ", "وفبلكمن "])
def test_work_grows_no_faster_than_the_text(letters: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = 0

    def count(key: bytes, of: object) -> str:
        nonlocal tried
        tried += 1
        return ""

    chance = random.Random(1)  # noqa: S311  # only letters
    own = [letters[:2] + "".join(chance.choices(letters, k=3)) for _ in range(50)]
    known = frozenset(pseudonyms_for(KEY, own, []))
    text = "".join(chance.choices(letters, k=100_000))
    KNOWN.mentioned([text], known)
    monkeypatch.setattr("services.intake.report.mentions.pseudonym_of", count)
    work = []
    for length in (25_000, 50_000, 100_000):
        tried = 0
        KNOWN.mentioned([text[:length]], known)
        work.append(tried)
    assert work[2] <= 2.2 * work[1] <= 5 * work[0]
    assert work[2] <= len(text)
