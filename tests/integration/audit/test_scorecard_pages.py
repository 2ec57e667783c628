"""From an event on real Kafka to the page that everybody reads, over real MongoDB."""

import time

import httpx
import pytest

from services.audit.settings import AuditSettings
from shared.events import Draft, Fact, stamp
from shared.ids import derive
from shared.times import now
from tests.support.audit_rig import bearer, eventually, make_all_topics, record_of, running, settings_for
from tests.support.broker import write
from tests.support.scorecard_record import COORDINATOR, DAY, TRIAGE, attested, met, opened, triaged

SOON = 5
"""Seconds after its checkpoint in which a page must show what is new."""


@pytest.fixture
async def settings(kafka: str, mongo_uri: str, prefix: str, database_prefix: str) -> AuditSettings:
    await make_all_topics(kafka, prefix)
    return settings_for(kafka=kafka, mongo=mongo_uri, topic_prefix=prefix, database_prefix=database_prefix)


async def tell(settings: AuditSettings, key: str, *facts: Fact) -> None:
    """Publish these facts of one aggregate."""
    actor = COORDINATOR if facts[0].topic == "baseline" else TRIAGE
    drafts = [Draft(fact, actor, now(), derive(key, str(number))) for number, fact in enumerate(facts)]
    events = stamp(drafts, source="hearth/triage", subject=key, case_id=key, last_seq=0, trace=None)
    await write(settings.kafka, settings.topic_prefix + facts[0].topic, *(record_of(event) for event in events))


async def outcome(client: httpx.AsyncClient, name: str) -> str:
    answer = await client.get("/scorecard/enwiki.json")
    items = answer.json().get("items", [])
    return next((str(one["outcome"]) for one in items if one["id"] == name), "")


async def test_what_is_told_on_kafka_stands_on_the_page_soon(settings: AuditSettings) -> None:
    async with running(settings) as client:
        at = now()
        await tell(settings, "enwiki", attested(ends=at + 100 * DAY, link_seen_at=at))

        async def is_met() -> bool:
            return await outcome(client, "HB-01") == "met"

        await eventually(is_met)
        for number in range(6):
            await tell(
                settings,
                f"case-{number}",
                opened(at - 2 * DAY),
                triaged(at),
                met("acknowledgement", at - 47 * DAY / 24),
            )

        async def is_kept() -> bool:
            return await outcome(client, "HB-03") == "met"

        await eventually(is_kept)
        for number in range(6, 9):
            await tell(settings, f"case-{number}", opened(at - 2 * DAY), triaged(at))
        began = time.monotonic()

        async def is_late() -> bool:
            return await outcome(client, "HB-03") == "not_met"

        await eventually(is_late)
        # A checkpoint comes every 0.2 s here.
        assert time.monotonic() - began < SOON
        page = await client.get("/scorecard/enwiki", headers={"Accept": "text/html"})
        assert "Measured from the record: it does not hold." in page.text
        assert "⧼" not in page.text
        inside = await client.get("/audit/scorecard/enwiki", headers=bearer())
        assert "5 to 9 cases" in inside.text
        assert (await client.get("/scorecard")).text.count("Not yet safe to report") > 1
