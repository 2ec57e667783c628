"""Who may do what at Kafka follows from the table of topics, and from nothing else."""

import pytest

from infra import cli
from infra.acls import Acl, acls, services, users
from infra.commands.options import COMMAND_LINE
from infra.kafka.accounts import command_lines
from infra.services import SERVICES
from shared.kafka.topics import FACT_TOPICS, SUPERSEDED, TOPICS, dead_letters_of


def allowed(user: str, operation: str, resource: str = "topic") -> set[str]:
    return {acl.name for acl in acls() if (acl.user, acl.operation, acl.resource) == (user, operation, resource)}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_what_it_needs_and_writes_what_the_table_says(service: str) -> None:
    consumed = {topic.name for topic in TOPICS if service in topic.consumers}
    told = {topic.name for topic in TOPICS if service in topic.writers and topic.name in SUPERSEDED}
    assert allowed(service, "read") == consumed | told
    assert allowed(service, "write") == {topic.name for topic in TOPICS if service in topic.writers}
    assert allowed(service, "read", "group") == {f"{service}."}
    assert {acl.operation for acl in acls() if acl.user == service} <= {"read", "write"}


def test_only_services_and_the_command_line_have_a_user() -> None:
    assert set(services()) == set(SERVICES)
    assert {acl.user for acl in acls()} == set(users()) == {*SERVICES, COMMAND_LINE}


def test_an_integrator_alone_writes_an_inbox_of_its_own_and_nobody_the_open_one() -> None:
    found = acls("t.", ["wiki-bot", "event-app"])
    mine = [acl for acl in found if acl.user == "wiki-bot"]
    assert mine == [
        Acl("wiki-bot", "group", "t.integrator.wiki-bot", "literal", "read"),
        Acl("wiki-bot", "topic", "t.reports.inbox.wiki-bot", "literal", "write"),
        Acl("wiki-bot", "topic", "t.reports.outcomes.wiki-bot", "literal", "read"),
    ]
    outcomes = {(acl.user, acl.operation) for acl in found if acl.name == "t.reports.outcomes.wiki-bot"}
    assert {(user, operation) for user, operation in outcomes if user != f"t.{COMMAND_LINE}"} == {
        ("wiki-bot", "read"), ("t.intake", "write")
    }  # fmt: skip
    assert (f"t.{COMMAND_LINE}", "read") not in outcomes
    inbox = {(acl.user, acl.operation) for acl in found if acl.name == "t.reports.inbox.wiki-bot"} - {
        (f"t.{COMMAND_LINE}", operation) for operation in ("create", "alter", "describe", "describe-configs")
    }
    # The command line sends dead letters again.
    assert inbox == {
        ("wiki-bot", "write"), ("t.intake", "read"), ("t.audit", "read"), (f"t.{COMMAND_LINE}", "write")
    }  # fmt: skip
    assert {acl.user for acl in acls() if acl.name == "reports.inbox" and acl.operation == "write"} == {COMMAND_LINE}


def test_the_command_line_reads_dead_letters_and_nothing_else() -> None:
    letters = {dead_letters_of(topic.name) for topic in FACT_TOPICS if topic.consumers and not topic.restricted}
    assert allowed(COMMAND_LINE, "read") == letters
    assert not allowed(COMMAND_LINE, "read", "group")


@pytest.mark.parametrize(
    ("topic", "writer", "readers"),
    [
        ("parties", "intake", {"triage", "notification", "audit"}),
        ("names", "triage", {"intake", "notification", "audit"}),
    ],
)
def test_only_the_services_that_need_name_keys_may_read_them(topic: str, writer: str, readers: set[str]) -> None:
    rights = {(acl.user, acl.operation) for acl in acls("", ["wiki-bot"]) if acl.name == topic}
    assert {user for user, operation in rights if operation == "read"} == readers | {writer}
    assert {user for user, operation in rights if operation == "write"} == {writer}


def test_the_command_line_writes_only_where_dead_letters_come_from_and_lie() -> None:
    sources = {topic.name for topic in FACT_TOPICS if set(topic.consumers) - {"audit"} and not topic.restricted}
    assert allowed(COMMAND_LINE, "write") == sources | {dead_letters_of(name) for name in sources}


def test_a_prefix_is_put_before_users_topics_and_groups_alike() -> None:
    plain, prefixed = acls(), acls("t1.")
    moved = {Acl(f"t1.{a.user}", a.resource, f"t1.{a.name}", a.pattern, a.operation) for a in plain}
    assert set(prefixed) == moved


def test_each_right_is_a_line_for_kafkas_own_tool() -> None:
    line, *_ = command_lines([Acl("intake", "topic", "reports", "literal", "describe-configs")], "kafka:9092")
    assert line.startswith("kafka-acls.sh --bootstrap-server kafka:9092 --add ")
    assert "--allow-principal 'User:intake' --operation DescribeConfigs --topic 'reports'" in line
    assert len(command_lines(acls(), "kafka:9092")) == len(acls())


@pytest.mark.parametrize("name", ["*", "CN=operator", "", "a b", "bot\n", "Bøt", "bot,intake", "Bot", "dlq", "b" * 65])
def test_no_integrator_has_the_name_of_everybody_or_of_a_certificate(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (
        ("integrator", "--password-file", "nowhere", "--", name),
        ("integrator", "--remove", "--", name),
        ("acls", "--integrator", "wiki-bot", "--integrator", name),
        ("acls", "--apply", "--integrator", name),
    ):
        assert cli.main(["topics", *arguments]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert "A user's name is 1 to 64 small letters" in said.err


@pytest.mark.parametrize("name", ["wiki-bot", "t1.bot_2", "b" * 64])
def test_an_integrator_has_a_name_of_plain_characters(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["topics", "acls", "--commands", "--integrator", name]) == 0
    assert f"'User:{name}' --operation Write --topic 'reports.inbox.{name}'" in capsys.readouterr().out
