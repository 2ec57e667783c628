"""What tests of rights ask a secure Kafka as any user; by another client than ours, so the broker itself answers."""

import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from infra.credentials import Credentials, read_secret

SECONDS = 30.0
SHUT_OUT = {KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError._ALL_BROKERS_DOWN}
REFUSED = {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED}


def as_user(kafka: str, ca: Path | None, user: str, password: str) -> dict[str, Any]:
    """The settings of a client that signs in by password; without an authority in clear."""
    return {
        "bootstrap.servers": kafka,
        "security.protocol": "SASL_SSL" if ca else "SASL_PLAINTEXT",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": user,
        "sasl.password": password,
        **({"ssl.ca.location": str(ca)} if ca else {}),
        "log_level": 0,
    }


def as_service(kafka: str, credentials: Credentials, user: str, prefix: str = "") -> dict[str, Any]:
    """The settings of a client that signs in as a service (or `hearth`) does."""
    return as_user(kafka, credentials.ca, prefix + user, read_secret(credentials.kafka_password(user)))


def as_operator(bootstrap: str, credentials: Credentials) -> dict[str, Any]:
    """The settings of a client that shows the operator's certificate."""
    return {
        "bootstrap.servers": bootstrap,
        "security.protocol": "SSL",
        "ssl.ca.location": str(credentials.ca),
        "ssl.certificate.location": str(credentials.certificate("operator")),
        "ssl.key.location": str(credentials.certificate("operator")),
        "log_level": 0,
    }


def writable(client: dict[str, Any], topics: Collection[str]) -> set[str]:
    """Those topics that take a record from this client; the others must be refused for want of a right."""
    producer = Producer({**client, "message.timeout.ms": int(SECONDS * 1000), "acks": "all"})
    answers: dict[str | None, KafkaError | None] = {}
    for topic in topics:
        # To one partition, the one that `readable` looks at, and with a key, as compacted topics want it.
        producer.produce(
            topic, b"probe", b"key", partition=0, on_delivery=lambda error, m: answers.update({m.topic(): error})
        )
    producer.flush(SECONDS)
    assert answers.keys() == set(topics)
    assert {error.code() for error in answers.values() if error} <= REFUSED, answers
    return {topic for topic in topics if answers[topic] is None}


def readable(client: dict[str, Any], topics: Collection[str], group: str = "any") -> set[str]:
    """Those topics of which this client is given a record; each must hold one, and the others must be refused."""
    consumer = Consumer({**client, "group.id": group, "enable.auto.commit": False})
    given: set[str] = set()
    refused: set[str] = set()
    try:
        for topic in topics:
            error = consumer.list_topics(topic, timeout=SECONDS).topics[topic].error
            assert error is None or error.code() in REFUSED, error
            if error is not None:
                refused.add(topic)
        consumer.assign([TopicPartition(topic, 0, 0) for topic in set(topics) - refused])
        until = time.monotonic() + SECONDS
        while given | refused != set(topics) and time.monotonic() < until:
            message = consumer.poll(0.5)
            source = message.topic() if message else None
            if message is None or source is None or source not in topics:
                continue
            error = message.error()
            assert error is None or error.code() in REFUSED, error
            (given if error is None else refused).add(source)
    finally:
        consumer.close()
    assert given | refused == set(topics)
    assert not given & refused
    return given


def may_join(client: dict[str, Any], topic: str, group: str) -> bool:
    """Whether this client becomes a member of the group; if not, it must be refused for want of a right."""
    consumer = Consumer({**client, "group.id": group, "enable.auto.commit": False})
    joined: list[TopicPartition] = []
    try:
        consumer.subscribe([topic], on_assign=lambda _, partitions: joined.extend(partitions))
        until = time.monotonic() + SECONDS
        while not joined and time.monotonic() < until:
            message = consumer.poll(0.2)
            error = message.error() if message else None
            if error:
                assert error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED, error
                return False
    finally:
        consumer.close()
    assert joined
    return True


def seconds_throttled(client: dict[str, Any], topic: str, megabytes: int, enough: float) -> float:
    """How long the broker lets this client wait while it writes so much; the writing stops when that is `enough`."""
    waited = until = 0.0

    def told(event: Any) -> None:
        nonlocal waited, until
        # Requests on their way at once wait at the same time.
        begins = max(until, time.monotonic())
        until = max(until, time.monotonic() + event.throttle_time)
        waited += until - begins

    producer = Producer(
        {**client, "acks": "all", "linger.ms": 0, "batch.size": 64 * 1024, "throttle_cb": told},
    )
    for number in range(megabytes * 20):
        producer.produce(topic, bytes(50 * 1024), str(number).encode(), partition=0)
        producer.poll(0.01)
    over = time.monotonic() + SECONDS
    while len(producer) and waited < enough:
        assert time.monotonic() < over, "the broker neither takes what was written nor lets the client wait"
        producer.poll(0.1)
    producer.purge()
    return waited


def gets_in(client: dict[str, Any]) -> bool:
    """Whether the broker answers this client anything at all."""
    errors: list[int] = []
    producer = Producer({**client, "error_cb": lambda error: errors.append(error.code())})
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        try:
            return bool(producer.list_topics(timeout=1).brokers)
        except KafkaException:
            producer.poll(0)
            if SHUT_OUT & set(errors):
                return False
    raise AssertionError("the broker neither answers nor refuses")
