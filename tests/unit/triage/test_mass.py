"""Many reports from few sources: which report is one of them, and which ranks behind."""

from datetime import UTC, datetime, timedelta

import pytest

from services.triage.case.values import Flood
from services.triage.patterns.marks import Marks
from services.triage.patterns.mass import floods
from shared.policy import MassRule

AT = datetime(2026, 11, 29, 9, tzinfo=UTC)
LANES = frozenset({"emergency"})
PERSON = MassRule("person", "person", timedelta(hours=2), reports=5, sources=2, keeps=2, lanes=LANES)
SOURCE = MassRule("source", "source", timedelta(hours=2), reports=5, sources=1, keeps=2, lanes=LANES)


def report(number: int, source: str | None, minutes: int = 0, person: str = "vic") -> Marks:
    return Marks(f"{number:03}", AT + timedelta(minutes=minutes or number), (person,), (), source, source is not None)


def flood(count: int, *sources: str | None) -> list[Marks]:
    return [report(number, sources[number % len(sources)]) for number in range(count)]


def test_too_few_reports_are_no_flood() -> None:
    assert floods(report(4, "a"), flood(3, "a"), [PERSON]) == ()
    assert floods(report(5, "a"), flood(4, "a"), [PERSON]) == (Flood("person", LANES),)


def test_many_reports_from_many_sources_are_no_flood() -> None:
    assert floods(report(20, "a"), flood(20, "a", "b", "c"), [PERSON]) == ()


def test_the_first_reports_of_each_source_keep_their_place_in_a_flood() -> None:
    before = flood(20, "a")
    assert floods(report(21, "genuine"), before, [PERSON]) == (Flood("person", frozenset()),)
    again = report(22, "genuine")
    assert floods(again, [*before, report(21, "genuine")], [PERSON]) == (Flood("person", frozenset()),)
    assert floods(report(23, "a"), before, [PERSON]) == (Flood("person", LANES),)


def test_a_report_that_tells_nothing_of_its_source_is_marked_and_never_ranks_behind() -> None:
    assert floods(report(20, None), flood(20, None), [PERSON]) == (Flood("person", frozenset()),)
    assert floods(report(20, None), flood(20, "a", None), [PERSON]) == (Flood("person", frozenset()),)
    assert floods(report(20, "named"), flood(20, None), [PERSON]) == (Flood("person", frozenset()),)


def test_what_comes_later_or_came_long_before_changes_nothing() -> None:
    later = [report(number, "a", minutes=100 + number) for number in range(20)]
    assert floods(report(50, "a"), later, [PERSON]) == ()
    assert floods(report(50, "a", minutes=500), flood(20, "a"), [PERSON]) == ()


def test_one_source_that_reports_many_people_is_a_flood_by_itself() -> None:
    before = [report(number, "a", person=f"p{number}") for number in range(10)]
    assert floods(report(20, "a", person="x"), before, [PERSON, SOURCE]) == (Flood("source", LANES),)
    assert floods(report(20, "b", person="x"), before, [PERSON, SOURCE]) == ()


@pytest.mark.parametrize("twice", [1, 3], ids=["once", "thrice"])
def test_a_report_that_is_found_in_several_ways_counts_once(twice: int) -> None:
    assert floods(report(4, "a"), flood(3, "a") * twice, [PERSON]) == ()
