"""The program of docs/integrate/event-platform.md on a real broker and a real database, as it stands there."""

from pathlib import Path

from services.intake.settings import IntakeSettings
from shared.events import SubmissionAccepted
from shared.ids import case_id_of
from tests.integration.intake.test_service import event_of, ready, serving
from tests.integration.intake.test_service import given as given
from tests.integration.shared.test_inbox_attacks import Attacked, let_in
from tests.support.bash import run
from tests.support.broker import read
from tests.support.documented import DOCS, programs


async def test_the_program_of_the_page_hands_in_an_event_and_finds_its_case(
    given: IntakeSettings, tmp_path: Path
) -> None:
    (tmp_path / "event.py").write_text(programs(DOCS / "integrate/event-platform.md")["event.py"], encoding="utf-8")
    prefix = given.topic_prefix
    names = {"KAFKA": given.kafka, "NAME": "wiki", "GROUP": f"{prefix}integrator.wiki"}
    names |= {kind.upper(): f"{prefix}reports.{kind}.wiki" for kind in ("inbox", "outcomes")}
    async with serving(given) as http:
        await ready(http)
        await let_in(Attacked(given, http, http), "wiki")
        status, out = await run("python event.py", names, tmp_path)
        assert status == 0, out
        (record,) = await read(given.kafka, f"{prefix}reports.outcomes.wiki", 1)
    told = event_of(record).fact
    assert isinstance(told, SubmissionAccepted)
    assert out.split() == [told.report_id, case_id_of(told.report_id)]
    assert told.remarks == ()
