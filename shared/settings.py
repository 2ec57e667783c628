"""Settings come from `HEARTH_*` environment variables; a secret may stand in a file named by `HEARTH_*_FILE`."""

import base64
import os
import sys
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "HEARTH_"


def _from_base64(value: object) -> object:
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except ValueError:
            raise ValueError("is not base64") from None
    return value


Key = Annotated[bytes, BeforeValidator(_from_base64), Field(min_length=32, max_length=32, repr=False)]
"""A secret of 32 bytes, written in base64."""


class _Files(PydanticBaseSettingsSource):
    """Reads `HEARTH_X` from the file that `HEARTH_X_FILE` names, as Docker secrets are handed over."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        return (Path(path).read_text(encoding="utf-8").strip() if path else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """What every service needs to know."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="Address the service listens on.")
    port: int = Field(0, ge=0, le=65535, description="Port the service listens on.")
    kafka: str = Field("127.0.0.1:9092", description="Kafka bootstrap servers, separated by commas.")
    mongo: str = Field("mongodb://127.0.0.1:27017/?replicaSet=rs0", description="MongoDB connection URI.")
    topic_prefix: str = Field("", description="Put before every topic and consumer group, to share one broker.")
    database_prefix: str = Field("", description="Put before every database name, to share one server.")
    token_key: Key = Field(description="Secret that signs tokens between services and of people; 32 bytes in base64.")
    policy_dir: Path | None = Field(None, description="Folder whose policy files replace the packaged ones.")
    otlp_endpoint: str | None = Field(None, description="OpenTelemetry collector (OTLP over HTTP); unset: no export.")
    trace_ratio: float = Field(1.0, ge=0, le=1, description="Share of traces that are exported.")
    log_level: str = Field("INFO", description="Lowest level that is logged.")
    batch: int = Field(200, ge=1, le=5000, description="Most records handled as one batch.")
    attempts: int = Field(
        5, ge=1, description="Attempts at a message that fails by itself, before it is a dead letter."
    )
    dead_letter_limit: int = Field(200, ge=1, description="Dead letters in ten minutes after which a consumer stops.")
    intake_url: str = Field("http://127.0.0.1:8001", description="Where intake's vault answers.")
    public_url: str = Field("http://127.0.0.1:8001", description="Address that reporters see.")
    desk_url: str = Field("http://127.0.0.1:8002", description="Address that responders see.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _Files(settings_cls)


S = TypeVar("S", bound=Settings)


def load_settings(kind: type[S], **given: object) -> S:
    """The settings, or an end of the process (exit status 2) with one sentence per variable that is wrong."""
    try:
        return kind(**given)  # type: ignore[arg-type]  # the fields are validated at run time
    except ValidationError as error:
        for finding in error.errors(include_url=False, include_input=False):
            name = PREFIX + "_".join(str(part) for part in finding["loc"]).upper()
            reason = "is missing" if finding["type"] == "missing" else f"is wrong: {finding['msg']}"
            print(f"{name} {reason}.", file=sys.stderr)  # noqa: T201  # logging is not set up before settings are read
    except OSError as error:
        print(f"A secret's file cannot be read: {error.filename}.", file=sys.stderr)  # noqa: T201  # as above
    sys.exit(2)


def secret_text(value: SecretStr | None) -> str | None:
    """The text of a secret, for the library that needs it."""
    return value.get_secret_value() if value else None
