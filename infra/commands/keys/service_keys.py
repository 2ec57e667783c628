"""The files of the services' own keys. They are made once; `hearth secrets rotate-services` changes them while
services run.
"""

import base64
import fcntl
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from infra.commands.console import USAGE, AsJson, Trouble, answer, note
from shared.access.purposes import CALLERS
from shared.access.service_keys import read_peers, read_ring
from shared.access.service_tokens import LEEWAY, LONGEST_LIFE, PUBLIC_FOR
from shared.files import LOOK, read_text

PEERS = "service_peers"
SERVICE_FILES: Mapping[str, str] = {
    **{f"service_keys_{name}": f"signs the calls of {name} to other services" for name in CALLERS},
    PEERS: "tells every service which keys are of which service; nothing in it is secret",
}
"""Every file that is made here, and what it is for."""

KeyFileState = Literal["made", "kept", "wrong", "open"]
Jwk = dict[str, Any]


@dataclass(frozen=True)
class Pace:
    """Seconds that a rotation waits: until every service signs with its new key, and until the last old token has
    died.
    """

    settle: float = PUBLIC_FOR + LOOK + LEEWAY
    die: float = LONGEST_LIFE + LEEWAY


AT_ONCE = Pace(0, 0)


def keys_file(service: str) -> str:
    """The name of the file with a service's private keys."""
    return f"service_keys_{service}"


def make_service_keys(directory: Path, owner: int) -> dict[str, KeyFileState]:
    """Make missing files, mode 0600, owned by user id `owner`. No file is overwritten.

    The public set follows from the private rings. It is made again when it does not agree with them. Raises OSError.
    """
    with _locked(directory):
        states: dict[str, KeyFileState] = {}
        for service in CALLERS:
            path = directory / keys_file(service)
            if path.exists():
                states[path.name] = _state(path, _ring)
            else:
                _write(path, [_new_key(int(time.time()))], owner)
                states[path.name] = "made"
        public = directory / PEERS
        if "wrong" in states.values():
            states[PEERS] = _state(public, _peers) if public.exists() else "wrong"
            return states
        wanted = _public({service: _ring(directory / keys_file(service)) for service in CALLERS})
        if public.exists() and _readable(public, _peers) == wanted:
            states[PEERS] = _state(public, _peers)
        else:
            _write(public, wanted, owner)
            states[PEERS] = "made"
        return states


def rotate(
    directory: Path,
    owner: int,
    pace: Pace = Pace(),
    *,
    wait: Callable[[str, float], None] = lambda _, seconds: time.sleep(seconds),
) -> dict[str, str]:
    """Give every service a new key and take the old ones away, without a call that fails. Returns the ids of the keys.

    `wait` is told what is waited for, and how many seconds. If it raises, the rotation ends: then old and new keys hold
    side by side, and the next rotation takes both away. A ring that cannot be read is replaced. Raises OSError.
    """
    with _locked(directory):
        rings: dict[str, list[Jwk]] = {
            service: _readable(directory / keys_file(service), _ring) or [] for service in CALLERS
        }
        fresh = {service: _new_key(int(time.time())) for service in CALLERS}
        # All services can verify with a key before one signs with it, and none signs with a key that is taken away.
        _write(directory / PEERS, _public({s: [fresh[s], *rings[s]] for s in CALLERS}), owner)
        for service in CALLERS:
            _write(directory / keys_file(service), [fresh[service], *rings[service]], owner)
        wait("Until every service signs with its new key", pace.settle)
        for service in CALLERS:
            _write(directory / keys_file(service), [fresh[service]], owner)
        wait("Until the last token of an old key has died", pace.die)
        _write(directory / PEERS, _public({service: [fresh[service]] for service in CALLERS}), owner)
        return {service: str(key["kid"]) for service, key in fresh.items()}


def rotate_services(
    context: typer.Context,
    at_once: Annotated[
        bool,
        typer.Option("--at-once", help="Take the old keys away now, as after a theft. Calls fail for some seconds."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Give every service a new key while they run; the old ones go when their last token has died, in minutes."""
    given = context.parent.params if context.parent else {}
    directory: Path = given.get("directory") or Path("secrets")
    owner: int | None = given.get("owner")
    try:
        with _progress(as_json) as wait:
            keys = rotate(directory, uid_of(directory, owner), AT_ONCE if at_once else Pace(), wait=wait)
    except OSError as error:
        raise Trouble(f"{error.filename or directory} cannot be read or written: {error.strerror}.", USAGE) from None
    except KeyboardInterrupt:
        raise Trouble("Interrupted: old and new keys both hold until the next rotation.") from None
    answer(
        {"directory": str(directory), "keys": keys}, as_json, lambda: "Every service has a new key; the old are gone."
    )


def uid_of(directory: Path, owner: int | None) -> int:
    """The owner of new files: the one that was named, else the owner of the public set."""
    return owner if owner is not None else (directory / PEERS).stat().st_uid


@contextmanager
def _progress(as_json: bool) -> Iterator[Callable[[str, float], None]]:
    console = Console(file=sys.stderr)
    if as_json or not console.is_terminal:

        def tell(what: str, seconds: float) -> None:
            note(f"{what}: {seconds:.0f} s.")
            time.sleep(seconds)

        yield tell
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bars:

        def wait(what: str, seconds: float) -> None:
            end = time.monotonic() + seconds
            task = bars.add_task(what, total=max(seconds, 0.001))
            while (left := end - time.monotonic()) > 0:
                bars.update(task, completed=seconds - left)
                time.sleep(min(0.25, left))
            bars.update(task, completed=max(seconds, 0.001))

        yield wait


def _new_key(at: int) -> Jwk:
    private = Ed25519PrivateKey.generate()
    x = _base64url(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    d = _base64url(private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
    # The id is the thumbprint of the key (RFC 7638), so no two keys share one.
    members = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"))
    kid = _base64url(hashlib.sha256(members.encode()).digest())
    return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "iat": at, "x": x, "d": d}


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _public(rings: Mapping[str, list[Jwk]]) -> list[Jwk]:
    """The public halves of all keys, each with its service."""
    return [
        {**{name: value for name, value in key.items() if name != "d"}, "service": service}
        for service, ring in rings.items()
        for key in ring
    ]


def _ring(path: Path) -> list[Jwk]:
    return _keys(path, read_ring)


def _peers(path: Path) -> list[Jwk]:
    return _keys(path, read_peers)


def _keys(path: Path, check: Callable[[str], object]) -> list[Jwk]:
    """The keys in a file, as they are written there. Raises OSError or ValueError."""
    text = read_text(path)
    check(text)
    keys: list[Jwk] = json.loads(text)["keys"]
    return keys


def _readable(path: Path, read: Callable[[Path], list[Jwk]]) -> list[Jwk] | None:
    try:
        return read(path)
    except (FileNotFoundError, ValueError):
        return None


def _state(path: Path, read: Callable[[Path], list[Jwk]]) -> KeyFileState:
    if _readable(path, read) is None:
        return "wrong"
    return "open" if path.name != PEERS and path.stat().st_mode & 0o077 else "kept"


def _write(path: Path, keys: list[Jwk], owner: int) -> None:
    """Write a key set in place. The mount of a container would not see a new file of that name."""
    data = json.dumps({"keys": keys}, indent=1).encode() + b"\n"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        if os.fstat(handle).st_uid != owner:
            os.fchown(handle, owner, -1)
        # Emptied first: a reader that comes too early finds a part of a set, which is no set, and never a mixture.
        file.truncate(0)
        file.write(data)
        file.flush()
        os.fsync(handle)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One maker at a time. The lock is on the folder, so that no file is left behind."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
