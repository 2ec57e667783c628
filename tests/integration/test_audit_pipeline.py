"""Events on real Kafka become signed checkpoints over real MongoDB."""

import pytest

from services.audit.note import SigningKey, open_checkpoint
from shared.topics import FACT_TOPICS
from tests.audit_rig import (
    ORIGIN,
    SIGNING_KEY,
    event_of,
    eventually,
    make_all_topics,
    read_of,
    record_of,
    running,
    settings_for,
    sizes,
)
from tests.broker import write

KEY = SigningKey(ORIGIN, SIGNING_KEY).verifier


@pytest.fixture
async def settings(kafka: str, mongo_uri: str, prefix: str, database_prefix: str):
    await make_all_topics(kafka, prefix)
    return settings_for(kafka=kafka, mongo=mongo_uri, topic_prefix=prefix, database_prefix=database_prefix)


async def test_events_on_every_topic_stand_in_signed_checkpoints_and_in_seals(settings) -> None:
    cases = [record_of(event_of(f"case-{n}", seq)) for n in range(20) for seq in (1, 2, 3)]
    await write(settings.kafka, settings.topic_prefix + "cases", *cases)
    await write(settings.kafka, settings.topic_prefix + "access", record_of(read_of("case-1", 1)))
    await write(settings.kafka, settings.topic_prefix + "reports.inbox", (None, b"\xff not json", []))
    async with running(settings) as client:

        async def all_there() -> bool:
            found = await sizes(client)
            return sum(size for log, size in found.items() if log != "seals") == 62

        await eventually(all_there)
        for log in await sizes(client):
            note = (await client.get(f"/v1/record/logs/{log}/checkpoint")).text
            assert open_checkpoint(note, [KEY], f"{ORIGIN}/{log}").size >= 0

        async def sealed() -> bool:
            return (await sizes(client)).get("seals", 0) >= 4

        await eventually(sealed)
    assert len(FACT_TOPICS) == 7
