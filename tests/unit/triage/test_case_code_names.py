"""Code names: neutral, short, the same wherever they are derived, and never running out."""

import re

from hypothesis import given
from hypothesis import strategies as st

from services.triage.case.code_names import PLAIN_ATTEMPTS, code_name_of
from shared.code_words import ADJECTIVES, NOUNS


def test_there_are_enough_different_words() -> None:
    assert len(set(ADJECTIVES)) == len(ADJECTIVES) >= 200
    assert len(set(NOUNS)) == len(NOUNS) >= 200
    assert not set(ADJECTIVES) & set(NOUNS)
    assert all(re.fullmatch("[a-z]{2,12}", word) for word in (*ADJECTIVES, *NOUNS))


@given(case_id=st.uuids().map(str), attempt=st.integers(0, PLAIN_ATTEMPTS - 1))
def test_a_name_is_two_words_and_follows_from_the_case(case_id: str, attempt: int) -> None:
    name = code_name_of(case_id, attempt)
    adjective, noun = name.split("-")
    assert adjective in ADJECTIVES
    assert noun in NOUNS
    assert name == code_name_of(case_id, attempt)


@given(case_id=st.uuids().map(str))
def test_when_pairs_run_out_a_number_is_added_and_grows(case_id: str) -> None:
    lengths = [len(code_name_of(case_id, PLAIN_ATTEMPTS + n).split("-")[2]) for n in range(5)]
    assert lengths == [2, 3, 4, 5, 6]


def test_names_spread_over_all_words() -> None:
    names = {code_name_of(f"case {n}") for n in range(5000)}
    assert len(names) > 4800
