"""`hearth dead-letters`: what could not be understood, to look at, to send again, or to give up for good."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import typer
from rich.console import RenderableType

from infra.commands.console import USAGE, AsJson, Trouble, answer, commands, count, note, table
from infra.commands.kafka.broker import read_to_end
from infra.commands.options import KAFKA, Kafka, TopicPrefix, kafka_access
from shared.events import Message
from shared.kafka.dead_letters import DeadLetter
from shared.kafka.publisher import Publisher
from shared.kafka.topics import FACT_TOPICS, INBOX, dead_letters_of, is_inbox, writer_of
from shared.problems import Unavailable

app = commands("List, show, retry or discard dead letters.")

CONSUMED = tuple(topic.name for topic in FACT_TOPICS if topic.consumers and not topic.restricted)
PREVIEW_BYTES = 4096

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="As listed: group/partition/offset.")]
All = Annotated[bool, typer.Option("--all", help="All that the filters let through.")]
Topic = Annotated[str | None, typer.Option("--topic", help="Only those of this topic.")]
Group = Annotated[str | None, typer.Option("--group", help="Only those of this consumer group.")]
Code = Annotated[str | None, typer.Option("--code", help="Only those given up for this reason.")]
Content = Annotated[
    bool, typer.Option("--content", help="Also key, header values and value. They may hold personal data.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@dataclass(frozen=True, slots=True)
class Entry:
    """A dead letter that is not settled. `size` is that of its value in bytes, also if the value is left out."""

    letter: DeadLetter
    size: int

    @property
    def id(self) -> str:
        """The name for people. It needs no quoting in a shell."""
        return self.letter.id.replace("|", "/")

    def document(self) -> dict[str, object]:
        """What anybody may see: no key, no header value, no content."""
        letter = self.letter
        return {
            "id": printable(self.id), "topic": printable(letter.topic), "group": printable(letter.group),
            "partition": letter.partition, "offset": letter.offset, "code": printable(letter.code),
            "detail": printable(letter.detail), "at": printable(letter.at), "size": self.size, "whole": letter.whole,
        }  # fmt: skip


async def unsettled(
    kafka: str, prefix: str, topics: Iterable[str] = CONSUMED, *, with_values: bool = True
) -> list[Entry]:
    """The dead letters of these topics, oldest first. The newest record of a key counts, and a tombstone settles it.

    `with_values` False keeps only the sizes, so that a list needs little memory. Raises Trouble.
    """
    newest: dict[tuple[str, bytes | None], Entry] = {}
    async for record in read_to_end(kafka, [dead_letters_of(topic) for topic in topics], prefix):
        place = (record.topic, record.key)
        if record.value is None:
            newest.pop(place, None)
            continue
        try:
            letter = DeadLetter.read(record)
        except ValueError:
            # Only consumers write here. A record that is no dead letter has no place to go back to.
            continue
        size = len(letter.value or b"")
        newest[place] = Entry(letter if with_values else replace(letter, value=None), size)
    return sorted(newest.values(), key=lambda entry: (entry.letter.at, entry.id))


@app.command("list")
def list_letters(
    kafka: Kafka = KAFKA,
    topic_prefix: TopicPrefix = "",
    topic: Topic = None,
    group: Group = None,
    code: Code = None,
    as_json: AsJson = False,
) -> None:
    """List the dead letters that wait, oldest first."""
    found = asyncio.run(unsettled(kafka, topic_prefix, _topics(topic), with_values=False))
    entries = [entry for entry in found if _matches(entry, topic, group, code)]
    answer({"items": [entry.document() for entry in entries], "next": None}, as_json, lambda: _list(entries))


@app.command()
def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="As listed: group/partition/offset.")],
    content: Content = False,
    kafka: Kafka = KAFKA,
    topic_prefix: TopicPrefix = "",
    as_json: AsJson = False,
) -> None:
    """Show one dead letter; its content only on demand."""
    (entry,) = asyncio.run(_named(kafka, topic_prefix, [letter_id]))
    letter = entry.letter
    document = entry.document()
    if content:
        document["key"] = None if letter.key is None else preview(letter.key)
        document["headers"] = [
            [printable(name), None if value is None else preview(value)] for name, value in letter.headers
        ]
        document["value"] = None if letter.value is None else preview(letter.value)
    else:
        document["headers"] = [[printable(name), f"{len(value or b'')} bytes"] for name, value in letter.headers]
    answer(document, as_json, lambda: _details(document))
    if not content and not as_json:
        note("Key, header values and content are not shown, as they may hold personal data; --content shows them.")


@app.command()
def retry(
    ids: Ids = None,
    everything: All = False,
    topic: Topic = None,
    group: Group = None,
    code: Code = None,
    kafka: Kafka = KAFKA,
    topic_prefix: TopicPrefix = "",
    as_json: AsJson = False,
) -> None:
    """Publish the original bytes, key and headers on the original topic again, then settle the dead letter.

    A letter without the bytes of one record waits on: `show` calls it not whole.
    """

    async def run() -> list[Entry]:
        entries = await _chosen(kafka, topic_prefix, ids, everything, topic, group, code)
        if ids and (parts := [entry.id for entry in entries if not entry.letter.whole]):
            raise Trouble(f"{parts[0]} does not hold the bytes of one record, so it cannot be sent again.")
        entries = [entry for entry in entries if entry.letter.whole]
        # Only what the broker has acknowledged is settled. After a crash in between it is sent twice, never lost.
        steps = [[message] for e in entries for message in (e.letter.original(), e.letter.tombstone())]
        await _publish(kafka, topic_prefix, steps, "the dead letter still waits")
        return entries

    done = [entry.id for entry in asyncio.run(run())]
    answer({"retried": done}, as_json, lambda: f"Sent {count(len(done), 'dead letter')} again.")


@app.command()
def discard(
    ids: Ids = None,
    everything: All = False,
    topic: Topic = None,
    group: Group = None,
    code: Code = None,
    yes: Yes = False,
    kafka: Kafka = KAFKA,
    topic_prefix: TopicPrefix = "",
    as_json: AsJson = False,
) -> None:
    """Settle dead letters without sending them again. Their bytes are lost."""
    if as_json and not yes:
        raise Trouble("With --json nobody can be asked: add --yes.", USAGE)
    entries = asyncio.run(_chosen(kafka, topic_prefix, ids, everything, topic, group, code))
    if entries and not yes:
        typer.confirm(f"Discard {count(len(entries), 'dead letter')} for good?", abort=True, err=True)
    if entries:
        tombstones = [entry.letter.tombstone() for entry in entries]
        asyncio.run(_publish(kafka, topic_prefix, [tombstones], "run it again"))
    done = [entry.id for entry in entries]
    answer({"discarded": done}, as_json, lambda: f"Discarded {count(len(done), 'dead letter')}.")


async def _publish(kafka: str, prefix: str, steps: Sequence[Sequence[Message]], otherwise: str) -> None:
    """Publish what each step says, one step after the other. Raises Trouble with what to do `otherwise`."""
    publisher = Publisher(kafka, client="cli", prefix=prefix, access=kafka_access(prefix))
    try:
        for messages in steps:
            await publisher.publish(messages)
    except Unavailable:
        raise Trouble(f"Kafka at {kafka} did not take it; {otherwise}.") from None
    finally:
        await publisher.stop()


def preview(data: bytes) -> str:
    """The first bytes as text, or in hexadecimal when the whole is not printable UTF-8."""
    cut = data[:PREVIEW_BYTES]
    # A character cut in two at the end is left out.
    shown = cut.decode("utf-8", "ignore") if _is_text(data) else f"hex {cut.hex(' ', 4)}"
    return shown if len(cut) == len(data) else f"{shown} … ({len(data)} bytes in all)"


def _is_text(data: bytes) -> bool:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    # Other characters could give orders to the terminal.
    return all(character.isprintable() or character in "\t\n" for character in text)


def printable(text: str) -> str:
    """The text with escapes for what could give orders to a terminal, or turn its lines around."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


async def _chosen(
    kafka: str,
    prefix: str,
    ids: Sequence[str] | None,
    everything: bool,
    topic: str | None,
    group: str | None,
    code: str | None,
) -> list[Entry]:
    if ids and (everything or topic or group or code):
        raise Trouble("Name dead letters, or choose with --all and filters; not both.", USAGE)
    if ids:
        return await _named(kafka, prefix, ids)
    if not everything:
        raise Trouble("Name the dead letters, or say --all.", USAGE)
    found = await unsettled(kafka, prefix, _topics(topic))
    return [entry for entry in found if _matches(entry, topic, group, code)]


async def _named(kafka: str, prefix: str, ids: Sequence[str]) -> list[Entry]:
    wanted = [letter_id.replace("|", "/") for letter_id in ids]
    # A group is called service.topic, so the id tells where to look.
    topics = [t for t in CONSUMED if any(_is_of(t, i.partition("/")[0].partition(".")[2]) for i in wanted)]
    found = {entry.id: entry for entry in await unsettled(kafka, prefix, topics)}
    for letter_id in wanted:
        if letter_id not in found:
            raise Trouble(f"No dead letter {letter_id} is waiting.")
    return [found[letter_id] for letter_id in dict.fromkeys(wanted)]


def _is_of(topic: str, found: str) -> bool:
    return found == topic or (topic == INBOX and is_inbox(found))


def _topics(topic: str | None) -> Sequence[str]:
    if topic is not None and writer_of(topic):
        return (INBOX,)
    if topic is not None and topic not in CONSUMED:
        raise Trouble(f"Topic {topic} has no dead letters; these have: {', '.join(CONSUMED)}.", USAGE)
    return CONSUMED if topic is None else (topic,)


def _matches(entry: Entry, topic: str | None, group: str | None, code: str | None) -> bool:
    if topic and writer_of(topic) and entry.letter.topic != topic:
        return False
    return group in (None, entry.letter.group) and code in (None, entry.letter.code)


def _list(entries: list[Entry]) -> RenderableType:
    if not entries:
        return "No dead letters are waiting."
    shown = [entry.document() for entry in entries]
    columns = ("id", "at", "code", "detail", "size")
    return table(
        ("Id", "Given up", "Reason", "Detail", "Bytes"), [[entry[name] for name in columns] for entry in shown]
    )


def _details(document: dict[str, object]) -> RenderableType:
    return table(
        ("", ""),
        [(n, v if isinstance(v, str | int) else json.dumps(v, ensure_ascii=False)) for n, v in document.items()],
    )
