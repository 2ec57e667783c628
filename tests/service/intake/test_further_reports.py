"""One matter of a report becomes a report of its own, for the same reporter and about the same people."""

from datetime import timedelta

import pytest

from services.intake.erasure.actions import Erasure
from services.intake.vault.reads import Read
from shared.access.principal import Grant, Role
from shared.access.purposes import PURPOSES
from shared.events import CaseSplit, CaseTriaged, Event, RecusalDeclared, ReportParties, ReportReceived
from shared.ids import case_id_of
from tests.support.forms import hidden_fields
from tests.support.intake_rig import RESPONDER, Rig, case_event
from tests.support.intake_rig import bearer as service_bearer
from tests.support.people import bearer, coordinator, person

BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin"}
MATTER = "Sekretwords: the second matter."
PART = "0a0a0a0a-0000-4000-8000-000000000001"


@pytest.fixture
def rig() -> Rig:
    return Rig()


def split_of(report_id: str, number: int = 1) -> Event:
    fact = CaseSplit(
        previous="investigating", state="investigating", part_id=PART, category="harassment.doxing",
        flags=("cross_wiki",),
    )  # fmt: skip
    return case_event(report_id, number, fact)


async def followed(rig: Rig, receipt: str) -> dict[str, object]:
    async with rig.http() as http:
        return dict((await http.post("/v1/follow-up", json={"receipt": receipt})).json())


async def split(rig: Rig) -> tuple[dict[str, str], str]:
    told = {"reported": [{"name": "Mallory"}], "reporter": {"name": "Rita", "email": "rita@example.org"}}
    first = await rig.post(**told, privacy="confidential", setting="in_person")
    await rig.statements.keep(first["report_id"], PART, "matter", MATTER)
    rig.clock.at += timedelta(days=9)
    for _ in range(2):
        await rig.progress.project([split_of(first["report_id"])])
    (second,) = (report for report in rig.store.reports if report != first["report_id"])
    return first, second


async def test_the_new_report_has_the_words_the_people_and_the_time_of_the_first(rig: Rig) -> None:
    first, second = await split(rig)
    received, parties = (event.fact for event in rig.store.reports[second]["outbox"])
    assert isinstance(received, ReportReceived)
    assert isinstance(parties, ReportParties)
    assert (received.category, received.flags, received.channel) == ("harassment.doxing", ("cross_wiki",), "split")
    assert (received.privacy, received.setting, received.contactable) == ("confidential", "in_person", True)
    assert received.received_at == rig.store.reports[first["report_id"]]["received_at"]
    assert parties.follows == case_id_of(first["report_id"])
    known = next(fact for fact in rig.store.events() if isinstance(fact, ReportParties))
    assert (set(parties.subjects), set(parties.reporter)) == (set(known.subjects), set(known.reporter))
    assert first["report_id"] not in received.model_dump_json()
    (read,) = await rig.reader.read([Read(second, ("content",))], purpose=PURPOSES["review"], actor=RESPONDER)
    assert read["sections"]["content"]["narrative"] == MATTER
    assert "Sekretwords" not in repr(rig.store.reports)


BADLY = "Sekretwords: he undoes all my edits since."


async def noted(rig: Rig, report_id: str, text: str = BADLY) -> int:
    """The status of a request of triage, with what a handler noted of bad treatment."""
    path = f"/v1/vault/reports/{report_id}/statements/{PART}"
    async with rig.http() as http:
        return (
            await http.put(path, json={"kind": "retaliation", "text": text}, headers=service_bearer("correspond"))
        ).status_code


async def test_bad_treatment_that_a_handler_notes_becomes_the_report_that_the_page_makes_of_it(rig: Rig) -> None:
    told = {"reported": [{"name": "Mallory"}], "reporter": {"name": "Rita", "email": "rita@example.org"}}
    first = await rig.post(**told, privacy="confidential")
    assert [await noted(rig, first["report_id"]) for _ in range(2)] == [204, 204]
    assert await noted(rig, first["report_id"], "Other words.") == 409
    (second,) = (report for report in rig.store.reports if report != first["report_id"])
    received, parties = (event.fact for event in rig.store.reports[second]["outbox"])
    assert isinstance(received, ReportReceived)
    assert isinstance(parties, ReportParties)
    assert (received.category, received.flags, received.channel) == ("unclassified", ("retaliation",), "follow_up")
    assert parties.follows == case_id_of(first["report_id"])
    reads = [Read(report_id, ("content", "correspondence")) for report_id in (first["report_id"], second)]
    theirs, new = await rig.reader.read(reads, purpose=PURPOSES["review"], actor=RESPONDER)
    assert new["sections"]["content"]["narrative"] == BADLY
    # The first report keeps nothing of it, and its page shows the receipt of the new one.
    assert theirs["sections"]["correspondence"]["statements"] == []
    assert "Sekretwords" not in repr(theirs) + repr(rig.store.reports)
    (receipt,) = (await followed(rig, first["receipt"]))["opened"]  # type: ignore[misc]
    assert (await followed(rig, receipt))["state"] == "received"


async def test_nothing_is_made_of_bad_treatment_where_the_report_is_erased_or_unknown(rig: Rig) -> None:
    first = await rig.post()
    await rig.erasing.erase([first["report_id"]], Erasure("subject_request", "rq-1", RESPONDER))
    assert [await noted(rig, one) for one in (first["report_id"], PART)] == [410, 404]
    assert len(rig.store.reports) == 1


async def test_the_receipt_of_the_first_shows_that_of_the_new_report(rig: Rig) -> None:
    first, second = await split(rig)
    shown = await followed(rig, first["receipt"])
    (receipt,) = shown["parts"]  # type: ignore[misc]
    assert (await followed(rig, receipt))["state"] == "received"
    async with rig.http() as http:
        hidden = hidden_fields((await http.get("/follow-up")).text)
        page = await http.post("/follow-up", data={**hidden, "receipt": first["receipt"]}, headers=BROWSER)
    assert "Your report had more than one matter" in page.text
    assert receipt in page.text
    assert second not in page.text


async def test_each_of_the_two_is_erased_by_itself(rig: Rig) -> None:
    first, second = await split(rig)
    erasure = Erasure("r-1", "request", RESPONDER)
    assert await rig.erasing.erase([first["report_id"]], erasure) == {first["report_id"]: "erased"}
    assert rig.store.reports[second]["vault"] is not None
    # A message of Kafka may come again at any time.
    await rig.progress.project([split_of(first["report_id"])])
    assert len(rig.store.reports) == 2


@pytest.mark.parametrize("erased", [False, True])
async def test_without_words_nothing_is_made(rig: Rig, *, erased: bool) -> None:
    first = await rig.post()
    if erased:
        await rig.statements.keep(first["report_id"], PART, "matter", MATTER)
        await rig.erasing.erase([first["report_id"]], Erasure("r-1", "request", RESPONDER))
    await rig.progress.project([split_of(first["report_id"])])
    assert list(rig.store.reports) == [first["report_id"]]


async def test_an_erasure_names_what_was_made_of_the_report_to_those_who_may_erase_that(rig: Rig) -> None:
    first, second = await split(rig)
    cora = coordinator("c0a1c0a1", "enwiki_arbcom")
    operator_of = bearer(person("0be4a7", Grant(Role.OPERATOR)))

    async def made_of(headers: dict[str, str], *, dry_run: bool = True) -> object:
        order = {"reason": "requested", "report_ids": [first["report_id"]], "dry_run": dry_run}
        async with rig.http() as http:
            answer = await http.post("/v1/erasures", json=order, headers=headers)
        return answer.json()["items"][0].get("came_of_it")

    assert await made_of(operator_of) is None
    for report_id in (first["report_id"], second):
        triaged = CaseTriaged(
            previous="received", state="triaged", category="unclassified", lane="standard", body="enwiki_arbcom",
            rule="one-wiki", deadlines=(),
        )  # fmt: skip
        await rig.progress.project([case_event(report_id, 2, triaged)])
    assert await made_of(operator_of) == [second]
    assert await made_of(bearer(cora)) == [second]
    recused = RecusalDeclared(previous="triaged", state="triaged", person=cora.ref, ground="involved")
    await rig.progress.project([case_event(second, 3, recused)])
    assert await made_of(bearer(cora)) is None
    assert await made_of(operator_of, dry_run=False) == [second]
    async with rig.http() as http:
        await http.post("/v1/erasures", json={"reason": "requested", "report_ids": [second]}, headers=operator_of)
    assert await made_of(operator_of) is None
