"""Who may do what at Kafka. The table of topics says it, and everything else is refused.

Every service has a user with its own name, and so has the command line, `hearth`. A right to read includes a right to
see that the topic is there; so does a right to write. Every user who may write anything may write idempotently
(KIP-679, Kafka 3.0).
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from shared.kafka.topics import (
    ANYONE,
    DEAD_LETTER_TOPICS,
    FACT_TOPICS,
    SUPERSEDED,
    TOPICS,
    Topic,
    dead_letters_of,
    is_inbox,
    topics_of,
)

COMMAND_LINE = "hearth"

Resource = Literal["topic", "group"]
Pattern = Literal["literal", "prefixed"]
Operation = Literal["read", "write", "create", "alter", "describe", "describe-configs"]


@dataclass(frozen=True, slots=True, order=True)
class Acl:
    """One thing that one user may do, from any address, to the resource of this name, or to those that begin with
    it.
    """

    user: str
    resource: Resource
    name: str
    pattern: Pattern
    operation: Operation


def services() -> tuple[str, ...]:
    """The services that the table knows."""
    named = {name for topic in TOPICS for name in (*topic.writers, *topic.consumers)}
    return tuple(sorted(named - {ANYONE}))


def users() -> tuple[str, ...]:
    """All users at Kafka, without any prefix."""
    return (*services(), COMMAND_LINE)


def acls(prefix: str = "", integrators: Collection[str] = ()) -> tuple[Acl, ...]:
    """Everything that is allowed. `prefix` is put before topics, groups and users.

    `integrators` are whole names of users at Kafka. Each alone may write an inbox, which has the name of its user, and
    read what became of it.
    """
    theirs = tuple(topic for name in integrators for topic in topics_of(name))
    found = {
        *_of_services(prefix, theirs),
        *(acl for name in integrators for acl in _of_an_integrator(prefix, name)),
        *_of_the_command_line(prefix, theirs),
    }
    return tuple(sorted(found))


def group_of(integrator: str, prefix: str = "") -> str:
    """The consumer group of an integrator. No other name of a user or of a group of ours begins like this."""
    return f"{prefix}integrator.{integrator}"


def _of_an_integrator(prefix: str, name: str) -> Iterator[Acl]:
    inbox, outcomes = topics_of(name)
    yield Acl(name, "topic", prefix + inbox.name, "literal", "write")
    yield Acl(name, "topic", prefix + outcomes.name, "literal", "read")
    # Not all groups that begin like this: the name of one integrator may begin with that of another one.
    yield Acl(name, "group", group_of(name, prefix), "literal", "read")


def _of_services(prefix: str, theirs: Sequence[Topic]) -> Iterator[Acl]:
    for topic in (*TOPICS, *theirs):
        for writer in topic.writers:
            if writer != ANYONE:
                yield Acl(prefix + writer, "topic", prefix + topic.name, "literal", "write")
                if topic.name in SUPERSEDED:
                    # By what was told before, the writer knows the time of what it tells next.
                    yield Acl(prefix + writer, "topic", prefix + topic.name, "literal", "read")
        for consumer in topic.consumers:
            yield Acl(prefix + consumer, "topic", prefix + topic.name, "literal", "read")
            # A group is named service.topic.
            yield Acl(prefix + consumer, "group", f"{prefix}{consumer}.", "prefixed", "read")


def _of_the_command_line(prefix: str, theirs: Sequence[Topic]) -> Iterator[Acl]:
    user = prefix + COMMAND_LINE
    operations: tuple[Operation, ...] = ("create", "alter", "describe", "describe-configs")
    for topic in (*TOPICS, *theirs):
        for operation in operations:
            yield Acl(user, "topic", prefix + topic.name, "literal", operation)
    buried = {topic.name for topic in DEAD_LETTER_TOPICS if topic.writers}
    for topic in DEAD_LETTER_TOPICS:
        yield Acl(user, "topic", prefix + topic.name, "literal", "read")
    for topic in (*FACT_TOPICS, *(topic for topic in theirs if is_inbox(topic.name))):
        if dead_letters_of(topic.name) in buried:
            # A dead letter is sent again on its topic, and then settled on its own.
            yield Acl(user, "topic", prefix + topic.name, "literal", "write")
            yield Acl(user, "topic", prefix + dead_letters_of(topic.name), "literal", "write")
