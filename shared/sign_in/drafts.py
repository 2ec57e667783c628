"""What was typed into a form and is not sent, or was refused for now: sealed, and given back to its person alone.

While a person types, a script has the words kept now and then. Where the person has to sign in first, the sealed draft
of the form stands in the sign-in page, and no browser but the one that sent the form can use it. After the sign-in it
waits under the new session. Where the person is refused, for a leave, for a training that is missing, or because what
it was about is hidden from them now, it waits under their session. What waits goes on to the next session at the same
browser. There is one draft for each address to which a form is sent, until the form is sent with success; and where
a page has the form several times, one for each entry that it is about. Only a form is kept that a page there gives
back (shared.web.gate.GIVEN_BACK).
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from os import urandom

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import Request

from shared.problems import Unavailable
from shared.sign_in.attempts import hash_of, is_secret
from shared.sign_in.cookies import Cookies
from shared.sign_in.sessions import KeptDraft, Session, Sessions
from shared.times import rfc3339
from shared.web.csrf import COOKIE, FORM_GUARD, OWNER
from shared.web.forms import FIELDS
from shared.web.gate import is_given_back

DRAFT_LIFE = timedelta(minutes=10)
"""How long a draft waits after the sign-in. Until then the page can be loaded again."""
REFUSED_LIFE = timedelta(days=14)
"""How long any other draft waits. The browser must keep its cookie for so long, too."""
LONGEST_DRAFT = 200_000
"""Characters of a sealed draft; every form within its limits has less."""
ENTRY = "entry"
"""The field of a form that stands several times on its page: it names the field that says which entry it is about."""
_NONCE = 12


@dataclass(frozen=True, slots=True)
class Draft:
    """The fields of a form for `path`. `owner` is the mark of its person (shared.web.csrf).

    `at`: when it was last kept, in RFC 3339; empty in one of an earlier version. `typed`: it was never sent.
    """

    path: str
    owner: str
    fields: Mapping[str, Sequence[str]]
    at: str = ""
    typed: bool = False

    @property
    def entry(self) -> str:
        """Which entry of its page the form is about; empty where the page has the form once."""
        return entry_in(self.fields)


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
        """The draft; None for a text that this key and secret did not seal, or of a later version with more fields."""
        try:
            data = urlsafe_b64decode(sealed.encode())
            return Draft(**orjson.loads(self._cipher(secret).decrypt(data[:_NONCE], data[_NONCE:], None)))
        except (InvalidTag, ValueError, TypeError):
            return None

    def slot(self, path: str, entry: str, secret: str) -> str:
        """Where the draft for this path, about this entry, stands among those of one session."""
        return hmac.digest(self._key, f"slot {secret} {path} {entry}".rstrip().encode(), "sha256").hex()[:32]

    def about(self, page: str) -> str:
        """What stands for a page beside the drafts of its forms: it tells nothing, and only we can make it."""
        return hmac.digest(self._key, f"about {page}".encode(), "sha256").hex()[:32]

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
        """Have the form that was sent wait for a person who is refused. False if it is not theirs, or too long."""
        draft = _draft_in(request)
        return draft is not None and await self._keep(request, draft, person)

    async def keep_typed(self, request: Request, person: str, path: str, fields: Mapping[str, Sequence[str]]) -> bool:
        """Have what was typed into the form for `path` wait for the person, who never sent it. False as `keep`."""
        return await self._keep(request, Draft(path, request.scope.get(OWNER, ""), fields, typed=True), person)

    async def _keep(self, request: Request, draft: Draft, person: str) -> bool:
        secret = self.cookies.read_session(request)
        if not is_secret(secret) or not _is_of(request, draft, person):
            return False
        at = self.sessions.clock()
        return await self._put(replace(draft, at=rfc3339(at)), secret, at + REFUSED_LIFE)

    async def _put(self, draft: Draft, secret: str, until: datetime) -> bool:
        sealed = self.drafts.seal(draft, secret)
        if sealed:
            kept = KeptDraft(sealed, self.drafts.about(page_of(draft.path)), until)
            slot = self.drafts.slot(draft.path, draft.entry, secret)
            await self.sessions.store.keep_draft(hash_of(secret), slot, kept)
        return bool(sealed)

    async def hold(self, request: Request) -> bool:
        """Have what waits for this address wait on, for a person who is refused. False if there is nothing."""
        secret, found = self.cookies.read_session(request), await self._at(request, request.scope["path"])
        if not is_secret(secret):
            return False
        held = [await self._put(one, secret, self.sessions.clock() + REFUSED_LIFE) for one in found]
        return any(held)

    async def take_along(self, request: Request, sealed: str, session: Session, secret: str) -> str | None:
        """Have the drafts that waited at this browser wait under a session, and the one that came with its sign-in.

        Only those that were typed by the person of the session. Returns the path of one that was sent before this
        sign-in, and had waited.
        """
        waited = [one for one in await self._waiting(request) if _is_of(request, one[0], session.person)]
        for draft, until in waited:
            await self._put(draft, secret, until)
        brought = self.opened(request, sealed)
        if brought and _is_of(request, brought, session.person):
            at = self.sessions.clock()
            await self._put(replace(brought, at=rfc3339(at)), secret, at + DRAFT_LIFE)
            return None
        return next((draft.path for draft, _ in waited if not draft.typed), None)

    async def find(self, request: Request) -> Mapping[str, Sequence[str]] | None:
        """The fields of the form that the person of this session had last sent to this address before.

        Of several, the form about the entry that the address asks for (`?entry=`).
        """
        found, about = await self._at(request, request.scope["path"]), request.query_params.get(ENTRY)
        theirs = [one for one in found if one.entry == about] or found
        return theirs[0].fields if theirs else None

    async def about(self, request: Request, person: str, page: str) -> list[Draft]:
        """What waits for the person of this session in the forms of a page, the newest first. It raises nothing."""
        with suppress(Unavailable):
            found = await self._waiting(request, self.drafts.about(page))
            theirs = [one for one, _ in found if _is_of(request, one, person)]
            return sorted(theirs, key=lambda one: one.at, reverse=True)
        return []

    async def forget(self, page: str) -> None:
        """Forget what anybody has typed into the forms of a page. Raises Unavailable."""
        await self.sessions.store.drop_drafts_about(self.drafts.about(page))

    async def drop(self, request: Request, path: str | None = None, entry: str = "") -> None:
        """Forget the draft for `path`, or of the form that was sent to this address with success. It raises nothing."""
        at, about = (path, entry) if path else (request.scope["path"], entry_in(request.scope.get(FIELDS, {})))
        secret = self.cookies.read_session(request)
        # While the store is away the form is sent all the same, and its draft ends by itself.
        with suppress(Unavailable):
            if is_secret(secret):
                store = self.sessions.store
                await store.drop_draft(hash_of(secret), self.drafts.slot(at, about, secret))
                if any(one.entry == about for one in await self._at(request, at)):
                    # A draft of an earlier version has the empty slot.
                    await store.drop_draft(hash_of(secret), "")

    async def _at(self, request: Request, path: str) -> list[Draft]:
        """The drafts for `path` under the session of this browser, the newest first."""
        found = [draft for draft, _ in await self._waiting(request) if draft.path == path]
        return sorted(found, key=lambda one: one.at, reverse=True)

    async def _waiting(self, request: Request, about: str | None = None) -> list[tuple[Draft, datetime]]:
        """The drafts under the session of this browser, ended or not, and until when each waits (UTC-aware)."""
        secret = self.cookies.read_session(request)
        if not is_secret(secret):
            return []
        found = await self.sessions.store.drafts_of(hash_of(secret), self.sessions.clock(), about)
        opened = ((self.drafts.open(one.sealed, secret), one.until) for one in found.values())
        return [(draft, until) for draft, until in opened if draft]


def page_of(path: str) -> str:
    """The page that has the form for this path."""
    return path.rpartition("/")[0]


def entry_in(fields: Mapping[str, Sequence[str]]) -> str:
    """Which entry of its page a form with these fields is about; empty where the page has the form once."""
    named = fields.get(ENTRY, [""])[-1]
    return fields.get(named, [""])[-1] if named else ""


def _draft_in(request: Request) -> Draft | None:
    """The form that was sent, if it was made for a person and a page gives it back."""
    owner = request.scope.get(OWNER)
    if not owner or FIELDS not in request.scope or not is_given_back(request):
        return None
    return Draft(request.scope["path"], owner, request.scope[FIELDS])


def _is_of(request: Request, draft: Draft, person: str) -> bool:
    return bool(draft.owner == request.scope[FORM_GUARD].mark_of(person))
