"""Many reports from few sources: which report is one of them, and which ranks behind."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.triage.case.values import Flood
from services.triage.patterns.marks import Marks
from services.triage.patterns.mass import crowds
from shared.policy import MassRule

AT = datetime(2026, 11, 29, 9, tzinfo=UTC)
LANES, NONE = frozenset({"emergency"}), frozenset[str]()
PERSON = MassRule("person", "person", timedelta(hours=2), reports=5, sources=2, keeps=2, lanes=LANES)
SOURCE = MassRule("source", "source", timedelta(hours=2), reports=5, sources=1, keeps=2, lanes=NONE)


def report(number: int, source: str | None, minutes: int = 0, person: str = "vic") -> Marks:
    """A report of a program; where the source is a mail address, of a reporter who typed it."""
    at, typed = AT + timedelta(minutes=minutes or number), source is not None and "@" in source
    return Marks(f"{number:03}", at, (person,), (), source, typed)


def flood(count: int, *sources: str | None) -> list[Marks]:
    return [report(number, sources[number % len(sources)]) for number in range(count)]


def found(own: Marks, others: Sequence[Marks], *rules: MassRule, lane: str = "emergency") -> tuple[Flood, ...]:
    """The floods where all others are in one lane."""
    return floods(own, others, rules, {marks.id: lane for marks in others})


def floods(
    own: Marks, others: Sequence[Marks], rules: Sequence[MassRule], lanes: Mapping[str, str | None]
) -> tuple[Flood, ...]:
    return tuple(crowd.flood(lanes) for crowd in crowds(own, others, rules))


def test_too_few_reports_are_no_flood() -> None:
    assert found(report(4, "a"), flood(3, "a"), PERSON) == ()
    assert found(report(5, "a"), flood(4, "a"), PERSON) == (Flood("person", LANES),)


def test_many_reports_from_many_sources_are_no_flood() -> None:
    assert found(report(20, "a"), flood(20, "a", "b", "c"), PERSON) == ()


def test_the_first_reports_of_each_source_keep_their_place_in_a_flood() -> None:
    before = flood(20, "a")
    assert found(report(21, "genuine"), before, PERSON) == (Flood("person", NONE),)
    again = report(22, "genuine")
    assert found(again, [*before, report(21, "genuine")], PERSON) == (Flood("person", NONE),)
    assert found(report(23, "a"), before, PERSON) == (Flood("person", LANES),)


def test_a_report_that_tells_nothing_of_its_source_is_marked_and_never_ranks_behind() -> None:
    assert found(report(20, None), flood(20, None), PERSON) == (Flood("person", NONE),)
    assert found(report(20, None), flood(20, "a", None), PERSON) == (Flood("person", NONE),)
    assert found(report(20, "named"), flood(20, None), PERSON) == (Flood("person", NONE),)


def test_reports_of_another_lane_under_a_typed_address_use_up_no_place() -> None:
    before, own = flood(20, "ann@example.org"), report(20, "ann@example.org")
    assert found(own, before, PERSON, lane="standard") == (Flood("person", NONE),)
    assert found(own, before, PERSON) == (Flood("person", LANES),)


def test_a_source_uses_up_its_places_in_each_lane_by_itself() -> None:
    before = flood(20, "a")
    assert found(report(20, "a"), before, PERSON, lane="standard") == (Flood("person", NONE),)
    one = {marks.id: "standard" for marks in before} | {before[0].id: "emergency"}
    assert floods(report(20, "a"), before, [PERSON], one) == (Flood("person", NONE),)
    assert floods(report(20, "a"), before, [PERSON], one | {before[1].id: "emergency"}) == (Flood("person", LANES),)


def test_what_comes_later_or_came_long_before_changes_nothing() -> None:
    later = [report(number, "a", minutes=100 + number) for number in range(20)]
    assert found(report(50, "a"), later, PERSON) == ()
    assert found(report(50, "a", minutes=500), flood(20, "a"), PERSON) == ()


def test_one_source_that_reports_many_people_is_a_flood_by_itself() -> None:
    before = [report(number, "a@example.org", person=f"p{number}") for number in range(10)]
    assert found(report(20, "a@example.org", person="x"), before, PERSON, SOURCE) == (Flood("source", NONE),)
    assert found(report(20, "b@example.org", person="x"), before, PERSON, SOURCE) == ()


@pytest.mark.parametrize("twice", [1, 3], ids=["once", "thrice"])
def test_a_report_that_is_found_in_several_ways_counts_once(twice: int) -> None:
    assert found(report(4, "a"), flood(3, "a") * twice, PERSON) == ()


def test_lanes_matter_only_of_reports_of_the_source_by_which_one_may_rank_behind() -> None:
    before, long_ago = flood(10, "a", "b"), report(-1, "a", minutes=-180)
    own, unranked = report(20, "a"), replace(PERSON, id="unranked", lanes=NONE)
    ranked, other = crowds(own, [long_ago, *before, *before], [PERSON, unranked])
    assert [marks.id for marks in ranked.of_source] == [marks.id for marks in before if marks.source == "a"]
    assert (len(ranked.before), len(other.before), list(other.of_source)) == (10, 10, [])
