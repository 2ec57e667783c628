"""`hearth token`: tokens of integrators and of people's programs. A token is shown once; only its hash is kept."""

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.commands.console import USAGE, AsJson, Trouble, answer, commands, note, table
from infra.commands.options import MONGO, DatabasePrefix, Mongo, PolicyDir
from infra.commands.people.editor import OPERATOR
from infra.commands.people.roster import check_end, check_places, edit_roster, read_person, read_time
from shared.access.principal import Role
from shared.access.tokens import Kind
from shared.events import GrantHeld, RosterTokenChanged
from shared.policy.rows import parse_duration
from shared.times import now, rfc3339

if TYPE_CHECKING:
    from services.triage.roster.actions import RosterEditor
    from shared.access.roster_store import MongoRoster

app = commands("Issue, list, rotate and revoke tokens of programs.")

LONGEST_LIFE = timedelta(days=400)
_SOURCE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def _source(text: str) -> str:
    if not _SOURCE.fullmatch(text):
        raise typer.BadParameter("write small letters, digits, dots, hyphens and underscores, 64 at most")
    return text


def _duration(text: str | timedelta) -> timedelta:
    if isinstance(text, timedelta):
        return text
    number = text.rstrip("minhd ")
    try:
        return parse_duration(f"{number} {text.removeprefix(number).strip()}")
    except ValueError:
        raise typer.BadParameter("write a whole number and min, h or d, such as 8h") from None


Sources = Annotated[
    list[str] | None,
    typer.Option(
        "--source", parser=_source, metavar="NAME", help="Source in the name of which it may report; may be repeated."
    ),
]
Communities = Annotated[list[str] | None, typer.Option("--community", help="Only for these; may be repeated.")]
Expires = Annotated[
    datetime, typer.Option("--expires", parser=read_time, metavar="DATE", help="When it ends by itself.")
]
TokenId = Annotated[str, typer.Argument(metavar="TOKEN-ID", help="Its id, as `hearth token list` shows it.")]


@app.command()
def issue(
    expires: Expires,
    source: Sources = None,
    community: Communities = None,
    person: Annotated[
        str | None,
        typer.Option(
            "--person", parser=read_person, metavar="PERSON", help="Instead of a source: for programs of this person."
        ),
    ] = None,
    policy_dir: PolicyDir = None,
    mongo: Mongo = MONGO,
    database_prefix: DatabasePrefix = "",
    as_json: AsJson = False,
) -> None:
    """Print a new token, once. All who have it may do what it may, until it expires or is revoked."""
    if bool(source) == bool(person):
        raise Trouble("Give either --source (an integrator) or --person.", USAGE)
    _check_life(expires)
    check_places((), tuple(community or ()), policy_dir)
    grants = [_grant(tuple(source), tuple(community or ()))] if source else []

    async def work(editor: "RosterEditor", _: "MongoRoster") -> Any:
        kind: Kind = "pat" if person else "int"
        issued = await editor.issue(kind, expires_at=expires, by=OPERATOR, person=person, grants=grants)
        return issued, not person or bool((await editor.find(person)).entry.named)

    issued, is_known = edit_roster(mongo, database_prefix, work)
    _tell(issued, as_json)
    if not is_known:
        note("It opens nothing about cases until its owner has signed in at the desk: their names are not known yet.")


@app.command()
def rotate(
    token_id: TokenId,
    expires: Expires,
    overlap: Annotated[
        timedelta, typer.Option("--overlap", parser=_duration, metavar="DURATION", help="How long the old one lasts.")
    ] = timedelta(hours=24),
    mongo: Mongo = MONGO,
    database_prefix: DatabasePrefix = "",
    as_json: AsJson = False,
) -> None:
    """Print a new token with the same rights; the old one ends after the overlap."""
    _check_life(expires)

    async def work(editor: "RosterEditor", roster: "MongoRoster") -> Any:
        old = await _find(roster, token_id)
        if _state(old) in ("revoked", "expired"):
            raise Trouble(f"{token_id} is {_state(old)}; issue a new one.")
        kind: Kind = "pat" if old.person else "int"
        new = await editor.issue(kind, expires_at=expires, by=OPERATOR, person=old.person, grants=old.grants)
        await editor.revoke_token(token_id, OPERATOR, now() + overlap)
        return new

    _tell(edit_roster(mongo, database_prefix, work), as_json)


@app.command()
def revoke(
    token_id: TokenId, mongo: Mongo = MONGO, database_prefix: DatabasePrefix = "", as_json: AsJson = False
) -> None:
    """End a token; no service takes it any more within seconds."""

    async def work(editor: "RosterEditor", roster: "MongoRoster") -> RosterTokenChanged:
        await _find(roster, token_id)
        return await editor.revoke_token(token_id, OPERATOR)

    state = edit_roster(mongo, database_prefix, work)
    answer(_shown(state, None), as_json, lambda: f"{token_id} is revoked.")


@app.command("list")
def list_tokens(mongo: Mongo = MONGO, database_prefix: DatabasePrefix = "", as_json: AsJson = False) -> None:
    """List all tokens with what they may do and when they were last used; never the tokens themselves."""

    async def work(_: "RosterEditor", roster: "MongoRoster") -> list[RosterTokenChanged]:
        return [s for s in await roster.changed_since(None) if isinstance(s, RosterTokenChanged)]

    tokens = sorted(edit_roster(mongo, database_prefix, work), key=lambda t: t.issued_at)
    used = _last_uses(mongo, database_prefix)
    rows = [
        (
            t.token_id,
            t.person or ", ".join(s for g in t.grants for s in g.sources),
            _state(t),
            _date(used.get(t.token_id)),
        )
        for t in tokens
    ]
    document = {"items": [_shown(t, used.get(t.token_id)) for t in tokens]}
    answer(document, as_json, lambda: table(("Token", "For", "State", "Last used"), rows))


def _check_life(expires: datetime) -> None:
    check_end("--expires", expires)
    if expires - now() > LONGEST_LIFE:
        raise Trouble(f"A token lives at most {LONGEST_LIFE.days} days.", USAGE)


async def _find(roster: "MongoRoster", token_id: str) -> RosterTokenChanged:
    for state in await roster.changed_since(None):
        if isinstance(state, RosterTokenChanged) and state.token_id == token_id:
            return state
    raise Trouble(f"There is no token {token_id}.")


def _last_uses(mongo: str, prefix: str) -> dict[str, datetime]:
    """When each token was last used, at any service. A service with a database that does not let us in is left out."""
    import asyncio

    from infra.services import SERVICES
    from shared.mongo import PyMongoError, connect
    from shared.settings import Connections, load_settings

    async def read() -> dict[str, datetime]:
        found: dict[str, datetime] = {}
        for service in SERVICES:
            access = load_settings(Connections, database_prefix=prefix).mongo_access(service)
            client = connect(mongo, service="cli", access=access)
            try:
                async for document in client[f"{prefix}{service}"]["roster"].find({"used_at": {"$exists": True}}):
                    at = document["used_at"]
                    found[document["_id"]] = max(at, found.get(document["_id"], at))
            except PyMongoError:
                note(f"{service} does not let us see when tokens were used there.")
            finally:
                client.close()
        return found

    return asyncio.run(read())


def _grant(sources: tuple[str, ...], communities: tuple[str, ...]) -> GrantHeld:
    return GrantHeld(role=Role.INTEGRATOR.value, sources=sources, communities=communities)


def _tell(issued: Any, as_json: bool) -> None:
    state: RosterTokenChanged = issued.state
    answer({"token": issued.token, **_shown(state, None)}, as_json, lambda: issued.token)
    if not as_json:
        note(f"{state.token_id}, until {rfc3339(state.expires_at)}. It is not shown again.")


def _shown(state: RosterTokenChanged, used: datetime | None) -> dict[str, Any]:
    shown = state.model_dump(mode="json", exclude={"secret_hash", "change"})
    return {**shown, "state": _state(state), "used_at": rfc3339(used) if used else None}


def _state(state: RosterTokenChanged) -> str:
    at = now()
    if state.revoked_at and state.revoked_at <= at:
        return "revoked"
    if state.expires_at <= at:
        return "expired"
    return f"ends {rfc3339(state.revoked_at)}" if state.revoked_at else "good"


def _date(at: datetime | None) -> str:
    return rfc3339(at) if at else "never"
