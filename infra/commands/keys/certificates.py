"""`hearth certificates`: what Kafka, MongoDB and the services need to know each other by, each in a file of its own."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType

from infra.commands.console import FINDING, USAGE, AsJson, Trouble, answer, table
from infra.commands.keys.secrets import IMAGE_UID
from infra.commands.options import INTEGRATOR_KAFKA, IntegratorKafka
from infra.credentials import CA_KEY, Credentials, Holder, Made, Names

KAFKA_UID, MONGO_UID = 1000, 999
"""The users that the official images run as; see docker-compose.yml."""

Directory = Annotated[Path, typer.Option("--directory", help="Folder of the files.")]
Owner = Annotated[
    int, typer.Option("--owner", min=0, help="User id of our containers; given to it when this runs as root.")
]
KafkaHosts = Annotated[list[str], typer.Option("--kafka-host", help="Name by which Kafka is reached.")]
MongoHosts = Annotated[list[str], typer.Option("--mongo-host", help="Name by which MongoDB is reached.")]
Renew = Annotated[bool, typer.Option("--renew", help="Make new certificates, signed by the same authority.")]


def certificates(
    directory: Directory = Path("secrets"),
    owner: Owner = IMAGE_UID,
    kafka_host: KafkaHosts = ["kafka"],  # noqa: B006  # typer reads it and nobody changes it
    integrator_kafka: IntegratorKafka = INTEGRATOR_KAFKA,
    mongo_host: MongoHosts = ["mongo"],  # noqa: B006  # as above
    renew: Renew = False,
    as_json: AsJson = False,
) -> None:
    """Make the missing certificates and passwords of Kafka and MongoDB, mode 0600. Passwords are never overwritten.

    Kafka's certificate is also good for the address at which integrators reach it.
    """
    owners: dict[Holder, int] = {"hearth": owner, "kafka": KAFKA_UID, "mongo": MONGO_UID}
    hosts = (server.rpartition(":")[0].strip("[]") for server in integrator_kafka.split(","))
    credentials = Credentials(directory, owners if os.geteuid() == 0 else {})
    try:
        made = credentials.make(Names((*kafka_host, *hosts), tuple(mongo_host)), renew)
    except OSError as error:
        raise Trouble(f"{error.filename or directory} cannot be read or written: {error.strerror}.", USAGE) from None
    except ValueError:
        raise Trouble(f"A certificate or key in {directory} is damaged: move it away, and run this again.") from None
    answer(
        {"directory": str(directory), "files": [_document(m) for m in made]}, as_json, lambda: _show(directory, made)
    )
    if any(m.state == "ends soon" for m in made):
        raise typer.Exit(FINDING)


def _document(made: Made) -> dict[str, object]:
    return {"name": made.name, "state": made.state, "ends": made.ends.isoformat() if made.ends else None}


def _show(directory: Path, made: list[Made]) -> RenderableType:
    rows = [(directory / m.name, m.state, f"until {m.ends.date()}" if m.ends else _WHAT.get(m.name, "")) for m in made]
    return table(("File", "", ""), rows)


_WHAT = {CA_KEY: "signs the others: keep it somewhere else between renewals"}
