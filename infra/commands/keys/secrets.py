"""`hearth secrets`: the secret files that the services read, made once from the operating system's random source."""

import base64
import os
import secrets as random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from infra.commands.console import FINDING, USAGE, AsJson, Trouble, answer, say, table
from infra.commands.keys.rotation import drop, join, rotate, versions
from infra.commands.keys.service_keys import SERVICE_FILES, KeyFileState, make_service_keys, rotate_services
from infra.commands.options import key_in

SECRETS: Mapping[str, str] = {
    "form_key": "signs the forms of pages, so that no other site can send them",
    "identity_key": "makes references of people; with another one nobody is on the roster any more",
    "master_key": "wraps the keys of reports; without it no report can be read",
    "receipt_pepper": "hides receipts; without it no receipt opens anything",
    "pseudonym_key": "makes pseudonyms of user names; another one unlinks them",
    "signing_key": "signs the audit record (an Ed25519 seed)",
}
IMAGE_UID = 10001
"""The user of the image, see infra/Dockerfile. Its containers must be able to read the files."""

_MEANING: Mapping[KeyFileState, str] = {
    "made": "made",
    "kept": "was there, kept",
    "wrong": "is not what belongs there",
    "open": "can be read by others: chmod 600",
}

Directory = Annotated[Path, typer.Option("--directory", help="Folder of the files.")]
Owner = Annotated[
    int | None,
    typer.Option("--owner", min=0, help=f"User id that new files belong to; as root the image's {IMAGE_UID}."),
]


app = typer.Typer(
    help="Make the secret files that are missing, and replace keys while the services run.",
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def secrets(
    context: typer.Context, directory: Directory = Path("secrets"), owner: Owner = None, as_json: AsJson = False
) -> None:
    """Make the secret files that are missing, mode 0600. Never overwrites, never prints a secret."""
    if context.invoked_subcommand is None:
        make_missing(directory, owner, as_json)


app.command("rotate")(rotate)
app.command("drop")(drop)
app.command("versions")(versions)
app.command("join")(join)
app.command("rotate-services")(rotate_services)


def make_missing(directory: Path, owner: int | None, as_json: bool) -> None:
    """What `hearth secrets` does without a further word."""
    uid = owner if owner is not None else (IMAGE_UID if os.geteuid() == 0 else os.geteuid())
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        states = {name: _make(directory / name, uid) for name in SECRETS} | make_service_keys(directory, uid)
    except OSError as error:
        raise Trouble(f"{error.filename or directory} cannot be read or written: {error.strerror}.", USAGE) from None
    findings = [name for name, state in states.items() if state in ("wrong", "open")]
    purposes = {**SECRETS, **SERVICE_FILES}
    rows = [(directory / name, _MEANING[state], purposes[name]) for name, state in states.items()]
    answer({"directory": str(directory), "owner": uid, "files": states}, as_json, lambda: table(("File", "", ""), rows))
    if not as_json and owner is None and uid != IMAGE_UID:
        say(f"For Docker Compose put HEARTH_UID={uid} into .env, so that the containers can read the files.")
    if findings:
        raise typer.Exit(FINDING)


def _is_good(path: Path) -> bool:
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.name != "master_key":
        return key_in(text) is not None
    # The command line starts without any service.
    from services.intake.keys.keyring import KeyringError, parse_keyring

    try:
        parse_keyring(text)
    except KeyringError:
        return False
    return True


def _make(path: Path, uid: int) -> KeyFileState:
    if path.exists():
        if not _is_good(path):
            return "wrong"
        return "open" if path.stat().st_mode & 0o077 else "kept"
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(random.token_bytes(32)) + b"\n")
            file.flush()
            os.fsync(handle)
        if uid != os.geteuid():
            os.chown(scratch, uid, -1)
        # A link fails where a rename would overwrite. So the file appears whole or not at all.
        path.hardlink_to(scratch)
    finally:
        Path(scratch).unlink()
    return "made"
