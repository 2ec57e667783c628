"""AsyncAPI 3.0 documents, made from the tables of topics and facts by which the code runs."""

from functools import cache
from typing import Any

from shared.events import FACTS
from shared.events.freeze import inlined, schema_of
from shared.kafka.inbox_messages import JSON_SCHEMA, inbox_messages
from shared.kafka.topics import INBOX, OUTCOMES, TOPICS, Topic, inbox_of, is_inbox, outcomes_of

INTEGRATOR_KAFKA = "127.0.0.1:9095"
"""Where integrators reach Kafka, if a deployment says nothing else."""

_EXTENSIONS = {
    "ce_specversion": "CloudEvents version, always 1.0.",
    "ce_id": "Identifier of the event; the same for every redelivery.",
    "ce_source": "The service that wrote it, such as hearth/triage.",
    "ce_type": "What happened, with its major version.",
    "ce_time": "When it happened, RFC 3339 in UTC.",
    "ce_subject": "The aggregate, such as case/<id>.",
    "ce_dataschema": "Address of the frozen JSON Schema of the data. In events from before it is the path alone.",
    "ce_caseseq": "Number of the event within its source and subject, from 1, without gaps.",
    "ce_actorref": "Who did it: a reference without identity.",
    "ce_actorrole": "The role they acted in.",
    "ce_cause": "Id of the event or command that led here.",
    "ce_policyversion": "The policy in force, on each event of a case, and where else one was applied.",
    "traceparent": "W3C trace context to continue.",
}
_OPTIONAL = {"ce_policyversion", "traceparent"}
_FORMATS = (
    "CloudEvents 1.0 (binary, structured or batched; type hearth.report.submitted.v1) and Wikimedia Event Platform "
    "events are read; what cannot be understood goes to reports.inbox.dlq with the reason."
)
_INBOX_NOTE = f"Anyone's topic, for demos. {_FORMATS}"
_OWN_INBOX_NOTE = (
    f"The inbox of one integrator, who alone may write there. The source of what it reports is its name. {_FORMATS}"
)


_OUTCOMES_NOTE = (
    "What became of each submission in the inbox of this integrator, who alone may read it, in the consumer group "
    "integrator.{integrator}. The key of what is accepted is the case id."
)
TELLS_INTEGRATORS = "intake"


_SECURITY = {
    "password": {
        "type": "scramSha512",
        "description": "The user is the integrator's name. `hearth topics integrator` makes it, with a password.",
    },
}
_DOOR = (
    "Kafka, as integrators reach it (HEARTH_INTEGRATOR_KAFKA), where the operator has opened the door to it. Each "
    "signs in by its own password, {way}, and may write its inbox and read its outcomes, and nothing else."
)


@cache
def describe_service(service: str, kafka: str = INTEGRATOR_KAFKA, security: str = "plaintext") -> dict[str, Any]:
    """The AsyncAPI document of one service: what it sends, and what it receives. Made once, because anyone may ask.

    `kafka`: the address (host:port) at which integrators reach Kafka. `security`: as HEARTH_KAFKA_SECURITY has it;
    integrators are encrypted where the services are.
    """
    mine = [t for t in TOPICS if service in t.writers or service in t.consumers]
    return _document(f"Hearth {service}", mine, [service], {"kafka": _server(kafka, security)})


@cache
def merged() -> dict[str, Any]:
    """One document of all services, made once."""
    services = sorted({name for t in TOPICS for name in (*t.writers, *t.consumers) if name != "anyone"})
    kinds = {"kafka": "sasl_ssl", "kafka-in-clear": "plaintext"}
    servers = {name: _server(INTEGRATOR_KAFKA, security) for name, security in kinds.items()}
    return _document("Hearth", list(TOPICS), services, servers)


def _server(kafka: str, security: str) -> dict[str, Any]:
    encrypted = security != "plaintext"
    return {
        "host": kafka,
        "protocol": "kafka-secure" if encrypted else "kafka",
        "description": _DOOR.format(way="over TLS" if encrypted else "in clear"),
        "security": [{"$ref": "#/components/securitySchemes/password"}],
    }


def _document(title: str, topics: list[Topic], services: list[str], servers: dict[str, Any]) -> dict[str, Any]:
    told = {topic.name for topic in topics} | ({OUTCOMES} if TELLS_INTEGRATORS in services else set())
    facts = [fact for fact in FACTS.values() if fact.topic in told]
    own = any(is_inbox(topic.name) for topic in topics)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": title,
            "version": "1.0.0",
            "description": "CloudEvents 1.0 in Kafka binary mode; key = case id: a case keeps one partition, in order.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": servers,
        "channels": {topic.name: _channel(topic) for topic in topics} | _inboxes(topics) | _outcomes(services),
        "operations": dict(_operations(topics, services)),
        "components": {
            "messages": {
                fact.type(): {
                    "name": fact.type(),
                    "title": " ".join((fact.__doc__ or "").split()),
                    "contentType": "application/json",
                    "headers": {"$ref": "#/components/schemas/envelope"},
                    "payload": {"schemaFormat": JSON_SCHEMA, "schema": inlined(schema_of(fact))},
                }
                for fact in facts
            }
            | (inbox_messages() if own else {}),
            "securitySchemes": _SECURITY,
            "schemas": {
                "envelope": {
                    "type": "object",
                    "required": [name for name in _EXTENSIONS if name not in _OPTIONAL],
                    "properties": {n: {"type": "string", "description": d} for n, d in _EXTENSIONS.items()},
                }
            },
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": topic.name,
        "bindings": {
            "kafka": {
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": topic.cleanup.split(","),
                    "retention.ms": topic.retention_ms,
                    "max.message.bytes": topic.max_bytes,
                },
            }
        },
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _messages_of(topic)},
    }
    if "anyone" in topic.writers:
        channel["description"] = _INBOX_NOTE
    elif topic.name.endswith(".dlq"):
        channel["description"] = (
            "Dead letters: original bytes, key and headers, plus hearth_dead_* headers with the reason."
        )
    return channel


def _messages_of(topic: Topic) -> list[str]:
    if is_inbox(topic.name):
        return list(inbox_messages())
    return [fact.type() for fact in FACTS.values() if topic.name in (fact.topic, f"{fact.topic}.integrator")]


def _inboxes(topics: list[Topic]) -> dict[str, Any]:
    """The channel of all inboxes of integrators, beside that of the open inbox."""
    if all(topic.name != INBOX for topic in topics):
        return {}
    return {f"{INBOX}.integrator": _of_integrators(inbox_of("integrator"), INBOX, _OWN_INBOX_NOTE)}


def _outcomes(services: list[str]) -> dict[str, Any]:
    """The channel of what each integrator is told."""
    if TELLS_INTEGRATORS not in services:
        return {}
    return {f"{OUTCOMES}.integrator": _of_integrators(outcomes_of("integrator"), OUTCOMES, _OUTCOMES_NOTE)}


def _of_integrators(topic: Topic, stem: str, note: str) -> dict[str, Any]:
    parameter = {"description": "The name of the integrator: its user at Kafka, and its source."}
    about = {"address": f"{stem}.{{integrator}}", "description": note, "parameters": {"integrator": parameter}}
    return _channel(topic) | about


def _operations(topics: list[Topic], services: list[str]) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for service in services:
        for topic in topics:
            if service in topic.writers:
                found.append((f"{service}.sends.{topic.name}", _operation("send", topic)))
            if service in topic.consumers:
                found.append((f"{service}.receives.{topic.name}", _operation("receive", topic)))
        if service == TELLS_INTEGRATORS:
            found.append((f"{service}.sends.{OUTCOMES}", _operation("send", outcomes_of("integrator"))))
    return found


def _operation(action: str, topic: Topic) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{topic.name}"}}
