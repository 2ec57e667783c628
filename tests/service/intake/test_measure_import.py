"""The people of measures from before Hearth: kept in the vault, told only to shut them out, and no report."""

from typing import Any

import pytest

from services.intake.erasure.actions import Erasure
from shared.events import Actor, CaseState, Draft, MeasureImported, ReportParties, ReportReceived, stamp
from shared.ids import case_id_of
from tests.service.intake.test_vault import HINT, MEASURE
from tests.support.intake_rig import Rig, bearer


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def keep(rig: Rig, *measures: dict[str, str]) -> list[dict[str, Any]]:
    async with rig.http() as http:
        answer = await http.post("/v1/vault/measures", json={"measures": measures}, headers=bearer("import"))
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def names_in(rig: Rig, report_id: str) -> Any:
    body = {"purpose": "enforce", "reads": [{"report_id": report_id, "sections": ["names"]}]}
    async with rig.http() as http:
        answer = await http.post("/v1/vault/read", json=body, headers=bearer("enforce"))
    (item,) = answer.json()["items"]
    return item


async def test_a_name_is_kept_once_and_read_by_the_token_that_was_told(rig: Rig) -> None:
    (first,) = await keep(rig, MEASURE)
    again, other = await keep(rig, MEASURE, {**MEASURE, "name": "Dougal"})
    assert again == first
    assert (first["same"], other["same"], other["report_id"]) == (True, False, first["report_id"])
    (token,) = first["subjects"]
    item = await names_in(rig, first["report_id"])
    assert item["sections"]["names"]["people"] == [{"party": token, "name": "Zebedee"}]
    (stored,) = rig.store.reports.values()
    assert [type(event.fact) for event in stored["outbox"]] == [ReportParties]
    assert "Zebedee" not in f"{stored}"


async def test_it_is_closed_with_its_measure_and_is_erased_for_good(rig: Rig) -> None:
    (kept,) = await keep(rig, MEASURE)
    report_id = kept["report_id"]
    fact = MeasureImported(
        previous=None, state="closed", measure_id="m-1", outcome="permanent_ban", report_id=report_id,
        code_name="amber-harbour", community="enwiki", lane="standard", body="enwiki_arbcom", scope="community",
        begun_on=rig.clock().date(), subjects=tuple(kept["subjects"]),
    )  # fmt: skip
    draft = Draft(fact, Actor("person:e4f0ace000000000", "enforcer"), rig.clock(), "cause")
    case_id = case_id_of(report_id)
    events = stamp([draft], source="hearth/triage", subject=f"case/{case_id}", case_id=case_id, last_seq=0, trace=None)
    await rig.progress.project(events)
    stored = (await rig.store.load([report_id]))[report_id]
    assert (stored.status.state, stored.status.body, stored.status.outcome) == (
        CaseState.CLOSED, "enwiki_arbcom", "permanent_ban",
    )  # fmt: skip
    assert await rig.store.count_undecided(rig.clock()) == 0
    erasure = Erasure("test", "request-1", Actor("person:c0ac0ac000000000", "coordinator"))
    await rig.erasing.erase([report_id], erasure)
    (again,) = await keep(rig, MEASURE)
    assert (again["erased"], again["subjects"]) == (True, [])
    assert (await names_in(rig, report_id)).get("erased")


async def test_a_hint_becomes_one_report_that_names_nobody(rig: Rig) -> None:
    async with rig.http() as http:
        for _ in range(2):
            answer = await http.post("/v1/vault/hints", json=HINT, headers=bearer("hint"))
            assert answer.status_code == 204
    (stored,) = rig.store.reports.values()
    received = next(event.fact for event in stored["outbox"] if isinstance(event.fact, ReportReceived))
    assert (received.channel, received.community, received.flags) == ("pattern", "enwiki", ("systemic_failure",))
    assert (received.subjects, received.reporter, received.privacy) == ((), None, "anonymous")
    assert "10 were missed" not in f"{stored}"
