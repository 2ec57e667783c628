"""Where a version of the master key is kept: in the keyring itself, or wrapped by a key management service.

A new place is a class with the two methods of KeyProvider and a row in KEY_PROVIDERS.
"""

import base64
import ssl
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

import stamina

from services.intake.keys.keyring import FILE, Keyring, KeyringError, keep, key_in
from services.intake.keys.settings import KeySettings
from services.intake.vault.cipher import key_id_of
from shared.http import InvalidURL, TransportError, make_http
from shared.problems import Unavailable
from shared.settings import secret_text

TRANSIT = "transit"


class KeyProvider(Protocol):
    """Keeps master keys. Both methods raise KeyringError, and Unavailable (with the reason) in an outage."""

    async def wrap(self, key: bytes) -> str:
        """What the keyring keeps for this key."""
        ...

    async def unwrap(self, key_id: str, kept: str) -> bytes:
        """The key for which the keyring keeps this."""
        ...


class FileSource:
    """Keeps a key as it is: a reader of the file has the key."""

    async def wrap(self, key: bytes) -> str:
        """The key in base64."""
        return keep(key)

    async def unwrap(self, key_id: str, kept: str) -> bytes:
        """The key, from base64."""
        return key_in(kept)


class TransitSource:
    """Has a key wrapped by the transit engine of HashiCorp Vault, or of OpenBao, which has the same protocol.

    A wrapped key is bound to the key's id (`associated_data`), so that no other wrapped key can take its place.
    """

    def __init__(self, settings: KeySettings) -> None:
        self._settings = settings

    async def wrap(self, key: bytes) -> str:
        """`vault:v1:…`, where the number is the version of the engine's own key."""
        kept = await self._call("encrypt", key_id_of(key), {"plaintext": keep(key)}, "ciphertext")
        if not kept.startswith("vault:v"):
            raise KeyringError("The transit engine gave something else than a wrapped key.")
        return kept

    async def unwrap(self, key_id: str, kept: str) -> bytes:
        """The key, unwrapped by the engine."""
        return key_in(await self._call("decrypt", key_id, {"ciphertext": kept}, "plaintext"))

    @stamina.retry(on=Unavailable, attempts=3, wait_initial=0.1, wait_max=1.0)
    async def _call(self, verb: str, key_id: str, body: Mapping[str, str], wanted: str) -> str:
        settings = self._settings
        if not settings.transit_address:
            raise Unavailable("transit: HEARTH_TRANSIT_ADDRESS is not set")
        bound = base64.b64encode(f"hearth master key {key_id}".encode()).decode()
        url = f"{settings.transit_address.rstrip('/')}/v1/{settings.transit_mount}/{verb}/{settings.transit_key}"
        try:
            # The token must reach no proxy of the environment, and must follow no redirection.
            async with make_http(connect=3.0, trust=self._trusted(), proxies=False) as http:
                answer = await http.post(url, json={**body, "associated_data": bound}, headers=self._headers())
        except (TransportError, InvalidURL) as error:
            raise Unavailable(f"transit: {type(error).__name__}") from None
        except OSError as error:
            raise Unavailable(f"transit: {error.filename} cannot be read") from None
        if answer.status_code != HTTPStatus.OK:
            raise _refusal(answer.status_code)
        try:
            found: Any = answer.json()["data"][wanted]
        except (ValueError, KeyError, TypeError):
            found = None
        if not isinstance(found, str):
            raise Unavailable("transit: the answer is not one of a transit engine")
        return found

    def _headers(self) -> dict[str, str]:
        settings = self._settings
        headers = {"X-Vault-Request": "true"}
        if token := self._token():
            headers["X-Vault-Token"] = token
        if settings.transit_namespace:
            headers["X-Vault-Namespace"] = settings.transit_namespace
        return headers

    def _token(self) -> str | None:
        # Read anew each time, because the renewal of a token (by Vault's agent, for one) rewrites the file.
        file = self._settings.transit_token_file
        return file.read_text(encoding="utf-8").strip() if file else secret_text(self._settings.transit_token)

    def _trusted(self) -> ssl.SSLContext | bool:
        authority: Path | None = self._settings.transit_ca
        return ssl.create_default_context(cafile=authority) if authority else True


def _refusal(status: int) -> Exception:
    if status == HTTPStatus.BAD_REQUEST:
        return KeyringError("The transit engine refuses it (400): it was wrapped by another key, or there is no token.")
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Unavailable(f"transit: the token is refused ({status})")
    if status == HTTPStatus.NOT_FOUND:
        return Unavailable("transit: there is no such engine or key (404)")
    return Unavailable(f"transit: it answers {status}")


KEY_PROVIDERS: Mapping[str, Callable[[KeySettings], KeyProvider]] = {
    FILE: lambda _: FileSource(),
    TRANSIT: TransitSource,
}


async def unwrap_all(ring: Keyring, settings: KeySettings) -> dict[str, bytes]:
    """Every key of the ring, by its id. Raises Unavailable; raises KeyringError for a key that no provider gives."""
    keys: dict[str, bytes] = {}
    for version in ring.keys:
        if version.source not in KEY_PROVIDERS:
            raise KeyringError(f"Nobody here knows the source {version.source} of version {version.version}.")
        try:
            key = await KEY_PROVIDERS[version.source](settings).unwrap(version.id, version.kept)
        except KeyringError as error:
            raise KeyringError(f"Version {version.version}: {error}") from None
        if key_id_of(key) != version.id:
            raise KeyringError(f"The key of version {version.version} is not the one that its id names.")
        keys[version.id] = key
    return keys
