"""Facts on `roster`: who may do what. Each carries the whole entry after the change, so that the newest is enough."""

from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from shared.events.envelope import Fact


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class GrantHeld(_Part):
    """A role of a person or token, what it reaches, and until when."""

    role: str
    bodies: tuple[str, ...] = ()
    communities: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    expires_at: AwareDatetime | None = None


class TrainingHeld(_Part):
    """A training module somebody has completed."""

    module: str
    completed_at: AwareDatetime
    expires_at: AwareDatetime | None = None


class LeaveTaken(_Part):
    """A time in which somebody may do nothing."""

    begins_at: AwareDatetime
    ends_at: AwareDatetime | None = None


class RosterEntryChanged(Fact):
    """What a person may do has changed (`change` says how). `roster.names` tells the pseudonyms of the person's names.

    `pseudonyms` are those in events from before 1.2, and empty since. `named`: the sign-in provider has told the
    person's user name; without it the person handles nothing. `languages`: those that the person reads, as tags.
    `since`: when the person came onto the roster; None before 1.4.
    Sessions and tokens that began before `signed_out_at` are over.
    """

    topic: ClassVar[str] = "roster"
    name: ClassVar[str] = "roster.entry_changed"
    version: ClassVar[str] = "1.4"

    change: str
    person: str
    grants: tuple[GrantHeld, ...] = ()
    trainings: tuple[TrainingHeld, ...] = ()
    confidential_until: AwareDatetime | None = None
    leaves: tuple[LeaveTaken, ...] = ()
    pseudonyms: tuple[str, ...] = ()
    signed_out_at: AwareDatetime | None = None
    named: bool = False
    languages: tuple[str, ...] = ()
    since: AwareDatetime | None = None


class RosterTokenChanged(Fact):
    """A token was issued, replaced or revoked. `secret_hash` is SHA-256 of at least 160 random bits.

    `person`: whose token it is; None for an integrator's, which has `grants` of its own.
    """

    topic: ClassVar[str] = "roster"
    name: ClassVar[str] = "roster.token_changed"

    change: str
    token_id: str
    secret_hash: str
    person: str | None = None
    grants: tuple[GrantHeld, ...] = ()
    issued_at: AwareDatetime
    expires_at: AwareDatetime
    revoked_at: AwareDatetime | None = None
    replaced_by: str | None = None
