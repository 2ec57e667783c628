"""An integrator whose token has ended, on a real Kafka: nothing that it wrote is lost, and nobody else waits."""

import asyncio
import json
from datetime import timedelta

import pytest

from infra import cli
from services.intake.settings import IntakeSettings
from shared import metrics
from shared.kafka.topics import NO_TOKEN
from shared.times import now
from tests.integration.intake.test_service import ready, serving, settings
from tests.integration.shared.test_inbox_attacks import STRUCTURED, Attacked, let_in, report
from tests.support.audit_rig import make_all_topics
from tests.support.batches import batch
from tests.support.broker import read, write_batch

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

BOT = "reports.inbox.bot"


@pytest.fixture
async def given(kafka: str, mongo_uri: str, prefix: str, database_prefix: str) -> IntakeSettings:
    await make_all_topics(kafka, prefix)
    return settings(kafka, mongo_uri, prefix, database_prefix)


async def send(given: IntakeSettings, integrator: str, number: str) -> None:
    inbox = f"{given.topic_prefix}reports.inbox.{integrator}"
    await write_batch(given.kafka, inbox, 0, batch(report(number, source=integrator), headers=STRUCTURED))


async def told(given: IntakeSettings, count: int) -> list[str]:
    """Who wrote the reports that intake told of."""
    records = await read(given.kafka, f"{given.topic_prefix}reports", count)
    return [json.loads(record.value)["writer"] for record in records]


def waiting() -> float:
    return float(metrics.WITHOUT_TOKEN.labels("intake.reports.inbox", "bot")._value.get())


async def test_what_was_written_in_time_is_taken_and_what_came_later_waits_for_a_token(given: IntakeSettings) -> None:
    async with serving(given) as intake:
        await ready(intake)
        await let_in(Attacked(given, intake, intake), "calm")
        ends = now() + timedelta(seconds=10)
        await let_in(Attacked(given, intake, intake), "bot", ends_at=ends)
    # No intake is there while the token ends.
    await send(given, "bot", "1")
    assert now() < ends
    await asyncio.sleep((ends - now()).total_seconds() + 0.5)
    async with serving(given) as intake:
        await ready(intake)
        assert await told(given, 1) == ["bot"]
        before = waiting()
        await send(given, "bot", "2")
        (letter,) = await Attacked(given, intake, intake).letters(1)
        assert (letter.code, letter.topic, letter.offset) == (NO_TOKEN, BOT, 1)
        assert waiting() == before + 1
        await send(given, "calm", "1")
        assert sorted(await told(given, 2)) == ["bot", "calm"]
        await let_in(Attacked(given, intake, intake), "bot", number=2)
        where = ["--kafka", given.kafka, "--topic-prefix", given.topic_prefix]
        retry = ["dead-letters", "retry", "--all", "--topic", BOT, "--code", NO_TOKEN, *where]
        assert await asyncio.to_thread(cli.main, retry) == 0
        assert sorted(await told(given, 3)) == ["bot", "bot", "calm"]
