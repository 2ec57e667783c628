"""A Kafka and a MongoDB that ask who somebody is: every user at every topic, group and database, by their own word."""

import asyncio
import base64
import time
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError
from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure

from infra import cli
from infra.acls import users
from infra.credentials import OPERATOR_USER, Credentials, read_secret
from infra.local.stack import Stack, StackSettings
from infra.local.system import create_topics_on, let_in
from infra.services import SERVICES
from shared.connections import KafkaAccess, MongoAccess
from shared.events import Message
from shared.kafka.dead_letters import DeadLetter
from shared.kafka.publisher import Publisher
from shared.kafka.records import Record
from shared.kafka.topics import SUPERSEDED, TOPICS, dead_letters_of
from shared.problems import Unavailable
from shared.times import now, rfc3339
from tests.support.command_line import run_json
from tests.support.secure_rig import (
    as_operator,
    as_service,
    as_user,
    gets_in,
    may_join,
    readable,
    seconds_throttled,
    writable,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TOPIC_PREFIX, DATABASE_PREFIX = "t1.", "t1_"
NAMES = {TOPIC_PREFIX + topic.name: topic for topic in TOPICS}
UNAUTHORIZED, NOT_SIGNED_IN = 13, 18


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A secure Kafka and MongoDB with two deployments on them: one without a prefix and one with."""
    settings = StackSettings.private("kafka", "mongo", secure=True)
    with Stack(settings) as stack:
        for topic_prefix, database_prefix in (("", ""), (TOPIC_PREFIX, DATABASE_PREFIX)):
            create_topics_on(stack.operators, topic_prefix)
            let_in(stack, topic_prefix, database_prefix)
        operator = as_operator(stack.operators.bootstrap, credentials_of(stack))
        # Something to read, everywhere.
        assert writable(operator, every_topic()) == every_topic()
        yield stack


def credentials_of(stack: Stack) -> Credentials:
    assert stack.credentials is not None
    return stack.credentials


def every_topic() -> set[str]:
    return {*NAMES, *(topic.name for topic in TOPICS)}


def user_of(stack: Stack, user: str) -> dict[str, Any]:
    return as_service(stack.kafka, credentials_of(stack), user, TOPIC_PREFIX)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_writes_its_topics_and_is_refused_at_every_other(stack: Stack, service: str) -> None:
    own = {name for name, topic in NAMES.items() if service in topic.writers}
    assert writable(user_of(stack, service), every_topic()) == own


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_what_it_needs_and_is_refused_at_every_other(stack: Stack, service: str) -> None:
    own = {name for name, topic in NAMES.items() if service in topic.consumers}
    own |= {name for name, topic in NAMES.items() if service in topic.writers and topic.name in SUPERSEDED}
    assert readable(user_of(stack, service), every_topic(), f"{TOPIC_PREFIX}{service}.probe") == own


def test_the_command_line_reads_dead_letters_only(stack: Stack) -> None:
    consumed = [topic for topic in TOPICS if topic.consumers and not topic.restricted]
    letters = {TOPIC_PREFIX + dead_letters_of(topic.name) for topic in consumed}
    assert readable(user_of(stack, "hearth"), every_topic()) == letters


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_joins_groups_of_its_own_name_only(stack: Stack, service: str) -> None:
    topic = next(name for name, topic in NAMES.items() if service in topic.consumers)
    groups = [f"{prefix}{owner}.probe" for owner in (*SERVICES, "hearth") for prefix in (TOPIC_PREFIX, "")]
    joined = [group for group in groups if may_join(user_of(stack, service), topic, group)]
    assert joined == [f"{TOPIC_PREFIX}{service}.probe"]


def test_nobody_gets_into_kafka_without_the_right_password(stack: Stack) -> None:
    credentials = credentials_of(stack)
    password = read_secret(credentials.kafka_password("intake"))
    assert gets_in(as_user(stack.kafka, credentials.ca, "intake", password))
    assert not gets_in(as_user(stack.kafka, credentials.ca, "intake", password + "x"))
    assert not gets_in(as_user(stack.kafka, credentials.ca, "triage", password))
    assert not gets_in(as_user(stack.kafka, credentials.ca, "nobody", password))
    assert not gets_in({"bootstrap.servers": stack.kafka, "log_level": 0})
    tls = {"security.protocol": "SSL", "ssl.ca.location": str(credentials.ca), "log_level": 0}
    assert not gets_in({"bootstrap.servers": stack.kafka, **tls})
    assert not gets_in({"bootstrap.servers": stack.operators.bootstrap, **tls})


def test_a_certificate_of_another_authority_opens_nothing_and_is_not_believed(stack: Stack, tmp_path: Path) -> None:
    ours, theirs = credentials_of(stack), Credentials(tmp_path)
    theirs.make()
    assert gets_in(as_operator(stack.operators.bootstrap, ours))
    pretender = as_operator(stack.operators.bootstrap, theirs) | {"ssl.ca.location": str(ours.ca)}
    assert not gets_in(pretender)
    password = read_secret(ours.kafka_password("intake"))
    assert not gets_in(as_user(stack.kafka, theirs.ca, "intake", password))


async def test_what_is_refused_is_an_outage_to_the_publisher_and_not_lost(stack: Stack) -> None:
    credentials = credentials_of(stack)
    for service, topic, well in (("intake", "reports", True), ("intake", "cases", False)):
        password = read_secret(credentials.kafka_password(service))
        access = KafkaAccess("sasl_ssl", TOPIC_PREFIX + service, password, credentials.ca)
        publisher = Publisher(stack.kafka, client="test", prefix=TOPIC_PREFIX, timeout=10, access=access)
        try:
            sending = publisher.publish([Message(topic, b"key", (), b"value")])
            if well:
                await sending
            else:
                with pytest.raises(Unavailable, match="TopicAuthorizationFailed"):
                    await sending
        finally:
            await publisher.stop()


def test_no_connection_takes_long_to_end_in_the_event_loop_of_the_services(stack: Stack) -> None:
    credentials = credentials_of(stack)
    access = KafkaAccess("sasl_ssl", "t1.audit", read_secret(credentials.kafka_password("audit")), credentials.ca)

    async def seconds_to_end(after: float) -> float:
        consumer = AIOKafkaConsumer(bootstrap_servers=stack.kafka, enable_auto_commit=False, **access.options())
        await consumer.start()
        # Fetches are under way when it ends, as they are in a service.
        consumer.assign([TopicPartition("t1.cases", partition) for partition in range(12)])
        await asyncio.sleep(after)
        began = time.monotonic()
        await consumer.stop()
        return time.monotonic() - began

    async def slowest() -> float:
        return max(await asyncio.gather(*(seconds_to_end(number / 20) for number in range(20))))

    assert uvloop.run(slowest()) < 10


@pytest.mark.parametrize("user", users())
def test_a_service_is_at_home_in_its_own_database_and_refused_at_every_other(stack: Stack, user: str) -> None:
    password = read_secret(credentials_of(stack).mongo_password(user))
    databases = [f"{prefix}{name}" for prefix in ("", DATABASE_PREFIX) for name in (*SERVICES, "hearth")]
    with client_of(stack, MongoAccess(DATABASE_PREFIX + user, password)) as client:
        found = {name: tries(client, name) for name in (*databases, "admin", "config", "local")}
    own = {f"{DATABASE_PREFIX}{user}"} if user in SERVICES else set()
    assert found == {name: (name in own, name in own) for name in found}


def client_of(stack: Stack, access: MongoAccess) -> MongoClient[dict[str, Any]]:
    options = MongoAccess(access.user, access.password, credentials_of(stack).ca).options()
    return MongoClient(stack.mongo, serverSelectionTimeoutMS=3000, **options)


def tries(client: MongoClient[dict[str, Any]], database: str) -> tuple[bool, bool]:
    """Whether this user may read and write there; anything but a refusal fails the test."""
    return tuple(map(allows, (client[database].probe.find_one, lambda: client[database].probe.insert_one({}))))  # type: ignore[return-value]  # two


def allows(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OperationFailure as error:
        if error.code != UNAUTHORIZED:
            raise
        return False
    return True


def test_nobody_gets_into_mongodb_without_the_right_password(stack: Stack) -> None:
    password = read_secret(credentials_of(stack).mongo_password("intake"))
    for user, given in (("intake", password + "x"), ("triage", password), ("nobody", password)):
        with client_of(stack, MongoAccess(user, given)) as client, pytest.raises(OperationFailure) as refused:
            client.intake.probe.find_one()
        assert refused.value.code == NOT_SIGNED_IN
    with client_of(stack, MongoAccess()) as client:
        assert tries(client, "intake") == (False, False)
        assert not allows(lambda: client.admin.command({"createUser": "me", "pwd": "p", "roles": ["root"]}))
    with MongoClient(stack.mongo, serverSelectionTimeoutMS=1000) as client, pytest.raises(ConnectionFailure):
        client.admin.command("hello")


def test_the_operator_makes_users_and_reads_no_data(stack: Stack) -> None:
    with client_of(stack, credentials_of(stack).operator_at_mongo()) as client:
        assert tries(client, "intake") == (False, False)
        assert client.admin.command("replSetGetStatus")["myState"] == 1


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`hearth`, signed in as the services' settings say: as `hearth`, or as the operator."""
    credentials = credentials_of(stack)
    for name, value in {**stack.environment(), **stack.passwords_of("hearth")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HEARTH_TOPIC_PREFIX", TOPIC_PREFIX)
    monkeypatch.setenv("HEARTH_DATABASE_PREFIX", DATABASE_PREFIX)

    def given(*arguments: str, operator: bool = False, status: int = 0) -> dict[str, Any]:
        if operator:
            monkeypatch.setenv("HEARTH_KAFKA", stack.operators.bootstrap)
            monkeypatch.setenv("HEARTH_KAFKA_SECURITY", "ssl")
            monkeypatch.setenv("HEARTH_KAFKA_CERTIFICATE", str(credentials.certificate(OPERATOR_USER)))
        return run_json(capsys, *arguments, status=status)

    return given


def test_the_command_line_compares_topics_and_may_not_change_rights(stack: Stack, run: Run) -> None:
    assert run("topics", "check") == {"drift": [], "topics": len(TOPICS)}
    assert run("topics", "create")["created"] == []
    assert "ClusterAuthorizationFailed" in run("topics", "acls", "--apply", status=1)["error"]


@pytest.fixture
def run_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """`asyncio.run` waits for connections to end: aiokafka does not, when Kafka has refused them."""
    run = asyncio.run

    async def to_the_end(work: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await work
        finally:
            transports = asyncio.get_running_loop()._transports  # type: ignore[attr-defined]  # of all event loops here
            async with asyncio.timeout(60):
                while not all(transport.is_closing() for transport in list(transports.values())):
                    await asyncio.sleep(0.01)

    monkeypatch.setattr(asyncio, "run", lambda work: run(to_the_end(work)))


@pytest.mark.usefixtures("run_to_the_end")
def test_the_command_line_without_its_password_says_what_is_missing(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEARTH_KAFKA_PASSWORD", "wrong")
    monkeypatch.delenv("HEARTH_KAFKA_PASSWORD_FILE")
    assert "does not let us in" in run("topics", "check", status=1)["error"]
    monkeypatch.delenv("HEARTH_KAFKA_PASSWORD")
    assert cli.main(["topics", "check"]) == 2
    assert "HEARTH_KAFKA_PASSWORD is wrong" in capsys.readouterr().err


def test_the_command_line_keeps_the_roster_and_reaches_nothing_else_of_triage(
    stack: Stack, run: Run, tmp_path: Path
) -> None:
    person = "person:0123456789abcdef"
    key = tmp_path / "pseudonym_key"
    key.write_bytes(base64.b64encode(b"n" * 32))
    run("roster", "grant", person, "--role", "coordinator", "--name", "Ada", "--pseudonym-key-file", str(key))
    token = run("token", "issue", "--person", person, "--expires", rfc3339(now() + timedelta(hours=1)))
    assert [item["person"] for item in run("roster", "show")["items"]] == [person]
    assert [item["token_id"] for item in run("token", "list")["items"]] == [token["token_id"]]
    password = read_secret(credentials_of(stack).mongo_password("hearth"))
    with client_of(stack, MongoAccess("t1_hearth", password)) as client:
        assert client.t1_triage.roster.count_documents({}) == 2
        assert not allows(client.t1_triage.cases.find_one)
        assert not allows(lambda: client.t1_triage.roster.delete_many({}))
        assert not allows(lambda: client.t1_triage.told.insert_one({}))
        assert not allows(client.triage.roster.find_one)


async def bury(stack: Stack) -> str:
    credentials = credentials_of(stack)
    access = KafkaAccess("sasl_ssl", "t1.intake", read_secret(credentials.kafka_password("intake")), credentials.ca)
    publisher = Publisher(stack.kafka, client="test", prefix=TOPIC_PREFIX, access=access)
    record = Record("reports.inbox", 3, 17, 0, b"key", (), b"not a report")
    letter = DeadLetter.of(record, group="intake.reports.inbox", code="malformed", detail="why")
    try:
        await publisher.publish([letter.message()])
    finally:
        await publisher.stop()
    return letter.id.replace("|", "/")


async def test_a_consumer_buries_what_it_cannot_read_and_the_command_line_sends_it_again(
    stack: Stack, run: Run
) -> None:
    letter = await bury(stack)
    listed = await asyncio.to_thread(run, "dead-letters", "list")
    assert [item["id"] for item in listed["items"]] == [letter]
    assert await asyncio.to_thread(run, "dead-letters", "retry", letter) == {"retried": [letter]}
    assert (await asyncio.to_thread(run, "dead-letters", "list"))["items"] == []


def test_the_operator_finds_all_rights_in_order_and_repairs_what_is_not(run: Run) -> None:
    assert run("topics", "acls", "--apply", operator=True) == {"given": [], "taken": []}
    extra = run("topics", "acls", "--apply", "--integrator", "t1.intake", operator=True)
    given = [(acl["name"], acl["operation"]) for acl in extra["given"] if acl["user"] == "t1.intake"]
    assert given == [
        ("t1.integrator.t1.intake", "read"), ("t1.reports.inbox.t1.intake", "read"),
        ("t1.reports.inbox.t1.intake", "write"), ("t1.reports.outcomes.t1.intake", "read"),
        ("t1.reports.outcomes.t1.intake", "write"),
    ]  # fmt: skip
    repaired = run("topics", "acls", "--apply", operator=True)
    assert repaired == {"given": [], "taken": extra["given"]}


def test_an_integrator_writes_to_its_own_inbox_until_it_is_shut_out(stack: Stack, run: Run, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("a password of some length\n", encoding="utf-8")
    bot = as_user(stack.kafka, credentials_of(stack).ca, "wiki-bot", "a password of some length")
    assert not gets_in(bot)
    done = run("topics", "integrator", "wiki-bot", "--password-file", str(password), operator=True)
    inbox = f"{TOPIC_PREFIX}reports.inbox.wiki-bot"
    other = f"{TOPIC_PREFIX}reports.inbox.event-app"
    outcomes, group = f"{TOPIC_PREFIX}reports.outcomes.wiki-bot", f"{TOPIC_PREFIX}integrator.wiki-bot"
    assert {(acl["user"], acl["name"]) for acl in done["given"] if acl["operation"] == "read"} == {
        ("wiki-bot", outcomes), ("wiki-bot", group),
        *((f"{TOPIC_PREFIX}{service}", inbox) for service in ("intake", "audit")),
    }  # fmt: skip
    assert (done["inbox"], done["outcomes"], done["group.id"]) == (inbox, outcomes, group)
    assert (done["security.protocol"], done["sasl.mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert "password" not in done
    run("topics", "integrator", "event-app", "--password-file", str(password), operator=True)
    theirs = f"{TOPIC_PREFIX}reports.outcomes.event-app"
    everything = {*every_topic(), inbox, other, outcomes, theirs}
    assert writable(bot, everything) == {inbox}
    app = as_user(stack.kafka, credentials_of(stack).ca, "event-app", "a password of some length")
    assert writable(app, everything) == {other}
    assert writable(user_of(stack, "intake"), {outcomes, theirs}) == {outcomes, theirs}
    assert readable(bot, everything, group) == {outcomes}
    assert readable(app, everything, f"{TOPIC_PREFIX}integrator.event-app") == {theirs}
    for service in SERVICES:
        may = {inbox, other} if service in ("intake", "audit") else set()
        probe = f"{TOPIC_PREFIX}{service}.probe"
        assert readable(user_of(stack, service), {inbox, other, outcomes, theirs}, probe) == may
    assert run("topics", "check")["drift"] == []
    # What compose does at each start changes nothing of it.
    assert run("topics", "acls", "--apply", operator=True) == {"given": [], "taken": []}
    assert writable(bot, everything) == {inbox}
    assert len(run("topics", "integrator", "wiki-bot", "--remove", operator=True)["taken"]) == 3
    assert not gets_in(bot)


def test_what_one_integrator_writes_beyond_its_quota_waits_and_nobody_else(
    stack: Stack, run: Run, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("a password of some length\n", encoding="utf-8")
    named = ("--password-file", str(password))
    bots = {
        name: as_user(stack.kafka, credentials_of(stack).ca, name, "a password of some length")
        for name in ("usual-bot", "large-bot")
    }
    inbox = f"{TOPIC_PREFIX}reports.inbox."
    run("topics", "integrator", "usual-bot", *named, operator=True)
    run("topics", "integrator", "large-bot", *named, "--bytes-per-second", str(200 << 20), operator=True)
    long = 5.0
    assert seconds_throttled(bots["usual-bot"], f"{inbox}usual-bot", 5, long) >= long
    # A busy broker may let it wait for moments, because its requests take more of a thread then.
    assert seconds_throttled(bots["large-bot"], f"{inbox}large-bot", 5, long) < long
    assert seconds_throttled(user_of(stack, "intake"), f"{TOPIC_PREFIX}reports", 5, long) == 0
    # The quota goes with the user, and a user from before had none.
    for _ in range(2):
        run("topics", "integrator", "usual-bot", "--remove", operator=True)


@pytest.mark.usefixtures("run_to_the_end")
def test_a_client_with_no_way_in_is_told_so_and_not_kept_waiting(stack: Stack) -> None:
    access = KafkaAccess("sasl_ssl", "intake", "wrong", credentials_of(stack).ca)
    assert "wrong" not in repr(access)
    with pytest.raises(KafkaConnectionError):
        create_topics_on(type(stack.operators)(stack.kafka, access))
