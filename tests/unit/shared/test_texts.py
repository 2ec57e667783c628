"""Texts that people type: what copying brings along goes, all else stays, and limits count as people do."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from shared.input.texts import MOST_MARKS, TypedText, clean, count_characters, is_too_long, lines_of, trim, trim_line
from shared.names import keys_of, own_keys
from tests.support.cases import cases

NAME = TypedText(300)

SCRIPTS = {
    "Latin": "AÉßŁığ", "Greek": "ΑάΩς", "Cyrillic": "Яёїљ", "Armenian": "Աբգև", "Hebrew": "אבםץ", "Arabic": "ابكيةئ",
    "Persian": "گچپژیک", "Urdu": "ٹڈڑںھ", "Syriac": "ܐܒܓ", "Thaana": "ދިވެ", "N'Ko": "ߒߞߏ", "Devanagari": "कखगिी्",
    "Bengali": "কখগি্", "Gurmukhi": "ਕਖਗਿੰ", "Gujarati": "કખગિ્", "Odia": "କଖଗି୍", "Tamil": "கஙசி்", "Telugu": "కఖగి్",
    "Kannada": "ಕಖಗಿ್", "Malayalam": "കഖഗി്ൻ", "Sinhala": "කඛගි්", "Thai": "กขคำิ่", "Lao": "ກຂຄິ່", "Tibetan": "ཀཁགིྲ",
    "Burmese": "ကခဂိ်္", "Khmer": "កខគិ្", "Georgian": "აბგᲐ", "Amharic": "ሀለሐ", "Cherokee": "ᎠᎡᎢ",
    "Mongolian": "ᠠᠡᠢ", "Han": "山田太郎", "Hiragana": "あがぱ", "Katakana": "アガー", "Hangul": "한국각",
    "Bopomofo": "ㄅㄆㄇ", "Tifinagh": "ⴰⴱⴳ", "Javanese": "ꦲꦤꦕ", "Adlam": "𞤀𞤁𞤂", "pictures": "👩💻😀",
}  # fmt: skip
JOINERS = ("\u200c", "\u200d")
MARKS = ("\u0301", "\u0308", "\u0323", "\ufe0f")
COPIED = ("\ufeff", "\u200b", "\u00ad", "\u2060", "\u202d", "\u0000")
AROUND = ("\u200e", "\u200f", "\u061c", "\u2068", "\u2069", "\u202a", "\u202c", " ", "\u3000", "\u00a0", "\t", "\n", "")


@st.composite
def names(draw: st.DrawFn) -> str:
    """A name in one script: letters with marks, joiners and single blanks between them."""
    letters = SCRIPTS[draw(st.sampled_from(sorted(SCRIPTS)))]
    word = st.lists(
        st.tuples(st.sampled_from(letters), st.sampled_from(("", "", "", *MARKS)), st.sampled_from(("", "", *JOINERS))),
        min_size=1,
        max_size=6,
    ).map(lambda parts: "".join(map("".join, parts)))
    return draw(st.lists(word, min_size=1, max_size=3).map(draw(st.sampled_from((" ", "\u3000", "\u00a0"))).join))


@given(names())
def test_a_name_in_any_script_is_kept_as_it_is_written(name: str) -> None:
    assert NAME.read(name) == name
    assert lines_of(f"{name}\r\n{name}") == [name, name]
    assert lines_of(f"\n{name}\n\n{name}\n{name}", 2) == [name, name]


@given(names(), st.data())
def test_marks_of_copying_change_no_name(name: str, data: st.DataObject) -> None:
    places = data.draw(st.lists(st.tuples(st.integers(0, len(name)), st.sampled_from(COPIED)), max_size=4))
    copied = name
    for place, mark in sorted(places, reverse=True):
        copied = copied[:place] + mark + copied[place:]
    copied = data.draw(st.sampled_from(AROUND)) + copied + data.draw(st.sampled_from(AROUND))
    assert NAME.read(copied) == name
    assert set(own_keys(name)) & set(keys_of(NAME.read(copied)))


@given(st.text(st.characters()))
def test_a_text_that_was_cleaned_is_clean(text: str) -> None:
    for tidy in (clean, trim, trim_line):
        assert tidy(tidy(text)) == tidy(text)
        tidy(text).encode()


@pytest.mark.parametrize("case", cases("marks_of_copying"))
def test_what_copying_brings_along_is_cleaned(case: tuple[str, str]) -> None:
    typed, kept = case
    assert NAME.read(typed) == kept
    assert trim(typed).replace("\t", " ") == kept


@pytest.mark.parametrize("name", cases("names_in_scripts"))
def test_names_with_joiners_and_blanks_of_their_own_are_kept(name: str) -> None:
    assert NAME.read(name) == name


def test_paragraphs_stay_apart_however_their_breaks_are_written() -> None:
    assert clean("a\r\nb\rc\u2028d\x0be\x0cf\x85g\tx") == "a\nb\nc\nd\ne\nf\ng\tx"


@pytest.mark.parametrize(
    ("character", "count"),
    [
        ("a", 1), ("é", 1), ("e\u0301", 1), ("नि", 1), ("👍🏽", 1), ("👩‍👩‍👧", 1), ("🇰🇪", 1), ("한", 1),
        ("\u1112\u1161\u11ab", 1), ("👩🏽‍❤️‍💋‍👨🏿", 1),
    ],
)  # fmt: skip
def test_a_character_is_what_people_count(character: str, count: int) -> None:
    assert count_characters(character) == count
    assert not is_too_long(character * 300, 300)
    assert is_too_long(character * 301, 300)


@pytest.mark.parametrize("link", cases("links_with_escapes"))
def test_a_link_is_as_long_as_what_its_escapes_mean(link: str) -> None:
    assert not is_too_long(link, 1_000)
    assert is_too_long(link + "%E0%A4%B8" * 1_000, 1_000)


@pytest.mark.parametrize("text", ["", " \n", "\u200b", "\ufeff\u2060", "\u3164\u2800", "\u200d"])
def test_what_shows_nothing_is_no_text(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        NAME.read(text)


@pytest.mark.parametrize("piece", [" ", "\u2066", "\u2069", "\ufeff", "\u0301", "%E0", "\n", "\u202a\n", "\U000e0041"])
def test_no_text_takes_long_to_clean(piece: str) -> None:
    text = "x" + piece * (500_000 // len(piece)) + "x"
    began = time.process_time()
    lines_of(text)
    is_too_long(trim(text), 20_000)
    assert time.process_time() - began < 3


def test_of_a_heap_of_direction_marks_none_is_held_against_another() -> None:
    pair = "\u2067x\u2069"
    assert clean(pair * (MOST_MARKS // 2)) == pair * (MOST_MARKS // 2)
    assert clean(pair * MOST_MARKS) == "x" * MOST_MARKS


def test_megabytes_of_marks_are_too_long_before_they_are_cleaned(monkeypatch: pytest.MonkeyPatch) -> None:
    assert NAME.read("\u200bAda" + "\u200b" * MOST_MARKS) == "Ada"
    monkeypatch.setattr("shared.input.texts.clean", lambda _: pytest.fail("it was cleaned"))
    with pytest.raises(PydanticCustomError, match="At most"):
        NAME.read("Ada" + "\u200b" * (MOST_MARKS + 12 * NAME.limit))
