"""Lists page by page: what a reader may see and nothing else, by bounded looks; cursors that nobody can make up."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from shared.problems import Problem
from shared.times import Utc
from shared.web.paging import Cursors, look_through


class Place(NamedTuple):
    rank: Annotated[int, Field(ge=0, lt=100)]
    due: Utc
    name: str


CURSORS = Cursors(Place)
SEALED = Cursors(Place, b"k" * 32)
PLACES = st.builds(Place, st.integers(0, 99), st.datetimes(timezones=st.just(UTC)), st.text())


@given(PLACES)
def test_a_place_is_read_back_as_it_was_written(place: Place) -> None:
    cursor = CURSORS.write(place)
    assert CURSORS.read(cursor) == place
    assert cursor.isascii()
    assert not set(cursor) & set("+/=&? ")


@given(PLACES)
def test_a_sealed_cursor_names_its_place_to_nobody_else(place: Place) -> None:
    cursor = SEALED.write(place)
    assert SEALED.read(cursor) == place
    assert not set(cursor) & set("+/=&? ")
    for other in (CURSORS, Cursors(Place, b"l" * 32)):
        with pytest.raises(Problem):
            other.read(cursor)
    with pytest.raises(Problem):
        SEALED.read(CURSORS.write(place))


def test_sealed_cursors_of_places_alike_are_of_one_length() -> None:
    cursors = [
        SEALED.write(Place(rank, datetime(2026, 1, 1, 0, 0, 0, at, UTC), "id")) for rank in (0, 10) for at in (0, 1)
    ]
    assert len({len(cursor) for cursor in cursors}) == 1
    assert len(set(cursors)) == 4


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


@given(st.text(), st.sampled_from([CURSORS, SEALED]))
def test_no_text_makes_it_crash(cursor: str, cursors: Cursors[Place]) -> None:
    with suppress(Problem):
        cursors.read(cursor)


@pytest.mark.parametrize(("found", "shown", "more"), [(0, 0, False), (3, 3, False), (4, 3, True)])
def test_a_page_names_the_next_only_if_there_is_one(found: int, shown: int, more: bool) -> None:
    places = [Place(number, datetime(2026, 1, 1, tzinfo=UTC), "a") for number in range(found)]
    page, after = CURSORS.cut(places, 3, lambda place: place)
    assert len(page) == shown
    assert CURSORS.read(after) == (places[2] if more else None)


class Numbers:
    """A list of numbers, of which its reader may see some. It counts what is looked at."""

    def __init__(self, seen: Sequence[bool]) -> None:
        self.seen = seen
        self.looked = 0

    async def read(self, after: int | None, limit: int) -> list[int]:
        first = 0 if after is None else after + 1
        found = list(range(len(self.seen)))[first : first + limit]
        self.looked += len(found)
        return found

    async def see(self, found: Sequence[int]) -> list[int]:
        return [number for number in found if self.seen[number]]


@given(
    st.lists(st.booleans()) | st.lists(st.sampled_from([False] * 9 + [True]), max_size=200),
    st.integers(1, 9),
    st.integers(1, 40),
)
async def test_pages_have_what_may_be_seen_once_and_in_order(seen: list[bool], limit: int, most: int) -> None:
    obvious = [number for number, sees in enumerate(seen) if sees]
    numbers, after, pages = Numbers(seen), None, list[list[int]]()
    while True:
        before = numbers.looked
        shown, last = await look_through(numbers.read, numbers.see, lambda n: n, after, limit + 1, most)
        assert numbers.looked - before <= most
        pages.append(shown[:limit])
        # A page is short only at the end of the list, or when `most` were looked at.
        assert len(shown) > limit or last is None or numbers.looked - before == most
        if len(shown) <= limit and last is None:
            break
        after = shown[limit - 1] if len(shown) > limit else last
    assert [number for page in pages for number in page] == obvious


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 9))
async def test_where_few_are_passed_over_pages_are_as_if_they_were_not_there(seen: list[bool], limit: int) -> None:
    numbers, all_seen = Numbers(seen), Numbers([True] * sum(seen))
    cursors, cursor, other, more = Cursors(int), None, None, True
    kept = [number for number, sees in enumerate(seen) if sees]
    while more:
        page, cursor = await cursors.page(cursor, limit, numbers.read, numbers.see, lambda n: n)
        like, other = await cursors.page(other, limit, all_seen.read, all_seen.see, lambda n: n)
        assert page == [kept[number] for number in like]
        assert (cursor is None) == (other is None)
        more = cursor is not None
