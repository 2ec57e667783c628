"""The keys of services, as files: a private ring for each service, and one public set for all.

Both are JSON Web Key Sets (RFC 7517) of Ed25519 keys (RFC 8037). `iat` says since when a key is public, in seconds
since 1970. In the public set, `service` says which service owns the key. The files are watched (shared.files).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.algorithms import OKPAlgorithm
from pydantic import AfterValidator, Field

from shared.files import read_text
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key of a service. `published` is when its public half became known, in seconds since 1970."""

    kid: str
    published: int
    private: Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class PeerKey:
    """A public key, and the service that owns it."""

    kid: str
    service: str
    public: Ed25519PublicKey


Ring = tuple[SigningKey, ...]
Peers = Mapping[str, PeerKey]


def read_ring(text: str) -> Ring:
    """The private keys in a key set, the newest first. Raises ValueError for any other text."""
    keys = []
    for entry in _entries(text):
        private = _key(entry)
        if not isinstance(private, Ed25519PrivateKey):
            raise ValueError("a public key stands among the private ones")
        if json.loads(OKPAlgorithm.to_jwk(private.public_key()))["x"] != entry["x"]:
            raise ValueError("a private key and its public half do not belong together")
        published = entry.get("iat")
        if not isinstance(published, int):
            raise ValueError("a private key does not say since when it is public")
        keys.append(SigningKey(_text(entry, "kid"), published, private))
    return tuple(sorted(keys, key=lambda key: key.published, reverse=True))


def read_peers(text: str) -> Peers:
    """The public keys in a key set, by their ids. Raises ValueError for any other text."""
    peers: dict[str, PeerKey] = {}
    for entry in _entries(text):
        public = _key(entry)
        if not isinstance(public, Ed25519PublicKey):
            raise ValueError("a private key stands among the public ones")
        key = PeerKey(_text(entry, "kid"), _text(entry, "service"), public)
        if key.kid in peers:
            raise ValueError("two keys have one id")
        peers[key.kid] = key
    return peers


def _entries(text: str) -> list[dict[str, Any]]:
    found = json.loads(text)
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise ValueError("is not a JSON Web Key Set with a key in it")
    return keys


def _key(entry: dict[str, Any]) -> object:
    try:
        return OKPAlgorithm.from_jwk(entry)
    except (jwt.InvalidKeyError, ValueError, TypeError):
        raise ValueError("holds something that is not an Ed25519 key") from None


def _text(entry: dict[str, Any], name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"a key has no {name}")
    return value


def _checked(read: Callable[[str], object]) -> AfterValidator:
    def check(path: Path) -> Path:
        try:
            read(read_text(path))
        except OSError as error:
            raise ValueError(f"{path} cannot be read ({error.strerror})") from None
        except ValueError:
            raise ValueError(f"{path} does not hold the keys that belong there") from None
        return path

    return AfterValidator(check)


KeysFile = Annotated[Path, _checked(read_ring)]
"""A setting: the file of a service's private keys."""
PeersFile = Annotated[Path, _checked(read_peers)]
"""A setting: the file of every service's public keys."""
PEERS_MEANING = "File of every service's public keys; read again when it changes."


class CallerSettings(Settings):
    """The settings of a service that calls others."""

    service_keys_file: KeysFile = Field(
        description="File of the private keys that sign calls to other services; read again when it changes."
    )
    service_peers_file: PeersFile = Field(description=PEERS_MEANING)
