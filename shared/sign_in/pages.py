"""The pages of signing in and out: leaving for the provider, coming back, one's own sessions. They need no script."""

import logging
from collections.abc import Awaitable
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from starlette.responses import RedirectResponse

from shared.problems import Unavailable
from shared.sign_in.attempts import ProviderAway, Shown, SignInRefused
from shared.sign_in.flow import SignInFlow
from shared.web.bodies import json_response
from shared.web.csrf import from_elsewhere
from shared.web.gate import Callers, Gate, does
from shared.web.redirects import CLEAR_SITE_DATA, redirect_page

log = logging.getLogger(__name__)

RETRY_SECONDS = 30
AWAY, OURS_AWAY = "provider-away", "service-away"
"""The recorded reason while nobody can sign in: the provider, or a system of ours, is away."""
STATUS = {Shown.ATTEMPT: 400, Shown.ANSWER: 400, Shown.AWAY: 503, Shown.OURS_AWAY: 503}
"""The status of a refusal: 403 where the person, or the account, is refused."""
_Typed = Annotated[str, Form()]


def make_sign_in(flow: SignInFlow, gate: Gate) -> APIRouter:
    """The pages `<home>/sign-in`, `<home>/sign-out` and `<home>/sessions`, and the way back from the provider."""
    # Open to anyone: the secret of a session says what it may do with itself.
    router = gate.router(Callers.PEOPLE, include_in_schema=False)
    home, open_ = flow.home, does("session.sign_in")

    def refuse(request: Request, shown: Shown, back: str, fresh: bool, draft: str = "") -> Response:
        status = STATUS.get(shown, 403)
        response = flow.ask(request, back, status=status, fresh=fresh, draft=draft, shown=shown)
        if shown in (Shown.AWAY, Shown.OURS_AWAY):
            response.headers["Retry-After"] = str(RETRY_SECONDS)
        return response

    async def attempted(
        request: Request, step: Awaitable[Response], back: str, fresh: bool, draft: str = ""
    ) -> Response:
        try:
            return await step
        except SignInRefused as refusal:
            await flow.refused(refusal.reason)
            return refuse(request, refusal.shown, back, fresh, draft)
        except Unavailable as error:
            log.warning("nobody can sign in", extra={"reason": str(error)})
            reason, away = (AWAY, Shown.AWAY) if isinstance(error, ProviderAway) else (OURS_AWAY, Shown.OURS_AWAY)
            await flow.refused(reason)
            return refuse(request, away, back, fresh, draft)

    @router.get(f"{home}/sign-in", **open_)
    async def offer(
        request: Request,
        next: str = home,  # noqa: A002  # as in the address
        fresh: str = "",
        ended: str = "",
    ) -> Response:
        try:
            flow.sessions.store.check()
        except Unavailable:
            return refuse(request, Shown.OURS_AWAY, next, fresh == "1")
        return flow.ask(request, next, fresh=fresh == "1", ended=ended == "1")

    @router.post(f"{home}/sign-in", **open_)
    async def leave(
        request: Request,
        next: _Typed = home,  # noqa: A002  # the name in the form
        fresh: _Typed = "",
        draft: _Typed = "",
    ) -> Response:
        back, again = flow.own(next), fresh == "1"
        return await attempted(request, flow.leave(request, back, again, draft), back, again, draft)

    @router.get(f"{home}/sign-in/callback", **open_)
    async def come_back(request: Request) -> Response:
        async def find_and_enter() -> Response:
            attempt = await flow.attempt(request)
            return await attempted(request, flow.enter(request, attempt), attempt.next, attempt.fresh, attempt.draft)

        return await attempted(request, find_and_enter(), home, False)

    @router.post(f"{home}/sign-out", **open_)
    async def sign_out(request: Request) -> Response:
        late = False
        try:
            # Any session ends, also one to which the roster gives nothing, or cannot answer just now.
            session = await flow.sessions.find(flow.cookies.read_session(request))
            if session:
                await flow.sessions.end(session)
        except Unavailable:
            # Either way the browser forgets the only copy of the secret.
            late = True
        context = {
            "sign_in": f"{home}/sign-in",
            "provider": flow.provider.name,
            "away": f"{home}/sign-out/elsewhere" if await flow.farewell() else None,
            "late": late,
        }
        response = flow.pages.render(request, "signed_out.html", context)
        response.headers["Clear-Site-Data"] = CLEAR_SITE_DATA
        flow.cookies.forget(response)
        return response

    @router.get(f"{home}/sign-out/elsewhere", **open_)
    async def sign_out_elsewhere() -> Response:
        # Our pages link to no other host, so the way there begins here. It is the same for everybody.
        away = await flow.farewell()
        return redirect_page(away) if away else RedirectResponse(f"{home}/sign-in", 303)

    @router.get(f"{home}/sessions", **open_)
    async def list_sessions(request: Request, ended: str = "") -> Response:
        session = await flow.session(request)
        if session is None:
            return RedirectResponse(flow.sign_in_address(request), 303)
        context = {
            "action": f"{home}/sessions",
            "sign_out": f"{home}/sign-out",
            "mine": session,
            "sessions": await flow.sessions.listed(session.person),
            "ended": ended == "1",
        }
        return flow.pages.render(request, "sessions.html", context)

    @router.post(f"{home}/sessions", **open_)
    async def end_sessions(request: Request, end: _Typed = "") -> Response:
        session = await flow.session(request)
        if session is None:
            return RedirectResponse(flow.sign_in_address(request, back=f"{home}/sessions"), 303)
        if end == "others":
            await flow.sessions.revoke_person(session.person, flow.sessions.clock(), session.id_hash)
        else:
            await flow.sessions.revoke(session.person, end)
        return RedirectResponse(f"{home}/sessions?ended=1", 303)

    @router.post(f"{home}/sign-in/back-channel", **open_)
    @from_elsewhere
    async def end_as_told(logout_token: _Typed = "") -> Response:
        # The provider calls, not a browser. Only the signed token says what it may do here.
        try:
            ended = await flow.end_as_told(await flow.provider.read_logout(logout_token))
        except SignInRefused as refusal:
            await flow.refused(refusal.reason)
            return json_response({"error": "invalid_request"}, 400, {"Cache-Control": "no-store"})
        except ProviderAway:
            await flow.refused(AWAY)
            raise
        log.info("signed out by the provider", extra={"count": ended})
        return json_response({}, 200, {"Cache-Control": "no-store"})

    return router
