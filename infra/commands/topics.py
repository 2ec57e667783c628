"""`hearth topics`: make the broker's topics what shared/topics.py says, or show where they differ."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer
from aiokafka.admin import AIOKafkaAdminClient
from rich.console import RenderableType

from infra.commands.broker import ask_admin
from infra.commands.console import FINDING, AsJson, answer, commands, count, table
from infra.commands.options import KAFKA, Kafka, TopicPrefix, Wait
from shared.topics import TOPICS, Drift, create_topics, find_drift

app = commands("Create the topics, or check that the broker has them as they should be.")

Replication = Annotated[int, typer.Option("--replication", min=1, help="Copies of each partition of a new topic.")]


@app.command()
def create(
    kafka: Kafka = KAFKA,
    topic_prefix: TopicPrefix = "",
    replication: Replication = 1,
    wait: Wait = 0,
    as_json: AsJson = False,
) -> None:
    """Create the topics that are missing. Safe to repeat; nothing is ever deleted."""

    async def create_and_see(admin: AIOKafkaAdminClient) -> list[str]:
        made = await create_topics(admin, topic_prefix, replication=replication)
        # The controller answers before the brokers know; whoever comes next is to find the topics.
        while True:
            if {topic_prefix + t.name for t in TOPICS} <= set(await admin.list_topics()):
                return made
            await asyncio.sleep(0.2)

    touched = asyncio.run(ask_admin(kafka, wait, create_and_see))
    text = f"Created: {', '.join(touched)}." if touched else f"All {len(TOPICS)} topics are there already."
    answer({"created": touched, "topics": len(TOPICS)}, as_json, lambda: text)


@app.command()
def check(kafka: Kafka = KAFKA, topic_prefix: TopicPrefix = "", wait: Wait = 0, as_json: AsJson = False) -> None:
    """Compare the broker with the table; exit status 1 when they differ."""
    drift = asyncio.run(ask_admin(kafka, wait, lambda admin: find_drift(admin, topic_prefix)))
    answer({"drift": [asdict(d) for d in drift], "topics": len(TOPICS)}, as_json, lambda: _show(drift))
    if drift:
        raise typer.Exit(FINDING)


def _show(drift: list[Drift]) -> RenderableType:
    if not drift:
        return f"All {count(len(TOPICS), 'topic')} are as they should be."
    return table(("Topic", "What", "Wanted", "Found"), [(d.topic, d.what, d.wanted, d.found) for d in drift])
