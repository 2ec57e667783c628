"""`hearth token`: tokens that open the desk and the record until people can sign in."""

import hashlib
import hmac
import unicodedata
from datetime import timedelta
from difflib import get_close_matches
from typing import Annotated

import typer

from infra.commands.console import USAGE, AsJson, Trouble, answer, commands, note
from infra.commands.options import PolicyDir, TokenKeyFile, read_token_key
from shared.access import Principal, Role, issue_token
from shared.policy import PolicyError, load_policy
from shared.policy.rows import parse_duration
from shared.times import now, rfc3339

app = commands("Issue tokens.")

AUDIENCE = "people"
LONGEST_LIFE = timedelta(days=31)
PEOPLE = tuple(role for role in Role if role not in (Role.SERVICE, Role.REPORTER))


def _life(text: str | timedelta) -> timedelta:
    if isinstance(text, timedelta):
        return text
    number = text.rstrip("minhd ")
    try:
        life = parse_duration(f"{number} {text.removeprefix(number).strip()}")
    except ValueError:
        raise typer.BadParameter("write a whole number and min, h or d, such as 8h") from None
    if life > LONGEST_LIFE:
        raise typer.BadParameter(f"at most {LONGEST_LIFE.days}d")
    return life


RoleOption = Annotated[Role, typer.Option("--role", help="What the person may do.")]
Bodies = Annotated[
    list[str] | None, typer.Option("--body", help="Handling body a responder belongs to; may be repeated.")
]
Ref = Annotated[str, typer.Option("--ref", help="Who it is; only a pseudonym of it leaves this command.")]
Life = Annotated[timedelta, typer.Option("--life", parser=_life, metavar="DURATION", help="Such as 30min, 8h or 2d.")]


@app.callback()
def _group() -> None:
    """Issue tokens."""


@app.command()
def issue(
    role: RoleOption,
    ref: Ref,
    body: Bodies = None,
    life: Life = timedelta(hours=8),
    policy_dir: PolicyDir = None,
    token_key_file: TokenKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Print a token for one person. Whoever has it is that person until it expires."""
    if role not in PEOPLE:
        raise Trouble(f"{role.value} is not a role of people: {', '.join(PEOPLE)}.", USAGE)
    bodies = tuple(body or ())
    _check_bodies(role, bodies, policy_dir)
    key = read_token_key(token_key_file)
    principal = Principal(pseudonymous(key, role, ref), role, bodies)
    token = issue_token(key, principal, AUDIENCE, life)
    expires = rfc3339(now() + life)
    answer(
        {"token": token, "ref": principal.ref, "role": role.value, "bodies": list(bodies), "expires_at": expires},
        as_json,
        lambda: token,
    )
    if not as_json:
        note(f"{principal.ref}, until {expires}.")


def pseudonymous(key: bytes, role: Role, name: str) -> str:
    """The reference that stands in events for `name`: the same for the same name (spaces and Unicode form aside)."""
    normal = " ".join(unicodedata.normalize("NFC", name).split())
    if not normal:
        raise Trouble("--ref must not be empty.", USAGE)
    return f"{role.value}:{hmac.new(key, b'hearth ref ' + normal.encode(), hashlib.sha256).hexdigest()[:8]}"


def _check_bodies(role: Role, bodies: tuple[str, ...], policy_dir: PolicyDir) -> None:
    if role is Role.RESPONDER and not bodies:
        raise Trouble("A responder needs at least one --body.", USAGE)
    if not bodies:
        return
    try:
        known = load_policy(policy_dir).bodies
    except PolicyError as error:
        raise Trouble(f"The policy cannot be used: {error.findings[0]}.", USAGE) from None
    for name in bodies:
        if name not in known:
            near = get_close_matches(name, known, n=3, cutoff=0.4) or sorted(known)
            raise Trouble(f"The policy knows no handling body {name}; it has: {', '.join(near)}.", USAGE)
