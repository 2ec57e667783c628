"""Tokens of programs: found by scanners, refused without a look into any store when they cannot be ours."""

from hypothesis import given
from hypothesis import strategies as st

from shared.access.tokens import ALPHABET, TOKEN, hash_token, kind_of, make_token


def test_a_token_has_its_kind_and_is_never_the_same() -> None:
    tokens = {make_token("int") for _ in range(500)}
    assert len(tokens) == 500
    assert {kind_of(token) for token in tokens} == {"int"}
    assert kind_of(make_token("pat")) == "pat"
    assert all(TOKEN.fullmatch(token) for token in tokens)


@given(st.data())
def test_a_token_with_one_letter_changed_or_cut_short_is_none(data: st.DataObject) -> None:
    token = make_token("pat")
    place = data.draw(st.integers(11, len(token) - 1))
    letter = data.draw(st.sampled_from(ALPHABET.replace(token[place], "")))
    assert kind_of(token[:place] + letter + token[place + 1 :]) is None
    assert kind_of(token[:place]) is None
    assert kind_of(token.replace("hearth_pat_", "hearth_int_")) is None


@given(st.text())
def test_any_other_text_is_none(text: str) -> None:
    assert kind_of(text) is None


def test_what_is_stored_does_not_hold_the_token() -> None:
    token = make_token("int")
    assert len(hash_token(token)) == 64
    assert token[11:] not in hash_token(token)
