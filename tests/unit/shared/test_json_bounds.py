"""A text is looked at before it is parsed: many values are refused, and many marks inside of words are not."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.input.json_bounds import MOST_VALUES, fits

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 10**9) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def count(value: object) -> int:
    match value:
        case dict():
            return 1 + sum(1 + count(inner) for inner in value.values())
        case list():
            return 1 + sum(map(count, value))
        case _:
            return 1


@pytest.mark.parametrize("piece", [b"[],", b"{},", b"1,", b'"",', b'{"a":1},', b'"a":1,', b"[[[", b'{"a":{'])
def test_many_values_do_not_fit(piece: bytes) -> None:
    assert not fits(b"[" + piece * (MOST_VALUES + 1) + b"1]")


WORDS = ["[" * 20_000, "a, b: {c}" * 2_000, '\\",[' * 5_000, "\\" * 9_999 + ",,", "[\n{" * 9_000]


@pytest.mark.parametrize("text", WORDS)
def test_marks_inside_of_words_are_no_values(text: str) -> None:
    assert fits(orjson.dumps({"narrative": text, "places": [text]}))


@given(JSON)
def test_what_has_few_values_fits_however_many_marks_its_words_hold(value: object) -> None:
    few = [value, "[,:{" * MOST_VALUES]
    assert fits(orjson.dumps(few)) or count(few) > MOST_VALUES // 2


@pytest.mark.timeout(30)
@pytest.mark.parametrize("piece", [b'\\"', b'"', b'",', b"\\", b'\\\\"', b'"[', b",\\"])
def test_too_many_values_are_refused_whatever_a_megabyte_behind_them_holds(piece: bytes) -> None:
    for begin in (b"", b'"'):
        for end in (b"", b"\\"):
            assert not fits(b"," * (MOST_VALUES + 1_000) + begin + piece * (1_000_000 // len(piece)) + end)
