"""Signing in by token, until people can sign in by themselves: a bearer header for programs, a cookie for browsers.

The cookie holds nothing but the token, is out of reach for scripts, and is never sent along by another site
(SameSite=Strict); a form is taken only if the browser says that it came from our own page.
"""

import re
from collections.abc import Iterable
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Form, Request, Response
from starlette.responses import RedirectResponse

from shared.access import Principal, Role, demand, read_token
from shared.problems import Problem
from shared.web.pages import Pages

AUDIENCE = "people"
"""The audience of tokens of people, as `hearth token issue` makes them."""

_BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/=-]{1,4096})", re.IGNORECASE)


class Sessions:
    """Who asks, for the pages under `path`; sign-in and sign-out stand under `home`.

    Two services on one host each have a cookie of their own, so that one browser can hold two roles.
    """

    def __init__(self, key: bytes, pages: Pages, *, home: str, roles: Iterable[Role], path: str | None = None) -> None:
        """`key` signs the tokens; only `roles` may enter; `path` (else `home`) is where the cookie is sent."""
        self._key = key
        self._roles = frozenset(roles)
        self.pages = pages
        self.home = home
        self.path = path or home
        self.cookie = "hearth" + home.replace("/", "_")

    def program(self, request: Request) -> Principal:
        """Who a program's bearer token names. Raises Problem 401 without a valid one, 403 with another role."""
        bearer = _BEARER.fullmatch(request.headers.get("authorization", ""))
        return demand(self._read(bearer[1]) if bearer else None, self._roles)

    def person(self, request: Request) -> Principal:
        """Who the cookie (or a bearer token) names; a form must come from our own page.

        Raises Problem 401 and 403; `error_page` makes a way to the sign-in page of the first.
        """
        if "authorization" in request.headers:
            return self.program(request)
        token = request.cookies.get(self.cookie)
        principal = demand(self._read(token) if token else None, self._roles)
        if request.method not in ("GET", "HEAD"):
            demand_own_page(request)
        return principal

    def sign_in(self, token: str) -> Principal:
        """Who a token names that somebody typed. Raises Problem as `program` does."""
        return demand(self._read(token) if token else None, self._roles)

    def error_page(self, request: Request, problem: Problem) -> Response:
        """The page of a problem; for 401 the way to the sign-in page and back."""
        if problem.status != 401 or not is_below(request.url.path, self.path):
            return self.pages.error(request, problem)
        back = request.url.path if request.method == "GET" else self.home
        query = f"?{request.url.query}" if request.method == "GET" and request.url.query else ""
        target = f"{self.home}/sign-in?next={quote(back + query, safe='/')}"
        response = RedirectResponse(target, 303)
        if request.cookies.get(self.cookie):
            response.delete_cookie(self.cookie, path=self.path)
        return response

    def _read(self, token: str) -> Principal:
        return read_token(self._key, token, AUDIENCE)


def demand_own_page(request: Request) -> None:
    """Raise Problem 403 unless the browser says that the form was on a page of this origin.

    Pages send no referrer, and browsers then write `Origin: null`; so Sec-Fetch-Site (Fetch Metadata) comes first.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        own = site in ("same-origin", "none")
    else:
        own = urlsplit(request.headers.get("origin", "")).netloc == request.headers.get("host")
    if not own:
        raise Problem(403, "foreign-form", "This form did not come from our own page.")


def is_below(path: str, root: str) -> bool:
    """Whether `path` is `root` or lies under it."""
    return path == root or path.startswith((f"{root.rstrip('/')}/", f"{root}?"))


def make_sign_in(sessions: Sessions) -> APIRouter:
    """The pages `<home>/sign-in` and `<home>/sign-out`."""
    router = APIRouter(include_in_schema=False)
    pages, home = sessions.pages, sessions.home

    def show(request: Request, back: str, problem: Problem | None = None) -> Response:
        error = f"sign-in-{problem.code}" if problem else None
        status = problem.status if problem else 200
        return pages.render(
            request, "sign_in.html", {"action": f"{home}/sign-in", "next": back, "error": error}, status
        )

    @router.get(f"{home}/sign-in")
    async def ask(request: Request, next: str = home) -> Response:  # noqa: A002  # the name in the address
        return show(request, _own(next))

    @router.post(f"{home}/sign-in")
    async def take(
        request: Request,
        token: Annotated[str, Form()] = "",
        next: Annotated[str, Form()] = home,  # noqa: A002  # the name in the form
    ) -> Response:
        demand_own_page(request)
        given = "".join(token.split())
        try:
            sessions.sign_in(given)
        except Problem as problem:
            return show(request, _own(next), problem)
        response = RedirectResponse(_own(next), 303)
        response.set_cookie(
            sessions.cookie,
            given,
            path=sessions.path,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return response

    @router.post(f"{home}/sign-out")
    async def leave(request: Request) -> Response:
        demand_own_page(request)
        response = RedirectResponse(f"{home}/sign-in", 303)
        response.delete_cookie(sessions.cookie, path=sessions.path)
        return response

    def _own(address: str) -> str:
        # Never a way out to another host, whatever a link to the sign-in page says.
        plain = address.isprintable() and "\\" not in address and not address.startswith("//")
        return address if plain and is_below(address, sessions.path) else home

    return router
