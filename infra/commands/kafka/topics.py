"""`hearth topics`: make the broker's topics and rights what shared/kafka/topics.py says, or show where they differ."""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import TopicAuthorizationFailedError
from rich.console import RenderableType

from infra import acls as table_of_rights
from infra.acls import Acl
from infra.commands.console import FINDING, USAGE, AsJson, Trouble, answer, commands, count, table
from infra.commands.kafka.broker import ask_admin
from infra.commands.kafka.way_in import WayIn
from infra.commands.options import (
    INTEGRATOR_KAFKA,
    KAFKA,
    Accounts,
    IntegratorKafka,
    Kafka,
    TopicPrefix,
    Wait,
    kafka_access,
)
from infra.credentials import Credentials, read_secret
from infra.kafka.accounts import (
    Changes,
    command_lines,
    open_accounts,
    remove_user,
    set_passwords,
    set_rights_of_the_table,
)
from infra.kafka.quotas import BYTES_PER_SECOND, Quota, set_quota
from infra.kafka.topics import Drift, alter_topics, create_topics, find_drift, topics_at
from shared.kafka.topics import TOPICS, is_integrator, topics_of

BytesPerSecond = Annotated[
    int,
    typer.Option(
        "--bytes-per-second",
        envvar="HEARTH_INTEGRATOR_BYTES_PER_SECOND",
        min=1024,
        help="What an integrator may write at each broker. Beyond that, Kafka lets it wait.",
    ),
]

app = commands("Create the topics, check that the broker has them as they should be, and say who may do what.")

Replication = Annotated[int, typer.Option("--replication", min=1, help="Copies of each partition of a new topic.")]


@app.command()
def create(
    kafka: Kafka = KAFKA,
    topic_prefix: TopicPrefix = "",
    replication: Replication = 1,
    accounts: Accounts = None,
    wait: Wait = 0,
    as_json: AsJson = False,
) -> None:
    """Create the topics that are missing, and give the others the settings of the table. Safe to repeat; no topic is
    ever deleted. An integrator with an inbox also gets the topic where it reads what became of its records."""

    async def create_and_see(admin: AIOKafkaAdminClient) -> tuple[list[str], list[Drift] | None]:
        # Before any topic is made, because a question about a new topic could fail at first.
        changed = await _alter(admin, topic_prefix)
        topics = await topics_at(admin, topic_prefix)
        made = await create_topics(admin, topic_prefix, topics, replication)
        # The controller answers before the brokers know, and the next command is to find the topics.
        await _until_there(admin, {topic_prefix + t.name for t in topics})
        if accounts:
            await _open(admin, accounts, topic_prefix)
        return made, changed

    made, changed = asyncio.run(ask_admin(kafka, wait, create_and_see, access=kafka_access(topic_prefix)))
    if changed is None:
        raise Trouble("The settings of topics differ (`hearth topics check`): run it as a user who may alter them.")
    document = {"created": made, "changed": [asdict(drift) for drift in changed], "topics": len(TOPICS)}
    answer(document, as_json, lambda: _done(made, changed))


async def _until_there(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    while True:
        if names <= set(await admin.list_topics()):
            return
        await asyncio.sleep(0.2)


async def _alter(admin: AIOKafkaAdminClient, prefix: str) -> list[Drift] | None:
    """What was changed of existing topics; None when something must change and we may not."""
    try:
        return await alter_topics(admin, prefix, await topics_at(admin, prefix))
    except TopicAuthorizationFailedError:
        return None


def _done(made: Sequence[str], changed: Sequence[Drift]) -> str:
    lines = [f"Created: {', '.join(made)}." if made else f"All {len(TOPICS)} topics are there already."]
    lines += [f"Changed: {drift.topic} {drift.what} from {drift.found} to {drift.wanted}." for drift in changed]
    return "\n".join(lines)


async def _open(admin: AIOKafkaAdminClient, folder: Path, prefix: str) -> None:
    try:
        await open_accounts(admin, Credentials(folder), prefix)
    except OSError as error:
        if error.filename is None:  # it was the broker's connection
            raise
        raise Trouble(f"{error.filename} cannot be read: run `hearth certificates`.", USAGE) from None


@app.command()
def check(kafka: Kafka = KAFKA, topic_prefix: TopicPrefix = "", wait: Wait = 0, as_json: AsJson = False) -> None:
    """Compare the broker with the table; exit status 1 when they differ."""

    async def look(admin: AIOKafkaAdminClient) -> tuple[list[Drift], int]:
        topics = await topics_at(admin, topic_prefix)
        return await find_drift(admin, topic_prefix, topics), len(topics)

    drift, number = asyncio.run(ask_admin(kafka, wait, look, access=kafka_access(topic_prefix)))
    answer({"drift": [asdict(d) for d in drift], "topics": number}, as_json, lambda: _show(drift, number))
    if drift:
        raise typer.Exit(FINDING)


Integrators = Annotated[
    list[str] | None,
    typer.Option("--integrator", metavar="USER", help="Also an integrator with an inbox of its own."),
]


@app.command()
def acls(
    kafka: Kafka = KAFKA,
    topic_prefix: TopicPrefix = "",
    integrator: Integrators = None,
    as_commands: Annotated[
        bool, typer.Option("--commands", help="Print a line for Kafka's own kafka-acls.sh for each right.")
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Give these users these rights at the broker, and take any others.")
    ] = False,
    bytes_per_second: BytesPerSecond = BYTES_PER_SECOND,
    wait: Wait = 0,
    as_json: AsJson = False,
) -> None:
    """Who may do what at Kafka: by the table of topics alone. With --apply it becomes so, for who may alter rights."""
    _demand_names(integrator or ())
    if as_commands + apply + as_json > 1 and not (apply and as_json):
        raise Trouble("Choose one of --commands, --json and --apply.", USAGE)
    named = tuple(integrator or ())
    wanted = table_of_rights.acls(topic_prefix, named)
    if apply:

        async def agree(admin: AIOKafkaAdminClient) -> Changes:
            for name in named:
                if not _is_ours(name, topic_prefix):
                    await set_quota(admin, name, Quota(bytes_per_second))
            return await set_rights_of_the_table(admin, topic_prefix, named)

        changes = asyncio.run(ask_admin(kafka, wait, agree, access=kafka_access(topic_prefix)))
        answer(_changes(changes), as_json, lambda: _say(changes))
    elif as_commands:
        print("\n".join(command_lines(wanted, kafka)))
    else:
        answer({"acls": [asdict(acl) for acl in wanted]}, as_json, lambda: _rights(wanted))


@app.command()
def integrator(
    user: Annotated[str, typer.Argument(metavar="USER", help="Its name: of its user, its topics and its source.")],
    password_file: Annotated[
        Path | None,
        typer.Option(
            "--password-file", help="File with the password, of at least 16 characters. Without it one is made."
        ),
    ] = None,
    no_user: Annotated[
        bool, typer.Option("--no-user", help="Make only the topics, at a Kafka that asks nobody who they are.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take its rights and password away.")] = False,
    bytes_per_second: BytesPerSecond = BYTES_PER_SECOND,
    replication: Replication = 1,
    integrator_kafka: IntegratorKafka = INTEGRATOR_KAFKA,
    kafka: Kafka = KAFKA,
    topic_prefix: TopicPrefix = "",
    wait: Wait = 0,
    as_json: AsJson = False,
) -> None:
    """Give an integrator an inbox of its own, a topic with what became of its records, and a user at Kafka that alone
    may write the one and read the other; or end that. Prints what the integrator needs.

    Intake takes from the inbox what the roster gives to its source: `hearth token issue --source USER`. Only a user who
    may alter users can do this.
    """
    _demand_names([user])
    if _is_ours(user, topic_prefix):
        raise Trouble(f"{user} is one of ours: choose another name.", USAGE)
    if bool(password_file) + no_user + remove > 1:
        raise Trouble("Give one of --password-file, --no-user and --remove.", USAGE)
    password = secrets.token_urlsafe(32) if password_file is None else _password_in(password_file)
    topics = topics_of(user)
    access = kafka_access(topic_prefix)

    async def change(admin: AIOKafkaAdminClient) -> Changes:
        if remove:
            changes = await remove_user(admin, user)
            await set_quota(admin, user, None)
            return changes
        await create_topics(admin, topic_prefix, topics, replication)
        await _until_there(admin, {topic_prefix + topic.name for topic in topics})
        if no_user:
            return Changes((), ())
        # The quota goes first, so that the user never writes without one.
        await set_quota(admin, user, Quota(bytes_per_second))
        await set_passwords(admin, {user: password})
        return await set_rights_of_the_table(admin, topic_prefix, [user])

    changes = asyncio.run(ask_admin(kafka, wait, change, access=access))
    if remove:
        answer({"user": user, **_changes(changes)}, as_json, lambda: f"{user} is shut out.")
        return
    way_in = WayIn(user, integrator_kafka, topic_prefix, is_open=no_user, is_encrypted=access.security != "plaintext")
    shown = None if no_user or password_file else password
    document = {"user": user, **way_in.needs(), **({"password": shown} if shown else {}), **_changes(changes)}
    answer(document, as_json, lambda: way_in.text(shown))


def _is_ours(user: str, prefix: str) -> bool:
    return user.removeprefix(prefix) in table_of_rights.users()


def _demand_names(integrators: Iterable[str]) -> None:
    for user in integrators:
        # `*` would be everybody at Kafka. The name of a certificate would be its owner, who may be the operator.
        if not is_integrator(user):
            sentence = (
                "A user's name is 1 to 64 small letters (a to z), digits, dots, underscores and hyphens, and not dlq"
            )
            raise Trouble(f"{sentence}.", USAGE)


def _password_in(file: Path) -> str:
    try:
        password = read_secret(file)
    except (OSError, UnicodeDecodeError):
        raise Trouble(f"{file} cannot be read.", USAGE) from None
    if len(password) < 16:
        raise Trouble(f"The password in {file} is too short.", USAGE)
    return password


def _changes(changes: Changes) -> dict[str, object]:
    return {"given": [asdict(acl) for acl in changes.given], "taken": [asdict(acl) for acl in changes.taken]}


def _say(changes: Changes) -> str:
    if not changes.given and not changes.taken:
        return "All rights are as they should be."
    return f"Gave {count(len(changes.given), 'right')}, took {len(changes.taken)}."


def _rights(wanted: Sequence[Acl]) -> RenderableType:
    rows: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for acl in wanted:
        rows[acl.user, acl.resource, acl.name + ("*" if acl.pattern == "prefixed" else "")].append(acl.operation)
    return table(("User", "", "Name", "May"), [(*where, ", ".join(operations)) for where, operations in rows.items()])


def _show(drift: list[Drift], number: int) -> RenderableType:
    if not drift:
        return f"All {count(number, 'topic')} are as they should be."
    return table(("Topic", "What", "Wanted", "Found"), [(d.topic, d.what, d.wanted, d.found) for d in drift])
