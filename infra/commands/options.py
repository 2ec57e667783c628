"""Options that several commands share. Each is also read from the environment variable of the services' settings."""

import base64
import binascii
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from infra.acls import COMMAND_LINE
from shared.connections import KafkaAccess, MongoAccess
from shared.setting_kinds import check_mongo, check_servers
from shared.settings import Connections, Settings, load_settings


def _default(field: str) -> str:
    return str(Settings.model_fields[field].default)


KAFKA = _default("kafka")
MONGO = _default("mongo")
INTEGRATOR_KAFKA = _default("integrator_kafka")


def checked(check: Callable[[str], str]) -> Callable[[str], str]:
    """What checks an option as the setting is checked, and says what is wrong."""

    def check_option(value: str) -> str:
        try:
            return check(value)
        except ValueError as error:
            raise typer.BadParameter(f"{error}.") from None

    return check_option


Kafka = Annotated[
    str,
    typer.Option("--kafka", envvar="HEARTH_KAFKA", help="Kafka bootstrap servers.", callback=checked(check_servers)),
]
IntegratorKafka = Annotated[
    str,
    typer.Option(
        "--integrator-kafka",
        envvar="HEARTH_INTEGRATOR_KAFKA",
        help="Where integrators reach Kafka (host:port).",
        callback=checked(check_servers),
    ),
]
Mongo = Annotated[
    str, typer.Option("--mongo", envvar="HEARTH_MONGO", help="MongoDB connection URI.", callback=checked(check_mongo))
]
TopicPrefix = Annotated[
    str, typer.Option("--topic-prefix", envvar="HEARTH_TOPIC_PREFIX", help="Put before every topic.")
]
DatabasePrefix = Annotated[
    str, typer.Option("--database-prefix", envvar="HEARTH_DATABASE_PREFIX", help="Put before every database.")
]
Accounts = Annotated[
    Path | None,
    typer.Option("--accounts", help="Also let every service in: with the passwords in this folder, as its operator."),
]
PolicyDir = Annotated[
    Path | None,
    typer.Option(
        "--policy-dir", envvar="HEARTH_POLICY_DIR", help="Folder with policy files that replace the packaged."
    ),
]
Wait = Annotated[
    float, typer.Option("--wait", min=0, metavar="SECONDS", help="How long to wait for a server that is starting.")
]


def kafka_access(topic_prefix: str = "") -> KafkaAccess:
    """How the command line gets into Kafka: by the services' settings. Ends the process where they are wrong."""
    return load_settings(Connections, topic_prefix=topic_prefix).kafka_access(COMMAND_LINE)


def mongo_access(database_prefix: str = "") -> MongoAccess:
    """How the command line gets into MongoDB, likewise."""
    return load_settings(Connections, database_prefix=database_prefix).mongo_access(COMMAND_LINE)


def key_in(text: str) -> bytes | None:
    """The 32 bytes that `text` spells in base64; None when it does not."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == 32 else None
