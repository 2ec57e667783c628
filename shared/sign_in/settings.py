"""The settings of a service where people sign in. Its settings class inherits from this one."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from shared.setting_kinds import Key, check_address, listed
from shared.settings import Settings, secret_text
from shared.sign_in.addresses import is_private
from shared.sign_in.attempts import Registration


def _issuer(value: str) -> str:
    check_address(value, path=True)
    if not is_private(value):
        raise ValueError("is not an https address without query (http only on this machine, such as 127.0.0.1)")
    return value


def _clients(value: str) -> str:
    if not listed(value):
        raise ValueError("names no client")
    return value


class ProofSettings(Settings):
    """The provider, and the key that turns its accounts into references: what it takes to say who signed in."""

    sign_in_provider: Literal["openid", "mediawiki"] = Field(
        "openid", description="Kind of the sign-in provider: any OpenID Connect provider, or a wiki with OAuth 2.0."
    )
    sign_in_issuer: Annotated[str, AfterValidator(_issuer)] = Field(
        description="Issuer of the OpenID Connect provider, as its discovery writes it; of a wiki, the address of its "
        "REST API, such as `https://meta.wikimedia.org/w/rest.php`."
    )
    identity_key: Key = Field(
        description="Secret that turns accounts into references of people; 32 bytes in base64. Use the same in every "
        "service and never change it: with another secret, nobody is on the roster any more."
    )


class ProverSettings(ProofSettings):
    """The clients of the provider: their sign-ins count."""

    sign_in_clients: Annotated[str, AfterValidator(_clients)] = Field(
        "hearth-desk,hearth-outbox,hearth-audit",
        description="What the sign-in provider calls desk, outbox and record, separated by commas. Intake takes "
        "the proof of a sign-in only from these.",
    )


class SignInSettings(ProofSettings):
    """The provider, and how this service is registered there."""

    sign_in_client_id: str = Field(
        description="What the provider calls this service. For logout from its side, one for each service.",
    )
    sign_in_client_secret: SecretStr | None = Field(
        None, description="The secret that goes with it; unset: a public client, protected by PKCE only."
    )

    def registration(self, callback: str) -> Registration:
        """The registration of a service. Its sign-ins come back to `callback`."""
        return Registration(
            self.sign_in_issuer, self.sign_in_client_id, secret_text(self.sign_in_client_secret), callback
        )
