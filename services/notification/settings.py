"""The settings of notification, beyond those of every service."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from shared.access.service_keys import CallerSettings
from shared.input.mail_addresses import read_mailbox, wire_form
from shared.setting_kinds import Server
from shared.sign_in.settings import SignInSettings


def _sender(value: str) -> str:
    if not wire_form(read_mailbox(value).address).isascii():
        raise ValueError("has letters beyond ASCII before the @, which not every mail server takes from a sender")
    return value


class NotificationSettings(SignInSettings, CallerSettings):
    """The mail server, and the periods of digests and leases."""

    port: int = Field(8003, ge=0, le=65535, description="Port the service listens on.")
    smtp: Server = Field("127.0.0.1:1025", description="Mail server, as host:port.")
    smtp_user: str | None = Field(None, description="User name at the mail server; unset: no sign-in.")
    smtp_password: SecretStr | None = Field(
        None, validate_default=True, description="Password at the mail server; needed with a user name."
    )
    smtp_tls: Literal["none", "starttls", "tls"] = Field(
        "none", description="How the way to the mail server is encrypted."
    )
    smtp_connections: int = Field(6, ge=1, le=100, description="Connections that stay open to the mail server.")
    mail_from: Annotated[str, AfterValidator(_sender)] = Field(
        "Hearth <hearth@hearth.example>", description="Sender of every mail; its domain also names the mails."
    )
    gather_seconds: float = Field(
        60.0,
        gt=0,
        le=86400,
        description="Seconds between two mails to one handling body; notices in between share a mail.",
    )
    lease_seconds: float = Field(
        30.0, ge=1, le=3600, description="Seconds after which another replica takes over a notice that was not sent."
    )

    @field_validator("smtp_password")
    @classmethod
    def _is_needed_with_a_user(cls, value: SecretStr | None, found: ValidationInfo) -> SecretStr | None:
        if value is None and found.data.get("smtp_user"):
            raise ValueError("HEARTH_SMTP_USER is set, which needs it")
        return value

    @property
    def smtp_host(self) -> str:
        """The host part of `smtp`."""
        return self.smtp.rpartition(":")[0].strip("[]")

    @property
    def smtp_port(self) -> int:
        """The port part of `smtp`."""
        return int(self.smtp.rpartition(":")[2])
