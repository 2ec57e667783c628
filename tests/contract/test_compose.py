"""docker-compose.yml and infra/Dockerfile keep what docs/operators.md promises; nothing is started here."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import SecretStr

from infra.commands.documents.settings_page import settings_of
from infra.commands.keys.secrets import IMAGE_UID, SECRETS
from infra.commands.keys.service_keys import PEERS, SERVICE_FILES, keys_file
from infra.local.downloads import KEYCLOAK
from infra.local.kafka import OPEN
from infra.local.keycloak import REALM
from infra.services import SERVICES
from shared.environment import PREFIX
from shared.settings import Connections, Settings
from shared.web.hosts import INSIDE

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
OVERRIDE = (ROOT / "docker-compose.secure.yml").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "infra/Dockerfile").read_text(encoding="utf-8")

DEFAULT = re.compile(r"\$\{(\w+):-([^${}]*)\}")
MEMORY = 2048
GIVEN = {"smtp_password", "transit_token", "desk_client_secret", "outbox_client_secret", "audit_client_secret"}
"""Secrets that somebody else makes, if there are any; the others are made by `hearth secrets`."""
REPLICAS = ("triage", "triage")
"""What `--scale triage=3` adds."""


def resolve(text: str) -> str:
    """The text with every `${NAME:-default}` as it is when nothing is set."""
    while (resolved := DEFAULT.sub(r"\2", text)) != text:
        text = resolved
    return text


COMPOSE: dict[str, Any] = yaml.safe_load(resolve(TEXT))
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
ASKED_FOR = {name for name, container in CONTAINERS.items() if "profiles" in container}
LASTING = {name for name, container in CONTAINERS.items() if "restart" in container} - ASKED_FOR
ONE_SHOTS = CONTAINERS.keys() - ASKED_FOR - LASTING
DOOR = "integrators"
"""Publishes a port of Kafka, once an operator asks for it."""


def memory(*names: str) -> int:
    """The sum of the limits of these containers, in MiB."""
    return sum(int(CONTAINERS[name]["mem_limit"].removesuffix("m")) for name in names)


def settings_for(service: str) -> type[Settings]:
    found = settings_of(service)
    assert found is not None
    return found


def secret_fields(settings: type[Settings]) -> set[str]:
    fields = settings.model_fields.items()
    kinds = {bytes, SecretStr}
    found = {name for name, field in fields if kinds & {field.annotation, *get_args(field.annotation)}}
    # Passwords at Kafka and MongoDB come with docker-compose.secure.yml.
    return found - Connections.model_fields.keys()


def key_files(service: str) -> dict[str, str]:
    """Which key files a service is given: its own ring if it calls others, and everybody's public keys."""
    files = {f"{PREFIX}SERVICE_KEYS_FILE": keys_file(service), f"{PREFIX}SERVICE_PEERS_FILE": PEERS}
    fields = {f"{PREFIX}{name.upper()}" for name in settings_for(service).model_fields}
    return {name: file for name, file in files.items() if name in fields}


def secrets_of(name: str) -> dict[str, str]:
    """The secrets that a container is given: its name there, and which it is."""
    found = [s if isinstance(s, dict) else {"source": s, "target": s} for s in CONTAINERS[name].get("secrets", ())]
    return {secret["target"]: secret["source"] for secret in found}


def test_the_containers_are_those_that_the_readme_tells_of() -> None:
    assert {*SERVICES, "desk", "kafka", "mongo", "mailpit"} == LASTING
    assert {"topics", "replica-set"} == ONE_SHOTS
    assert {"hearth", "operator", "secrets", "master-key", "keycloak", DOOR} == ASKED_FOR


@pytest.mark.parametrize("name", CONTAINERS)
def test_no_container_can_write_to_its_root_or_gain_privileges(name: str) -> None:
    container = CONTAINERS[name]
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert not container.keys() & {"privileged", "pid", "ipc", "devices", "userns_mode"}


@pytest.mark.parametrize("name", CONTAINERS)
def test_no_container_runs_as_root_but_the_one_that_gives_secrets_away(name: str) -> None:
    user = CONTAINERS[name]["user"]
    assert re.fullmatch(r"\d+:\d+", user)
    assert (user == "0:0") == (name == "secrets") == ("cap_add" in CONTAINERS[name])


def test_the_container_that_makes_the_secrets_as_root_reaches_no_network() -> None:
    assert CONTAINERS["secrets"]["network_mode"] == "none"


def test_only_who_rotates_the_master_key_can_write_to_it() -> None:
    mounts = {name: volume for name, c in CONTAINERS.items() for volume in c.get("volumes", ()) if "secrets" in volume}
    assert mounts == {"secrets": "./secrets:/secrets", "master-key": "./secrets/master_key:/keyring"}
    assert CONTAINERS["master-key"]["environment"]["HEARTH_MASTER_KEY_FILE"] == "/keyring"


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_published_port_is_bound_to_this_machine(name: str) -> None:
    for port in CONTAINERS[name].get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


def test_kafka_and_mongodb_are_reached_from_inside_only() -> None:
    assert COMPOSE["networks"]["back"]["internal"] is True
    for name in ("kafka", "mongo"):
        assert CONTAINERS[name]["networks"] == ["back"]
        assert "ports" not in CONTAINERS[name]


def test_the_door_to_kafka_is_shut_until_asked_for_and_leads_to_its_listener() -> None:
    door, kafka = CONTAINERS[DOOR], CONTAINERS["kafka"]["environment"]
    assert door["profiles"] == [DOOR]
    assert door["ports"] == ["127.0.0.1:9095:9095"]
    assert door["command"][-2:] == ["9095", "kafka:9095"]
    assert "INTEGRATORS://:9095" in kafka["KAFKA_LISTENERS"].split(",")
    assert "secrets" not in door


def test_the_broker_lets_integrators_in_as_in_the_tests() -> None:
    given = {property_of(n): v for n, v in CONTAINERS["kafka"]["environment"].items() if n.startswith("KAFKA_")}
    tried = dict(line.split("=", 1) for line in OPEN.splitlines())
    assert {name for name, value in tried.items() if given.get(name) != value} == {"listeners", "advertised.listeners"}


def property_of(variable: str) -> str:
    """The property that the image makes of a variable: `___` is a hyphen, `__` an underscore, `_` a dot."""
    name = variable.removeprefix("KAFKA_").lower()
    return name.replace("___", "-").replace("__", "\0").replace("_", ".").replace("\0", "_")


def test_an_integrator_is_sent_to_the_address_that_asyncapi_names() -> None:
    told = {CONTAINERS[name]["environment"]["HEARTH_INTEGRATOR_KAFKA"] for name in (*SERVICES, "hearth", "operator")}
    assert told == {"127.0.0.1:9095"}
    assert f"INTEGRATORS://{told.pop()}" in CONTAINERS["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    given = "${HEARTH_INTEGRATOR_KAFKA:-127.0.0.1:${INTEGRATOR_PORT:-9095}}"
    assert TEXT.count(given) == 2
    assert OVERRIDE.count(f"INTEGRATORS://{given}") == 1


def test_a_scaled_service_publishes_no_port_of_its_own() -> None:
    assert "ports" not in CONTAINERS["triage"]
    assert CONTAINERS["desk"]["command"][-1] == "triage:8002"


def test_the_memory_limits_stay_within_two_gigabytes() -> None:
    assert memory(*LASTING, *ONE_SHOTS) <= MEMORY
    assert memory(*LASTING, "hearth") <= MEMORY
    assert memory(*LASTING, *REPLICAS) <= MEMORY
    assert memory(*LASTING, DOOR) <= MEMORY


def test_the_page_for_operators_tells_the_sums_of_the_limits() -> None:
    page = (ROOT / "docs/operators.md").read_text(encoding="utf-8")
    told = f"{memory(*LASTING)} MiB together, {memory(*LASTING, *REPLICAS)} MiB with three replicas of triage"
    assert told in " ".join(page.split())


def test_kafka_and_mongodb_fit_into_their_limits() -> None:
    heap = re.search(r"-Xmx(\d+)m", CONTAINERS["kafka"]["environment"]["KAFKA_HEAP_OPTS"])
    assert heap
    assert int(heap[1]) <= memory("kafka") / 2
    command = CONTAINERS["mongo"]["command"]
    assert float(command[command.index("--wiredTigerCacheSizeGB") + 1]) * 1024 <= memory("mongo") / 2


@pytest.mark.parametrize("name", sorted({*LASTING, DOOR}))
def test_what_lasts_is_started_again_checked_and_given_time_to_stop(name: str) -> None:
    container = CONTAINERS[name]
    assert container["restart"] == "unless-stopped"
    assert int(container["stop_grace_period"].removesuffix("s")) > 10
    assert not container.get("healthcheck", {}).get("disable")
    ours = container["image"].startswith("hearth:")
    checked = "test" in container.get("healthcheck", {})
    assert checked or (ours and "HEALTHCHECK" in DOCKERFILE)
    assert checked or "HEARTH_PORT" in container["environment"]


@pytest.mark.parametrize("name", CONTAINERS)
def test_the_order_of_the_start_follows_health_and_finished_jobs(name: str) -> None:
    waited_for = CONTAINERS[name].get("depends_on", {})
    for other, how in waited_for.items():
        one_shot = other in ONE_SHOTS
        assert how == {"condition": "service_completed_successfully" if one_shot else "service_healthy"}
    if name in SERVICES:
        assert waited_for.keys() >= ONE_SHOTS


def test_the_data_is_in_named_volumes() -> None:
    kept = {"kafka": "kafka-data:/var/lib/kafka/data", "mongo": "mongo-data:/data/db", "mailpit": "mail-data:/var/tmp"}
    assert {name: CONTAINERS[name]["volumes"] for name in kept} == {name: [volume] for name, volume in kept.items()}
    assert COMPOSE["volumes"].keys() == {volume.partition(":")[0] for volume in kept.values()}
    assert CONTAINERS["kafka"]["environment"]["KAFKA_LOG_DIRS"] == "/var/lib/kafka/data"
    assert CONTAINERS["mailpit"]["environment"]["MP_DATABASE"].startswith("/var/tmp/")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_given_only_settings_that_it_has_and_all_that_it_must_have(service: str) -> None:
    container, settings = CONTAINERS[service], settings_for(service)
    assert container["command"] == ["python", "-m", SERVICES[service].module]
    assert container["environment"]["HEARTH_PORT"] == str(SERVICES[service].port)
    given = {name.removeprefix(PREFIX).lower() for name in container["environment"]}
    shared = set(COMPOSE["x-environment"])
    known = {f"{name}{end}" for name in settings.model_fields for end in ("", "_file")}
    assert given - known - {name.removeprefix(PREFIX).lower() for name in shared} == set()
    needed = {name for name, field in settings.model_fields.items() if field.is_required()}
    assert needed - given - {name.removesuffix("_file") for name in given} == set()


@pytest.mark.parametrize("service", SERVICES)
def test_secrets_come_from_files_and_only_to_the_service_that_uses_them(service: str) -> None:
    container = CONTAINERS[service]
    secret = secret_fields(settings_for(service))
    assert "form_key" in secret
    keys = key_files(service)
    assert secrets_of(service).keys() == secret | set(keys.values())
    environment = container["environment"]
    assert {name: environment[name] for name in keys} == {name: f"/run/secrets/{file}" for name, file in keys.items()}
    for name in secret:
        assert environment[f"{PREFIX}{name.upper()}_FILE"] == f"/run/secrets/{name}"


def test_no_environment_holds_a_secret() -> None:
    secret = {f"{PREFIX}{name.upper()}" for service in SERVICES for name in secret_fields(settings_for(service))}
    assert secret & {name for container in CONTAINERS.values() for name in container.get("environment", {})} == set()
    assert secret & set(re.findall(r"\w+", EXAMPLE)) == set()


def test_the_secret_files_are_those_that_are_made() -> None:
    files = {name: secret["file"] for name, secret in COMPOSE["secrets"].items()}
    made = {name: f"./secrets/{name}" for name in (*SECRETS, *SERVICE_FILES)}
    assert files == made | dict.fromkeys(GIVEN, "/dev/null")
    assert secrets_of("hearth").keys() == {*SECRETS, PEERS, keys_file("triage")}


def test_the_sign_in_provider_of_the_demo_is_off_until_asked_for_and_knows_no_secret() -> None:
    container = CONTAINERS["keycloak"]
    assert container["profiles"] == ["sign-in"]
    assert "secrets" not in container
    assert not any("ADMIN" in name or "PASSWORD" in name for name in container["environment"])
    version = KEYCLOAK.split(":")[2]
    assert version.startswith(container["image"].partition(":")[2])
    (realm, _) = container["volumes"]
    assert (ROOT / realm.partition(":")[0]).samefile(REALM)


def test_people_sign_in_at_the_provider_of_the_demo_until_another_is_named() -> None:
    keycloak = CONTAINERS["keycloak"]
    issuer = f"{keycloak['environment']['KC_HOSTNAME']}/realms/hearth"
    realm = json.loads(REALM.read_text(encoding="utf-8"))
    clients = {client["clientId"]: client for client in realm["clients"]}
    for name, service in SERVICES.items():
        if not service.client:
            continue
        environment = CONTAINERS[name]["environment"]
        assert environment["HEARTH_SIGN_IN_ISSUER"] == issuer
        assert environment["HEARTH_SIGN_IN_CLIENT_ID"] == service.client
        # One address for the browsers on this machine and for the services within the network.
        host, port = issuer.split("/")[2].split(":")
        assert keycloak["networks"]["front"]["aliases"] == [host]
        assert keycloak["ports"] == [f"127.0.0.1:{port}:{port}"]
        assert str(keycloak["environment"]["KC_HTTP_PORT"]) == port
        assert "front" in CONTAINERS[name]["networks"]
        told = clients[service.client]["attributes"]["backchannel.logout.url"]
        assert told.startswith(f"http://{name}:{service.port}/")
        assert name in INSIDE


def test_each_ring_goes_to_the_service_that_signs_with_it() -> None:
    for service in SERVICES:
        rings = {name for name in secrets_of(service) if name.startswith("service_keys_")}
        assert rings == {keys_file(service)} & SERVICE_FILES.keys()


def test_the_command_line_is_given_every_address_and_secret() -> None:
    given = CONTAINERS["hearth"]["environment"]
    assert {given[f"{PREFIX}{name.upper()}_URL"] for name in SERVICES} == {
        f"http://{name}:{service.port}" for name, service in SERVICES.items()
    }
    assert {f"{PREFIX}{name.upper()}_FILE" for name in SECRETS} <= given.keys()


def test_every_variable_of_the_compose_file_is_explained_with_its_default() -> None:
    explained = dict(re.findall(r"^#(\w+)=(.*)$", EXAMPLE, re.MULTILINE))
    for name, default in re.findall(r"\$\{(\w+):-((?:\$\{[^${}]*\}|[^${}])*)\}", TEXT):
        if name.removesuffix("_FILE").lower() not in GIVEN:
            assert explained[name] == resolve(default)
    assert set(re.findall(r"\$\{(\w+)", TEXT)) <= explained.keys()
    assert not re.search(r"^\w", EXAMPLE, re.MULTILINE), "a copy of the example changes nothing"


def test_every_setting_in_the_example_exists_and_is_shown_with_its_default() -> None:
    fields = {
        f"{PREFIX}{name.upper()}": field
        for service in SERVICES
        for name, field in settings_for(service).model_fields.items()
    } | {f"{PREFIX}{name.upper()}": field for name, field in Settings.model_fields.items()}
    compose = set(re.findall(r"\$\{(\w+)", TEXT + OVERRIDE))
    for name, shown in re.findall(r"^#(HEARTH_\w+)=(.*)$", EXAMPLE, re.MULTILINE):
        if name not in compose:
            default = fields[name].default
            assert shown == ("" if default is None else f"{default:g}" if name.endswith("_SECONDS") else str(default))


def test_the_image_runs_as_the_user_who_owns_the_secrets() -> None:
    assert f"USER {IMAGE_UID}:{IMAGE_UID}" in DOCKERFILE
    assert CONTAINERS["intake"]["user"] == f"{IMAGE_UID}:{IMAGE_UID}"


def test_the_image_is_built_in_stages_without_a_compiler() -> None:
    stages = DOCKERFILE.split("\nFROM ")[1:]
    assert len(stages) >= 3
    assert " AS " not in stages[-1].splitlines()[0]
    assert "--only-binary :all:" in DOCKERFILE
    assert "--require-hashes" in DOCKERFILE
    assert not re.search(r"apt-get|build-essential|\bgcc\b|pip install", stages[-1])


def test_the_inner_port_belongs_to_every_service_and_is_published_nowhere() -> None:
    for service in SERVICES:
        assert CONTAINERS[service]["environment"]["HEARTH_INSIDE_PORT"] == "9000"
    published = [port for container in CONTAINERS.values() for port in container.get("ports", ())]
    assert published
    assert [port for port in published if "9000" in port] == []


def test_every_image_of_others_can_be_named_by_its_digest() -> None:
    images = re.findall(r"^\s+image: (.+)$", TEXT, re.MULTILINE)
    assert len(images) >= 5
    assert [i for i in images if not i.startswith("hearth:") and not re.fullmatch(r"\$\{\w+_IMAGE:-[^}]+\}", i)] == []
    assert re.findall(r"^FROM (?!\$(?:PYTHON|NODE)_IMAGE\b).+$", DOCKERFILE, re.MULTILINE) == []
    defaults = dict(re.findall(r"^ARG (\w+_IMAGE)=(.+)$", DOCKERFILE, re.MULTILINE))
    built = [container["build"]["args"] for container in CONTAINERS.values() if "build" in container]
    assert built == [defaults] * len(built)
