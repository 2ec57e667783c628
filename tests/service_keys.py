"""Keys of services for a whole test run, in a folder that goes with it, and the tokens that they sign."""

import atexit
import json
import os
import shutil
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.commands.service_keys import PEERS, keys_file, make_service_keys
from shared.events import Actor
from shared.service_keys import SigningKey, read_ring
from shared.service_tokens import ServiceSigner

FOLDER = Path(tempfile.mkdtemp(prefix="hearth-service-keys-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
make_service_keys(FOLDER, os.geteuid())
PEERS_FILE = FOLDER / PEERS


def files_of(service: str) -> dict[str, Path]:
    """The settings of a service that name its key files."""
    files = {"service_peers_file": PEERS_FILE}
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


def call_of(
    service: str = "triage", purpose: str = "review", audience: str = "intake", behalf: Actor | None = None
) -> dict[str, str]:
    """The header of one call; each call needs its own."""
    return {"Authorization": f"Bearer {signer(service).token(audience, purpose, behalf)}"}
