"""How a community stands, as the desk tells it: the same as the scorecard that audit makes of it, before it is made."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product

import httpx
import pytest

from services.audit.scorecard.attestations import hear
from services.audit.scorecard.document import write_canonical, write_document
from services.audit.scorecard.result import ReasonCode
from services.audit.scorecard.rows import read_entry
from services.triage.baseline.overview import GOOD, Finding, Outlook, ending, lines_of, next_level, weigh
from services.triage.baseline.registry import Attestation, Registry, Standing, fold
from services.triage.baseline.scorecards import AuditScorecards
from shared.events import BaselineAttested, BaselineLinkChecked, Claim, Fact, LinkState
from shared.http import make_http
from tests.support.baseline_world import CATALOGUE, DAY, LINK, MEASURE, NOW, attested, row
from tests.support.scorecard_record import COORDINATOR, SmallRecord, rows_of
from tests.support.scorecards import ITEMS, scorecard

PLAIN, CONFIRMED = row(1), row(2, attested=attested(confirm="auditor"))
BOTH = row(3, measured=MEASURE, evidence="all")
ONLY = row(4, attested=None, measured=MEASURE)


def said(wanted: str = "HB-01", **changed: object) -> Attestation:
    made = Attestation(f"a-{wanted}", wanted, "2026-11-01", "met", "Words.", "person:1", "coordinator", NOW, NOW + DAY)
    return replace(made, **changed)


@pytest.mark.parametrize(
    ("responsibility", "attestation", "holds", "expected"),
    [
        (PLAIN, None, None, Outlook.NEVER),
        (PLAIN, said(), None, Outlook.MET),
        (PLAIN, said(valid_until=NOW), None, Outlook.EXPIRED),
        (PLAIN, said(standing=Standing.EXPIRED), None, Outlook.EXPIRED),
        (PLAIN, said(standing=Standing.WITHDRAWN), None, Outlook.WITHDRAWN),
        (PLAIN, said(claim=Claim.NOT_MET), None, Outlook.SAID_NOT_MET),
        (PLAIN, said(claim=Claim.NOT_APPLICABLE), None, Outlook.NOT_APPLICABLE),
        (CONFIRMED, said("HB-02"), None, Outlook.WAITING),
        (CONFIRMED, said("HB-02", confirmed_by="person:2"), None, Outlook.MET),
        (CONFIRMED, said("HB-02", claim=Claim.NOT_MET), None, Outlook.SAID_NOT_MET),
        (CONFIRMED, said("HB-02", claim=Claim.NOT_APPLICABLE), None, Outlook.WAITING),
        (
            CONFIRMED,
            said("HB-02", claim=Claim.NOT_APPLICABLE, confirmed_by="person:2"),
            None,
            Outlook.NOT_APPLICABLE,
        ),
        # What is measured goes before what is said, and a contradiction is not met.
        (PLAIN, said(), False, Outlook.CONTRADICTED),
        (PLAIN, None, False, Outlook.MISSED),
        (PLAIN, said(claim=Claim.NOT_MET), False, Outlook.MISSED),
        (PLAIN, said(claim=Claim.NOT_MET), True, Outlook.CONTRADICTED),
        (PLAIN, None, True, Outlook.MEASURED),
        (PLAIN, said(valid_until=NOW), True, Outlook.MEASURED),
        (BOTH, said("HB-03"), True, Outlook.MEASURED),
        (BOTH, None, True, Outlook.NEVER),
        (BOTH, said("HB-03"), None, Outlook.UNMEASURED),
        (ONLY, None, None, Outlook.UNMEASURED),
        (ONLY, None, False, Outlook.MISSED),
    ],
)
def test_what_is_said_and_measured_gives_one_outlook(
    responsibility: object, attestation: Attestation | None, holds: bool | None, expected: Outlook
) -> None:
    found = Finding("met", "measured", holds, 5) if holds is not None else None
    assert weigh(responsibility, attestation, found, NOW) is expected  # type: ignore[arg-type]  # a row of the world


def test_what_has_too_few_cases_is_not_measured_yet_and_may_be_said() -> None:
    few, either = Finding("no_evidence", "too_few_cases", None, 5), row(5, measured=MEASURE)
    assert weigh(either, None, few, NOW) is Outlook.UNMEASURED
    assert weigh(either, None, None, NOW) is Outlook.NEVER
    assert weigh(either, said("HB-05"), few, NOW) is Outlook.MET


OF_AUDIT = {
    ReasonCode.ATTESTED: Outlook.MET,
    ReasonCode.LINK_CHANGED: Outlook.LINK_CHANGED,
    ReasonCode.LINK_GONE: Outlook.LINK_GONE,
    ReasonCode.SOURCE_UNREACHABLE: Outlook.LINK_UNREACHABLE,
}


def test_the_desk_and_audit_say_the_same_after_any_looks_at_a_link() -> None:
    for looks in (looks for n in range(5) for looks in product(LinkState, repeat=n)):
        by_desk, by_audit = outlook_after(looks)
        assert by_desk is OF_AUDIT[by_audit], looks


def outlook_after(looks: Sequence[LinkState]) -> tuple[Outlook, ReasonCode]:
    """What the desk and audit say of an attestation behind which these looks found these states."""
    about = {"community": "swwiki", "attestation_id": "a-1", "responsibility_id": "HB-01"}
    told: list[Fact] = [
        BaselineAttested(**about, catalogue_version="x", claim="met", statement="W.", link=LINK, valid_until=NOW + DAY)
    ]
    found = (LinkState.CHANGED, LinkState.UNCHANGED)
    told += [BaselineLinkChecked(**about, link_state=s, digest="0" * 64 if s in found else None) for s in looks]
    record = SmallRecord()
    registry = fold([record.tell(fact, "swwiki", NOW, COORDINATOR) for fact in told], Registry("swwiki"))
    record.seal(NOW)
    steps = rows_of([read_entry(*entry) for entry in record.entries], name="swwiki").own
    return weigh(PLAIN, registry.attestations[0], None, NOW), hear(PLAIN, steps, NOW).reason


def test_the_next_level_lacks_only_what_counts_and_is_of_it() -> None:
    rows = [row(1), row(2), row(3, level=2), row(4, level=2), row(5, state="upcoming")]
    lines = lines_of(Registry("swwiki", attestations=(said(),)), rows, {}, (), NOW)
    level, missing = next_level(lines)
    assert (level, [line.row.id for line in missing]) == (1, ["HB-02"])
    told = tuple(said(line.row.id) for line in lines)
    assert next_level(lines_of(Registry("swwiki", attestations=told), rows, {}, (), NOW)) == (0, [])


def test_what_ends_next_comes_first_and_what_has_ended_is_left_out() -> None:
    made = [said("HB-01", valid_until=NOW + 9 * DAY), said("HB-02", valid_until=NOW), said("HB-03")]
    retired = said("HB-08", valid_until=NOW + timedelta(hours=1))
    found = ending(Registry("swwiki", attestations=(*made, retired)), CATALOGUE, NOW)
    assert [a.responsibility_id for a in found] == ["HB-03", "HB-01"]


def audit_that(answers: Callable[[httpx.Request], httpx.Response]) -> AuditScorecards:
    return AuditScorecards(make_http("http://audit", transport=httpx.MockTransport(answers)))


async def test_the_scorecard_of_audit_is_read_as_audit_writes_it() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, content=write_canonical(write_document(scorecard(), values=False)))

    verdict = await audit_that(answer).of("enwiki")
    assert asked == ["/scorecard/enwiki.json"]
    assert verdict is not None
    assert verdict.at == scorecard().as_of.at
    assert verdict.standing == str(scorecard().level_reached)
    for one in ITEMS:
        finding = verdict.findings[one.responsibility_id]
        assert (finding.outcome, finding.reason) == (one.outcome, one.reason)
        assert finding.holds is (one.measured.holds if one.measured else None)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(303, headers={"location": "http://audit/audit/scorecard/enwiki.json"}),
        httpx.Response(404, json={"type": "/errors/community-unknown"}),
        httpx.Response(503),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json={"as_of": {"at": "yesterday"}, "items": []}),
    ],
)
async def test_an_audit_that_shows_nothing_is_no_error(answer: httpx.Response) -> None:
    assert await audit_that(lambda request: answer).of("enwiki") is None


async def test_nothing_waits_long_for_audit() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.sleep(30)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with make_http(f"http://127.0.0.1:{port}", proxies=False) as http:
        began = asyncio.get_running_loop().time()
        assert await AuditScorecards(http, patience=0.05).of("enwiki") is None
        assert asyncio.get_running_loop().time() - began < 5
    server.close()
    nobody = make_http(f"http://127.0.0.1:{port}", proxies=False)
    assert await AuditScorecards(nobody, patience=0.05).of("enwiki") is None


def test_only_what_is_good_is_not_missing() -> None:
    assert {Outlook.MET, Outlook.MEASURED, Outlook.NOT_APPLICABLE} == GOOD
