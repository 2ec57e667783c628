"""From Kafka to the mail server and back to Kafka, on the real parts; the vault stands in over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest

from services.notification.app import build_app
from services.notification.settings import NotificationSettings
from shared.events import FACTS, Event, NotificationFact, decode, encode
from shared.kafka.publisher import Publisher
from tests.support.broker import make_topics, read
from tests.support.notification_world import (
    KEY,
    NAME,
    NARRATIVE,
    Mailbox,
    Story,
    VaultPage,
    eventually,
    mail_server,
    serving,
    texts,
)
from tests.support.people import SIGN_IN
from tests.support.service_keys import files_of


@dataclass
class World:
    """A notification service at work, and what stands around it."""

    settings: NotificationSettings
    vault: VaultPage
    mailbox: Mailbox
    publisher: Publisher

    async def happen(self, events: Sequence[Event]) -> None:
        await self.publisher.publish([encode(event) for event in events])

    async def notifications(self, at_least: int) -> list[Event]:
        records = await read(self.settings.kafka, f"{self.settings.topic_prefix}notifications", at_least)
        events = []
        for record in records:
            headers = {name: value.decode() for name, value in record.headers}
            event = decode(FACTS, headers, record.key, record.value)
            assert event is not None
            events.append(event)
        return events


@pytest.fixture
async def world(kafka: str, mongo_uri: str, prefix: str, database_prefix: str) -> AsyncIterator[World]:
    await make_topics(kafka, prefix, "reports", "parties", "cases", "notifications", "roster", "names")
    vault, mailbox = VaultPage(), Mailbox()
    publisher = Publisher(kafka, client="test", prefix=prefix)
    async with serving(vault.app()) as url, mail_server(mailbox):
        settings = NotificationSettings(
            kafka=kafka,
            mongo=mongo_uri,
            topic_prefix=prefix,
            database_prefix=database_prefix,
            form_key=KEY,
            **files_of("notification"),
            **SIGN_IN,
            intake_url=url,
            smtp=f"127.0.0.1:{mailbox.port}",
            gather_seconds=2,
            port=0,
        )
        yield World(settings, vault, mailbox, publisher)
        await publisher.stop()


@asynccontextmanager
async def running(world: World) -> AsyncIterator[str]:
    async with serving(build_app(world.settings)) as url, httpx.AsyncClient() as http:
        for _ in range(500):
            if (await http.get(f"{url}/health/ready")).status_code == 200:
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError("the service never became ready")
        yield url


async def test_a_contactable_reporter_is_acknowledged_and_the_body_is_told(world: World) -> None:
    story = Story()
    world.vault.people[story.report_id] = {"name": NAME, "email": "sam@example.org", "narrative": NARRATIVE}
    async with running(world):
        await world.happen([story.received(), story.opened(), story.triaged()])
        await eventually(lambda: len(world.mailbox.mails) == 2)
        facts = [event.fact for event in await world.notifications(2)]

    (acknowledgement,) = world.mailbox.to("sam@example.org")
    (notice,) = world.mailbox.to("arbcom@en-wiki.example")
    by_notice = {fact.notice: fact for fact in facts if isinstance(fact, NotificationFact)}
    assert acknowledgement["Message-ID"] == f"<{by_notice['acknowledgement'].message_id}>"
    assert notice["Message-ID"] == f"<{by_notice['new_case'].message_id}>"
    for mail in (acknowledgement, notice):
        whole = mail.as_string() + "".join(texts(mail))
        assert NARRATIVE not in whole
        assert NAME not in whole
