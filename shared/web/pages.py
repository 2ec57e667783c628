"""Pages for people: Jinja templates in the reader's language, and the style sheets that they need.

Every page is complete without JavaScript and loads nothing from another host. Browsers and proxies do not store it
unless its route says so, because a page about a report must not stay on a shared computer. Every form in a template
gets its token by itself (shared.web.csrf).
"""

import hashlib
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.ext import Extension
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from shared.i18n.messages import Messages, direction, find_language, negotiate, write_distance, write_time
from shared.i18n.wording import Value, language_name
from shared.problems import Problem
from shared.times import now, rfc3339
from shared.web import packing
from shared.web.csrf import FORM_GUARD, FormRefused
from shared.web.etags import is_known
from shared.web.forms import FIELDS, TOKEN_FIELD
from shared.web.gate import Callers, Gate, does, principal_of
from shared.web.headers import LANGUAGE_COOKIE, nonce_of
from shared.web.links import linked
from shared.web.redirects import own_address

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
STATIC = HERE / "static"
MADE_ASSETS = HERE / "assets"

_PASSES = frozenset((429, 500, 503))
"""Refusals that the same form may not meet again a little later."""
_LANGUAGE = "hearth.language"
"""Where the scope of a request keeps its language, by the messages."""
_YEAR = 365 * 24 * 3600
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One static file, read once: its bytes, and the digest in its address."""

    name: str
    content: bytes
    digest: str

    @property
    def url(self) -> str:
        return f"/assets/{self.digest}/{self.name}"


def load_assets(static_dir: Path | None = None) -> Mapping[str, Asset]:
    """The static files of the shared pages and a service (`static_dir`), and Codex's bundle if set-up has made it."""
    return _read_assets((MADE_ASSETS, STATIC, *([static_dir] if static_dir else [])))


@cache
def _read_assets(folders: tuple[Path, ...]) -> Mapping[str, Asset]:
    found: dict[str, Asset] = {}
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.suffix in _TYPES:
                content = path.read_bytes()
                found[path.name] = Asset(path.name, content, hashlib.sha256(content).hexdigest()[:16])
    return found


def make_asset_router(gate: Gate, static_dir: Path | None = None) -> APIRouter:
    """Serves the static files under /assets/<digest>/<name>. Browsers keep them for ever: a changed file has another
    address.
    """
    assets = load_assets(static_dir)
    router = gate.router(Callers.PROGRAMS, include_in_schema=False)

    @router.get("/assets/{digest}/{name}", **does("page.asset"))
    async def serve(request: Request, digest: str, name: str) -> Response:
        asset = assets.get(name)
        if asset is None:
            raise Problem(404, "not-found", "There is nothing at this address.")
        # During an upgrade a page of another version may ask here. It gets this file, but must not keep it.
        lasting = digest == asset.digest
        headers = {
            "Cache-Control": f"public, max-age={_YEAR}, immutable" if lasting else "no-cache",
            "ETag": f'"{asset.digest}"',
        }
        if is_known(request.headers.get("if-none-match"), asset.digest):
            return Response(status_code=304, headers=headers)
        return Response(asset.content, headers=headers, media_type=_TYPES[Path(name).suffix])

    return router


class Pages:
    """Renders the templates of one service. Build it with `make_pages`."""

    def __init__(
        self,
        environment: Environment,
        messages: Messages,
        assets: Mapping[str, Asset],
        *,
        home: str = "/",
        way_out: str | None = None,
        given: Mapping[str, object] | None = None,
    ) -> None:
        """The name in the header leads to `home`. The button to leave quickly leads to `way_out`; without one there is
        no button. Every template can use what is `given`, by its name.
        """
        self._environment = environment
        self._messages = messages
        self._assets = assets
        self._home = home
        self._way_out = way_out
        self._given = given or {}
        self._by_language: dict[str, Mapping[str, object]] = {}

    def render(
        self,
        request: Request,
        name: str,
        context: Mapping[str, object] | None = None,
        status: int = 200,
        *,
        cacheable: bool = False,
        repeats_nothing: bool = False,
    ) -> HTMLResponse:
        """The page in the reader's language. `cacheable` is only for pages that are the same for all.

        `repeats_nothing` of what a request says: only such pages are compressed (shared.web.packing).
        """
        language = self.language(request)
        html = self._environment.get_template(name).render({**(context or {}), **self._frame(request, language)})
        headers = {
            "Content-Language": language,
            "Vary": "Accept-Language, Cookie",
            "Cache-Control": "public, max-age=300" if cacheable else "no-store",
        }
        if repeats_nothing:
            packing.repeats_nothing(request.scope)
        response = HTMLResponse(html, status_code=status, headers=headers)
        if self._asked_language(request):
            response.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR, samesite="lax", httponly=True)
        return response

    async def error(self, request: Request, problem: Problem) -> HTMLResponse:
        """The page that tells a person what went wrong and what to do (an ErrorPage). It shows no technical details."""
        if isinstance(problem, FormRefused) and problem.fields is not None:
            return self.send_again(request, problem.fields, problem)
        language = self.language(request)
        own = f"error-{problem.code}"
        key = own if self._messages.has(f"{own}-title") else f"error-{_error_status(problem.status)}"
        context = {
            "title": self._messages.text(language, f"{key}-title"),
            "text": self._messages.text(language, f"{key}-text"),
            "request_id": request.scope.get("request_id", ""),
            "typed": self.typed(request, again=problem.status in _PASSES),
        }
        response = self.render(request, "error.html", context, problem.status)
        if problem.retry_after is not None:
            response.headers["Retry-After"] = str(problem.retry_after)
        return response

    def send_again(self, request: Request, fields: Mapping[str, Sequence[str]], problem: Problem) -> HTMLResponse:
        """The page that offers to send a refused form again, so that nothing typed is lost."""
        request.scope[FIELDS] = fields
        return self.render(request, "send_again.html", {"typed": self.typed(request, again=True)}, problem.status)

    def typed(self, request: Request, *, again: bool = False) -> Mapping[str, object]:
        """What the form held that was sent, for the template typed.html: its words, and with `again` all of it."""
        fields: Mapping[str, Sequence[str]] = request.scope.get(FIELDS, {})
        return {
            "action": own_address(quote(request.scope["path"]), self._home, below="/"),
            "pairs": [(name, value) for name, values in fields.items() for value in values] if again else [],
            "words": [value for values in fields.values() for value in values if len(value.split()) > 1],
        }

    def language(self, request: Request) -> str:
        """`?uselang=`, else the language chosen before, else the one the browser asks for, else English."""
        # A page asks for each of its messages, and the answer is the same for the whole request.
        known: dict[Messages, str] = request.scope.setdefault(_LANGUAGE, {})
        if self._messages not in known:
            chosen = self._asked_language(request) or request.cookies.get(LANGUAGE_COOKIE)
            asked = request.headers.get("accept-language")
            languages = self._messages.languages
            known[self._messages] = chosen if chosen in languages else negotiate(asked, languages)
        return known[self._messages]

    @property
    def languages(self) -> Sequence[str]:
        """The languages that pages can be in."""
        return self._messages.languages

    def message(self, request: Request, key: str, *values: Value) -> str:
        """One message in the reader's language, for texts that a route composes."""
        return self.text(self.language(request), key, *values)

    def text(self, language: str, key: str, *values: Value) -> str:
        """One message in a language, for many texts in one answer."""
        return self._messages.text(language, key, *values)

    def _asked_language(self, request: Request) -> str | None:
        asked = request.query_params.get("uselang")
        if asked is None or asked in self._messages.languages:
            return asked
        return find_language(asked, self._messages.languages)

    def _frame(self, request: Request, language: str) -> dict[str, object]:
        guard = request.scope.get(FORM_GUARD)
        return {
            **self._given,
            # All forms of a page have the same token.
            "form_token": cache(lambda: guard.token(request, _person_in(request)) if guard else ""),
            "csp_nonce": lambda: nonce_of(request.scope),
            "way_out": self._way_out,
            **self._spoken(language),
            "dir": direction(language),
            "direction": direction,
            "name_of": lambda prefix, code: self._messages.code(language, prefix, code),
            "asset": lambda name: self._assets[name].url if name in self._assets else "",
            "languages": [(code, language_name(code)) for code in self._messages.languages],
            "language_name": language_name,
            "home": self._home,
        }

    def _spoken(self, language: str) -> Mapping[str, object]:
        # The pieces of pages are some 20 macros, and know nothing of a page but its language: one set serves all.
        if language not in self._by_language:
            known = {"lang": language, "msg": self._message_function(language)}
            pieces = self._environment.get_template("parts.html").make_module(known)
            self._by_language[language] = {**known, "parts": pieces}
        return self._by_language[language]

    def _message_function(self, language: str) -> Callable[..., str]:
        def msg(key: str, *values: Value) -> str:
            """A message as text. If a value is Markup, the message is Markup, and its other parts are escaped."""
            marked = [value for value in values if isinstance(value, Markup)]
            if not marked:
                return self._messages.text(language, key, *values)
            # Private-use characters stand for the Markup while the rest is escaped.
            aside = {chr(0xE000 + number): value for number, value in enumerate(marked)}
            places = iter(aside)
            text = self._messages.text(language, key, *(next(places) if isinstance(v, Markup) else v for v in values))
            html = str(escape(text))
            for place, value in aside.items():
                html = html.replace(place, value)
            return Markup(html)  # noqa: S704  # nosec B704  # everything in it was escaped above or was Markup before

        return msg


def make_pages(
    service_template_dir: Path,
    messages: Messages,
    *,
    home: str = "/",
    static_dir: Path | None = None,
    way_out: str | None = None,
    given: Mapping[str, object] | None = None,
) -> Pages:
    """The pages of a service: its own templates first, then the shared ones (base.html, parts.html, error.html)."""
    assets = load_assets(static_dir)
    if "codex.css" not in assets:
        log.warning("Codex's style sheet is missing, pages are plainer: run python -m infra.assets")
    return Pages(_templates_in(service_template_dir), messages, assets, home=home, way_out=way_out, given=given)


@cache
def _templates_in(folder: Path) -> Environment:
    # Compiling a template takes longer than filling it, so everything that shows the same templates shares them.
    environment = Environment(
        extensions=[_FormTokens],
        loader=FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.context_class = _Context
    environment.filters["rfc3339"] = rfc3339
    environment.filters["written"] = _written
    environment.filters["relative"] = _relative
    environment.filters["linked"] = linked
    return environment


class _Context(Context):
    def call(self, function: Callable[..., Any], /, *values: Any, **named: Any) -> Any:
        """What a function or a macro gives. A page calls hundreds, and none of ours asks for the context itself."""
        named.pop("_loop_vars", None)
        named.pop("_block_vars", None)
        return function(*values, **named)


class _FormTokens(Extension):
    """Puts the token into every form of every template before the template is compiled, so that no form lacks it."""

    # The tag may hold expressions, and an expression may hold a `>`.
    _FORM = re.compile(r"<form\b(?:\{\{.*?\}\}|\{%.*?%\}|[^>])*>", re.DOTALL | re.IGNORECASE)
    _TOKEN = f'<input type="hidden" name="{TOKEN_FIELD}" value="{{{{ form_token() }}}}">'

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The template with the token behind the start of each form that is posted."""
        return self._FORM.sub(self._with_token, source)

    def _with_token(self, form: re.Match[str]) -> str:
        return form[0] + self._TOKEN if 'method="post"' in form[0].lower() else form[0]


def _person_in(request: Request) -> str | None:
    """The reference of the person who is signed in."""
    ref = principal_of(request).ref
    return ref if ref.startswith("person:") else None


@pass_context
def _written(context: Context, at: datetime) -> str:
    return write_time(str(context["lang"]), at)


@pass_context
def _relative(context: Context, at: datetime) -> str:
    return write_distance(str(context["lang"]), at - now())


def _error_status(status: int) -> int:
    match status:
        case 412:
            return 409
        case 400 | 401 | 403 | 404 | 409 | 413 | 422 | 429 | 500 | 503:
            return status
        case _:
            return 500 if status >= 500 else 400
