"""What triage needs to know, from the environment."""

from pydantic import Field

from shared.access.service_keys import CallerSettings
from shared.sign_in.settings import SignInSettings


class TriageSettings(SignInSettings, CallerSettings):
    """Settings of the triage service; the shared ones are enough so far."""

    port: int = Field(8002, ge=0, le=65535, description="Port the service listens on.")
