"""The AsyncAPI documents say what the tables say, and every reference in them leads somewhere."""

from collections.abc import Iterator
from typing import Any

import pytest

from shared.events import FACTS
from shared.kafka.asyncapi import describe_service, merged
from shared.kafka.topics import FACT_TOPICS, TOPICS

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


@pytest.mark.parametrize("document", [merged(), *map(describe_service, SERVICES)], ids=["all", *SERVICES])
def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
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
    assert set(document["channels"]) == {"reports.inbox.integrator", *(t.name for t in TOPICS)}
    assert document["channels"]["reports.inbox.integrator"]["address"] == "reports.inbox.{integrator}"
    assert set(document["components"]["messages"]) == set(FACTS)


def test_each_topic_but_the_inbox_and_access_has_one_writer() -> None:
    for topic in FACT_TOPICS:
        if topic.name != "access":
            assert len(topic.writers) == 1, topic.name


def test_every_consumed_topic_has_its_dead_letters() -> None:
    names = {t.name for t in TOPICS}
    assert {f"{t.name}.dlq" for t in FACT_TOPICS if t.consumers and not t.restricted} <= names


def test_a_service_sees_only_its_own_operations() -> None:
    assert all(name.startswith("triage.") for name in describe_service("triage")["operations"])
