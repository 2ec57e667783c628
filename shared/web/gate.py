"""The gate of a service: it finds out who asks, and whether the caller may. Every route declares its action.

    gate = Gate("triage", refusals, roster=roster, sessions=sessions)
    router = gate.router(Callers.PROGRAMS, prefix="/v1/cases")

    @router.get("/{case_id}", **does("case.read"))
    async def show_case(request: Request, case_id: str) -> Response:
        who = principal_of(request)

The gate answers whether the caller may do such a thing at all. When the action knows what it is about, it asks
`shared.access.authorization.demand` again, with the resource.
"""

import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar, Protocol

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from shared.access.actions import ACTIONS
from shared.access.authorization import Refused, demand
from shared.access.conditions import HIDING
from shared.access.principal import NOBODY, Principal, Role
from shared.access.roster import Roster
from shared.access.table import TABLE
from shared.brake import Brake
from shared.problems import NotFound, TokenRefused
from shared.times import now
from shared.web.csrf import FormOfAnother, demand_owner
from shared.web.openapi import DECLARED
from shared.web.rates import Rates

_BEARER = re.compile(rb"(?i:Bearer) +([A-Za-z0-9._~+/=-]{1,4096})")
_PRINCIPAL = "hearth.principal"
_INTEGRATOR = f"{Role.INTEGRATOR}:"
STRAY = "request"
"""The recorded action of a request that was refused before its route was looked for."""
NOT_FOUND = "not_found"
"""The recorded reason of a 404 about a case. It is the same for no case and a hidden case, so the record reveals
nothing.
"""
_OPEN = frozenset(row.action for row in TABLE if row.role is Role.ANYONE)


class Callers(Enum):
    """The callers of a route: programs, which send a bearer token, or people, who have a session or a token."""

    PROGRAMS = "programs"
    PEOPLE = "people"


class SignedIn(Protocol):
    """What the gate needs of a session (shared.sign_in). Times are UTC-aware."""

    @property
    def person(self) -> str: ...
    @property
    def pseudonyms(self) -> tuple[str, ...]: ...
    @property
    def named(self) -> bool: ...
    @property
    def ticket(self) -> str | None: ...
    @property
    def began_at(self) -> datetime: ...
    @property
    def authenticated_at(self) -> datetime | None: ...


class Refusing(Protocol):
    """What the gate needs of the log of refusals (shared.access.refusal_log)."""

    def note(self, action: str, reason: str, who: Principal) -> None: ...


FindSession = Callable[[Request], Awaitable[SignedIn | None]]
ReadService = Callable[[str], Principal]
"""The caller, by a token of another service. Raises Problem 401."""
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Gate:
    """Lets callers in who may come in."""

    def __init__(
        self,
        refusals: Refusing,
        *,
        roster: Roster | None = None,
        sessions: FindSession | None = None,
        services: ReadService | None = None,
        rates: Rates | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`roster` knows people and tokens, `sessions` who is signed in, `services` reads tokens of other services.

        `rates` counts how often integrators ask with a right token.
        """
        self._refusals = refusals
        self.roster = roster
        self.sessions = sessions
        self._services = services
        self._brake = Brake("token")
        self.rates = rates
        self._clock = clock

    def router(self, callers: Callers, **options: Any) -> APIRouter:
        """A router. All of its routes stand behind this gate."""
        gate = self

        class BehindGate(GatedRoute):
            behind = gate

            def guard(self, handler: Handler) -> Handler:
                return gate.guard(self.action, callers, handler)

        return APIRouter(route_class=BehindGate, **options)

    def guard(self, action: str, callers: Callers, handler: Handler) -> Handler:
        """The handler, which is called only for callers who may do the action at all."""
        is_open = action in _OPEN

        async def guarded(request: Request) -> Response:
            who = NOBODY
            try:
                # Nobody's session is looked for where everybody may come in.
                who = await self.caller(request, Callers.PROGRAMS if is_open else callers)
                request.scope[_PRINCIPAL] = who
                demand_owner(request, who.ref)
                told = self.rates.take(who.ref) if self.rates and who.ref.startswith(_INTEGRATOR) else None
                if not is_open:
                    demand(who, action, None, self._clock())
                response = await handler(request)
                if told:
                    response.raw_headers += [(name.lower().encode(), value.encode()) for name, value in told.items()]
                return response
            except Refused as refused:
                if refused.reason in HIDING and ACTIONS[refused.action].case:
                    self._refusals.note(action, NOT_FOUND, who)
                else:
                    self.keep(refused, who)
                raise
            except NotFound:
                if ACTIONS[action].case:
                    self._refusals.note(action, NOT_FOUND, who)
                raise
            except FormOfAnother:
                self._refusals.note(action, "form_of_another", who)
                raise
            except TokenRefused as refused:
                self._refusals.note(action, f"token_{refused.reason}", who)
                raise

        return guarded

    async def caller(self, request: Request, callers: Callers) -> Principal:
        """Who asks, with the rights of this moment: an answer that takes long asks again. Raises TokenRefused."""
        credentials = [value for name, value in request.scope["headers"] if name == b"authorization"]
        if credentials:
            return await self._read(request, credentials)
        return await self._visitor(request) if callers is Callers.PEOPLE else NOBODY

    def keep(self, refused: Refused, who: Principal) -> None:
        """Record a refusal. For a handler that answers the refusal itself."""
        self._refusals.note(refused.action, refused.reason, who)

    def keep_fault(self, action: str, reason: str, who: Principal) -> None:
        """Record that a caller who may do the action was refused, because of what they sent."""
        self._refusals.note(action, reason, who)

    def keep_stray(self, code: str) -> None:
        """Record that a request was refused before it came to any route. `code` is that of the problem."""
        self._refusals.note(STRAY, code, NOBODY)

    async def _visitor(self, request: Request) -> Principal:
        if self.sessions and self.roster:
            session = await self.sessions(request)
            if session:
                person = await self.roster.person(
                    session.person,
                    began_at=session.began_at,
                    authenticated_at=session.authenticated_at,
                    pseudonyms=session.pseudonyms,
                    named=session.named,
                    ticket=session.ticket,
                )
                return person or NOBODY
        return NOBODY

    async def _read(self, request: Request, credentials: list[bytes]) -> Principal:
        match = _BEARER.fullmatch(credentials[0])
        # With two headers it would be chance which of them counts, here and at every proxy in between.
        if match is None or len(credentials) > 1:
            raise TokenRefused("malformed")
        token = match[1].decode()
        if self._services and token.count(".") == 2:
            return self._services(token)
        who = await self.roster.bearer(token) if self.roster else None
        if who is None:
            await self._brake.hold()
            raise TokenRefused("unknown")
        return who


class GatedRoute(APIRoute):
    """A route that declares its action (`**does(...)`) and stands behind a gate. `Gate.router` builds it."""

    behind: ClassVar[Gate]

    @property
    def action(self) -> str:
        """The name of the declared action. Raises Undeclared."""
        action = (self.openapi_extra or {}).get(DECLARED)
        if action not in ACTIONS:
            raise Undeclared(f"{self.path} declares no action of shared.access.actions.ACTIONS")
        return str(action)

    def guard(self, handler: Handler) -> Handler:
        """The handler behind the gate."""
        raise NotImplementedError

    def get_route_handler(self) -> Handler:
        """What FastAPI calls for a request."""
        return self.guard(super().get_route_handler())

    def plain_handler(self) -> Handler:
        """The endpoint itself behind the gate, for one that takes a request and gives a response."""
        return self.guard(self.endpoint)


class Undeclared(Exception):
    """A route without an action. The service does not start."""


def does(action: str, extra: Mapping[str, object] | None = None) -> dict[str, Any]:
    """The declaration of a route's action; `extra` is the rest of its `openapi_extra`. Raises Undeclared."""
    if action not in ACTIONS:
        raise Undeclared(f"{action} is not in shared.access.actions.ACTIONS")
    return {"openapi_extra": {**(extra or {}), DECLARED: action}}


GIVEN_BACK: Mapping[str, object] = {"x-hearth-given-back": True}
"""The `extra` of a route that takes a form, where a page at the same address gives back what was typed into it."""


def is_given_back(request: Request) -> bool:
    """Whether a page gives back what was typed into the form that this request sends."""
    declared = getattr(request.scope.get("route"), "openapi_extra", None) or {}
    return GIVEN_BACK.items() <= declared.items()


def principal_of(request: Request) -> Principal:
    """The caller, as the gate found it. NOBODY before the gate has looked."""
    who: Principal = request.scope.get(_PRINCIPAL, NOBODY)
    return who
