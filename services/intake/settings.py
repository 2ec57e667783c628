"""What intake needs to know beside what every service does."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from shared.keyring import keep, parse_keyring
from shared.service_keys import PEERS_MEANING, PeersFile
from shared.settings import Connections, File, Key, Settings


def _from_bytes(value: object) -> object:
    return keep(value) if isinstance(value, bytes) else value


def _is_keyring(value: SecretStr) -> SecretStr:
    parse_keyring(value.get_secret_value())
    return value


KeyringText = Annotated[SecretStr, BeforeValidator(_from_bytes), AfterValidator(_is_keyring)]
"""A master key: 32 bytes in base64, or all versions of one."""


class KeySettings(Connections):
    """Where the master key is kept; also what `hearth secrets rotate` reads."""

    master_key_file: Path | None = Field(None, description="File that is looked at again, for new master keys.")
    transit_address: str | None = Field(
        None, description="A Vault (or OpenBao) whose transit engine wraps the master key, as https://host:8200."
    )
    transit_token: SecretStr | None = Field(None, description="Token for it; a file of it is read anew each time.")
    transit_token_file: Path | None = Field(None, description="File of that token.")
    transit_key: str = Field("hearth", description="Name of the key in the transit engine.")
    transit_mount: str = Field("transit", description="Where the transit engine is mounted.")
    transit_namespace: str | None = Field(None, description="Namespace of the transit engine, if it has one.")
    transit_ca: File = Field(None, description="Certificates that its own is trusted by; unset: the system's.")


EXIT_URL = "https://www.wikipedia.org/"


class IntakeSettings(KeySettings, Settings):
    """Settings of intake."""

    port: int = Field(8001, ge=0, le=65535, description="Port intake listens on.")
    service_peers_file: PeersFile = Field(description=PEERS_MEANING)
    master_key: KeyringText = Field(
        description="Secret that wraps the keys of the vault: 32 bytes in base64, or a keyring. Keep a copy."
    )
    receipt_pepper: Key = Field(description="Secret behind receipts and idempotency keys; 32 bytes in base64.")
    pseudonym_key: Key = Field(description="Secret behind the pseudonyms of people; 32 bytes in base64.")
    exit_url: str = Field(
        EXIT_URL,
        pattern=r"^https://[^\s\"'<>\\;,]+$",
        description="Where the button leads by which reporters leave a page quickly; a harmless site, with https.",
    )
    retention_seconds: float = Field(
        3600, gt=0, description="Seconds from one search for reports that retention erases to the next."
    )
    commit_queue: int = Field(2000, ge=1, description="Most reports waiting to be written, before 503 is answered.")
