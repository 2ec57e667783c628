"""Facts on `baseline`: what a community says of its responsibilities, and the projects that serve them.

The key is the community, and `caseseq` counts the facts of a community from 1 without gaps. Who did it, in which role
and when stand in the envelope. No fact holds a name: people are references of the roster.
"""

from datetime import date
from enum import StrEnum
from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from shared.events.envelope import Fact


class Claim(StrEnum):
    """What a community says of a responsibility."""

    MET = "met"
    NOT_MET = "not_met"
    NOT_APPLICABLE = "not_applicable"


class LinkState(StrEnum):
    """What a look at the link of an attestation found. `unreachable` is not yet `gone`: the next look may find it."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    GONE = "gone"
    UNREACHABLE = "unreachable"


class FieldStated(BaseModel):
    """One field that a responsibility asks for, with its values: references of people, dates (ISO 8601) or numbers."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    values: tuple[str, ...]


class BaselineFact(Fact):
    """What every fact of the baseline carries: the community by its id in the policy."""

    topic: ClassVar[str] = "baseline"

    community: str


class BaselineAttested(BaselineFact):
    """A coordinator said, until `valid_until`, whether the community meets a responsibility of the catalogue.

    `statement`: one to three public sentences without names. `link_digest`: SHA-256 (hex) of the text that `link`
    showed at `link_seen_at`; where it is left out, the first `baseline.link_checked` has it. `supersedes`: the
    attestation that this one takes the place of.
    """

    name: ClassVar[str] = "baseline.attested"

    attestation_id: str
    responsibility_id: str
    catalogue_version: str
    claim: str
    statement: str
    link: str | None = None
    link_digest: str | None = None
    link_seen_at: AwareDatetime | None = None
    fields: tuple[FieldStated, ...] = ()
    valid_until: AwareDatetime
    supersedes: str | None = None


class AttestationFact(BaselineFact):
    """A later fact about one attestation."""

    attestation_id: str
    responsibility_id: str


class BaselineWithdrawn(AttestationFact):
    """A coordinator took an attestation back; `statement` says why, in public."""

    name: ClassVar[str] = "baseline.withdrawn"

    statement: str


class BaselineConfirmed(AttestationFact):
    """A second coordinator, or an auditor, confirmed an attestation."""

    name: ClassVar[str] = "baseline.confirmed"


class BaselineExpiring(AttestationFact):
    """An attestation ends in `days_left` days at most. It is told once for each number of days."""

    name: ClassVar[str] = "baseline.expiring"

    valid_until: AwareDatetime
    days_left: int


class BaselineExpired(AttestationFact):
    """An attestation has ended by itself."""

    name: ClassVar[str] = "baseline.expired"

    valid_until: AwareDatetime


class BaselineLinkChecked(AttestationFact):
    """Triage looked at the link of an attestation. `link_state` is a LinkState.

    `digest`: SHA-256 (hex) of the text of the page that it found. `reason`: why it found none, such as `not_found`,
    `redirect`, `too_large`, `private_address`, `tls` or `timeout`.
    """

    name: ClassVar[str] = "baseline.link_checked"

    link_state: str
    digest: str | None = None
    reason: str | None = None


class BaselineAnnotated(BaselineFact):
    """A community explains a result of its scorecard. An empty `statement` takes the explanation away."""

    name: ClassVar[str] = "baseline.annotated"

    responsibility_id: str
    statement: str


class ProjectFact(BaselineFact):
    """A project of the movement that serves responsibilities, whole as it is from then on.

    `stakeholder`: the kind of organisation, such as `WMF`; `lead`: who in it; `ended_on` is None while it runs.
    """

    project_id: str
    title: str
    stakeholder: str = ""
    lead: str = ""
    geography: str = ""
    phase: str = ""
    link: str | None = None
    responsibilities: tuple[str, ...] = ()
    began_on: date | None = None
    ended_on: date | None = None


class ProjectListed(ProjectFact):
    """A project was listed."""

    name: ClassVar[str] = "baseline.project_listed"


class ProjectChanged(ProjectFact):
    """What is known of a project has changed."""

    name: ClassVar[str] = "baseline.project_changed"


class ProjectEnded(ProjectFact):
    """A project has ended."""

    name: ClassVar[str] = "baseline.project_ended"
