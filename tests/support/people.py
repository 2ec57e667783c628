"""People and their tokens, for services without a database: a roster in memory that passes the real one's suite."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from shared.access.entries import RosterState
from shared.access.principal import NOBODY, SCOPES, Grant, Leave, Principal, Role, Training
from shared.access.roster import Roster
from shared.access.tokens import Kind, hash_token, make_token
from shared.events import GrantHeld, LeaveTaken, RosterEntryChanged, RosterTokenChanged, TrainingHeld
from shared.ids import new_id
from shared.own_names import NameKeys, OwnNames, Proof, Trust
from shared.sign_in.attempts import hash_of, new_secret
from shared.sign_in.cookies import Cookies
from shared.sign_in.drafts import DRAFT_LIFE, Drafts, page_of
from shared.sign_in.sessions import KeptDraft, Session, SessionStore
from shared.times import now
from shared.web.csrf import COOKIE as FORM_COOKIE
from shared.web.gate import Gate
from tests.support.forms import hidden_fields

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
FAR = datetime(2999, 1, 1, tzinfo=UTC)
TRAINED = tuple(Training(module, LONG_AGO) for module in ("A", "B", "C1", "C2"))


class MemoryCopies:
    """Keeps what shared.access.roster.MongoRoster keeps."""

    def __init__(self) -> None:
        self.states: dict[str, tuple[datetime, RosterState]] = {}
        self.used: dict[str, datetime] = {}
        self.away: Exception | None = None

    async def changed_since(self, at: datetime | None) -> list[RosterState]:
        self._reach()
        return [state for changed_at, state in self.states.values() if at is None or changed_at >= at]

    async def find_token(self, secret_hash: str) -> RosterTokenChanged | None:
        self._reach()
        found = (s for _, s in self.states.values() if isinstance(s, RosterTokenChanged))
        return next((s for s in found if s.secret_hash == secret_hash), None)

    async def find_entry(self, person: str) -> RosterEntryChanged | None:
        self._reach()
        state = self.states.get(person, (None, None))[1]
        return state if isinstance(state, RosterEntryChanged) else None

    async def note_use(self, token_id: str, at: datetime) -> None:
        self._reach()
        self.used[token_id] = max(at, self.used.get(token_id, at))

    def keep(self, state: RosterState, at: datetime | None = None) -> None:
        """Keep a state, as if the roster's owner had written it."""
        key = state.person if isinstance(state, RosterEntryChanged) else state.token_id
        self.states[key] = (at or now(), state)

    def enrol(self, who: Principal, *, signed_out_at: datetime | None = None) -> None:
        """Put somebody on the roster as they are."""
        self.keep(entry_of(who, signed_out_at=signed_out_at))

    def token(
        self,
        who: Principal | None = None,
        *,
        grants: Sequence[Grant] = (),
        issued_at: datetime | None = None,
        expires_at: datetime = FAR,
        revoked_at: datetime | None = None,
    ) -> str:
        """A token of a person, who is put on the roster if they are not, or of an integrator with `grants`."""
        if who and who.ref not in self.states:
            self.enrol(who)
        kind: Kind = "pat" if who else "int"
        token = make_token(kind)
        self.keep(
            RosterTokenChanged(
                change="issued",
                token_id=f"{'token' if who else 'integrator'}:{new_id()}",
                secret_hash=hash_token(token),
                person=who.ref if who else None,
                grants=tuple(map(held, grants)),
                issued_at=issued_at or now(),
                expires_at=expires_at,
                revoked_at=revoked_at,
            )
        )
        return token

    def _reach(self) -> None:
        if self.away:
            raise self.away


def held(grant: Grant) -> GrantHeld:
    """A grant as the roster's events carry it."""
    return GrantHeld(
        role=grant.role.value,
        bodies=grant.bodies,
        communities=grant.communities,
        sources=grant.sources,
        scopes=grant.scopes,
        expires_at=grant.expires_at,
    )


def entry_of(who: Principal, *, signed_out_at: datetime | None = None) -> RosterEntryChanged:
    """Somebody's entry on the roster."""
    return RosterEntryChanged(
        change="granted",
        person=who.ref,
        grants=tuple(map(held, who.grants)),
        trainings=tuple(
            TrainingHeld(module=t.module, completed_at=t.completed_at, expires_at=t.expires_at) for t in who.trainings
        ),
        confidential_until=who.confidential_until,
        leaves=tuple(LeaveTaken(begins_at=leave.begins_at, ends_at=leave.ends_at) for leave in who.leaves),
        pseudonyms=tuple(sorted(who.pseudonyms)),
        signed_out_at=signed_out_at,
        named=who.named,
    )


def person(name: str, *grants: Grant, pseudonyms: Sequence[str] = (), leaves: Sequence[Leave] = ()) -> Principal:
    """Somebody trained for everything, with an agreement that holds. `name` (hex digits) makes the reference.

    Without `pseudonyms` they have a name of their own, which stands in no report.
    """
    digits = (name * 16)[:16]
    return Principal(
        f"person:{digits}", grants, TRAINED, FAR, tuple(leaves), frozenset(pseudonyms or [digits * 2]), named=True
    )


def responder(name: str, *bodies: str, communities: Sequence[str] = ()) -> Principal:
    return person(name, Grant(Role.RESPONDER, bodies, tuple(communities)))


SERVED = responder("7eade77ead000000", "u4c")
"""The person for whom services call by default (tests.support.service_keys.READER), to be put on the roster."""


def coordinator(name: str, *bodies: str, communities: Sequence[str] = ()) -> Principal:
    return person(name, Grant(Role.COORDINATOR, bodies, tuple(communities)))


def enforcer(name: str, *bodies: str, communities: Sequence[str] = ()) -> Principal:
    return person(name, Grant(Role.ENFORCER, bodies, tuple(communities)))


def auditor(name: str = "a0d1", *scopes: str) -> Principal:
    return person(name, Grant(Role.AUDITOR, scopes=scopes or ("meta", "proof", "export")))


def operator(name: str = "09e7") -> Principal:
    return person(name, Grant(Role.OPERATOR))


def anybody(role: Role) -> Principal:
    """Somebody in this role, with everything that it can have."""
    name = f"{list(Role).index(role)}0"
    return person(name, Grant(role, ("enwiki_arbcom",), sources=("wiki",), scopes=SCOPES))


COPIES = MemoryCopies()
"""The roster of services that tests build in memory."""


def bearer(who: Principal, **token: object) -> dict[str, str]:
    """The header of a program of somebody's; see MemoryCopies.token."""
    return {"Authorization": f"Bearer {COPIES.token(who, **token)}"}  # type: ignore[arg-type]  # handed on as it is


class Refusals:
    """Keeps what was refused: (action, reason, who)."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, str, str]] = []

    def note(self, action: str, reason: str, who: Principal = NOBODY) -> None:
        self.noted.append((action, reason, who.ref))


PROVIDER: dict[str, Any] = {"sign_in_issuer": "https://id.example", "identity_key": b"i" * 32}
"""Settings of a sign-in provider that nobody reaches."""
SIGN_IN: dict[str, Any] = {**PROVIDER, "sign_in_client_id": "hearth"}
"""Settings of signing in through it."""


async def session_of(store: SessionStore, who: Principal, *, age: timedelta = timedelta(), **changed: Any) -> str:
    """A session of somebody who signed in `age` ago; gives the secret that their browser holds."""
    at, secret = now(), new_secret()
    session = Session(
        id_hash=hash_of(secret),
        person=who.ref,
        own=own_names(who),
        issuer="https://id.example",
        sid=None,
        began_at=at - age,
        seen_at=at,
        authenticated_at=at - age,
    )
    await store.open(replace(session, **changed))
    return secret


def own_names(who: Principal, ticket: str | None = None) -> OwnNames:
    """What a sign-in tells of somebody: their names, one of them the user name, if that is known."""
    keys, trust = tuple(sorted(who.pseudonyms)), Trust.ACCOUNT if who.named else Trust.PROVED
    return OwnNames(who.ref, (NameKeys(keys, trust),) if keys else (), ticket)


async def sign_in(client: httpx.AsyncClient, store: SessionStore, home: str, who: Principal, **session: Any) -> None:
    """Have the client's browser hold a session of somebody who is on the roster."""
    COPIES.enrol(who)
    client.cookies.set(Cookies(home).session, await session_of(store, who, **session))


async def come_back(
    client: httpx.AsyncClient, store: SessionStore, home: str, who: Principal, page: str, **session: Any
) -> None:
    """Have a person sign in from the sign-in page that a form led to, as shared.sign_in.flow does it."""
    await sign_in(client, store, home, who, **session)
    secret, drafts = client.cookies[Cookies(home).session], Drafts(PROVIDER["identity_key"])
    draft = drafts.open(hidden_fields(page)["draft"], client.cookies[FORM_COOKIE])
    assert draft
    kept = KeptDraft(drafts.seal(draft, secret), drafts.about(page_of(draft.path)), now() + DRAFT_LIFE)
    await store.keep_draft(hash_of(secret), drafts.slot(draft.path, draft.entry, secret), kept)


async def nobody_signs_in(proof: Proof) -> OwnNames:
    """A roster that nobody's sign-in reaches."""
    raise AssertionError("nobody signs in here")


def gate_of(copies: MemoryCopies = COPIES, **parts: Any) -> Gate:
    """A gate before the people of a roster in memory."""
    return Gate(Refusals(), roster=Roster(copies), **parts)
