"""Settings of intake, beside those that every service has."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from services.intake.keys.settings import KeyringText, KeySettings
from shared.access.service_keys import PEERS_MEANING, PeersFile
from shared.setting_kinds import Key, check_address
from shared.sign_in.settings import ProverSettings

EXIT_URL = "https://www.wikipedia.org/"


def _exit(value: str) -> str:
    # The address stands in a header that allows the button to lead there.
    check_address(re.split("[?#]", value)[0], path=True)
    if not re.fullmatch(r"https://[^\s\"'<>\\;,]+", value):
        raise ValueError("is not an https address without quotes, commas, semicolons and brackets")
    return value


class IntakeSettings(KeySettings, ProverSettings):
    """Settings of intake."""

    port: int = Field(8001, ge=0, le=65535, description="Port intake listens on.")
    service_peers_file: PeersFile = Field(description=PEERS_MEANING)
    master_key: KeyringText = Field(
        description="Secret that wraps the keys of the vault: 32 bytes in base64, or a keyring. Keep a copy."
    )
    receipt_pepper: Key = Field(description="Secret behind receipts and idempotency keys; 32 bytes in base64.")
    pseudonym_key: Key = Field(description="Secret behind the pseudonyms of people; 32 bytes in base64.")
    exit_url: Annotated[str, AfterValidator(_exit)] = Field(
        EXIT_URL,
        description="Where the button leads that lets reporters leave a page quickly; a harmless site, with https.",
    )
    open_inbox: bool = Field(
        False,
        description="Whether intake takes reports from `reports.inbox`, for any source and community, from everybody "
        "who can write to it. For demos only: give each integrator an inbox of its own (`hearth topics integrator`).",
    )
    retention_seconds: float = Field(
        3600, gt=0, le=31_622_400, description="Seconds between two searches for reports that retention erases."
    )
    commit_queue: int = Field(2000, ge=1, description="Most reports that wait for a write, before intake answers 503.")
