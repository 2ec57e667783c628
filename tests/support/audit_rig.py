"""What tests of the audit service share: settings, events as Kafka records, tokens, the running application."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from fastapi import FastAPI

from services.audit.app import build_app
from services.audit.settings import AuditSettings
from shared.access.principal import Role
from shared.events import Actor, CaseClosed, CaseOpened, ContentRead, Draft, Event, Fact, Message, encode, stamp
from shared.ids import derive
from shared.kafka.topics import FACT_TOPICS
from tests.support import people
from tests.support.broker import Headers, make_topics
from tests.support.people import COPIES, SIGN_IN
from tests.support.service_keys import files_of

FORM_KEY = bytes(range(32))
SIGNING_KEY = bytes(range(32, 64))
ORIGIN = "test.example/audit"
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def settings_for(**given: Any) -> AuditSettings:
    """Settings with keys; `given` adds or replaces."""
    return AuditSettings(
        **{
            "form_key": FORM_KEY,
            "signing_key": SIGNING_KEY,
            "log_origin": ORIGIN,
            "seal_seconds": 0.2,
            "record_pause": 0,
            "record_decoys": 0,
            **SIGN_IN,
            **files_of("audit"),
            **given,
        }
    )


def bearer(role: Role = Role.AUDITOR, ref: str = "") -> dict[str, str]:
    """The header of a person in this role; `ref` (hex digits) tells several apart."""
    return people.bearer(people.anybody(role) if not ref else people.auditor(ref))


def event_of(
    case: str, seq: int, *, fact: Fact | None = None, trace: str | None = None, parties: Sequence[str] = ()
) -> Event:
    """Event `seq` of a case, with an id that follows from both; the first one opens the case of these `parties`."""
    usual = CaseClosed(previous="decided", state="closed") if seq > 1 else opened(parties)
    draft = Draft(
        fact or usual, Actor("service:triage", "service"), AT + timedelta(seconds=seq), derive(case, str(seq))
    )
    (event,) = stamp(
        [draft], source="hearth/triage", subject=f"case/{case}", case_id=case, last_seq=seq - 1, trace=trace
    )
    return event


def opened(parties: Sequence[str] = ()) -> CaseOpened:
    """A case of these people is opened."""
    return CaseOpened(
        previous=None, state="new", report_id="r", code_name="calm-otter", community="enwiki", category="harassment",
        setting="online", language="en", privacy="private", contactable=False, received_at=AT, parties=tuple(parties),
    )  # fmt: skip


def record_of(event: Event) -> tuple[bytes | None, bytes | None, Headers]:
    """The event as (key, value, headers) for tests.support.broker.write."""
    message: Message = encode(event)
    return message.key, message.value, message.headers


def read_of(case: str, seq: int) -> Event:
    """A fact for the `access` topic."""
    return event_of(case, seq, fact=ContentRead(report_id="r", sections=("content",), purpose="review"))


@asynccontextmanager
async def running(settings: AuditSettings) -> AsyncIterator[httpx.AsyncClient]:
    """The service, started; a client that speaks to it as an auditor."""
    app: FastAPI = build_app(settings, copies=COPIES)
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://audit", headers=bearer()
    )  # fmt: skip
    async with app.router.lifespan_context(app), client:
        yield client


async def make_all_topics(kafka: str, prefix: str, partitions: int = 2) -> None:
    """Every topic the service consumes or writes."""
    await make_topics(kafka, prefix, *(topic.name for topic in FACT_TOPICS), partitions=partitions)


async def eventually(condition: Callable[[], Awaitable[object]], seconds: float = 60) -> Any:
    """Wait until the condition gives something true, and return it."""
    end = time.monotonic() + seconds
    while not (found := await condition()):
        assert time.monotonic() < end, "it did not come to pass in time"
        await asyncio.sleep(0.05)
    return found


async def sizes(client: httpx.AsyncClient) -> dict[str, int]:
    """The size of each log, by the end of its origin."""
    answer = await client.get("/v1/record/logs")
    answer.raise_for_status()
    return {item["path"].removeprefix("logs/"): item["size"] for item in answer.json()["items"]}
