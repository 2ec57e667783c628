"""Forms that another site cannot send: each form carries a token that only our own pages hold.

The token is `<id>.<MAC of the id>`, and a `__Host-` cookie holds the id (a signed double submit). So a form stays good
for as long as the browser keeps the cookie, in any number of tabs. The forms of templates get the token by themselves
(shared.web.pages). The boundary judges every form before any handler sees it.

On a page that is made for a person who is signed in, the token is `<id>.<MAC>.<owner>`: a form of one person is not
carried out for another, and its words go back to nobody else (shared.sign_in.drafts).
"""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from secrets import token_bytes, token_urlsafe
from typing import Any, TypeVar
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from shared.problems import Problem
from shared.web.forms import FIELDS, TOKEN_FIELD, is_urlencoded, media_type_of, parse_form
from shared.web.headers import LANGUAGE_COOKIE

F = TypeVar("F", bound=Callable[..., Any])

COOKIE = "__Host-hearth_form"
FORM_GUARD = "form_guard"
"""The key of the guard in a request's scope, for pages that need a token."""

OWNER = "form_owner"
"""The key of the owner in a request's scope: the mark (FormGuard.mark_of) of the person that the form was made for."""

_ID = re.compile(r"[A-Za-z0-9_-]{24}")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# What a page of another site can make a browser send without asking us first (Fetch, "CORS-safelisted").
_FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
_JSON = (b"content-type", b"application/json")
_NEW_ID = "new_form_id"
_AGAIN = "form_again"
_MARK = "__forms_from_elsewhere__"


class FormRefused(Problem):
    """A form without a right token. `fields` is what was typed, if the sender may be offered to send it again."""

    def __init__(self, fields: Mapping[str, list[str]] | None) -> None:
        super().__init__(
            403,
            "form-token-wrong",
            "The form does not carry the token of a page of ours.",
            detail="Send the form from our own page. A program sends JSON, as application/json.",
        )
        self.fields = fields


class FormOfAnother(Problem):
    """A form that was made for another person, who was signed in at this browser."""

    def __init__(self) -> None:
        super().__init__(403, "form-of-another", "This form was opened by another person.")


def from_elsewhere(endpoint: F) -> F:
    """Mark a route that takes forms of other sites. They prove themselves in another way, or do no harm."""
    setattr(endpoint, _MARK, True)
    return endpoint


class FormGuard:
    """Makes the tokens of forms, and refuses a form without a right one."""

    def __init__(self, key: bytes | None = None, routes: Iterable[object] = ()) -> None:
        """`key` is the same in every replica; without one a new key is drawn. `routes` are searched for marked ones."""
        self._key = hmac.digest(key, b"hearth forms", "sha256") if key else token_bytes(32)
        marked = [r for r in routes if isinstance(r, APIRoute) and getattr(r.endpoint, _MARK, False)]
        self._elsewhere = [(route.methods or set(), route.path_regex) for route in marked]

    def token(self, request: Request, person: str | None = None) -> str:
        """The token for the forms of this page, which is made for `person` (a reference), or for the owner of the form
        that was sent. A browser without our cookie gets one with the answer.
        """
        form_id = request.cookies.get(COOKIE, "")
        if not _ID.fullmatch(form_id):
            form_id = request.scope.setdefault(_NEW_ID, token_urlsafe(18))
        mac = self._sign(_AGAIN + form_id if request.scope.get(_AGAIN) else form_id)
        owner = self.mark_of(person) if person else request.scope.get(OWNER)
        return f"{form_id}.{mac}{f'.{owner}' if owner else ''}"

    def mark_of(self, person: str) -> str:
        """What stands for a person (a reference) in the token of a form: it tells nothing, and nobody can make one."""
        mark = self._sign(f"owner {person}")
        return mark + self._sign(f"mark {mark}")

    def _is_mark(self, text: str) -> bool:
        mark, proof = text[:32], text[32:]
        return hmac.compare_digest(proof.encode(), self._sign(f"mark {mark}").encode())

    async def admit(self, scope: Scope, receive: Receive) -> Receive:
        """What to read the request from, if it is no form, or a form with a right token.

        Raises Problem 403 for what another site sent, in any form, FormRefused, and 415 and 400 for what cannot hold a
        token.
        """
        if scope["method"] in _SAFE or _is_from_a_program(scope):
            return receive
        request = Request(scope)
        if has_token(request.headers) or self._is_from_elsewhere(scope):
            return receive
        if not is_from_own_page(request.headers):
            raise Problem(403, "cross-site", "This was sent from another site.")
        if not is_form(request.headers):
            return receive
        if not is_urlencoded(request.headers):
            raise Problem(415, "unsupported-media-type", "A form is expected here, or application/json.")
        body = await _read(receive)
        fields = dict(parse_form(body))
        form_id, mac, owner = (*fields.pop(TOKEN_FIELD, [""])[-1].split(".", 2), "", "")[:3]
        if self._is_mark(owner):
            scope[OWNER] = owner
        if not self._is_right(form_id, mac, request):
            scope[_AGAIN] = _is_untold(request)
            own = request.headers.get("sec-fetch-site") == "same-origin"
            raise FormRefused(fields if own or scope[_AGAIN] else None)
        scope[FIELDS] = fields
        return _replay(body, receive)

    def _is_right(self, form_id: str, mac: str, request: Request) -> bool:
        if not _ID.fullmatch(form_id):
            return False
        first, again = (
            hmac.compare_digest(mac.encode(), self._sign(f"{purpose}{form_id}").encode()) for purpose in ("", _AGAIN)
        )
        if COOKIE in request.cookies:
            return (first or again) and hmac.compare_digest(request.cookies[COOKIE].encode(), form_id.encode())
        # A browser that keeps no cookies must be able to report, too. A request without cookies has nothing that a
        # forger could use, and the browser itself says that our own page sent it, or the person has pressed twice.
        if again and _is_untold(request):
            return True
        return first and not request.cookies and request.headers.get("sec-fetch-site") == "same-origin"

    def _sign(self, form_id: str) -> str:
        return urlsafe_b64encode(hmac.digest(self._key, form_id.encode(), "sha256")[:24]).decode()

    def _is_from_elsewhere(self, scope: Scope) -> bool:
        return any(scope["method"] in methods and path.match(scope["path"]) for methods, path in self._elsewhere)


def _is_from_a_program(scope: Scope) -> bool:
    """Whether it is JSON, and no header says that a page sent it."""
    headers = scope["headers"]
    return _JSON in headers and all(name not in (b"sec-fetch-site", b"origin") for name, _ in headers)


def has_token(headers: Headers) -> bool:
    """Whether the request proves itself by a bearer token. No page of another site has one."""
    return headers.get("authorization", "")[:7].lower() == "bearer "


def is_form(headers: Headers) -> bool:
    """Whether a page of another site could make a browser send this request without asking us first."""
    media_type = media_type_of(headers)
    return media_type in _FORM_TYPES or (not media_type and "cookie" in headers)


def is_from_own_page(headers: Headers) -> bool:
    """Whether no header says that a page of another site sent this: first Sec-Fetch-Site, then Origin.

    Our own Referrer-Policy makes browsers send `Origin: null`, so that value says nothing.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin", "null")
    return origin == "null" or urlsplit(origin).netloc == headers.get("host")


def demand_owner(request: Request, person: str) -> None:
    """Raises FormOfAnother for a form that was made for another person than this caller (a reference).

    A caller who is nobody has to sign in first.
    """
    owner = request.scope.get(OWNER)
    if owner and person.startswith("person:") and owner != request.scope[FORM_GUARD].mark_of(person):
        raise FormOfAnother


def _is_untold(request: Request) -> bool:
    """Whether the browser does not tell which site sent the form, and no cookie makes the request one of a person.

    So ask old browsers, and all browsers over plain HTTP, which may keep no cookie either. Nothing in such a request is
    of use to a forger. Its form is offered to the person once more, and is taken when the person presses again.
    """
    return "sec-fetch-site" not in request.headers and request.cookies.keys() <= {LANGUAGE_COOKIE, COOKIE}


def cookie_header(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The header that gives a browser its cookie, if a token was made that needs one."""
    form_id = scope.get(_NEW_ID)
    if form_id is None:
        return []
    # Lax: with Strict, a link from another site would come without the cookie, and all open forms would become invalid.
    return [(b"set-cookie", f"{COOKIE}={form_id}; Path=/; Secure; HttpOnly; SameSite=Lax".encode())]


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
