"""`hearth roster`: who may do what, changed from the command line. The first coordinator is made by `grant`."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from infra.commands.console import USAGE, AsJson, Trouble, answer, commands, table
from infra.commands.options import MONGO, DatabasePrefix, Mongo, PolicyDir, key_in, mongo_access
from infra.commands.people.editor import OPERATOR
from shared.access.entries import principal_in
from shared.access.principal import MODULES, PEOPLE, SCOPES, Role, serves_beside
from shared.events import GrantHeld, LeaveTaken, RosterEntryChanged, TrainingHeld
from shared.ids import PERSON
from shared.policy import PolicyError, load_policy
from shared.times import now, parse_day, parse_rfc3339, rfc3339

if TYPE_CHECKING:
    from services.triage.roster.actions import RosterEditor
    from shared.access.roster_store import MongoRoster

T = TypeVar("T")

app = commands("See and change who may do what.")


def read_person(text: str) -> str:
    """A reference. Raises BadParameter."""
    if not PERSON.fullmatch(text):
        raise typer.BadParameter(
            "write the reference that the person's sign-in page shows, such as person:5f2c81aa90b1c2d3"
        )
    return text


def read_time(text: str | datetime) -> datetime:
    """A date (its end, in UTC) or a time (RFC 3339). Raises BadParameter."""
    if isinstance(text, datetime):
        return text
    try:
        if len(text) == len("2026-11-24"):
            return datetime.combine(parse_day(text), time(23, 59, 59), UTC)
        return parse_rfc3339(text)
    except ValueError:
        raise typer.BadParameter("write a date such as 2027-06-30, or a time such as 2027-06-30T12:00:00Z") from None


Person = Annotated[str, typer.Argument(parser=read_person, metavar="PERSON", help="The person's reference, person:….")]
RoleOption = Annotated[Role, typer.Option("--role", help="responder, coordinator, auditor or operator.")]
Bodies = Annotated[list[str] | None, typer.Option("--body", help="Handling body; may be repeated.")]
Communities = Annotated[list[str] | None, typer.Option("--community", help="Only for these; may be repeated.")]
Scopes = Annotated[list[str] | None, typer.Option("--scope", help=f"Of an auditor: {', '.join(SCOPES)}; all if unset.")]
Names = Annotated[
    list[str] | None,
    typer.Option("--name", help="User name or address by which you know the person; may be repeated."),
]
PseudonymKeyFile = Annotated[
    Path,
    typer.Option("--pseudonym-key-file", envvar="HEARTH_PSEUDONYM_KEY_FILE", help="File of the pseudonym key."),
]
PSEUDONYM_KEY = Path("secrets/pseudonym_key")
Until = Annotated[
    datetime | None, typer.Option("--until", parser=read_time, metavar="DATE", help="When it ends by itself.")
]


@app.command()
def grant(
    person: Person,
    role: RoleOption,
    body: Bodies = None,
    community: Communities = None,
    scope: Scopes = None,
    until: Until = None,
    name: Names = None,
    key_file: PseudonymKeyFile = PSEUDONYM_KEY,
    policy_dir: PolicyDir = None,
    mongo: Mongo = MONGO,
    database_prefix: DatabasePrefix = "",
    as_json: AsJson = False,
) -> None:
    """Give a person a role. The first one needs a --name: reports with this name are hidden from the person."""
    if role not in PEOPLE:
        raise Trouble(f"{role.value} is not a role of people: {', '.join(PEOPLE)}.", USAGE)
    check_places(tuple(body or ()), tuple(community or ()), policy_dir)
    if role is Role.RESPONDER and not body:
        raise Trouble("A responder needs at least one --body.", USAGE)
    if unknown := [one for one in scope or () if one not in SCOPES]:
        raise Trouble(f"There is no scope {unknown[0]}; there are: {', '.join(SCOPES)}.", USAGE)
    check_end("--until", until)
    given = GrantHeld(
        role=role.value,
        bodies=tuple(body or ()),
        communities=tuple(community or ()),
        scopes=tuple(scope or SCOPES) if role is Role.AUDITOR else (),
        expires_at=until,
    )
    keys = _keys_of(name or [], key_file)

    async def give(editor: "RosterEditor") -> RosterEntryChanged:
        from services.triage.roster.names import has_given

        kept = await editor.find(person)
        if not keys and not has_given(kept.names):
            raise Trouble(f"Nobody has said by which user name they know {person}: give --name.", USAGE)
        after = kept.entry.model_copy(update={"grants": (*kept.entry.grants, given)})
        if body and serves_beside(principal_in(after), load_policy(policy_dir).last_resort, now()):
            raise Trouble("The people of the body of last resort have a role in no other handling body.", USAGE)
        return await editor.grant(person, given, OPERATOR, keys)

    _change(mongo, database_prefix, as_json, give)


@app.command("name")
def give_name(
    person: Person,
    name: Names = None,
    key_file: PseudonymKeyFile = PSEUDONYM_KEY,
    mongo: Mongo = MONGO,
    database_prefix: DatabasePrefix = "",
    as_json: AsJson = False,
) -> None:
    """Note further names of a person: reports with these names are hidden from the person. Names are only added."""
    if not name:
        raise Trouble("Give at least one --name.", USAGE)
    keys = _keys_of(name, key_file)
    _change(mongo, database_prefix, as_json, lambda editor: editor.give_names(person, keys, OPERATOR))


@app.command()
def revoke(
    person: Person,
    role: RoleOption,
    body: Annotated[str | None, typer.Option("--body", help="Only in this handling body.")] = None,
    mongo: Mongo = MONGO,
    database_prefix: DatabasePrefix = "",
    as_json: AsJson = False,
) -> None:
    """Take a role away; it is gone from every service within seconds."""

    async def take(editor: "RosterEditor") -> RosterEntryChanged:
        held = (await editor.find(person)).entry.grants
        if not any(g.role == role.value and (body is None or body in g.bodies) for g in held):
            raise Trouble(f"{person} does not have the role {role.value}{f' in {body}' if body else ''}.")
        return await editor.revoke(person, role.value, OPERATOR, body)

    _change(mongo, database_prefix, as_json, take)


@app.command()
def training(
    person: Person,
    module: Annotated[str, typer.Argument(help="A, B, C1 or C2.")],
    completed: Annotated[
        datetime | None, typer.Option("--completed", parser=read_time, metavar="DATE", help="When; now if unset.")
    ] = None,
    until: Until = None,
    mongo: Mongo = MONGO,
    database_prefix: DatabasePrefix = "",
    as_json: AsJson = False,
) -> None:
    """Note a training module that a person has completed."""
    if module not in MODULES:
        raise Trouble(f"There is no training module {module}.", USAGE)
    check_end("--until", until)
    if completed and completed.date() > now().date():
        raise Trouble("--completed is in the future.", USAGE)
    held = TrainingHeld(module=module, completed_at=min(completed or now(), now()), expires_at=until)
    _change(mongo, database_prefix, as_json, lambda editor: editor.note_training(person, held, OPERATOR))


@app.command()
def agreement(
    person: Person,
    until: Until = None,
    end: Annotated[bool, typer.Option("--end", help="It has ended.")] = False,
    mongo: Mongo = MONGO,
    database_prefix: DatabasePrefix = "",
    as_json: AsJson = False,
) -> None:
    """Note until when a person's confidentiality agreement holds, or that it has ended."""
    check_end("--until", until)
    if end == (until is not None):
        raise Trouble("Say --until when the agreement holds, or --end to end it.", USAGE)
    _change(mongo, database_prefix, as_json, lambda editor: editor.note_agreement(person, until, OPERATOR))


@app.command()
def leave(
    person: Person,
    begins: Annotated[
        datetime | None, typer.Option("--from", parser=read_time, metavar="DATE", help="Now if unset.")
    ] = None,
    until: Until = None,
    end: Annotated[bool, typer.Option("--end", help="End all leave.")] = False,
    mongo: Mongo = MONGO,
    database_prefix: DatabasePrefix = "",
    as_json: AsJson = False,
) -> None:
    """Put a person on leave. Meanwhile the person may do nothing."""
    check_end("--until", until)
    if end and (begins or until):
        raise Trouble("--end ends all leave; it goes with neither --from nor --until.", USAGE)
    if begins and until and until <= begins:
        raise Trouble("--until lies before --from.", USAGE)
    leaves = [] if end else [LeaveTaken(begins_at=begins or now(), ends_at=until)]
    _change(mongo, database_prefix, as_json, lambda editor: editor.note_leaves(person, leaves, OPERATOR))


@app.command("sign-out")
def sign_out(
    person: Person, mongo: Mongo = MONGO, database_prefix: DatabasePrefix = "", as_json: AsJson = False
) -> None:
    """End every session and token of a person, in every service."""
    _change(mongo, database_prefix, as_json, lambda editor: editor.sign_out(person, OPERATOR))


@app.command("person")
def show_person(
    issuer: Annotated[
        str, typer.Option("--issuer", envvar="HEARTH_SIGN_IN_ISSUER", help="Issuer of the sign-in provider.")
    ],
    subject: Annotated[
        str, typer.Option("--subject", help="What the provider calls the account for ever: `sub`, never a name.")
    ],
    key_file: Annotated[
        Path,
        typer.Option("--identity-key-file", envvar="HEARTH_IDENTITY_KEY_FILE", help="File of the identity key."),
    ] = Path("secrets/identity_key"),
    as_json: AsJson = False,
) -> None:
    """Print the reference of an account at the sign-in provider, to put it on the roster."""
    from shared.sign_in.identity import person_ref

    key = _key_in(key_file)
    if key is None:
        raise Trouble(f"{key_file} holds no identity key; `hearth secrets` makes one.", USAGE)
    if not subject.strip() or not issuer.strip() or "\x1f" in issuer:
        raise Trouble("Neither --issuer nor --subject may be empty, and an issuer is an address.", USAGE)
    person = person_ref(key, issuer, subject)
    answer({"person": person}, as_json, lambda: person)


@app.command()
def show(mongo: Mongo = MONGO, database_prefix: DatabasePrefix = "", as_json: AsJson = False) -> None:
    """List everybody on the roster."""

    async def work(_: "RosterEditor", roster: "MongoRoster") -> list[RosterEntryChanged]:
        states = await roster.changed_since(None)
        return sorted((s for s in states if isinstance(s, RosterEntryChanged)), key=lambda s: s.person)

    entries = edit_roster(mongo, database_prefix, work)
    rows = [(e.person, "; ".join(map(_grant, e.grants)) or "–", _date(e.confidential_until)) for e in entries]
    document = {"items": [e.model_dump(mode="json", exclude={"change", "pseudonyms"}) for e in entries]}
    answer(document, as_json, lambda: table(("Person", "Roles", "Confidential until"), rows))


def _keys_of(names: list[str], key_file: Path) -> list[tuple[str, ...]]:
    """The keys of these names. Raises Trouble without the pseudonym key."""
    if not names:
        return []
    from services.intake.vault.names import given_keys

    key = _key_in(key_file)
    if key is None:
        raise Trouble(f"{key_file} holds no pseudonym key; `hearth secrets` makes one.", USAGE)
    if not all(name.strip() for name in names):
        raise Trouble("A --name may not be empty.", USAGE)
    return [given_keys(key, name) for name in names]


def _key_in(file: Path) -> bytes | None:
    try:
        return key_in(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def edit_roster(mongo: str, prefix: str, work: "Callable[[RosterEditor, MongoRoster], Awaitable[T]]") -> T:
    """What `work` gives."""
    from infra.commands.people.editor import run_with_editor

    return run_with_editor(mongo, prefix, mongo_access(prefix), work)


def check_places(bodies: tuple[str, ...], communities: tuple[str, ...], policy_dir: Any) -> None:
    """Raises Trouble for a handling body or community that the policy does not know."""
    if not bodies and not communities:
        return
    try:
        policy = load_policy(policy_dir)
    except PolicyError as error:
        raise Trouble(f"The policy cannot be used: {error.findings[0]}.", USAGE) from None
    for kind, names, known in (
        ("handling body", bodies, policy.bodies),
        ("community", communities, policy.communities),
    ):
        for name in names:
            if name not in known:
                near = get_close_matches(name, known, n=3, cutoff=0.4) or sorted(known)
                raise Trouble(f"The policy knows no {kind} {name}; it has: {', '.join(near)}.", USAGE)


def _change(
    mongo: str, prefix: str, as_json: bool, change: "Callable[[RosterEditor], Awaitable[RosterEntryChanged]]"
) -> None:
    entry = edit_roster(mongo, prefix, lambda editor, _: change(editor))
    roles = "; ".join(map(_grant, entry.grants)) or "no role"
    # Without the pseudonyms of the person's names, because with them one could look for the person in reports.
    answer(entry.model_dump(mode="json", exclude={"pseudonyms"}), as_json, lambda: f"{entry.person}: {roles}.")


def check_end(option: str, end: datetime | None) -> None:
    """Raises Trouble for an end that is past."""
    if end is not None and end <= now():
        raise Trouble(f"{option} is over already.", USAGE)


def _grant(grant: GrantHeld) -> str:
    reach = [*grant.bodies, *grant.communities, *grant.scopes]
    ends = f" until {_date(grant.expires_at)}" if grant.expires_at else ""
    return grant.role + (f" ({', '.join(reach)})" if reach else "") + ends


def _date(at: datetime | None) -> str:
    return rfc3339(at) if at else "–"
