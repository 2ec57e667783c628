"""Keys of services for a whole test run, in a folder that goes with it, and the tokens that they sign."""

import atexit
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.commands.keys.service_keys import PEERS, keys_file, make_service_keys
from shared.access.purposes import PURPOSES
from shared.access.service_keys import SigningKey, read_ring
from shared.access.service_tokens import ALGORITHM, TOKEN_LIFE, TYPE, ServiceSigner
from shared.events import Actor

Claims = dict[str, Any]
FOLDER = Path(tempfile.mkdtemp(prefix="hearth-service-keys-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
make_service_keys(FOLDER, os.geteuid())
PEERS_FILE = FOLDER / PEERS


def files_of(service: str) -> dict[str, Any]:
    """The settings of a service that name its key files."""
    files: dict[str, Any] = {"service_peers_file": PEERS_FILE}
    ring = FOLDER / keys_file(service)
    return files | ({"service_keys_file": ring} if ring.exists() else {})


def key_of(service: str) -> SigningKey:
    """The newest key of a service."""
    return read_ring((FOLDER / keys_file(service)).read_text())[0]


def public_x(service: str) -> bytes:
    """The public key of a service as it stands in the public set, for forging with it."""
    keys = json.loads(PEERS_FILE.read_text())["keys"]
    return next(str(key["x"]).encode() for key in keys if key["service"] == service)


def stranger() -> Ed25519PrivateKey:
    """A key that nobody has published."""
    return Ed25519PrivateKey.generate()


def signer(service: str) -> ServiceSigner:
    """What a service signs its calls with."""
    return ServiceSigner(service, FOLDER / keys_file(service), PEERS_FILE)


READER = Actor("person:7eade77ead000000", "responder")
"""A person for whom services call, whom no report names."""


def call_of(
    service: str = "triage", purpose: str = "review", audience: str = "intake", behalf: Actor | None = None
) -> dict[str, str]:
    """The header of one call; each call needs its own. Where the purpose asks for a person, it is READER by default."""
    row = PURPOSES.get(purpose)
    behalf = behalf or (READER if row and row.for_person else None)
    return {"Authorization": f"Bearer {signer(service).token(audience, purpose, behalf)}"}


def claims(**changed: Any) -> Claims:
    """The claims of a good token, but for what is changed; None takes one away."""
    at = int(time.time())
    good = {
        "iss": "service:triage",
        "sub": "service:triage",
        "aud": "intake",
        "purpose": "review",
        "iat": at,
        "exp": at + TOKEN_LIFE,
        "jti": os.urandom(12).hex(),
    }
    return {name: value for name, value in (good | changed).items() if value is not None}


def sign(
    said: Claims,
    *,
    key: Any = None,
    kid: str | None = None,
    algorithm: str | None = ALGORITHM,
    typ: str = TYPE,
    **header: Any,
) -> str:
    """A token with these claims, signed by triage unless another key is given."""
    key = key_of("triage").private if key is None else key
    kid = key_of("triage").kid if kid is None else kid
    return jwt.encode(said, key, algorithm=algorithm, headers={"kid": kid, "typ": typ, **header})
