"""The settings of audit, beyond those of every service."""

from typing import Literal

from pydantic import Field, field_validator

from services.audit.tlog.note import check_key_name
from shared.access.service_keys import CallerSettings
from shared.setting_kinds import Key
from shared.sign_in.settings import SignInSettings


class AuditSettings(SignInSettings, CallerSettings):
    """The record, its key, and the periods of seals and batches."""

    port: int = Field(8004, ge=0, le=65535, description="Port the service listens on.")
    batch: int = Field(500, ge=1, le=5000, description="Most records handled as one batch.")
    log_origin: str = Field(
        "hearth.example/audit", description="Name of this deployment's record; every log's origin begins with it."
    )
    signing_key: Key = Field(description="Seed of the Ed25519 key that signs checkpoints; 32 bytes in base64.")
    seal_seconds: float = Field(
        10, gt=0, le=31_622_400, description="Seconds between two entries of the seal log, if logs changed."
    )
    record_pause: float = Field(
        0.1,
        ge=0,
        le=5,
        description="Least seconds between two batches, so that small ones gather; 2.5 times as many after a "
        "batch of 100 records.",
    )
    record_decoys: int = Field(
        32,
        ge=0,
        description="One case in this many is withheld from each auditor although it does not name the auditor: a "
        "decoy, so that none can tell a case that does; 0: no decoys.",
    )

    scorecard: Literal["off", "outcomes", "values"] = Field(
        "outcomes",
        description="What everybody sees of the scorecards: levels and outcomes, also what was measured, or nothing "
        "(`off`); auditors see everything.",
    )

    @field_validator("log_origin")
    @classmethod
    def _can_name_a_key(cls, name: str) -> str:
        return check_key_name(name).rstrip("/")
