"""The settings of triage, from the environment."""

from pydantic import Field

from shared.access.service_keys import CallerSettings
from shared.setting_kinds import Address
from shared.sign_in.settings import SignInSettings


class TriageSettings(SignInSettings, CallerSettings):
    """The shared settings, the port, and how much it does at once."""

    port: int = Field(8002, ge=0, le=65535, description="Port the service listens on.")
    batch: int = Field(500, ge=1, le=5000, description="Most records in one batch.")
    watch_seconds: float = Field(
        60,
        gt=0,
        le=31_622_400,
        description="Seconds between two looks at what may change who is there for open cases, and at all "
        "attestations of the baseline.",
    )
    baseline_links: bool = Field(
        True,
        description="Whether triage looks at the pages behind the links of attestations: public hosts, over HTTPS at "
        "port 443, without a proxy. Turn it off where triage has no way out; links then stay without a digest.",
    )
    scorecard_url: Address | None = Field(
        None,
        description="Address at which the desk asks audit what is measured of a community, such as "
        "`http://audit:8004`; unset: the desk does not ask, and only links to the scorecards.",
    )
