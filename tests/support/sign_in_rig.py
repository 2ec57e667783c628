"""Signing in without Kafka, MongoDB and network: the pages of a desk, a provider, and a browser that walks between."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import cast

import httpx
from fastapi import APIRouter, FastAPI, Request, Response

from shared.access.principal import Grant, Principal, Role
from shared.i18n.messages import SHARED_MESSAGES, Messages
from shared.ids import new_id
from shared.lifecycle import Lifecycle
from shared.own_names import NameKeys, OwnNames, Proof, Trust
from shared.problems import Unavailable
from shared.sign_in.attempts import Registration, SignInAttempt, hash_of, new_secret
from shared.sign_in.flow import SignInFlow
from shared.sign_in.identity import Account, Identity, person_ref
from shared.sign_in.pages import make_sign_in
from shared.sign_in.providers import PROVIDERS, Provider, callback_address
from shared.sign_in.sessions import Session, Sessions, SessionStore
from shared.times import now
from shared.web.app import make_app
from shared.web.bodies import json_response
from shared.web.forms import read_form
from shared.web.gate import GIVEN_BACK, Callers, Gate, does, principal_of
from shared.web.pages import TEMPLATES, make_asset_router, make_pages
from tests.fakes.memory_sessions import MemorySessions
from tests.stand_ins import oidc as oidc_stand_in
from tests.stand_ins import wiki as wiki_stand_in
from tests.stand_ins.oidc import OidcStandIn
from tests.stand_ins.wiki import WikiStandIn
from tests.support.people import MemoryCopies, gate_of

StandIn = OidcStandIn | WikiStandIn
HOME, ADDRESS = "/desk", "https://desk.example"
IDENTITY_KEY = b"i" * 32
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin", "user-agent": FIREFOX}


def an_identity(**changed: object) -> Identity:
    whole = {
        "issuer": "https://id.example",
        "subject": "248289761001",
        "sid": "op-session-1",
        "authenticated_at": now(),
        "proof": Proof(access_token="access"),
    }
    return Identity(**{**whole, **changed})  # type: ignore[arg-type]  # the fields of an Identity


def a_session(person: str = "person:0123456789abcdef", **changed: object) -> Session:
    """A session that began just now."""
    at = now()
    own = OwnNames(person, (NameKeys(("11" * 16, "22" * 16), Trust.ACCOUNT),), "a ticket")
    issuer, agent = "https://id.example", "Firefox, Linux"
    whole = Session(hash_of(new_secret()), person, own, issuer, new_id(), at, at, at, agent)
    return replace(whole, **changed)  # type: ignore[arg-type]  # the fields of a Session


def an_attempt() -> SignInAttempt:
    """An attempt to sign in that began just now."""
    return SignInAttempt(
        hash_of(new_secret()), hash_of(new_secret()), new_secret(), new_secret(), "/desk?state=open", True, now()
    )


@dataclass
class Clock:
    """A clock that can be set forward."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return now() + self.ahead


class Still:
    """A lifecycle of a service in which nothing runs."""

    def ready(self) -> list[str]:
        return []

    def live(self) -> str | None:
        return None


@dataclass
class Rig:
    """One service with sign-in; `app` is what a browser sees."""

    flow: SignInFlow
    app: FastAPI
    clock: Clock
    refusals: list[str]
    asked: list[Account]
    vault: dict[str, bool]
    copies: MemoryCopies

    def enrol(self, ref: str, *grants: Grant) -> None:
        """Put somebody on the roster; as a coordinator, if nothing else is said."""
        self.copies.enrol(Principal(ref, grants or (Grant(Role.COORDINATOR),)))

    @property
    def store(self) -> MemorySessions:
        assert isinstance(self.flow.sessions.store, MemorySessions)
        return self.flow.sessions.store


def make_rig(
    kind: str,
    registration: Registration,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    store: SessionStore | None = None,
    address: str = ADDRESS,
    home: str = HOME,
    messages: Path | None = None,
) -> Rig:
    """A rig whose provider is reached through `transport` (else the network); `messages` may add a language."""
    clock, refusals, vault = Clock(), [], {"away": False}
    asked: list[Account] = []

    async def names_of(proof: Proof) -> OwnNames:
        # As triage and intake do it, without them.
        if vault["away"]:
            raise Unavailable("vault: away")
        account = await flow.provider.prove(proof, [registration.client_id])
        asked.append(account)
        keys = tuple(NameKeys((sha256(name.text.encode()).hexdigest()[:32],), name.trust) for name in account.names)
        return OwnNames(person_ref(IDENTITY_KEY, account.issuer, account.subject), keys)

    async def refused(reason: str) -> None:
        refusals.append(reason)

    make = cast(Callable[..., Provider], PROVIDERS[kind])
    pages = make_pages(
        TEMPLATES, Messages.load([SHARED_MESSAGES, *([messages] if messages else [])], strict=True), home=home
    )
    flow = SignInFlow(
        pages=pages,
        provider=make(registration, transport, clock),
        sessions=Sessions(store or MemorySessions(), clock),
        home=home,
        address=address,
        identity_key=IDENTITY_KEY,
        names_of=names_of,
        refused=refused,
    )
    gate = gate_of(copies := MemoryCopies(), sessions=flow.session, clock=clock)
    app = make_app(
        "desk",
        cast(Lifecycle, Still()),
        gate=gate,
        routers=[make_sign_in(flow, gate), _desk(flow, gate), make_asset_router(gate)],
        asyncapi=dict,
        error_page=flow.error_page,
    )
    return Rig(flow, app, clock, refusals, asked, vault, copies)


def _desk(flow: SignInFlow, gate: Gate) -> APIRouter:
    """Pages behind the gate, as a service has them."""
    router = gate.router(Callers.PEOPLE, include_in_schema=False)

    @router.get(flow.home, **does("roster.read"))
    async def desk(request: Request) -> Response:
        context = {"person": principal_of(request).ref, "sign_out": f"{flow.home}/sign-out"}
        return flow.pages.render(request, "not_enrolled.html", context)

    @router.get(f"{flow.home}/decide", **does("roster.change"))
    async def decide(request: Request) -> Response:
        return Response("decided")

    @router.get(f"{flow.home}/words", **does("roster.read"))
    async def show_words(request: Request) -> Response:
        return json_response(await flow.drafts.find(request))

    @router.post(f"{flow.home}/words", **does("roster.read", GIVEN_BACK))
    async def take_words(request: Request) -> Response:
        return json_response(await read_form(request))

    @router.post(f"{flow.home}/decide", **does("roster.change"))
    async def take_decision(request: Request) -> Response:
        return json_response(await read_form(request))

    return router


@dataclass
class Browser:
    """A browser without scripts that walks through a sign-in one step at a time."""

    desk: httpx.AsyncClient
    provider: httpx.AsyncClient
    callbacks: list[str] = field(default_factory=list)

    async def leave(self, **query: str) -> httpx.Response:
        """Press the button of the sign-in page."""
        return await press(self.desk, await self.desk.get(f"{HOME}/sign-in", params=query))

    async def come_back(self, left: httpx.Response) -> httpx.Response:
        """Follow to the provider and back to the callback."""
        away = re.fullmatch(r"0; url=(\S+)", left.headers["refresh"])
        assert away
        answer = await self.provider.get(away[1])
        self.callbacks.append(answer.headers["location"])
        # Whatever host stands in the address: the browser of a test knows only this one.
        return await self.desk.get(answer.headers["location"], headers={"sec-fetch-site": "cross-site"})

    async def sign_in(self, **query: str) -> httpx.Response:
        """All of it."""
        return await self.come_back(await self.leave(**query))

    def session_cookie(self) -> str | None:
        return self.desk.cookies.get("__Host-hearth-desk")


async def press(client: httpx.AsyncClient, page: httpx.Response, **values: str) -> httpx.Response:
    """Send the form of a page (the one whose fields include `values`' names, else the first in its content)."""
    content = page.text[page.text.index("<main") :]
    forms = re.findall(r'<form method="post" action="([^"]+)">(.*?)</form>', content, re.DOTALL)
    action, inside = next((f for f in forms if all(f'name="{name}"' in f[1] for name in values)), forms[0])
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', inside))
    sent = {**{name: unescape(value) for name, value in hidden.items()}, **values}
    return await client.post(unescape(action), data=sent)


@asynccontextmanager
async def browsing(rig: Rig, provider: StandIn) -> AsyncIterator[Browser]:
    """A browser before the rig and its provider."""
    desk = httpx.AsyncClient(
        transport=httpx.ASGITransport(rig.app, raise_app_exceptions=False), base_url=ADDRESS, headers=BROWSER
    )
    there = httpx.AsyncClient(transport=httpx.ASGITransport(provider.app), base_url=provider.issuer)
    async with desk, there:
        yield Browser(desk, there)


def rig_with(provider: StandIn, **options: object) -> Rig:
    """A service whose people sign in with this provider; the person of its account is on the roster."""
    if isinstance(provider, OidcStandIn):
        kind, client, secret, sub = "openid", oidc_stand_in.CLIENT, oidc_stand_in.SECRET, provider.account.sub
    else:
        kind, client, secret, sub = (
            "mediawiki",
            wiki_stand_in.CLIENT,
            wiki_stand_in.SECRET,
            str(provider.profile["sub"]),
        )
    registration = Registration(provider.issuer, client, secret, callback_address(ADDRESS, HOME))
    rig = make_rig(kind, registration, transport=httpx.ASGITransport(provider.app), **options)  # type: ignore[arg-type]
    rig.enrol(person_ref(IDENTITY_KEY, provider.issuer, sub))
    return rig


def ada(provider: OidcStandIn) -> str:
    """The reference of the account that the provider has."""
    return person_ref(IDENTITY_KEY, provider.issuer, provider.account.sub)


Step = Callable[[], Awaitable[httpx.Response]]
