"""Code names of people: from the reference, the same everywhere, and never the same for two people of a roster."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.access.principal import Principal
from shared.people_names import PeopleNames, names_of, person_name

REFS = st.integers(0, 2**64 - 1).map(lambda number: f"person:{number:016x}")


@given(REFS)
def test_a_name_is_two_words_and_tells_nothing_of_the_reference(ref: str) -> None:
    assert re.fullmatch("[A-Z][a-z]+ [A-Z][a-z]+", person_name(ref))
    assert ref.partition(":")[2] not in person_name(ref)


def test_no_two_people_of_a_large_roster_have_one_name() -> None:
    refs = [f"person:{number:016x}" for number in range(3000)]
    names = names_of(refs)
    assert len(set(names.values())) == len(refs)
    assert names_of(refs[:2000]).items() <= names.items(), "who comes later changes no name"
    assert len([name for name in names.values() if re.search("[0-9]", name)]) < len(refs) / 10


def test_a_person_on_no_roster_has_no_name_of_another_one() -> None:
    refs = [f"person:{number:016x}" for number in range(3000)]
    numbered = next(ref for ref, name in names_of(refs).items() if name[-1].isdigit())
    others = [ref for ref in refs if ref != numbered]
    roster = {ref: Principal(ref) for ref in others}
    people = PeopleNames(lambda: roster)
    assert people.of(numbered) not in {people.of(ref) for ref in others}


def test_who_joins_a_roster_later_takes_no_name_of_another_one() -> None:
    alike: dict[str, list[str]] = {}
    for number in range(3000):
        alike.setdefault(person_name(f"person:{number:016x}"), []).append(f"person:{number:016x}")
    late, early = next(refs for refs in alike.values() if len(refs) == 2)
    at = datetime(2026, 11, 29, tzinfo=UTC)
    roster = {early: Principal(early, since=at)}
    people = PeopleNames(lambda: roster)
    assert people.of(early) == person_name(early)
    assert late < early, "no other order would keep the name"
    roster[late] = Principal(late, since=at + timedelta(days=1))
    assert people.of(early) == person_name(early)
    assert people.of(late) == person_name(late, 2)


@pytest.mark.parametrize("answer", [{"by": ["person:00000000000000aa", {"of": "person:00000000000000bb"}], "n": 1}])
def test_an_answer_tells_the_names_of_all_people_in_it(answer: object) -> None:
    named = PeopleNames(dict).in_answer(answer)
    assert named == {ref: person_name(ref) for ref in ("person:00000000000000aa", "person:00000000000000bb")}
