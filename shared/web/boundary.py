"""The boundary around every application. Every problem is answered here."""

import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from os import urandom

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import metrics
from shared.field_words import detail_of
from shared.problems import NOTHING_HERE, FieldError, FieldsWrong, NotFound, Problem, Unavailable, pointer
from shared.telemetry import span_for
from shared.web.bounds import BODY_LIMIT, HOLD, too_large
from shared.web.csrf import FORM_GUARD, FormGuard, cookie_header
from shared.web.gate import Handler
from shared.web.headers import protect
from shared.web.hosts import Hosts
from shared.web.packing import packed
from shared.web.typed_addresses import Methods, tidy_path, tidy_query

log = logging.getLogger(__name__)

_HTTP_PROBLEMS = {
    404: NOTHING_HERE[1:],
    405: ("method-not-allowed", "This method is not allowed."),
}
_INTERNAL = "internal"
_STRAY = frozenset({"host-malformed", "host-unknown", "cross-site", "form-token-wrong"})
_OTHER_HTTP_PROBLEM = ("http-error", "The request cannot be answered.")
_CALL_OF_A_SERVICE = re.compile(rb"(?i:Bearer) +[\w-]+\.[\w-]+\.[\w-]+")
_UNREADABLE = frozenset({"malformed-json", "malformed-form"})
_CODED = re.compile(rb"(?i:gzip|deflate|compress|\bbr\b|zstd)")
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
ErrorPage = Callable[[Request, Problem], Awaitable[Response]]
Plain = tuple[APIRoute, Handler]


class Boundary:
    """The outermost layer: id, span, duration, size limit, host, forms, headers, and the answer to what failed.

    It is plain ASGI, because it runs for every request.
    """

    def __init__(
        self,
        app: ASGIApp,
        service: str,
        plain: Mapping[tuple[str, str], Plain],
        methods: Methods,
        error_page: ErrorPage | None,
        hosts: Hosts,
        forms: FormGuard,
        keep: Callable[[str], None],
    ) -> None:
        """`plain` routes are called from here, because the layers in between would cost more than some of these routes.

        `keep` records what is refused for its host or as a form of another site. It gets the code of the problem.
        """
        self._app = app
        self._service = service
        self._plain = plain
        self._methods = methods
        self._error_page = error_page
        self._hosts = hosts
        self._forms = forms
        self._keep = keep
        self._tracer = trace.get_tracer(__name__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] in ("GET", "HEAD"):
            send = packed(scope, send)
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _REQUEST_ID.fullmatch(given) else urandom(16).hex()
        scope["request_id"] = request_id
        scope["path"] = tidy_path(scope["path"])
        scope["query_string"] = tidy_query(scope["query_string"])
        asks_head_only = scope["method"] == "HEAD"
        if asks_head_only:
            # The routes know only GET. The server leaves the body out.
            scope["method"] = "GET"
        scope[FORM_GUARD] = self._forms
        began = time.perf_counter()
        status = 0
        received = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if asks_head_only:
                    scope["method"] = "HEAD"
                message["headers"] = [
                    *protect(scope, message["headers"]), *cookie_header(scope), (b"x-request-id", request_id.encode())
                ]  # fmt: skip
            await send(message)

        async def receive_bounded() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > BODY_LIMIT:
                    raise too_large()
            return message

        given_trace = headers.get(b"traceparent", b"").decode("latin-1")
        is_ours = _CALL_OF_A_SERVICE.fullmatch(headers.get(b"authorization", b"")) is not None
        # Events keep the trace they came by, so a stranger's trace id must not become that of a report. What a service
        # asks belongs to its own trace; a forged call is refused and leaves no event with a trace.
        parent, links = (given_trace, ()) if is_ours else ("", (given_trace,) if given_trace else ())
        with span_for(self._tracer, scope["method"], kind=SpanKind.SERVER, parent=parent, links=links) as span:
            try:
                declared = headers.get(b"content-length", b"0")
                if not declared.isdigit() or int(declared) > BODY_LIMIT:
                    raise too_large()
                admitted = await self._admit(scope, receive_bounded)
                await self._dispatch(scope, admitted, send_with_headers)
            except ClientDisconnect:
                # Nobody waits for an answer. 499 is what nginx counts it as.
                status = status or 499
            except Exception as error:
                if status:
                    raise
                answer = await self._answer(Request(scope), error)
                await answer(scope, receive, send_with_headers)
            finally:
                if HOLD in scope:
                    scope[HOLD].release()
                route, status = _route_of(scope), status or 500
                span.update_name(f"{scope['method']} {route}")
                span.set_attribute("http.route", route)
                span.set_attribute("http.response.status_code", status)
                metrics.HTTP_SECONDS.labels(self._service, route, scope["method"], f"{status // 100}xx").observe(
                    time.perf_counter() - began
                )
                # A health check that answers "not ready" has not failed.
                if status >= 500 and not route.startswith("/health/"):
                    extra = {"route": route, "method": scope["method"], "status": status, "request_id": request_id}
                    log.error("a request failed", extra=extra)

    async def _admit(self, scope: Scope, receive: Receive) -> Receive:
        try:
            self._hosts.check(scope)
            return await self._forms.admit(scope, receive)
        except Problem as problem:
            if problem.code in _STRAY:
                self._keep(problem.code)
            allowed = self._methods.allowed(scope["path"]) if problem.code == "unsupported-media-type" else ""
            if allowed and scope["method"] not in allowed.split(", "):
                raise HTTPException(405) from None
            raise

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS":
            if not (allowed := self._methods.allowed(scope["path"])):
                raise NotFound
            await Response(status_code=204, headers={"Allow": allowed})(scope, receive, send)
            return
        plain = self._plain.get((scope["method"], scope["path"]))
        if plain is None:
            await self._app(scope, receive, send)
            return
        scope["route"], handler = plain
        response = await handler(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request, error: Exception) -> Response:
        """The problem as JSON, or as a page when a browser asks."""
        request_id = request.scope["request_id"]
        problem = _problem_for(error)
        if problem.code in _UNREADABLE and _CODED.search(dict(request.scope["headers"]).get(b"content-encoding", b"")):
            problem = _coded()
        if problem.code == _INTERNAL:
            log.error("unexpected", exc_info=error, extra={"request_id": request_id, "error": type(error).__name__})
        headers = problem.headers | ({"Retry-After": str(problem.retry_after)} if problem.retry_after else {})
        if problem.status == 405:
            headers["Allow"] = self._methods.allowed(request.scope["path"])
        if problem.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if self._error_page and "text/html" in request.headers.get("accept", ""):
            page = await self._error_page(request, problem)
            page.headers.update(headers)
            return page
        body = orjson.dumps(problem.document(request_id))
        return Response(body, problem.status, headers=headers, media_type="application/problem+json")


def _problem_for(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        errors = [FieldError(pointer(e["loc"][1:]), e["type"], detail_of(e)) for e in error.errors()]
        return FieldsWrong(errors)
    if isinstance(error, HTTPException):
        return Problem(error.status_code, *_HTTP_PROBLEMS.get(error.status_code, _OTHER_HTTP_PROBLEM))
    if isinstance(error, Unavailable):
        log.warning("unavailable", extra={"reason": str(error)})
        return Problem(503, "unavailable", "Please try again in a moment.", retry_after=5)
    return Problem(500, _INTERNAL, "Something went wrong here.")


def _coded() -> Problem:
    """The answer to a body in a coding, which says what no reader of the body can (RFC 9110, 12.5.3 and 15.5.16)."""
    title = "The body is compressed, which is not read here."
    detail = "Send it as it is, without Content-Encoding."
    return Problem(415, "unsupported-media-type", title, detail=detail, headers={"Accept-Encoding": "identity"})


def _route_of(scope: Scope) -> str:
    route = scope.get("route")
    return str(getattr(route, "path", "unmatched"))
