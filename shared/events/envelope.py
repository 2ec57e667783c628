"""The envelope every fact travels in: CloudEvents 1.0, Kafka binary mode (`ce_*` headers), plus Hearth's extensions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.addresses import LOCAL, SCHEMAS
from shared.copies import maker, quick
from shared.ids import derive
from shared.problems import Malformed
from shared.times import parse_rfc3339, rfc3339

TYPE_PREFIX = "hearth."


class Fact(BaseModel):
    """What happened, in the past tense. Readers ignore fields they do not know, so that contracts can grow."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    topic: ClassVar[str]
    name: ClassVar[str]
    version: ClassVar[str] = "1.0"

    @classmethod
    def type(cls) -> str:
        """The CloudEvents type, with the major version: `hearth.report.received.v1`."""
        return f"{TYPE_PREFIX}{cls.name}.v{cls.version.partition('.')[0]}"

    @classmethod
    def schema_path(cls) -> str:
        """Where the frozen JSON Schema of this version stands, relative to the schemas' root."""
        return f"{cls.name}/{cls.version}.json"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: a reference without identity (`service:triage`, `responder:5f2c…`) and the role they acted in."""

    ref: str
    role: str


@quick
@dataclass(frozen=True, slots=True)
class Draft:
    """A fact before it has a place in its aggregate: what happened, who did it, when (UTC-aware), and why."""

    fact: Fact
    actor: Actor
    at: datetime
    cause: str
    policy_version: str | None = None


@quick
@dataclass(frozen=True, slots=True)
class Event:
    """A fact in its envelope.

    `subject` names the aggregate (`case/<id>`), `case_seq` counts its events from 1 without gaps, `cause` is the id of
    the event or command that led here, `trace` is the W3C traceparent to continue.
    """

    id: str
    source: str
    subject: str
    time: datetime
    case_id: str
    case_seq: int
    actor: Actor
    cause: str
    policy_version: str | None
    fact: Fact
    trace: str | None = None

    def with_trace(self, trace: str | None) -> "Event":
        """The same event, continuing another traceparent."""
        return self if trace == self.trace else replace(self, trace=trace)


_make_event = maker(Event)


@dataclass(frozen=True, slots=True)
class Message:
    """Bytes for one Kafka record. `topic` is the logical name, without any deployment prefix."""

    topic: str
    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    value: bytes | None


def stamp(
    drafts: Sequence[Draft], *, source: str, subject: str, case_id: str, last_seq: int, trace: str | None
) -> list[Event]:
    """Give each draft its id (derived from cause, subject and place) and its number after `last_seq`."""
    return [
        _make_event(
            id=derive(draft.cause, subject, draft.fact.name, str(offset)),
            source=source,
            subject=subject,
            time=draft.at,
            case_id=case_id,
            case_seq=last_seq + 1 + offset,
            actor=draft.actor,
            cause=draft.cause,
            policy_version=draft.policy_version,
            fact=draft.fact,
            trace=trace,
        )
        for offset, draft in enumerate(drafts)
    ]


def encode(event: Event, public_url: str = LOCAL) -> Message:
    """The Kafka record of an event: CloudEvents binary mode, key = case id, so that a case keeps one partition.

    `public_url`: where the schemas can be read, without a slash at the end. CloudEvents 1.0 asks for an absolute URI.
    Records from before have the path alone.
    """
    fact = event.fact
    kind, schema = _kind_of(type(fact), public_url)
    headers: list[tuple[str, bytes | None]] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event.id.encode()),
        ("ce_source", event.source.encode()),
        ("ce_type", kind),
        ("ce_time", rfc3339(event.time).encode()),
        ("ce_subject", event.subject.encode()),
        ("ce_dataschema", schema),
        ("content-type", b"application/json"),
        ("ce_caseseq", str(event.case_seq).encode()),
        ("ce_actorref", event.actor.ref.encode()),
        ("ce_actorrole", event.actor.role.encode()),
        ("ce_cause", event.cause.encode()),
    ]
    if event.policy_version:
        headers.append(("ce_policyversion", event.policy_version.encode()))
    if event.trace:
        headers.append(("traceparent", event.trace.encode()))
    value = fact.__pydantic_serializer__.to_json(fact)
    return Message(fact.topic, event.case_id.encode(), tuple(headers), value)


@cache
def _kind_of(fact: type[Fact], public_url: str) -> tuple[bytes, bytes]:
    """The type of a fact and where its schema stands, as the headers have them."""
    return fact.type().encode(), f"{public_url}{SCHEMAS}{fact.schema_path()}".encode()


REQUIRED = dict.fromkeys((
    "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject",
    "ce_caseseq", "ce_actorref", "ce_actorrole", "ce_cause",
))  # fmt: skip


def decode(
    facts: Mapping[str, type[Fact]], headers: Mapping[str, str], key: bytes | None, value: bytes
) -> Event | None:
    """The event in a record, or None for a type this reader does not know.

    Raises Malformed (`missing_attribute`, `unknown_version`, `invalid_data`, …) when it can never be understood.
    """
    ce_type = headers.get("ce_type")
    if ce_type is None:
        raise Malformed("missing_attribute", "ce_type is missing")
    model = facts.get(ce_type)
    if model is None:
        stem = ce_type.rpartition(".v")[0]
        if any(known.rpartition(".v")[0] == stem for known in facts):
            raise Malformed("unknown_version", f"no reader for this major version of {stem}")
        return None
    if not REQUIRED.keys() <= headers.keys():
        missing = [name for name in REQUIRED if name not in headers]
        raise Malformed("missing_attribute", f"{', '.join(missing)} missing")
    if headers["ce_specversion"] != "1.0":
        raise Malformed("unknown_specversion", "only CloudEvents 1.0 is read")
    try:
        fact = model.model_validate_json(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        pointer = "/" + "/".join(str(part) for part in first["loc"])
        raise Malformed("invalid_data", f"{pointer}: {first['type']}") from None
    try:
        return Event(
            id=headers["ce_id"],
            source=headers["ce_source"],
            subject=headers["ce_subject"],
            time=parse_rfc3339(headers["ce_time"]),
            case_id=(key or b"").decode(),
            case_seq=int(headers["ce_caseseq"]),
            actor=Actor(headers["ce_actorref"], headers["ce_actorrole"]),
            cause=headers["ce_cause"],
            policy_version=headers.get("ce_policyversion"),
            fact=fact,
            trace=headers.get("traceparent"),
        )
    except ValueError as error:
        raise Malformed("invalid_attribute", "ce_time, ce_caseseq or the key cannot be read") from error
