"""People on the roster are found in running text, as whole words, by keys alone."""

import random
import tracemalloc

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.intake.report.mentions import MOST_TRIED, Known, words_of
from services.intake.report.pseudonym import pseudonyms_for
from services.intake.report.submission import Submission
from tests.support.spellings import names

KEY = b"k" * 32
KNOWN = Known(KEY)
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
    ],
)
def test_a_person_is_mentioned_here(text: str, own: str) -> None:
    assert mentions(text, own)


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("Joanna and Annabel", "Ann"),
        ("Exampleuser", "Example User"),
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
        KNOWN.mentioned([(piece * 20_000)[:20_000]] * 20, known)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("letters", ["山田太郎", "abcdefgh ", "กขคงจฉ", "وفبلكمن "])
def test_a_long_text_is_searched_in_bounded_work(letters: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = 0

    def count(key: bytes, of: object) -> str:
        nonlocal tried
        tried += 1
        return ""

    chance = random.Random(1)  # noqa: S311  # only letters
    own = [letters[:2] + "".join(chance.choices(letters, k=3)) for _ in range(50)]
    known = frozenset(pseudonyms_for(KEY, own, []))
    text = "".join(chance.choices(letters, k=20_000))
    KNOWN.mentioned([text], known)
    monkeypatch.setattr("services.intake.report.mentions.pseudonym_of", count)
    KNOWN.mentioned([text] * 20, known)
    assert tried <= MOST_TRIED
