"""Receipts: 100 bits, easy to copy by hand, read back forgivingly."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.report.receipt import ALPHABET, LENGTH, derive_report_id, hash_receipt, make_receipt, read_receipt

PEPPER = b"p" * 32
nonces = st.binary(min_size=16, max_size=64)


@given(nonces)
def test_a_receipt_is_five_groups_of_four_letters(nonce: bytes) -> None:
    groups = make_receipt(PEPPER, nonce).split("-")
    assert [len(group) for group in groups] == [4] * 5
    assert set("".join(groups)) <= set(ALPHABET)


def test_the_alphabet_leaves_out_what_is_easily_confused() -> None:
    assert len(ALPHABET) == 32
    assert not set(ALPHABET) & set("ILOU")


@given(
    nonces, st.sampled_from([str.lower, str.upper, str.title]), st.sampled_from(["", " ", "  ", "-", " - ", "–", "\n"])
)
def test_case_spaces_and_hyphens_do_not_matter(nonce: bytes, case: object, between: str) -> None:
    receipt = make_receipt(PEPPER, nonce)
    assert callable(case)
    sloppy = f" {between.join(case(receipt).split('-'))} "
    assert read_receipt(sloppy) == receipt.replace("-", "")
    assert hash_receipt(PEPPER, sloppy) == hash_receipt(PEPPER, receipt)


@given(nonces)
def test_letters_that_look_alike_are_forgiven(nonce: bytes) -> None:
    receipt = make_receipt(PEPPER, nonce)
    for letter in "Oo":
        assert read_receipt(receipt.replace("0", letter)) == read_receipt(receipt)
    for letter in "IiLl":
        assert read_receipt(receipt.replace("1", letter)) == read_receipt(receipt)


WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d\u30fc\u058a\u301c_"
ZEROS = "0٠۰०০੦૦୦௦౦೦൦๐໐༠၀០᠐０𝟎"


@given(
    nonces,
    st.sampled_from(DASHES),
    st.sampled_from(["", " ", "\u3000", "\u00a0", "\u200b", "\ufeff", "\n", "\u2009"]),
    st.sampled_from(ZEROS),
    st.booleans(),
)
def test_a_receipt_is_read_from_any_keyboard(nonce: bytes, dash: str, blank: str, zero: str, is_wide: bool) -> None:
    receipt = make_receipt(PEPPER, nonce)
    typed = receipt.translate(WIDE) if is_wide else receipt.lower()
    typed = typed.replace("-", dash).replace("\uff0d", dash)
    typed = "".join(chr(ord(zero) + int(c)) if c.isascii() and c.isdecimal() else c for c in typed)
    assert read_receipt(blank + f"{blank}{dash}{blank}".join(typed.split(dash)) + blank) == read_receipt(receipt)


@pytest.mark.parametrize(
    "pasted",
    [
        "{}.", "{},", "({})", "“{}”", "„{}“.", "'{}'", "`{}`", "**{}**", "<{}>", "[{}]", "{}。", "「{}」",
        "#{}", "{}!", "{};",
        "« {} »", "\u200e{}\u200e.", "receipt: {}", "Receipt:{}", "Your receipt is {}.", "Mein Beleg lautet {}, danke",
        "領収書 {}", "領収書：{}", "قسيمة: {}", "Receipt\n{}\n", "Receipt\t{}", "{} {}", "K7Q2: {}", "code {}",
        "https://hearth.example/follow-up {}",
    ],
)  # fmt: skip
@settings(max_examples=5)
@given(nonces)
def test_a_receipt_is_read_among_what_was_copied_with_it(pasted: str, nonce: bytes) -> None:
    receipt = make_receipt(PEPPER, nonce)
    dashes = receipt.replace("-", "\u2013"), receipt.replace("-", " - ")
    for typed in (receipt, receipt.lower(), receipt.translate(WIDE), *dashes):
        assert read_receipt(pasted.format(typed, typed)) == read_receipt(receipt)


@given(nonces)
def test_a_receipt_with_blanks_is_read_behind_a_colon_and_between_signs(nonce: bytes) -> None:
    receipt = make_receipt(PEPPER, nonce)
    for typed in (receipt.replace("-", " "), receipt.replace("-", "")):
        for pasted in ("receipt: {}.", "({})", "„{}“", "レシート：{}。"):
            assert read_receipt(pasted.format(typed)) == read_receipt(receipt)


def test_of_two_receipts_none_is_chosen() -> None:
    one, other = make_receipt(PEPPER, b"1" * 16), make_receipt(PEPPER, b"2" * 16)
    for text in (f"{one} {other}", f"{one}, {other}", f"{one}: {other}"):
        with pytest.raises(ValueError, match="20 letters"):
            read_receipt(text)


def test_a_long_text_without_a_receipt_is_refused_at_once() -> None:
    began = time.process_time()
    for text in ("K7Q2-" * 40_000 + "!", "K7Q2 - " * 30_000 + "u", "-" * 200_000):
        with pytest.raises(ValueError, match="20 letters"):
            read_receipt(text)
    assert time.process_time() - began < 2


@given(st.text(max_size=60))
def test_any_text_is_either_read_or_refused(text: str) -> None:
    try:
        letters = read_receipt(text)
    except ValueError:
        return
    assert len(letters) == LENGTH
    assert set(letters) <= set(ALPHABET)


@pytest.mark.parametrize(
    "text", ["", "K7Q2", "K7Q2-K7Q2-K7Q2-K7Q2-K7QU", "K7Q2-K7Q2-K7Q2-K7Q2-K7Q22", "K7Q2" * 5 + "é"]
)
def test_what_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="20 letters"):
        read_receipt(text)


@given(nonces, nonces)
def test_a_receipt_follows_from_its_nonce_and_the_pepper(one: bytes, other: bytes) -> None:
    assert make_receipt(PEPPER, one) == make_receipt(PEPPER, one)
    assert (make_receipt(PEPPER, one) == make_receipt(PEPPER, other)) == (one == other)
    assert make_receipt(b"q" * 32, one) != make_receipt(PEPPER, one)


def test_every_letter_comes_at_every_place() -> None:
    receipts = [make_receipt(PEPPER, n.to_bytes(16, "big")).replace("-", "") for n in range(2000)]
    assert all({receipt[place] for receipt in receipts} == set(ALPHABET) for place in range(LENGTH))


def test_what_is_stored_depends_on_the_pepper() -> None:
    receipt = make_receipt(PEPPER, b"n" * 16)
    assert hash_receipt(PEPPER, receipt) != hash_receipt(b"q" * 32, receipt)


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_report_id_follows_from_scope_and_key(scope: str, key: str) -> None:
    assert derive_report_id(PEPPER, "http", key) == derive_report_id(PEPPER, "http", key)
    assert derive_report_id(PEPPER, "http", key) != derive_report_id(PEPPER, "kafka", key)
    assert derive_report_id(PEPPER, "http", key) != derive_report_id(b"q" * 32, "http", key)
