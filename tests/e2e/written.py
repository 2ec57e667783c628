"""Everything that a system on a local stack has written anywhere: files, records, documents, logs, spans, mails."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
from email.parser import BytesParser
from email.policy import SMTP
from pathlib import Path

import httpx
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from infra.local.system import System
from tests.e2e.collector import Seen
from tests.support.broker import admin_of, read


def places(system: System, spans: Iterable[Seen]) -> Iterator[tuple[str, bytes]]:
    """Everything that the run has left anywhere, by the name of the place."""
    stack = system.stack
    yield from mongo_documents(stack.mongo)
    yield from kafka_records(stack.kafka)
    folder = Path(stack.logs).parent
    for path in sorted(p for part in ("kafka", "mongo") for p in (folder / part).rglob("*") if p.is_file()):
        part, *rest = path.relative_to(folder).parts
        topic = rest[-2].rpartition("-")[0] if part == "kafka" and len(rest) > 1 else ""
        with suppress(FileNotFoundError):  # servers replace small files of theirs at any time
            # Both servers make files longer than what they hold, and a search through zeros is most of the work.
            yield f"{part} files {topic}".strip(), path.read_bytes().rstrip(b"\0")
    for path in sorted(Path(stack.logs).glob("*.log")):
        yield f"log of {path.stem}", path.read_bytes()
    for name in system.processes:
        yield f"metrics of {name}", httpx.get(f"{system.processes[name].inside}/metrics").content
    for span in spans:
        yield "spans", span.text.encode()
    yield from mails(stack.mail_url)


def mongo_documents(uri: str) -> Iterator[tuple[str, bytes]]:
    client: MongoClient[RawBSONDocument] = MongoClient(uri, document_class=RawBSONDocument)
    with client:
        for database in client.list_database_names():
            for collection in client[database].list_collection_names():
                whole = client[database].get_collection(collection, CodecOptions(RawBSONDocument)).find()
                yield f"mongo documents {database}.{collection}", b"\n".join(document.raw for document in whole)
        # What is in memory only goes to the files now, so that they can be read.
        client.admin.command("fsync")


def kafka_records(kafka: str) -> Iterator[tuple[str, bytes]]:
    async def everything() -> list[tuple[str, bytes]]:
        topics = await topics_of(kafka)
        return [
            (f"kafka records {topic}", repr((r.key, r.headers)).encode() + (r.value or b""))
            for topic, records in zip(topics, await asyncio.gather(*(read(kafka, t) for t in topics)), strict=True)
            for r in records
        ]

    yield from asyncio.run(everything())


def mails(url: str) -> Iterator[tuple[str, bytes]]:
    """The To header of each mail apart from all else of it, as it came and decoded."""
    for listed in httpx.get(f"{url}/api/v1/messages", params={"limit": 1000}).json()["messages"]:
        raw = httpx.get(f"{url}/api/v1/message/{listed['ID']}/raw").content
        message = BytesParser(policy=SMTP).parsebytes(raw)
        recipients = str(message["To"])
        yield f"mail to {recipients}", recipients.encode()
        del message["To"]
        bodies = [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
        yield "mails", "\n".join([str(message), *bodies]).encode()


async def topics_of(kafka: str) -> list[str]:
    """All but the broker's own."""
    async with admin_of(kafka) as admin:
        return [topic for topic in await admin.list_topics() if not topic.startswith("__")]
