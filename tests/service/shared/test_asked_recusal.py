"""A reporter asks that a person does not handle the case: others decide, in all four services."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from services.triage.case.case import Case
from services.triage.case.evolve.fold import fold
from shared.access.principal import Principal
from shared.access.roster import Staff
from tests.support.four_services import FourServices, four_services
from tests.support.people import bearer, coordinator, responder
from tests.support.triage_rig import POLICY

ANN, BEN, CAT, DOT = (responder(name * 4, "enwiki_arbcom") for name in ("a1", "b1", "c1", "d1"))
CORA = coordinator("c0" * 4, "enwiki_arbcom")
OTHERS = [responder(name * 4, *POLICY.bodies) for name in ("e1", "f1")]
WORDS = "Sekretconflict: the one of you who sits in our club council is their cousin."


class Bodies:
    """Four people of one body and its coordinator, and two of all others."""

    async def staff(self) -> Staff:
        return {body: [ANN, BEN, CAT, DOT, CORA] if body == "enwiki_arbcom" else OTHERS for body in POLICY.bodies}


async def order(
    services: FourServices, case: Case, who: Principal, command: str, values: Mapping[str, Any] | None = None
) -> int:
    seq = services.cases.stored[case.id].case.seq
    answer = await services.desk.post(
        f"/v1/cases/{case.id}/{command}", json=values or {}, headers={**bearer(who), "if-match": f'"{seq}"'}
    )
    await services.deliver()
    return answer.status_code


async def asked(services: FourServices) -> tuple[Case, str]:
    """A case that Ben has, and the receipt of its reporter, who has asked."""
    report = {"community": "enwiki", "narrative": "They shouted.", "reporter": {"email": "ana@example.org"}}
    sent = (await services.reporter.post("/v1/reports", json=report)).json()
    await services.deliver()
    (stored,) = services.cases.stored.values()
    assert await order(services, stored.case, BEN, "claim") == 200
    ask = {"receipt": sent["receipt"], "text": WORDS}
    assert (await services.reporter.post("/v1/follow-up/recusals", json=ask)).status_code == 202
    await services.deliver()
    return stored.case, sent["receipt"]


async def heard(services: FourServices, receipt: str) -> dict[str, Any]:
    found: dict[str, Any] = (await services.reporter.post("/v1/follow-up", json={"receipt": receipt})).json()
    return found


async def test_two_others_grant_it_and_the_person_sees_the_case_no_more() -> None:
    async with four_services(Bodies()) as services:
        case, receipt = await asked(services)
        recusal = {"person": BEN.ref, "ground": "asked_by_party"}
        assert await order(services, case, ANN, "recuse", recusal) == 200
        assert [one["answer"] for one in (await heard(services, receipt))["recusal_asks"]] == [None]
        assert await order(services, case, ANN, "confirm", {"person": BEN.ref}) == 422
        assert await order(services, case, BEN, "confirm", {"person": BEN.ref}) == 404
        assert await order(services, case, CAT, "confirm", {"person": BEN.ref}) == 200
        assert [one["answer"] for one in (await heard(services, receipt))["recusal_asks"]] == ["granted"]
        assert services.cases.stored[case.id].case.assignee is None
        told = [mail.notice for mail in services.mails]
        assert (told.count("recusal_asked"), told.count("news")) == (1, 1)
        assert "Sekret" not in f"{services.events} {services.mails} {services.cases.stored}"


async def test_a_party_reads_that_it_waits_again_where_what_granted_it_is_taken_back() -> None:
    async with four_services(Bodies()) as services:
        case, receipt = await asked(services)
        recusal = {"person": BEN.ref, "ground": "asked_by_party"}
        for told, (first, second) in enumerate([(ANN, CAT), (CAT, ANN)], start=2):
            assert await order(services, case, first, "recuse", recusal) == 200
            assert await order(services, case, second, "confirm", {"person": BEN.ref}) == 200
            assert [one["answer"] for one in (await heard(services, receipt))["recusal_asks"]] == ["granted"]
            taken_back = {"person": BEN.ref, "withdrawal": "mistaken"}
            assert await order(services, case, CORA, "withdraw", taken_back) == 200
            assert [one["answer"] for one in (await heard(services, receipt))["recusal_asks"]] == [None]
            assert [mail.notice for mail in services.mails].count("recusal_asked") == told
        facts = [event for event in services.cases.events if event.case_id == case.id]
        assert fold(facts) == services.cases.stored[case.id].case
        # Nobody answers in time, so the party appeals against that silence.
        await services.pass_time(timedelta(days=6))
        appeal = {"receipt": receipt, "ground": "inaction", "text": "Nobody answers."}
        assert (await services.reporter.post("/v1/follow-up/appeals", json=appeal)).status_code == 202
        await services.deliver()
        assert services.cases.stored[case.id].case.appeal is not None


async def test_a_person_without_a_part_in_the_case_refuses_it_and_the_reporter_reads_why() -> None:
    async with four_services(Bodies()) as services:
        case, receipt = await asked(services)
        (ask,) = services.cases.stored[case.id].case.open_recusal_asks
        given = {"ask": ask.id, "recusal_answer": "refused", "why_not": "None of us sits in a council."}
        assert await order(services, case, BEN, "answer_recusal", given) == 422
        assert await order(services, case, DOT, "answer_recusal", given) == 200
        view = await heard(services, receipt)
        assert [one["answer"] for one in view["recusal_asks"]] == ["refused"]
        assert [one["text"] for one in view["messages"]] == [given["why_not"]]
        assert [mail.notice for mail in services.mails].count("news") == 1


async def test_what_a_survivor_granted_and_takes_back_waits_in_the_merged_case_again() -> None:
    async with four_services(Bodies()) as services:
        receipts = []
        for words in ("They shouted at me.", "They shouted at us both."):
            report = {"community": "enwiki", "narrative": words, "reporter": {"email": "ana@example.org"}}
            receipts.append((await services.reporter.post("/v1/reports", json=report)).json()["receipt"])
            await services.deliver()
        part, survivor = sorted((one.case for one in services.cases.stored.values()), key=lambda one: one.received_at)
        assert await order(services, survivor, BEN, "claim") == 200
        assert await order(services, part, ANN, "merge", {"other": survivor.code_name}) == 200
        await services.reporter.post("/v1/follow-up/recusals", json={"receipt": receipts[0], "text": WORDS})
        await services.deliver()
        recusal = {"person": BEN.ref, "ground": "asked_by_party"}
        assert await order(services, survivor, ANN, "recuse", recusal) == 200
        assert await order(services, survivor, CAT, "confirm", {"person": BEN.ref}) == 200
        (ask,) = services.cases.stored[part.id].case.recusal_asks
        answer = {"ask": ask.id, "recusal_answer": "granted", "why_not": "They have no part in it any more."}
        assert await order(services, part, DOT, "answer_recusal", answer) == 200
        assert [one["answer"] for one in (await heard(services, receipts[0]))["recusal_asks"]] == ["granted"]
        taken_back = {"person": BEN.ref, "withdrawal": "mistaken"}
        assert await order(services, survivor, CORA, "withdraw", taken_back) == 200
        assert [one["answer"] for one in (await heard(services, receipts[0]))["recusal_asks"]] == [None]
        assert [mail.case_id for mail in services.mails if mail.notice == "recusal_asked"] == [part.id, part.id]
        await services.pass_time(timedelta(days=6))
        assert (part.id, "overdue") in {(mail.case_id, mail.notice) for mail in services.mails}
        # It is answered once more, and stays so.
        assert await order(services, survivor, CAT, "recuse", recusal) == 200
        assert await order(services, survivor, ANN, "confirm", {"person": BEN.ref}) == 200
        assert await order(services, part, DOT, "answer_recusal", answer) == 200
        assert await order(services, survivor, ANN, "tell", {"message": "We go on."}) == 200
        assert [one["answer"] for one in (await heard(services, receipts[0]))["recusal_asks"]] == ["granted"]
        facts = [event for event in services.cases.events if event.case_id == part.id]
        assert fold(facts) == services.cases.stored[part.id].case
