"""Everybody who may come to a door: in every role and every situation, with a token or with a session."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from shared.access.principal import PEOPLE as ROLES
from shared.access.principal import SCOPES, Grant, Leave, Principal, Role
from shared.access.purposes import PURPOSES
from shared.access.tokens import make_token
from shared.events import Actor
from shared.sign_in.cookies import Cookies
from shared.times import now
from tests.support.one_report import ASKED_BODY, BODY, COMMUNITY, HOMES, OneReport, pseudonyms_of
from tests.support.people import COPIES, SERVED, person, session_of
from tests.support.service_keys import call_of

DAY = timedelta(days=1)
ASKED_BY_SERVICES = ("intake", "triage")
"""The services that answer others."""
OTHER_BODY, OTHER_COMMUNITY = "swwiki_admins", "swwiki"


@dataclass(frozen=True)
class Situation:
    """How somebody comes. `breaks`: the one thing that is wrong, as test_route_walk.py names it."""

    name: str
    breaks: str = ""
    scopes: tuple[str, ...] = SCOPES
    purpose: str = ""

    def __str__(self) -> str:
        return self.name


PEOPLE = (
    Situation("own"),
    Situation("other community", "community"),
    Situation("other body", "body"),
    Situation("own body elsewhere, own community for another body", "body"),
    Situation("other body, and a grant that has ended", "body"),
    Situation("names not known", "names"),
    Situation("user name not known", "names"),
    Situation("recused by declaration", "recused"),
    Situation("reported", "recused"),
    Situation("witness", "recused"),
    Situation("reporter", "recused"),
    Situation("grant expired", "ended"),
    Situation("on leave", "leave"),
    Situation("agreement lapsed", "confidentiality"),
    Situation("untrained", "training"),
    Situation("signed in long ago", "sign_in_again"),
    Situation("scope meta", scopes=("meta",)),
    Situation("scope proof", scopes=("proof",)),
    Situation("scope export", scopes=("export",)),
    Situation("token expired", "token"),
    Situation("token revoked", "token"),
    Situation("token unknown", "token"),
    Situation("signed out everywhere", "token"),
)
INTEGRATORS = (
    Situation("own"),
    Situation("other community", "community"),
    Situation("other source", "source"),
    Situation("grant expired", "ended"),
    Situation("token expired", "token"),
    Situation("token revoked", "token"),
)
SERVICES = (
    *(Situation(f"for {purpose}", purpose=purpose) for purpose in PURPOSES),
    Situation("for somebody recused", "recused", purpose="review"),
    Situation("for somebody reported", "recused", purpose="review"),
    Situation("for another service", "token", purpose="review"),
)
NONE = (Situation("none", "none"),)
SITUATIONS: Mapping[Role, tuple[Situation, ...]] = {
    Role.ANYONE: NONE,
    Role.INTEGRATOR: INTEGRATORS,
    Role.SERVICE: SERVICES,
    **dict.fromkeys(ROLES, PEOPLE),
}
PARTIES = ("reported", "witness", "reporter")


def who_is(role: Role, situation: Situation, flow: str = "token") -> Principal:
    """The person who comes in this role and situation to this door, each another one."""
    number = ((list(Role).index(role) << 8) + PEOPLE.index(situation) << 1) + (flow == "token") + 1
    leaves = [Leave(now() - DAY)] if situation.breaks == "leave" else []
    names = pseudonyms_of(situation.name) if situation.name in PARTIES else ()
    who = person(f"{number:016x}", *_grants_of(role, situation), pseudonyms=names, leaves=leaves)
    match situation.breaks:
        case "training":
            return replace(who, trainings=())
        case "confidentiality":
            return replace(who, confidential_until=now())
        case "names" if situation.name == "user name not known":
            # Only what the person typed is known, or an address.
            return replace(who, named=False)
        case "names":
            return replace(who, pseudonyms=frozenset(), named=False)
        case _:
            return who


def _grants_of(role: Role, situation: Situation) -> list[Grant]:
    ended = now() - timedelta(seconds=1)
    bodies = (OTHER_BODY,) if situation.breaks == "body" else (BODY, ASKED_BODY)
    community = OTHER_COMMUNITY if situation.breaks == "community" else COMMUNITY
    ends = ended if situation.breaks == "ended" else now() + DAY
    grant = Grant(role, bodies, (community,), scopes=situation.scopes, expires_at=ends)
    if situation.name.startswith("own body elsewhere"):
        return [grant, replace(grant, bodies=(BODY,), communities=(OTHER_COMMUNITY,))]
    if situation.name.endswith("a grant that has ended"):
        return [grant, replace(grant, bodies=(BODY,), expires_at=ended)]
    return [grant]


def recused() -> list[Principal]:
    """Everybody who has to be recused from the case by declaration, whatever their role."""
    situation = next(s for s in PEOPLE if s.name == "recused by declaration")
    return [
        who_is(role, situation, flow)
        for role, known in SITUATIONS.items()
        if situation in known
        for flow in ("token", "session")
    ]


Headers = Callable[[], Mapping[str, str]]


@dataclass(frozen=True)
class Caller:
    """Somebody at one of the two doors. `headers` are made for each request, because some tokens open once."""

    role: Role
    situation: Situation
    flow: str
    headers: Headers

    def __str__(self) -> str:
        return f"{self.role}, {self.situation}, by {self.flow}"


async def callers_at(service: str, report: OneReport, role: Role) -> list[Caller]:
    """Everybody in this role who may come to a service, by a token and (where people sign in) by a session."""
    home, found = HOMES[service], []
    for situation in SITUATIONS[role]:
        if home and role is Role.ANYONE:
            found.append(Caller(role, situation, "session", dict))
            continue
        found.append(Caller(role, situation, "token", _token_of(role, situation, service)))
        if home and situation in PEOPLE and situation.name != "token unknown" and role not in (
            Role.INTEGRATOR, Role.SERVICE
        ):  # fmt: skip
            cookie = f"{Cookies(home).session}={await _session_of(service, report, role, situation)}"
            found.append(Caller(role, situation, "session", partial(dict, {"Cookie": cookie})))
    return found


def _token_of(role: Role, situation: Situation, at: str) -> Headers:
    match role:
        case Role.ANYONE:
            return dict
        case Role.SERVICE:
            return lambda: _call(situation, at)
        case Role.INTEGRATOR:
            community = OTHER_COMMUNITY if situation.breaks == "community" else COMMUNITY
            source = "other" if situation.breaks == "source" else "wiki"
            ends = now() - DAY if situation.breaks == "ended" else now() + DAY
            grant = Grant(role, communities=(community,), sources=(source,), expires_at=ends)
            token = COPIES.token(grants=[grant], **_ends(situation))
            return lambda: {"Authorization": f"Bearer {token}", "Hearth-Source": "wiki"}
        case _ if situation.name == "token unknown":
            return lambda: {"Authorization": f"Bearer {make_token('pat')}"}
        case _:
            _enrol(role, situation)
            token = COPIES.token(who_is(role, situation), **_ends(situation))
            return lambda: {"Authorization": f"Bearer {token}"}


def _ends(situation: Situation) -> dict[str, Any]:
    match situation.name:
        case "token expired":
            return {"issued_at": now() - 2 * DAY, "expires_at": now() - DAY}
        case "token revoked":
            return {"revoked_at": now()}
        case "signed in long ago":
            return {"issued_at": now() - timedelta(minutes=11)}
        case _:
            return {}


def _enrol(role: Role, situation: Situation, flow: str = "token") -> None:
    out = now() + DAY if situation.name == "signed out everywhere" else None
    COPIES.enrol(who_is(role, situation, flow), signed_out_at=out)


_BEHALVES = {"for somebody recused": "recused by declaration", "for somebody reported": "reported"}


def enrol_those_whom_services_act_for() -> None:
    """Put them on the roster; to be called before a service reads it."""
    COPIES.enrol(SERVED)
    for situation in PEOPLE:
        if situation.name in _BEHALVES.values():
            _enrol(Role.RESPONDER, situation)


def _call(situation: Situation, at: str) -> dict[str, str]:
    service = PURPOSES[situation.purpose].callers[0]
    audience = "audit" if situation.breaks == "token" else at if at in ASKED_BY_SERVICES else "intake"
    name, behalf = _BEHALVES.get(situation.name), None
    if name:
        other = next(s for s in PEOPLE if s.name == name)
        behalf = Actor(who_is(Role.RESPONDER, other).ref, Role.RESPONDER.value)
    return call_of(service, situation.purpose, audience, behalf)


async def _session_of(service: str, report: OneReport, role: Role, situation: Situation) -> str:
    """The secret of a session that is as good as the situation says."""
    _enrol(role, situation, "session")
    who, store = who_is(role, situation, "session"), report.sessions[service]
    changed: dict[str, Any] = {}
    match situation.name:
        case "token expired":
            changed = {"began_at": now() - timedelta(hours=12)}
        case "signed in long ago":
            changed = {"authenticated_at": now() - timedelta(minutes=11)}
        case _ if situation.name in PARTIES:
            # What the sign-in told of them must do by itself.
            COPIES.enrol(replace(who, pseudonyms=frozenset()))
    secret = await session_of(store, who, **changed)
    if situation.name == "token revoked":
        await store.revoke_person(who.ref, now())
    return secret
