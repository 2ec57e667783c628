"""The steps of signing in and out at one service, without the pages around them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from typing import Protocol
from urllib.parse import quote

from fastapi import Request, Response
from starlette.responses import RedirectResponse

from shared.access.principal import NOBODY, Principal
from shared.problems import Problem
from shared.sign_in.agents import label_of
from shared.sign_in.attempts import SKEW, Logout, Shown, SignInAttempt, SignInRefused, hash_of, is_secret, new_secret
from shared.sign_in.cookies import Cookies
from shared.sign_in.identity import Identity, person_ref
from shared.sign_in.providers import Provider
from shared.sign_in.sessions import Session, Sessions
from shared.web.gate import principal_of
from shared.web.pages import Pages
from shared.web.redirects import own_address, redirect_page

LONGEST_CODE = 4096
_AGAIN = "sign-in-again"

SignInRefusals = Callable[[str], Awaitable[None]]
"""Records that a sign-in was refused, and why: a stable word that names nobody."""


class FindPseudonyms(Protocol):
    """What is asked for a person's own pseudonyms. Raises Unavailable; then nobody signs in."""

    async def __call__(self, identity: Identity) -> tuple[str, ...]: ...


class SignedInPeople(Protocol):
    """What it needs of the roster (access.roster.Roster): None for somebody who was signed out after `began_at`."""

    async def person(self, ref: str, *, began_at: datetime, authenticated_at: datetime | None) -> Principal | None: ...


Noted = Callable[[str, tuple[str, ...]], Awaitable[None]]
"""Is told who comes with a session, and the pseudonyms of their names. Raises Unavailable; then nobody comes in."""


@dataclass(frozen=True, slots=True)
class SignInFlow:
    """What signing in at one service needs. `home` such as `/desk`; `path` (else `home`) is where a sign-in may lead.

    `address` is the service's own, from its settings: where a browser comes back to never depends on a request.
    """

    pages: Pages
    provider: Provider
    sessions: Sessions
    home: str
    address: str
    identity_key: bytes
    pseudonyms: FindPseudonyms
    refused: SignInRefusals
    path: str | None = None
    noted: Noted | None = None
    people: SignedInPeople | None = None

    @property
    def cookies(self) -> Cookies:
        """The cookies of this service."""
        return Cookies(self.home)

    async def session(self, request: Request) -> Session | None:
        """The running session of the browser that asks; none from before the roster signed the person out.

        Raises Unavailable while the store is away, or the roster too old.
        """
        session = await self.sessions.find(self.cookies.read_session(request))
        if session and self.people:
            began, proved = session.began_at, session.authenticated_at
            if await self.people.person(session.person, began_at=began, authenticated_at=proved) is None:
                return None
        if session and self.noted:
            # Not once at the sign-in: a role may be given to somebody who is signed in already.
            await self.noted(session.person, session.pseudonyms)
        return session

    def sign_in_address(self, request: Request, *, fresh: bool = False, back: str | None = None) -> str:
        """Where to send a browser that has to sign in (again) first, and then comes `back`.

        Without `back`: to the page that was asked for, or home from a form, whose content is lost.
        """
        if back is None and request.method in ("GET", "HEAD"):
            back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return f"{self.home}/sign-in?next={quote(self.own(back or ''), safe='/')}{'&fresh=1' if fresh else ''}"

    def own(self, address: str) -> str:
        """`address` if it is one of ours, else home."""
        found = own_address(address, self.home, self.path)
        # Whoever came from a sign-in would go in a circle, with what the provider said in the address.
        steps, path = f"{self.home}/sign-in", found.partition("?")[0]
        return self.home if path == steps or path.startswith(f"{steps}/") else found

    def error_page(self, request: Request, problem: Problem) -> Response:
        """The page of a problem: the way to sign in (again) and back for whoever has to, their own reference for who is
        on no roster."""
        who, may_lead = principal_of(request), own_address(request.url.path, "", self.path or self.home)
        if may_lead and problem.status == 401 and "authorization" not in request.headers:
            again = problem.code == _AGAIN
            return RedirectResponse(self.sign_in_address(request, fresh=again), 303, {"Cache-Control": "no-store"})
        if may_lead and problem.status == 403 and who != NOBODY and not who.grants:
            context = {"person": who.ref, "sign_out": f"{self.home}/sign-out"}
            return self.pages.render(request, "not_enrolled.html", context, 403)
        return self.pages.error(request, problem)

    async def leave(self, request: Request, back: str, fresh: bool) -> Response:
        """Begin an attempt and send the browser to the provider. Raises Unavailable, and Refused."""
        state = new_secret()
        browser = self.cookies.read_attempt(request)
        if not is_secret(browser):
            browser = new_secret()
        attempt = SignInAttempt(
            hash_of(state), hash_of(browser), new_secret(), new_secret(), back, fresh, self.sessions.clock()
        )
        address = await self.provider.begin(state, attempt)
        await self.sessions.store.keep_attempt(attempt)
        response = redirect_page(address)
        response.headers["Cache-Control"] = "no-store"
        self.cookies.keep_attempt(response, browser)
        return response

    async def attempt(self, request: Request) -> SignInAttempt:
        """The attempt that this browser comes back from; nobody can come back from it again. Raises Refused."""
        state, browser = request.query_params.get("state"), self.cookies.read_attempt(request)
        if not is_secret(state) or not is_secret(browser):
            raise SignInRefused("attempt-unknown", Shown.ATTEMPT)
        attempt = await self.sessions.store.take_attempt(hash_of(state))
        if attempt is None:
            raise SignInRefused("attempt-unknown", Shown.ATTEMPT)
        if not compare_digest(attempt.browser, hash_of(browser)):
            raise SignInRefused("attempt-of-another-browser", Shown.ATTEMPT)
        if attempt.is_over(self.sessions.clock()):
            raise SignInRefused("attempt-over", Shown.ATTEMPT)
        return attempt

    async def enter(self, request: Request, attempt: SignInAttempt) -> Response:
        """Begin a session for whom the provider names, and go where the attempt was to lead. Raises as `leave`."""
        told = request.query_params
        if "error" in told:
            raise SignInRefused("denied" if told["error"] == "access_denied" else "provider-error", Shown.DENIED)
        code = told.get("code", "")
        if not code or len(code) > LONGEST_CODE or not code.isascii() or not code.isprintable():
            raise SignInRefused("code-malformed")
        identity = await self.provider.finish(attempt, code, told.get("iss"))
        person = person_ref(self.identity_key, identity.issuer, identity.subject)
        secret, session = await self.sessions.begin(
            person,
            identity,
            await self.pseudonyms(identity),
            agent=label_of(request.headers.get("user-agent", "")),
            instead_of=self.cookies.read_session(request),
        )
        # The provider may have told of the end while its beginning was still on its way here.
        if await self.sessions.store.ended_since(_names_of(identity.issuer, identity.sid, person), attempt.began_at):
            await self.sessions.end(session)
            raise SignInRefused("ended-meanwhile", Shown.ATTEMPT)
        response = RedirectResponse(self.own(attempt.next), 303, {"Cache-Control": "no-store"})
        self.cookies.keep_session(response, secret)
        return response

    async def farewell(self) -> str | None:
        """Where a person can end the provider's own session, too; they come back to the sign-in page."""
        return await self.provider.farewell(f"{self.address.rstrip('/')}{self.home}/sign-in")

    async def end_as_told(self, logout: Logout) -> int:
        """End the sessions a provider says have ended; how many those were. Raises Refused for a repetition."""
        ended, latest = 0, logout.issued_at + SKEW
        person = person_ref(self.identity_key, logout.issuer, logout.subject) if logout.subject else None
        names = _names_of(logout.issuer, logout.sid, person)
        # The end is noted before anything ends, so that a session which is opened in between is found here or there.
        await self.sessions.store.note_end(names, min(self.sessions.clock(), latest), logout.until)
        # First ended, then remembered: a token that a crash kept from being carried out can be sent again. One that is
        # carried out twice ends only what had begun when it was written.
        if logout.sid:
            ended += await self.sessions.revoke_sid(logout.issuer, logout.sid)
        if person:
            ended += await self.sessions.revoke_person(person, latest)
        if not await self.sessions.store.use_once(logout.token, logout.until):
            raise SignInRefused("logout-token-replayed")
        return ended


def _names_of(issuer: str, sid: str | None, person: str | None) -> list[str]:
    """Under what an end is remembered: the session of the provider, and the person."""
    return [hash_of(name) for name in (f"{issuer}\x1f{sid}" if sid else None, person) if name]
