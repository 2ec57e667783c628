"""The master key and where its keyring comes from, from the environment."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from services.intake.keys.keyring import keep, parse_keyring
from shared.setting_kinds import Authorities, Endpoint
from shared.settings import Connections


def _from_bytes(value: object) -> object:
    return keep(value) if isinstance(value, bytes) else value


def _is_keyring(value: SecretStr) -> SecretStr:
    parse_keyring(value.get_secret_value())
    return value


def _segment(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", value):
        raise ValueError("has other characters than letters, digits, `.`, `_` and `-`, or begins with a dot")
    return value


def _segments(value: str) -> str:
    return "/".join(map(_segment, value.strip("/").split("/")))


KeyringText = Annotated[SecretStr, BeforeValidator(_from_bytes), AfterValidator(_is_keyring)]
"""A master key: 32 bytes in base64, or all versions of one."""


class KeySettings(Connections):
    """Where the master key is kept. `hearth secrets rotate` reads these settings, too."""

    master_key_file: Path | None = Field(
        None, description="File that intake looks at again and again, for new master keys."
    )
    transit_address: Endpoint | None = Field(
        None, description="A Vault (or OpenBao) with a transit engine that wraps the master key, as https://host:8200."
    )
    transit_token: SecretStr | None = Field(
        None, description="Token for this Vault; intake reads a file of it anew each time."
    )
    transit_token_file: Path | None = Field(None, description="File of that token.")
    transit_key: Annotated[str, AfterValidator(_segment)] = Field(
        "hearth", description="Name of the key in the transit engine."
    )
    transit_mount: Annotated[str, AfterValidator(_segments)] = Field(
        "transit", description="Where the transit engine is mounted."
    )
    transit_namespace: Annotated[str, AfterValidator(_segments)] | None = Field(
        None, description="Namespace of the transit engine, if it has one."
    )
    transit_ca: Authorities | None = Field(
        None, description="Certificates of the authority behind this Vault's; unset: the system's."
    )
