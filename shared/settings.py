"""Settings come from `HEARTH_*` environment variables. A secret may stand in a file that `HEARTH_*_FILE` names.

An empty variable is as good as none. shared.environment says what is no part of a value, shared.setting_kinds what each
kind of setting may be.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shared.addresses import LOCAL
from shared.connections import KafkaAccess, KafkaSecurity, MongoAccess
from shared.environment import PREFIX, read_secret, read_variables
from shared.setting_kinds import (
    Address,
    Authorities,
    Certificate,
    DatabasePrefix,
    Endpoint,
    Hosts,
    Key,
    Listening,
    LogLevel,
    MongoUri,
    Networks,
    Servers,
    TopicPrefix,
)


@dataclass(frozen=True, slots=True)
class _Unusable:
    """Stands in the place of a value that cannot be had, and says why."""

    reason: str


class _Variables(PydanticBaseSettingsSource):
    """Reads `HEARTH_X`, or else the file that `HEARTH_X_FILE` names. Docker hands secrets over so."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        given = read_variables(os.environ)
        found = {name: _value(given, f"{PREFIX}{name.upper()}") for name in self.settings_cls.model_fields}
        return {name: value for name, value in found.items() if value is not None}


def _value(given: dict[str, str], variable: str) -> str | _Unusable | None:
    value, file = given.get(variable), given.get(f"{variable}_FILE")
    if value is None and file is None:
        return None
    if not all(map(_is_text, (value or "", file or ""))):
        return _Unusable("is not text in UTF-8")
    if value is None and file is not None:
        try:
            value = read_secret(Path(file))
        except OSError as error:
            return _Unusable(f"{file}, which {variable}_FILE names, cannot be read ({error.strerror})")
        except ValueError:
            return _Unusable(f"{file}, which {variable}_FILE names, does not hold text in UTF-8")
    return value


def _is_text(value: str) -> bool:
    # Python keeps other bytes as half surrogates.
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


class Connections(BaseSettings):
    """Where Kafka and MongoDB are, and how to get in: for services and the command line."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", allow_inf_nan=False)

    kafka: Servers = Field("127.0.0.1:9092", description="Kafka bootstrap servers, separated by commas.")
    kafka_security: KafkaSecurity = Field(
        "plaintext", description="`sasl_ssl`: TLS and SCRAM-SHA-512; `ssl`: TLS, with a client certificate if given."
    )
    kafka_user: str | None = Field(
        None, description="User at Kafka; unset: the prefix of topics and the service's name."
    )
    kafka_password: SecretStr | None = Field(
        None, validate_default=True, description="Password at Kafka; needed for `sasl_ssl`."
    )
    kafka_ca: Authorities | None = Field(
        None, description="Certificates of the authority behind Kafka's; unset: the system's."
    )
    kafka_certificate: Certificate | None = Field(
        None, description="Key and certificate shown to Kafka, in one PEM file."
    )
    mongo: MongoUri = Field("mongodb://127.0.0.1:27017/?replicaSet=rs0", description="MongoDB connection URI.")
    mongo_user: str | None = Field(
        None, description="User at MongoDB; unset: the prefix of databases and the service's name."
    )
    mongo_password: SecretStr | None = Field(
        None, description="Password at MongoDB, with SCRAM-SHA-256; unset: no sign-in but what the URI says."
    )
    mongo_ca: Authorities | None = Field(
        None, description="Certificates of the authority behind MongoDB's; unset: no TLS but what the URI says."
    )
    topic_prefix: TopicPrefix = Field("", description="Put before every topic and consumer group, to share one broker.")
    database_prefix: DatabasePrefix = Field("", description="Put before every database name, to share one server.")
    public_url: Address = Field(
        LOCAL,
        description="Address that reporters see. Events name it as the place of their schemas (`/schemas/…`).",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _can_be_had(cls, value: object) -> object:
        if isinstance(value, _Unusable):
            raise ValueError(value.reason)
        return value

    @field_validator("kafka_password")
    @classmethod
    def _is_needed(cls, value: SecretStr | None, found: ValidationInfo) -> SecretStr | None:
        if value is None and found.data.get("kafka_security") == "sasl_ssl":
            raise ValueError("HEARTH_KAFKA_SECURITY is sasl_ssl, which needs it")
        return value

    def kafka_access(self, name: str) -> KafkaAccess:
        """How `name` (a service, or `hearth` for the command line) gets into Kafka."""
        return KafkaAccess(
            self.kafka_security,
            self.kafka_user or f"{self.topic_prefix}{name}",
            secret_text(self.kafka_password),
            self.kafka_ca,
            self.kafka_certificate,
        )

    def mongo_access(self, name: str) -> MongoAccess:
        """How `name` gets into MongoDB."""
        user = self.mongo_user or f"{self.database_prefix}{name}"
        return MongoAccess(user, secret_text(self.mongo_password), self.mongo_ca)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _Variables(settings_cls)


class Settings(Connections):
    """The settings of every service."""

    host: Listening = Field("127.0.0.1", description="Address the service listens on.")
    port: int = Field(0, ge=0, le=65535, description="Port the service listens on.")
    inside_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Port for metrics, and for what the service waits for; only machines of the operator may reach it. "
        "Unset: none.",
    )
    form_key: Key = Field(description="Secret that signs the forms of pages; 32 bytes in base64.")
    # A folder that is gone is a mistake in the policy, for which the one before stays in force.
    policy_dir: Path | None = Field(None, description="Folder with policy files that replace the packaged ones.")
    otlp_endpoint: Endpoint | None = Field(
        None, description="OpenTelemetry collector (OTLP over HTTP); unset: no export."
    )
    trace_ratio: float = Field(1.0, ge=0, le=1, description="Share of traces that are exported.")
    log_level: LogLevel = Field("INFO", description="Lowest level that the service logs.")
    batch: int = Field(200, ge=1, le=5000, description="Most records in one batch.")
    attempts: int = Field(
        5, ge=1, description="Attempts at a message that fails by itself, before it becomes a dead letter."
    )
    dead_letter_limit: int = Field(200, ge=1, description="Dead letters in ten minutes after which a consumer stops.")
    token_rate: int = Field(
        600,
        ge=1,
        description="Requests a minute that an integrator's token may make at each replica; after a minute's pause, "
        "as many at once.",
    )
    intake_url: Address = Field("http://127.0.0.1:8001", description="Where intake's vault answers.")
    triage_url: Address = Field(
        "http://127.0.0.1:8002", description="Where triage answers other services, which tell it who signs in."
    )
    desk_url: Address = Field("http://127.0.0.1:8002", description="Address that responders see.")
    audit_url: Address = Field("http://127.0.0.1:8004", description="Address that auditors see.")
    outbox_url: Address = Field("http://127.0.0.1:8003", description="Address that operators see.")
    integrator_kafka: Servers = Field(
        "127.0.0.1:9095",
        description="Address (`host:port`) at which integrators reach Kafka. `/asyncapi` names it.",
    )
    hosts: Hosts = Field(
        "",
        description="Further host names, separated by commas, under which services answer, beside those of the public "
        "addresses, loopback and the containers.",
    )
    proxies: Networks = Field(
        "",
        description="Addresses or networks (such as `10.0.0.0/8`) of proxies, separated by commas; services believe "
        "their `X-Forwarded-For` and `X-Forwarded-Proto`.",
    )

    def address_of(self, service: str) -> str:
        """The address at which people and programs find a service."""
        addresses = {"triage": self.desk_url, "notification": self.outbox_url, "audit": self.audit_url}
        return addresses.get(service, self.public_url)


S = TypeVar("S", bound=Connections)


def load_settings(kind: type[S], **given: object) -> S:
    """The settings. Ends the process (exit status 2) with one sentence for each variable that is wrong."""
    try:
        return kind(**given)  # type: ignore[arg-type]  # the fields are validated at run time
    except ValidationError as error:
        end_start(faults_in(error))


def end_start(faults: Mapping[str, str]) -> NoReturn:
    """End the process (exit status 2) with one sentence for each variable; see `faults_in`."""
    for name, reason in faults.items():
        print(f"{name} {reason}.", file=sys.stderr)  # noqa: T201  # logging is not set up before settings are read
    sys.exit(2)


def faults_in(error: ValidationError) -> dict[str, str]:
    """What is wrong with each variable, by its name: the end of a sentence that begins with the name."""
    found: dict[str, str] = {}
    for finding in error.errors(include_url=False, include_input=False):
        said = finding["msg"].removeprefix("Value error, ").rstrip(".").replace("\n", " ")
        reason = "is missing" if finding["type"] == "missing" else f"is wrong: {said}"
        found.setdefault(PREFIX + str(finding["loc"][0]).upper(), reason)
    return found


def secret_text(value: SecretStr | None) -> str | None:
    """The text of a secret, for the library that needs it."""
    return value.get_secret_value() if value else None
