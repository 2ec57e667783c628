"""docker-compose.secure.yml over docker-compose.yml: everyone signs in, nobody holds more than is theirs."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.acls import users
from infra.commands.keys.certificates import KAFKA_UID, MONGO_UID
from infra.credentials import Credentials
from infra.local.kafka import SECURE
from infra.local.mongod import TLS
from infra.services import SERVICES
from shared.environment import PREFIX
from shared.settings import Settings
from tests.contract.test_compose import COMPOSE, ONE_SHOTS, property_of, resolve

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.secure.yml").read_text(encoding="utf-8")


class Loader(yaml.SafeLoader):
    """Reads Compose's own tags `!reset` and `!override` as the value they stand before."""


for tag in ("!reset", "!override"):
    Loader.add_constructor(
        tag,
        lambda loader, node: (
            loader.construct_mapping(node) if isinstance(node, yaml.MappingNode) else loader.construct_sequence(node)
        ),
    )

SECURE_FILE: dict[str, Any] = yaml.load(resolve(TEXT), Loader)  # noqa: S506  # a safe loader
CONTAINERS: dict[str, dict[str, Any]] = SECURE_FILE["services"]
FILES = {name: secret["file"].removeprefix("./secrets/") for name, secret in SECURE_FILE["secrets"].items()}
PEOPLE = (*SERVICES, "hearth")


def secrets_of(name: str) -> dict[str, str]:
    """The secrets that the override gives a container: its name there, and the file it is."""
    found = [s if isinstance(s, dict) else {"source": s, "target": s} for s in CONTAINERS[name]["secrets"]]
    return {secret["target"]: FILES[secret["source"]] for secret in found}


def test_the_secrets_are_the_files_that_are_made(tmp_path: Path) -> None:
    made = {made.name for made in Credentials(tmp_path).make()}
    # The authority's key signs, and nothing that runs needs it.
    assert set(FILES.values()) == made - {"ca.key"}


@pytest.mark.parametrize("name", PEOPLE)
def test_each_service_is_given_its_own_passwords_and_nobody_elses(name: str) -> None:
    given = secrets_of(name)
    assert given == {"ca": "ca.pem", "kafka_password": f"kafka_{name}", "mongo_password": f"mongo_{name}"}
    environment = CONTAINERS[name]["environment"]
    assert environment["HEARTH_KAFKA_SECURITY"] == "sasl_ssl"
    named = {value for variable, value in environment.items() if variable != "HEARTH_KAFKA_SECURITY"}
    assert named == {f"/run/secrets/{secret}" for secret in given}


def test_every_setting_of_the_override_exists() -> None:
    known = {f"{PREFIX}{name.upper()}{end}" for name in Settings.model_fields for end in ("", "_FILE")}
    given = {name for container in CONTAINERS.values() for name in container.get("environment", {})}
    assert {name for name in given if name.startswith(PREFIX)} <= known


def test_only_what_sets_things_up_holds_what_is_the_operators() -> None:
    holders = {name: set(secrets_of(name).values()) for name in CONTAINERS if "secrets" in CONTAINERS[name]}
    assert {name for name, files in holders.items() if "operator.pem" in files} == {"topics", "operator"}
    assert {name for name, files in holders.items() if "mongo_operator" in files} == {"replica-set"}
    assert {name for name, files in holders.items() if len(files & {f"kafka_{u}" for u in users()}) > 1} == {"topics"}
    assert {name for name, files in holders.items() if len(files & {f"mongo_{u}" for u in users()}) > 1} == {
        "replica-set"
    }
    assert holders["kafka"] == {"ca.pem", "kafka.pem"}
    assert holders["mongo"] == {"ca.pem", "mongo.pem", "mongo.keyfile"}


def test_what_sets_things_up_lets_everyone_in() -> None:
    for name, kind in (("topics", "kafka"), ("replica-set", "mongo")):
        assert name in ONE_SHOTS
        command = " ".join(CONTAINERS[name]["command"]).replace("=", " ")
        assert "--accounts /run/secrets" in command
        given = secrets_of(name)
        # `--accounts` finds each password under the name that it was made with.
        assert {f"{kind}_{user}" for user in users()} <= given.keys()
        assert all(given[f"{kind}_{user}"] == f"{kind}_{user}" for user in users())


def test_the_first_user_of_the_database_is_made_from_where_it_may_be() -> None:
    container = CONTAINERS["replica-set"]
    assert container["network_mode"] == "service:mongo"
    assert container["networks"] == []
    assert "--at=127.0.0.1:27017" in container["command"]


def test_the_broker_is_as_in_the_tests_that_try_every_right() -> None:
    environment = COMPOSE["services"]["kafka"]["environment"] | CONTAINERS["kafka"]["environment"]
    given = {property_of(name): value for name, value in environment.items() if name.startswith("KAFKA_")}
    tried = dict(line.split("=", 1) for line in SECURE.splitlines())
    differing = {name for name, value in tried.items() if given.get(name) != value}
    assert differing == {"listeners", "advertised.listeners", "ssl.keystore.location", "ssl.truststore.location"}
    listeners = dict(listener.split("://") for listener in given["listeners"].split(","))
    assert listeners.keys() == {"CLIENTS", "INTEGRATORS", "BROKERS", "CONTROLLER"}
    assert "PLAINTEXT" not in given["listener.security.protocol.map"]
    # For listeners of these names the image's start script asks for keystores with passwords.
    assert not re.search(r"SSL://|SASL_", given["advertised.listeners"])


def test_the_database_is_as_in_the_tests_that_try_every_right() -> None:
    command = " ".join(CONTAINERS["mongo"]["command"]).replace("=", " ").split()
    plain = " ".join(COMPOSE["services"]["mongo"]["command"]).replace("=", " ").split()
    assert command[: len(plain)] == plain
    assert {word for option in TLS for word in option.split("=")} <= set(command)
    for option, secret in (("--keyFile", "mongo_keyfile"), ("--tlsCertificateKeyFile", "mongo"), ("--tlsCAFile", "ca")):
        assert command[command.index(option) + 1] == f"/run/secrets/{secret}"
        assert secret in secrets_of("mongo")


def test_the_files_of_the_servers_belong_to_the_users_that_they_run_as() -> None:
    assert COMPOSE["services"]["kafka"]["user"].partition(":")[0] == str(KAFKA_UID)
    assert COMPOSE["services"]["mongo"]["user"].partition(":")[0] == str(MONGO_UID)


def test_the_override_loosens_nothing_that_the_first_file_holds_tight() -> None:
    held = {"read_only", "cap_drop", "security_opt", "user", "ports", "restart", "mem_limit", "privileged", "image"}
    assert {name for name, container in CONTAINERS.items() if container.keys() & held} == set()
    new = CONTAINERS.keys() - COMPOSE["services"].keys()
    assert {name: CONTAINERS[name]["extends"]["service"] for name in new} == {"certificates": "secrets"}


def test_every_variable_of_the_override_is_explained() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    explained = dict(re.findall(r"^#(\w+)=(.*)$", example, re.MULTILINE))
    for name, default in re.findall(r"\$\{(\w+):-((?:\$\{[^${}]*\}|[^${}])*)\}", TEXT):
        assert explained[name] == resolve(default)
    assert "COMPOSE_FILE=docker-compose.yml:docker-compose.secure.yml" in example
