"""The AsyncAPI documents say what the tables say, and every reference in them leads somewhere."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from infra.commands.kafka.way_in import WayIn
from services.intake.sources import read
from services.intake.sources.arrival import Context, Raw
from shared.events import FACTS
from shared.kafka.asyncapi import describe_service, merged
from shared.kafka.inbox_messages import inbox_messages
from shared.kafka.topics import FACT_TOPICS, INBOX, LARGEST_RECORD, TOPICS
from shared.policy import load_policy
from shared.times import now
from tests.support.node_tools import answer_of

SERVICES = ("intake", "triage", "notification", "audit")


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str) and node["$ref"].startswith("#/c"):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


@pytest.mark.parametrize(
    "describe", [merged, *(partial(describe_service, name) for name in SERVICES)], ids=["all", *SERVICES]
)
def test_every_reference_leads_somewhere(describe: Callable[[], dict[str, Any]]) -> None:
    document = describe()
    assert document["asyncapi"] == "3.0.0"
    found = list(references(document))
    assert found
    for reference in found:
        if reference.startswith("#/components/messages/"):
            assert reference.removeprefix("#/components/messages/") in document["components"]["messages"]
        elif reference.startswith("#/channels/"):
            assert reference.removeprefix("#/channels/") in document["channels"]


def test_the_merged_document_holds_every_topic_and_every_fact() -> None:
    document = merged()
    assert set(document["channels"]) == {
        "reports.inbox.integrator", "reports.outcomes.integrator", *(t.name for t in TOPICS)
    }  # fmt: skip
    assert document["channels"]["reports.inbox.integrator"]["address"] == "reports.inbox.{integrator}"
    assert set(document["components"]["messages"]) == {*FACTS, *inbox_messages()}


def test_each_topic_but_the_inbox_and_access_has_one_writer() -> None:
    for topic in FACT_TOPICS:
        if topic.name != "access":
            assert len(topic.writers) == 1, topic.name


def test_every_consumed_topic_has_its_dead_letters() -> None:
    names = {t.name for t in TOPICS}
    assert {f"{t.name}.dlq" for t in FACT_TOPICS if t.consumers and not t.restricted} <= names


def test_a_service_sees_only_its_own_operations() -> None:
    assert all(name.startswith("triage.") for name in describe_service("triage")["operations"])


def test_the_standard_parser_takes_every_document(tmp_path: Path) -> None:
    documents = {"all": merged(), **{service: describe_service(service) for service in SERVICES}}
    documents["secure"] = describe_service("intake", "kafka.example.org:9095", "sasl_ssl")
    paths = [tmp_path / f"{name}.json" for name in documents]
    for path, document in zip(paths, documents.values(), strict=True):
        path.write_text(json.dumps(document), encoding="utf-8")
    assert answer_of("asyncapi.cjs", paths) == {str(path): [] for path in paths}


EXAMPLES = [
    pytest.param(message, example, id=f"{name}-{number}")
    for name, message in inbox_messages().items()
    for number, example in enumerate(message["examples"])
]


@pytest.mark.parametrize(("message", "example"), EXAMPLES)
def test_intake_reads_each_example_of_a_report(message: dict[str, Any], example: dict[str, Any]) -> None:
    value = json.dumps(example["payload"]).encode()
    assert len(value) <= message["x-most-bytes"]
    parsed = read(Raw("kafka", example["headers"], value), Context(load_policy(), now()))
    assert parsed.faults == ()
    assert len(parsed.arrivals) == (len(example["payload"]) if isinstance(example["payload"], list) else 1)
    assert not any(arrival.remarks for arrival in parsed.arrivals)


@pytest.mark.parametrize(("message", "example"), EXAMPLES)
def test_each_example_is_as_its_schemas_say(message: dict[str, Any], example: dict[str, Any]) -> None:
    jsonschema.validate(example["payload"], message["payload"]["schema"], jsonschema.Draft202012Validator)
    jsonschema.validate(example["headers"], message["headers"], jsonschema.Draft202012Validator)


def test_the_inboxes_say_what_is_written_there() -> None:
    channels = merged()["channels"]
    for name in (INBOX, f"{INBOX}.integrator"):
        assert set(channels[name]["messages"]) == set(inbox_messages())
        assert channels[name]["bindings"]["kafka"]["topicConfiguration"]["max.message.bytes"] == LARGEST_RECORD


@pytest.mark.parametrize(
    ("security", "protocol"), [("plaintext", "kafka"), ("ssl", "kafka-secure"), ("sasl_ssl", "kafka-secure")]
)
def test_a_document_says_where_kafka_is_and_how_to_get_in(security: str, protocol: str) -> None:
    document = describe_service("intake", "kafka.example.org:9095", security)
    server = document["servers"]["kafka"]
    assert (server["host"], server["protocol"]) == ("kafka.example.org:9095", protocol)
    assert server["security"] == [{"$ref": "#/components/securitySchemes/password"}]
    assert document["components"]["securitySchemes"]["password"]["type"] == "scramSha512"
    # What the operator's command tells an integrator is the same.
    needs = WayIn("wiki", "kafka.example.org:9095", "", is_open=False, is_encrypted=security != "plaintext").needs()
    assert (needs["security.protocol"] == "SASL_SSL") == (protocol == "kafka-secure")
    assert needs["sasl.mechanism"] == "SCRAM-SHA-512"
