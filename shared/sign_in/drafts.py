"""What was typed into a form that was refused for now: sealed, and given back to its person alone.

Where the person has to sign in first, the sealed draft stands in the sign-in page, and no browser but the one that sent
the form can use it. After the sign-in it waits under the new session. Where the person is refused, for a leave, for a
training that is missing, or because what it was about is hidden from them now, it waits under their session, and goes
on to the next session at the same browser. The person gets it back at the address to which the form was sent, until
the form is sent with success. Only a form is kept that a page there gives back (shared.web.gate.GIVEN_BACK).
"""

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from os import urandom

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import Request

from shared.problems import Unavailable
from shared.sign_in.attempts import hash_of, is_secret
from shared.sign_in.cookies import Cookies
from shared.sign_in.sessions import Session, Sessions
from shared.web.csrf import COOKIE, FORM_GUARD, OWNER
from shared.web.forms import FIELDS
from shared.web.gate import is_given_back

DRAFT_LIFE = timedelta(minutes=10)
"""How long a draft waits after the sign-in. Until then the page can be loaded again."""
REFUSED_LIFE = timedelta(days=14)
"""How long a draft waits for a person who is refused. The browser must keep its cookie for so long, too."""
LONGEST_DRAFT = 200_000
"""Characters of a sealed draft; every form within its limits has less."""
_NONCE = 12
_CODE = re.compile(r"[A-Za-z0-9_.:-]*")


@dataclass(frozen=True, slots=True)
class Draft:
    """The fields of a form that was sent to `path`. `owner` is the mark of its person (shared.web.csrf)."""

    path: str
    owner: str
    fields: Mapping[str, Sequence[str]]

    def gives_way_to(self, waiting: "Draft") -> bool:
        """Whether the other one waits on: it has words, and this one was sent elsewhere and has choices alone."""
        return self.path != waiting.path and waiting.has_words and not self.has_words

    @property
    def has_words(self) -> bool:
        """Whether anything in it is more than the code of a choice."""
        return not all(_CODE.fullmatch(value) for values in self.fields.values() for value in values)


class Drafts:
    """Seals drafts (AES-256-GCM) under a key of ours and a secret that only the browser has."""

    def __init__(self, key: bytes) -> None:
        """`key` is the same in every replica."""
        self._key = hmac.digest(key, b"hearth drafts", "sha256")

    def seal(self, draft: Draft, secret: str) -> str:
        """The sealed draft, as URL-safe text. Empty for one that is too long to be carried."""
        nonce = urandom(_NONCE)
        sealed = nonce + self._cipher(secret).encrypt(nonce, orjson.dumps(asdict(draft)), None)
        text = urlsafe_b64encode(sealed).decode()
        return text if len(text) <= LONGEST_DRAFT else ""

    def open(self, sealed: str, secret: str) -> Draft | None:
        """The draft; None for a text that this key and secret did not seal."""
        try:
            data = urlsafe_b64decode(sealed.encode())
            return Draft(**orjson.loads(self._cipher(secret).decrypt(data[:_NONCE], data[_NONCE:], None)))
        except (InvalidTag, ValueError):
            return None

    def _cipher(self, secret: str) -> AESGCM:
        return AESGCM(hmac.digest(self._key, secret.encode(), "sha256"))


@dataclass(frozen=True, slots=True)
class FormDrafts:
    """The drafts of the forms of one service. What asks the store raises Unavailable."""

    drafts: Drafts
    sessions: Sessions
    cookies: Cookies

    def sealed(self, request: Request) -> str:
        """What the form that was sent holds, sealed for this browser; empty if nobody is known to have typed it."""
        draft, form_id = _draft_in(request), request.cookies.get(COOKIE)
        return self.drafts.seal(draft, form_id) if draft and form_id else ""

    def opened(self, request: Request, sealed: str) -> Draft | None:
        """The draft that was sealed for this browser."""
        return self.drafts.open(sealed, request.cookies.get(COOKIE, "")) if sealed else None

    async def keep(self, request: Request, person: str) -> bool:
        """Have the form that was sent wait for a person who is refused. False if it is not theirs, or too long, or if
        words of theirs wait elsewhere and it has none.
        """
        secret, draft = self.cookies.read_session(request), _draft_in(request)
        if not is_secret(secret) or draft is None or not _is_of(request, draft, person):
            return False
        waiting = await self._waiting(request)
        if waiting and _is_of(request, waiting[0], person) and draft.gives_way_to(waiting[0]):
            return False
        sealed = self.drafts.seal(draft, secret)
        if sealed:
            await self.sessions.store.keep_draft(hash_of(secret), sealed, self.sessions.clock() + REFUSED_LIFE)
        return bool(sealed)

    async def hold(self, request: Request) -> bool:
        """Have the draft of the form at this address wait on, for a person who is refused. False if there is none."""
        secret, found = self.cookies.read_session(request), await self._waiting(request)
        if not is_secret(secret) or found is None or found[0].path != request.scope["path"]:
            return False
        sealed, until = self.drafts.seal(found[0], secret), self.sessions.clock() + REFUSED_LIFE
        await self.sessions.store.keep_draft(hash_of(secret), sealed, until)
        return True

    async def take_along(self, request: Request, sealed: str, session: Session, secret: str) -> str | None:
        """Have the draft that came with a sign-in wait under its session, or else the one that waited at this browser.

        One without words does not replace one with words. Only if the form was made for the person of the session.
        Returns the path of a draft that had waited.
        """
        draft, until = self.opened(request, sealed), self.sessions.clock() + DRAFT_LIFE
        waited = await self._waiting(request)
        if waited and draft and not (_is_of(request, waited[0], session.person) and draft.gives_way_to(waited[0])):
            waited = None
        if waited:
            draft, until = waited
        if draft is None or not _is_of(request, draft, session.person):
            return None
        await self.sessions.store.keep_draft(session.id_hash, self.drafts.seal(draft, secret), until)
        return draft.path if waited else None

    async def find(self, request: Request) -> Mapping[str, Sequence[str]] | None:
        """The fields of the form that the person of this session had sent to this address before."""
        found = await self._waiting(request)
        return found[0].fields if found and found[0].path == request.scope["path"] else None

    async def waiting_at(self, request: Request) -> str | None:
        """The address of the form that waits for the person of this session. It raises nothing."""
        with suppress(Unavailable):
            found = await self._waiting(request)
            return found[0].path if found else None
        return None

    async def drop(self, request: Request) -> None:
        """Forget the draft of the form that was now sent to this address with success. It raises nothing."""
        secret = self.cookies.read_session(request)
        # While the store is away the form is sent all the same, and its draft ends by itself.
        with suppress(Unavailable):
            if is_secret(secret) and await self.find(request) is not None:
                await self.sessions.store.drop_draft(hash_of(secret))

    async def _waiting(self, request: Request) -> tuple[Draft, datetime] | None:
        """The draft under the session of this browser, ended or not, and until when it waits (UTC-aware)."""
        secret = self.cookies.read_session(request)
        if not is_secret(secret):
            return None
        found = await self.sessions.store.find_draft(hash_of(secret), self.sessions.clock())
        draft = self.drafts.open(found[0], secret) if found else None
        return (draft, found[1]) if found and draft else None


def _draft_in(request: Request) -> Draft | None:
    """The form that was sent, if it was made for a person and a page gives it back."""
    owner = request.scope.get(OWNER)
    if not owner or FIELDS not in request.scope or not is_given_back(request):
        return None
    return Draft(request.scope["path"], owner, request.scope[FIELDS])


def _is_of(request: Request, draft: Draft, person: str) -> bool:
    return bool(draft.owner == request.scope[FORM_GUARD].mark_of(person))
