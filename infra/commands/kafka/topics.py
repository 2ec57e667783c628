"""`hearth topics`: make the broker's topics and rights what shared/kafka/topics.py says, or show where they differ."""

import asyncio
import re
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
from infra.commands.options import KAFKA, Accounts, Kafka, TopicPrefix, Wait, kafka_access
from infra.credentials import Credentials, read_secret
from infra.kafka.accounts import Changes, command_lines, open_accounts, remove_user, set_passwords, set_rights
from infra.kafka.topics import Drift, alter_topics, create_topics, find_drift
from shared.kafka.topics import TOPICS

app = commands("Create the topics, check that the broker has them as they should be, and say who may do what.")

INTEGRATOR = re.compile(r"[A-Za-z0-9._-]{1,64}")

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
    ever deleted."""

    async def create_and_see(admin: AIOKafkaAdminClient) -> tuple[list[str], list[Drift] | None]:
        # Before any topic is made, because a question about a new topic could fail at first.
        changed = await _alter(admin, topic_prefix)
        made = await create_topics(admin, topic_prefix, replication=replication)
        # The controller answers before the brokers know, and the next command is to find the topics.
        while True:
            if {topic_prefix + t.name for t in TOPICS} <= set(await admin.list_topics()):
                break
            await asyncio.sleep(0.2)
        if accounts:
            await _open(admin, accounts, topic_prefix)
        return made, changed

    made, changed = asyncio.run(ask_admin(kafka, wait, create_and_see, access=kafka_access(topic_prefix)))
    if changed is None:
        raise Trouble("The settings of topics differ (`hearth topics check`): run it as a user who may alter them.")
    document = {"created": made, "changed": [asdict(drift) for drift in changed], "topics": len(TOPICS)}
    answer(document, as_json, lambda: _done(made, changed))


async def _alter(admin: AIOKafkaAdminClient, prefix: str) -> list[Drift] | None:
    """What was changed of existing topics; None when something must change and we may not."""
    try:
        return await alter_topics(admin, prefix)
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
    drift = asyncio.run(
        ask_admin(kafka, wait, lambda admin: find_drift(admin, topic_prefix), access=kafka_access(topic_prefix))
    )
    answer({"drift": [asdict(d) for d in drift], "topics": len(TOPICS)}, as_json, lambda: _show(drift))
    if drift:
        raise typer.Exit(FINDING)


Integrators = Annotated[
    list[str] | None,
    typer.Option("--integrator", metavar="USER", help="Also a user at Kafka who may write to reports.inbox."),
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
    wait: Wait = 0,
    as_json: AsJson = False,
) -> None:
    """Who may do what at Kafka: by the table of topics alone. With --apply it becomes so, for who may alter rights."""
    _demand_names(integrator or ())
    if as_commands + apply + as_json > 1 and not (apply and as_json):
        raise Trouble("Choose one of --commands, --json and --apply.", USAGE)
    wanted = table_of_rights.acls(topic_prefix, integrator or ())
    if apply:
        named = {acl.user for acl in wanted}
        access = kafka_access(topic_prefix)
        changes = asyncio.run(ask_admin(kafka, wait, lambda admin: set_rights(admin, named, wanted), access=access))
        answer(_changes(changes), as_json, lambda: _say(changes))
    elif as_commands:
        print("\n".join(command_lines(wanted, kafka)))
    else:
        answer({"acls": [asdict(acl) for acl in wanted]}, as_json, lambda: _rights(wanted))


@app.command()
def integrator(
    user: Annotated[str, typer.Argument(metavar="USER", help="The name of its own.")],
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="File with the password, of at least 16 characters.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take its rights and password away.")] = False,
    kafka: Kafka = KAFKA,
    topic_prefix: TopicPrefix = "",
    wait: Wait = 0,
    as_json: AsJson = False,
) -> None:
    """Let a user at Kafka write to reports.inbox and do nothing else, or end that; for who may alter users."""
    _demand_names([user])
    if user.removeprefix(topic_prefix) in table_of_rights.users():
        raise Trouble(f"{user} is one of ours: choose another name.", USAGE)
    if remove == bool(password_file):
        raise Trouble("Give a --password-file, or say --remove.", USAGE)
    password = "" if password_file is None else _password_in(password_file)
    wanted = [acl for acl in table_of_rights.acls(topic_prefix, [user]) if acl.user == user]

    async def change(admin: AIOKafkaAdminClient) -> Changes:
        if remove:
            return await remove_user(admin, user)
        await set_passwords(admin, {user: password})
        return await set_rights(admin, {user}, wanted)

    changes = asyncio.run(ask_admin(kafka, wait, change, access=kafka_access(topic_prefix)))
    text = f"{user} is shut out." if remove else f"{user} may write to {', '.join(acl.name for acl in wanted)}."
    answer({"user": user, **_changes(changes)}, as_json, lambda: text)


def _demand_names(integrators: Iterable[str]) -> None:
    for user in integrators:
        # `*` would be everybody at Kafka. The name of a certificate would be its owner, who may be the operator.
        if not INTEGRATOR.fullmatch(user):
            raise Trouble("A user's name is 1 to 64 letters (a to z), digits, dots, underscores and hyphens.", USAGE)


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


def _show(drift: list[Drift]) -> RenderableType:
    if not drift:
        return f"All {count(len(TOPICS), 'topic')} are as they should be."
    return table(("Topic", "What", "Wanted", "Found"), [(d.topic, d.what, d.wanted, d.found) for d in drift])
