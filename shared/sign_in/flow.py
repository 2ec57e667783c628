"""The steps of signing in and out at one service, without the pages around them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from typing import Protocol
from urllib.parse import quote

from fastapi import Request, Response
from starlette.responses import RedirectResponse

from shared.access.authorization import Refused
from shared.access.principal import NOBODY, Principal, has_ended
from shared.own_names import OwnNames, Proof
from shared.problems import Problem, Unavailable
from shared.sign_in.agents import label_of
from shared.sign_in.attempts import SKEW, Logout, Shown, SignInAttempt, SignInRefused, hash_of, is_secret, new_secret
from shared.sign_in.cookies import Cookies
from shared.sign_in.drafts import REFUSED_LIFE, Drafts, FormDrafts
from shared.sign_in.identity import person_ref
from shared.sign_in.providers import Provider
from shared.sign_in.sessions import Session, Sessions
from shared.web.csrf import FormOfAnother
from shared.web.forms import FIELDS
from shared.web.gate import principal_of
from shared.web.pages import Pages
from shared.web.redirects import own_address, redirect_page

LONGEST_CODE = 4096
_AGAIN, _NO_NAME, _LEAVE, _ROLE = "sign-in-again", "names-needed", "on-leave", "role-not-permitted"
_OWN_AFFAIRS = frozenset({
    _LEAVE, _ROLE, "access-ended", "confidentiality-needed", "training-needed", "own-entry", "own-attestation",
    "last-coordinator", "beyond-own-reach", "form-of-another", "scope-needed",
})  # fmt: skip
"""The problems that a page explains to the person who meets them. Each has a message `refused-…`."""
_PASSING = frozenset({_LEAVE, "access-ended", "confidentiality-needed", "training-needed"})
"""Those that pass. What the person had typed waits until then."""
Places = Sequence[tuple[str, str, bool]]
"""For the navigation: the address and the name of each page, and whether it is this one."""

SignInRefusals = Callable[[str], Awaitable[None]]
"""Records that a sign-in was refused, with a stable reason that names nobody."""


class FindNames(Protocol):
    """Gives the names of the person of a proof, as keys, once the roster has noted them.

    Raises Unavailable, and SignInRefused; then nobody signs in.
    """

    async def __call__(self, proof: Proof) -> OwnNames: ...


class SignedInPeople(Protocol):
    """What the flow needs of the roster (access.roster.Roster). None: the person was signed out after `began_at`."""

    async def person(self, ref: str, *, began_at: datetime, authenticated_at: datetime | None) -> Principal | None: ...


Noted = Callable[[OwnNames], Awaitable[None]]
"""Is told the names of the person of a session. Raises Unavailable; then nobody gets in."""


@dataclass(frozen=True, slots=True)
class SignInFlow:
    """What signing in at one service needs. `home` is such as `/desk`. A sign-in may lead to `path` (else `home`).

    `address` is the service's own, from its settings: no request decides where a browser comes back to.
    """

    pages: Pages
    provider: Provider
    sessions: Sessions
    home: str
    address: str
    identity_key: bytes
    names_of: FindNames
    refused: SignInRefusals
    path: str | None = None
    noted: Noted | None = None
    people: SignedInPeople | None = None

    @property
    def cookies(self) -> Cookies:
        """The cookies of this service."""
        return Cookies(self.home)

    async def session(self, request: Request) -> Session | None:
        """The running session of the browser; None if the roster has signed the person out since.

        Raises Unavailable while the store is away, or the copy of the roster is too old.
        """
        session = await self.sessions.find(self.cookies.read_session(request))
        if session and self.people:
            began, proved = session.began_at, session.authenticated_at
            if await self.people.person(session.person, began_at=began, authenticated_at=proved) is None:
                return None
        if session and self.noted:
            # Each time, because a person who is signed in already may be given a role.
            await self.noted(session.own)
        return session

    def sign_in_address(self, request: Request, *, fresh: bool = False, back: str | None = None) -> str:
        """Where to send a browser that has to sign in (again) first, and then comes `back`.

        Without `back` it comes back to the page that it asked for.
        """
        if back is None:
            back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        ended = not fresh and is_secret(self.cookies.read_session(request))
        asked = f"{'&fresh=1' if fresh else ''}{'&ended=1' if ended else ''}"
        return f"{self.home}/sign-in?next={quote(self.own(back), safe='/')}{asked}"

    def ask(
        self,
        request: Request,
        back: str,
        *,
        status: int = 200,
        fresh: bool = False,
        ended: bool = False,
        draft: str = "",
        shown: Shown | None = None,
    ) -> Response:
        """The page that offers to sign in, and carries a sealed draft along.

        `ended`: a session has ended; `shown`: why the sign-in before was refused.
        """
        context = {
            "action": f"{self.home}/sign-in",
            "next": self.own(back),
            "fresh": fresh,
            "ended": ended,
            "draft": draft,
            "sent": FIELDS in request.scope and request.url.path != f"{self.home}/sign-in",
            "provider": self.provider.name,
            "shown": shown,
        }
        return self.pages.render(request, "sign_in_ask.html", context, status)

    @property
    def drafts(self) -> FormDrafts:
        """The drafts of the forms of this service."""
        return FormDrafts(Drafts(self.identity_key), self.sessions, self.cookies)

    def own(self, address: str) -> str:
        """`address` if it is one of ours, else home."""
        found = own_address(address, self.home, self.path)
        # An address of the sign-in would lead in a circle, with what the provider said in it.
        steps, path = f"{self.home}/sign-in", found.partition("?")[0]
        return self.home if path == steps or path.startswith(f"{steps}/") else found

    async def _refused_page(self, request: Request, problem: Problem, who: Principal, places: Places) -> Response:
        at = self.sessions.clock()
        ends = [leave.ends_at for leave in who.leaves if leave.begins_at <= at and not has_ended(leave.ends_at, at)]
        if isinstance(problem, FormOfAnother):
            # The words are not those of the reader.
            request.scope.pop(FIELDS, None)
        kept = problem.code in _PASSING and await self._kept(request, who)
        context = {
            "code": problem.code,
            "kept_at": request.url.path if kept else None,
            "kept_days": REFUSED_LIFE.days,
            "until": ends[0] if ends and problem.code == _LEAVE else None,
            "roles": [grant.role.value for grant in who.running(at)] if problem.code == _ROLE else (),
            "lacks": problem.lacks if isinstance(problem, Refused) else (),
            "places": places,
            "typed": self.pages.typed(request),
        }
        return self.pages.render(request, "refused.html", context, problem.status)

    async def _kept(self, request: Request, who: Principal) -> bool:
        """Whether words of a form wait for this person at this address."""
        try:
            if FIELDS in request.scope:
                return await self.drafts.keep(request, who.ref)
            return await self.drafts.hold(request)
        except Unavailable:
            # The words stand on the page all the same.
            return False

    async def error_page(self, request: Request, problem: Problem, places: Places = ()) -> Response:
        """The page of a problem. It leads to the sign-in and back where that helps; a person on no roster sees their
        reference. A person who is refused sees why, and the `places` that are open to them.
        """
        who, may_lead = principal_of(request), own_address(request.url.path, "", self.path or self.home)
        if may_lead and problem.status == 401 and "authorization" not in request.headers:
            again = problem.code == _AGAIN
            if FIELDS in request.scope:
                draft = self.drafts.sealed(request)
                return self.ask(request, request.url.path, status=401, fresh=again, ended=not again, draft=draft)
            return RedirectResponse(self.sign_in_address(request, fresh=again), 303, {"Cache-Control": "no-store"})
        if may_lead and problem.status == 403 and who != NOBODY and not who.grants:
            context = {"person": who.ref, "sign_out": f"{self.home}/sign-out"}
            return self.pages.render(request, "not_enrolled.html", context, 403)
        if may_lead and problem.status == 404 and FIELDS in request.scope and who.ref.startswith("person:"):
            # What the form was about may be seen again. The page shows the words, and says nothing of the draft:
            # nobody learns whether there is such a thing.
            await self._kept(request, who)
        if may_lead and problem.code in _OWN_AFFAIRS and who.ref.startswith("person:"):
            return await self._refused_page(request, problem, who, places)
        if may_lead and problem.code == _NO_NAME and "authorization" not in request.headers:
            return self.pages.render(request, "no_user_name.html", {"sign_out": f"{self.home}/sign-out"}, 403)
        return await self.pages.error(request, problem)

    async def leave(self, request: Request, back: str, fresh: bool, draft: str = "") -> Response:
        """Begin an attempt and send the browser to the provider. Raises Unavailable and SignInRefused.

        `draft` is kept if it is one that was sealed for this browser.
        """
        self.sessions.store.check()
        state = new_secret()
        browser = self.cookies.read_attempt(request)
        if not is_secret(browser):
            browser = new_secret()
        if not self.drafts.opened(request, draft):
            draft = ""
        attempt = SignInAttempt(
            hash_of(state), hash_of(browser), new_secret(), new_secret(), back, fresh, self.sessions.clock(), draft
        )
        address = await self.provider.begin(state, attempt)
        await self.sessions.store.keep_attempt(attempt)
        response = redirect_page(address)
        response.headers["Cache-Control"] = "no-store"
        self.cookies.keep_attempt(response, browser)
        return response

    async def attempt(self, request: Request) -> SignInAttempt:
        """The attempt that this browser comes back from. It can be taken once. Raises SignInRefused."""
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
        """Begin a session for the person that the provider names, and lead on. Raises as `leave`."""
        told = request.query_params
        if "error" in told:
            raise SignInRefused("denied" if told["error"] == "access_denied" else "provider-error", Shown.DENIED)
        code = told.get("code", "")
        if not code or len(code) > LONGEST_CODE or not code.isascii() or not code.isprintable():
            raise SignInRefused("code-malformed")
        identity = await self.provider.finish(attempt, code, told.get("iss"))
        person = person_ref(self.identity_key, identity.issuer, identity.subject)
        own = await self.names_of(identity.proof)
        if own.person != person:
            raise SignInRefused("names-of-another")
        secret, session = await self.sessions.begin(
            own,
            identity,
            agent=label_of(request.headers.get("user-agent", "")),
            instead_of=self.cookies.read_session(request),
        )
        # The provider may have told of the end while the sign-in was still on its way here.
        if await self.sessions.store.ended_since(_names_of(identity.issuer, identity.sid, person), attempt.began_at):
            await self.sessions.end(session)
            raise SignInRefused("ended-meanwhile", Shown.ATTEMPT)
        waited_at = await self.drafts.take_along(request, attempt.draft, session, secret)
        # A person who was on the way to nothing else is led to the words that had waited.
        place = waited_at if waited_at and attempt.next == self.home else attempt.next
        response = RedirectResponse(self.own(place), 303, {"Cache-Control": "no-store"})
        self.cookies.keep_session(response, secret)
        return response

    async def farewell(self) -> str | None:
        """Where a person can end the provider's own session, too. They come back to the sign-in page."""
        return await self.provider.farewell(f"{self.address.rstrip('/')}{self.home}/sign-in")

    async def end_as_told(self, logout: Logout) -> int:
        """End the sessions that a provider says have ended. Returns how many. Raises SignInRefused for a repetition."""
        ended, latest = 0, logout.issued_at + SKEW
        person = person_ref(self.identity_key, logout.issuer, logout.subject) if logout.subject else None
        names = _names_of(logout.issuer, logout.sid, person)
        # The end is noted first, so that a session which opens meanwhile is found here or there.
        await self.sessions.store.note_end(names, min(self.sessions.clock(), latest), logout.until)
        # First ended, then remembered: after a crash in between the token can be sent again. A token that is carried
        # out twice ends only what had begun when it was written.
        if logout.sid:
            ended += await self.sessions.revoke_sid(logout.issuer, logout.sid)
        if person:
            ended += await self.sessions.revoke_person(person, latest)
        if not await self.sessions.store.use_once(logout.token, logout.until):
            raise SignInRefused("logout-token-replayed")
        return ended


def _names_of(issuer: str, sid: str | None, person: str | None) -> list[str]:
    """The names under which an end is remembered: the session of the provider, and the person."""
    return [hash_of(name) for name in (f"{issuer}\x1f{sid}" if sid else None, person) if name]
