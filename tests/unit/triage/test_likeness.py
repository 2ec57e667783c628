"""Which cases are similar, and why."""

from datetime import UTC, datetime, timedelta

from services.triage.patterns.likeness import likenesses
from services.triage.patterns.marks import Marks

AT = datetime(2026, 11, 29, 9, tzinfo=UTC)
CLOSE = timedelta(hours=48)
OWN = Marks("own", AT, ("p1", "p2"), ("page",), "s", by_person=True)


def marks(case_id: str, hours: int = 1000, **given: object) -> Marks:
    return Marks(case_id, AT - timedelta(hours=hours), **given)  # type: ignore[arg-type]  # handed on as they are


def reasons(*others: Marks) -> dict[str, tuple[str, ...]]:
    return {one.case_id: one.reasons for one in likenesses(OWN, others, CLOSE)}


def test_each_thing_in_common_is_a_reason_the_weightiest_first() -> None:
    both = marks("both", people=("p2",), pages=("page",), source="s", by_person=True)
    assert reasons(both) == {"both": ("same_person", "same_page", "same_source")}


def test_closeness_in_time_is_a_reason_only_beside_another_one() -> None:
    assert reasons(marks("near", 48, people=("p1",)), marks("late", 49, people=("p1",)), marks("other", 1)) == {
        "near": ("same_person", "close_in_time"),
        "late": ("same_person",),
    }


def test_a_program_that_reports_for_many_people_is_no_source_of_its_own() -> None:
    assert reasons(marks("program", source="s")) == {}


def test_the_most_similar_come_first_and_then_the_nearest_in_time() -> None:
    found = likenesses(
        OWN,
        [
            marks("page", 50, pages=("page",)),
            marks("far", 900, people=("p1",)),
            marks("near", 60, people=("p1",)),
            marks("both", 990, people=("p1",), pages=("page",)),
        ],
        CLOSE,
    )
    assert [one.case_id for one in found] == ["both", "near", "far", "page"]


def test_a_case_is_not_similar_to_itself_and_stands_once() -> None:
    other = marks("other", people=("p1",))
    assert [one.case_id for one in likenesses(OWN, [OWN, other, other], CLOSE)] == ["other"]
