"""Replicas of triage on real Kafka and MongoDB, and what they told."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from services.triage.app import build_app
from services.triage.settings import TriageSettings
from shared.events import FACTS, Event, decode
from tests.support.broker import make_topics, read
from tests.support.people import SIGN_IN
from tests.support.service_keys import files_of
from tests.support.triage_rig import Everywhere

TOPICS = ("reports", "parties", "cases", "erasures", "roster", "names", "baseline")


async def make_settings(
    kafka: str, mongo_uri: str, prefix: str, database_prefix: str, **changed: Any
) -> TriageSettings:
    """The settings of a triage of its own. Its topics are made. `changed`: settings that differ from the usual."""
    await make_topics(kafka, prefix, *TOPICS)
    return TriageSettings(
        kafka=kafka,
        mongo=mongo_uri,
        topic_prefix=prefix,
        database_prefix=database_prefix,
        form_key=b"k" * 32,
        **files_of("triage"),
        **SIGN_IN,
        **changed,
    )


@asynccontextmanager
async def running(settings: TriageSettings, replicas: int = 1, **given: Any) -> AsyncIterator[Sequence[FastAPI]]:
    """So many replicas, which begin together. `given`: what `build_app` takes beside."""
    apps = [build_app(settings, staffing=Everywhere(), **given) for _ in range(replicas)]
    async with asyncio.TaskGroup() as group:
        contexts = [app.router.lifespan_context(app) for app in apps]
        for context in contexts:
            await group.create_task(context.__aenter__())
    try:
        yield apps
    finally:
        await asyncio.gather(*(context.__aexit__(None, None, None) for context in contexts))


async def told(settings: TriageSettings, topic: str, at_least: int) -> list[Event]:
    """The events on a topic, once there are so many."""
    events = []
    for record in await read(settings.kafka, f"{settings.topic_prefix}{topic}", at_least):
        headers = {name: (value or b"").decode() for name, value in record.headers}
        event = decode(FACTS, headers, record.key, record.value)
        assert event is not None
        events.append(event)
    return events
