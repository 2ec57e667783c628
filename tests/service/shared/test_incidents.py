"""Ten worked incidents, each from the report to the follow-up: what must hold at every step and at the end."""

from pathlib import Path

import pytest

from tests.support.four_services import four_services
from tests.support.incident_page import PAGE, write_page
from tests.support.incidents import FILES, Cast, Telling, read


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_an_incident_goes_its_way_from_the_report_to_the_follow_up(path: Path) -> None:
    incident = read(path)
    cast = Cast(incident)
    async with four_services(cast) as services:
        await Telling(services, cast).tell(incident)


def test_the_page_of_worked_incidents_tells_what_is_tested() -> None:
    assert PAGE.read_text(encoding="utf-8") == write_page()


def test_there_are_ten_worked_incidents() -> None:
    assert len(FILES) == 10


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_incident_asserts_what_became_of_its_check_ins(path: Path) -> None:
    incident = read(path)
    # A reporter who says no is asked nothing: in the ninth, the other case is followed up.
    assert [end for end in incident["end"] if end.get("check_ins")]
    said_no = {step.get("case", "the case") for step in incident["step"] if step.get("with", {}).get("consent") == "no"}
    ends = {end.get("case", "the case"): end for end in incident["end"]}
    assert all(ends[case]["reporter"]["check_in"] is False and not ends[case].get("check_ins") for case in said_no)
