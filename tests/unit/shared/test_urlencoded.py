"""Forms are read as the standard library reads them, and in little memory."""

import re
import tracemalloc
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.input.urlencoded import parse_fields


@given(st.lists(st.tuples(st.text(), st.text()), max_size=20))
def test_what_a_browser_sends_is_read_as_it_was_written(fields: list[tuple[str, str]]) -> None:
    expected: dict[str, list[str]] = {}
    for name, value in fields:
        expected.setdefault(name, []).append(value)
    assert parse_fields(urlencode(fields).encode(), 100) == expected


def read(body: bytes) -> object:
    try:
        return parse_fields(body, 10)
    except ValueError:
        return "refused"


def read_by_library(body: bytes) -> object:
    if re.search(rb"%(?![0-9A-Fa-f]{2})", body):
        return "refused"
    try:
        return parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=10)
    except ValueError:
        return "refused"


@given(st.text(st.sampled_from("ab=&+%4c1Zé\x00 \n\r_.\t"), max_size=60))
def test_anything_is_read_as_the_library_does_it_and_a_broken_escape_is_refused(text: str) -> None:
    assert read(text.encode()) == read_by_library(text.encode())


@pytest.mark.parametrize("size", [4_095, 4_096, 4_097, 30_000])
def test_no_escape_is_cut(size: int) -> None:
    for text in ("é" * size, "aé" * size, "a" * (size - 1) + "é"):
        assert parse_fields(urlencode({"a": text}).encode(), 100) == {"a": [text]}


@pytest.mark.parametrize("piece", [b"%41", b"a%41", b"%", b"%4", b"+", b"=", b"%e2%82%ac"])
def test_a_megabyte_takes_few_megabytes(piece: bytes) -> None:
    body = b"narrative=" + piece * (999_000 // len(piece))
    tracemalloc.start()
    read(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000
