"""Cursors: what was written is read back; what nobody wrote is refused with a pointer, and never crashes."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from shared.problems import Problem
from shared.times import Utc
from shared.web.paging import Cursors


class Place(NamedTuple):
    rank: Annotated[int, Field(ge=0, lt=100)]
    due: Utc
    name: str


CURSORS = Cursors(Place)
PLACES = st.builds(Place, st.integers(0, 99), st.datetimes(timezones=st.just(UTC)), st.text())


@given(PLACES)
def test_a_place_is_read_back_as_it_was_written(place: Place) -> None:
    cursor = CURSORS.write(place)
    assert CURSORS.read(cursor) == place
    assert cursor.isascii()
    assert not set(cursor) & set("+/=&? ")


def test_without_a_cursor_a_list_begins_at_its_beginning() -> None:
    assert CURSORS.read(None) is None
    assert CURSORS.read("") is None


WRONG = {
    "no base64": "?!",
    "no JSON": "YWJj",
    "no list": "bnVsbA",
    "a bool for a number": "W3RydWUsIjIwMjYtMDEtMDFUMDA6MDA6MDBaIiwiYSJd",
    "a rank that none has": "WzEwMCwiMjAyNi0wMS0wMVQwMDowMDowMFoiLCJhIl0",
    "a time without an offset": "WzEsIjIwMjYtMDEtMDFUMDA6MDA6MDAiLCJhIl0",
    "a time beyond the calendar": "WzEsIjk5OTktMTItMzFUMjM6NTk6NTktMDE6MDAiLCJhIl0",
    "a part too many": "WzEsIjIwMjYtMDEtMDFUMDA6MDA6MDBaIiwiYSIsMV0",
}


@pytest.mark.parametrize("cursor", WRONG.values(), ids=WRONG)
def test_what_nobody_wrote_is_refused_with_a_pointer(cursor: str) -> None:
    with pytest.raises(Problem) as caught:
        CURSORS.read(cursor)
    assert (caught.value.status, caught.value.code) == (422, "invalid-fields")
    assert [(error.pointer, error.code) for error in caught.value.errors] == [("/cursor", "invalid_cursor")]


@given(st.text())
def test_no_text_makes_it_crash(cursor: str) -> None:
    with suppress(Problem):
        CURSORS.read(cursor)


@pytest.mark.parametrize(("found", "shown", "more"), [(0, 0, False), (3, 3, False), (4, 3, True)])
def test_a_page_names_the_next_only_if_there_is_one(found: int, shown: int, more: bool) -> None:
    places = [Place(number, datetime(2026, 1, 1, tzinfo=UTC), "a") for number in range(found)]
    page, after = CURSORS.cut(places, 3, lambda place: place)
    assert len(page) == shown
    assert CURSORS.read(after) == (places[2] if more else None)
