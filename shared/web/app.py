"""The HTTP side every service shares: health, metrics, contracts, problem details, request ids, spans, size limits."""

import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, get_type_hints
from uuid import uuid4

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import metrics
from shared.lifecycle import Lifecycle
from shared.mongo import TRANSIENT
from shared.problems import NOTHING_HERE, FieldError, Problem, Unavailable
from shared.settings import Settings
from shared.telemetry import span_for
from shared.web.csrf import FORM_GUARD, FormGuard, cookie_header
from shared.web.gate import Callers, Gate, GatedRoute, Handler, Undeclared, does
from shared.web.headers import protect
from shared.web.hosts import Hosts, hosts_of
from shared.web.openapi import complete

log = logging.getLogger(__name__)
M = TypeVar("M", bound=BaseModel)

BODY_LIMIT = 1_000_000
_AWAY: tuple[type[Exception], ...] = (Unavailable, *TRANSIENT)
_HTTP_PROBLEMS = {
    404: NOTHING_HERE[1:],
    405: ("method-not-allowed", "This method is not allowed."),
}
_INTERNAL = "internal"
_STRAY = frozenset({"host-malformed", "host-unknown", "cross-site", "form-token-wrong"})
_OTHER_HTTP_PROBLEM = ("http-error", "The request cannot be answered.")
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
ErrorPage = Callable[[Request, Problem], Response]
Plain = tuple[APIRoute, Handler]


def make_app(
    service: str,
    lifecycle: Lifecycle,
    *,
    gate: Gate,
    routers: Sequence[APIRouter],
    asyncapi: Callable[[], dict[str, Any]],
    error_page: ErrorPage | None = None,
    settings: Settings | None = None,
) -> FastAPI:
    """The FastAPI application of a service. `error_page` renders a problem for people when a browser asks.

    Raises Undeclared for a route that declares no action or stands behind no gate. Without `settings` (in tests) it
    answers under any name, and its forms are good only while it runs.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await lifecycle.start()
        try:
            yield
        finally:
            await lifecycle.stop()

    # The interactive documentation pages load their scripts from another host, so they stay off.
    # The framework's own spans would double ours, and record the texts of exceptions, which may be somebody's words.
    silent: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
    routers = [*routers, _plumbing(gate, lifecycle, asyncapi)]
    for route in (route for router in routers for route in router.routes):
        # A mounted application, a nested router or a socket would be reached without the gate, too.
        if not isinstance(route, GatedRoute) or not route.action:
            raise Undeclared(f"{getattr(route, 'path', type(route).__name__)} stands behind no gate")
    plain = _plain_routes(routers)
    hosts = hosts_of(settings) if settings else Hosts()
    forms = FormGuard(settings.form_key if settings else None, [r for router in routers for r in router.routes])
    app = _Bounded(
        lambda inner: Boundary(inner, service, plain, error_page, hosts, forms, gate.keep_stray),
        title=f"Hearth {service}",
        docs_url=None,
        redoc_url=None,
        # The framework's redirects to an address with or without the last slash are built from the Host header.
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry=silent,
    )
    for router in routers:
        app.include_router(router)
    for kind in (RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _pass_on)
    return app


async def _pass_on(_: Request, error: Exception) -> Response:
    # The framework has answers of its own for these; ours are given at the boundary.
    raise error


class _Bounded(FastAPI):
    """The framework with our boundary around all of its layers, where it would put added ones inside its own."""

    def __init__(self, bound: Callable[[ASGIApp], ASGIApp], **options: Any) -> None:
        super().__init__(**options)
        self._bound = bound

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document; made once, with the first request for it."""
        return self.openapi_schema or complete(super().openapi())

    def build_middleware_stack(self) -> ASGIApp:
        """What answers requests; made once, with the first."""
        return self._bound(super().build_middleware_stack())


def routes_of(routers: Iterable[APIRouter]) -> list[APIRoute]:
    """Every route of these routers."""
    return [route for router in routers for route in router.routes if isinstance(route, APIRoute)]


def _plain_routes(routers: Sequence[APIRouter]) -> dict[tuple[str, str], Plain]:
    """By method and path: the routes that need nothing of the framework, neither parameters nor a made response."""
    routes = [r for r in routes_of(routers) if isinstance(r, GatedRoute) and "{" not in r.path]
    plain = [r for r in routes if get_type_hints(r.endpoint) == {"request": Request, "return": Response}]
    return {(method, r.path): (r, r.plain_handler()) for r in plain for method in r.methods or ()}


def _plumbing(gate: Gate, lifecycle: Lifecycle, asyncapi: Callable[[], dict[str, Any]]) -> APIRouter:
    router = gate.router(Callers.PROGRAMS, include_in_schema=False)
    probe = does("service.probe")

    @router.get("/health/live", **probe)
    async def live() -> Response:
        reason = lifecycle.live()
        return json_response({"status": "stuck" if reason else "live", "reason": reason}, 503 if reason else 200)

    @router.get("/health/ready", **probe)
    async def ready() -> Response:
        waiting = lifecycle.ready()
        return json_response(
            {"status": "waiting" if waiting else "ready", "waiting_for": waiting}, 503 if waiting else 200
        )

    @router.get("/metrics", **probe)
    async def read_metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @router.get("/asyncapi", **probe)
    async def read_asyncapi() -> Response:
        return json_response(asyncapi())

    return router


def json_response(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`body` as JSON; times in it come out as RFC 3339 in UTC."""
    content = orjson.dumps(body, option=orjson.OPT_UTC_Z)
    return Response(content, status, headers=headers, media_type="application/json")


def parse_body(model: type[M], body: bytes) -> M:
    """The model in a JSON body. Raises Problem 400 for what is not JSON and 422 with a pointer to each wrong field."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise problem_of(error) from None


def problem_of(error: ValidationError) -> Problem:
    """The problem that tells a caller which fields are wrong, without repeating what they hold."""
    findings = error.errors(include_url=False, include_input=False, include_context=False)
    if findings and findings[0]["type"] == "json_invalid":
        return Problem(400, "malformed-json", "The body is not valid JSON in UTF-8.")
    return Problem(
        422,
        "invalid-fields",
        "Some fields are not valid.",
        errors=[FieldError(pointer(f["loc"]), f["type"], f["msg"]) for f in findings],
    )


def pointer(location: Sequence[int | str]) -> str:
    """The JSON pointer (RFC 6901) of a field."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


class Boundary:
    """The outermost layer, plain ASGI because it runs for every request: id, span, duration, size limit, host, forms,
    headers, and the answer to what failed."""

    def __init__(
        self,
        app: ASGIApp,
        service: str,
        plain: Mapping[tuple[str, str], Plain],
        error_page: ErrorPage | None,
        hosts: Hosts,
        forms: FormGuard,
        keep: Callable[[str], None],
    ) -> None:
        """`plain` routes are called from here, because the layers between would cost more than some of them do.

        `keep` has on record what is refused for its host or as a form of another site, by the code of the problem.
        """
        self._app = app
        self._service = service
        self._plain = plain
        self._error_page = error_page
        self._hosts = hosts
        self._forms = forms
        self._keep = keep
        self._tracer = trace.get_tracer(__name__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        scope["request_id"] = request_id
        scope[FORM_GUARD] = self._forms
        began = time.perf_counter()
        status = 0
        received = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
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
                    raise _too_large()
            return message

        parent = headers.get(b"traceparent", b"").decode("latin-1")
        with span_for(self._tracer, scope["method"], kind=SpanKind.SERVER, parent=parent) as span:
            try:
                declared = headers.get(b"content-length", b"0")
                if not declared.isdigit() or int(declared) > BODY_LIMIT:
                    raise _too_large()
                admitted = await self._admit(scope, receive_bounded)
                await self._dispatch(scope, admitted, send_with_headers)
            except Exception as error:
                if status:
                    raise
                await self._answer(Request(scope), error)(scope, receive, send_with_headers)
            finally:
                route, status = _route_of(scope), status or 500
                span.update_name(f"{scope['method']} {route}")
                span.set_attribute("http.route", route)
                span.set_attribute("http.response.status_code", status)
                metrics.HTTP_SECONDS.labels(self._service, route, scope["method"], f"{status // 100}xx").observe(
                    time.perf_counter() - began
                )
                # A health check that says no is an answer, not a failure.
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
            raise

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        plain = self._plain.get((scope["method"], scope["path"]))
        if plain is None:
            await self._app(scope, receive, send)
            return
        scope["route"], handler = plain
        response = await handler(Request(scope, receive))
        await response(scope, receive, send)

    def _answer(self, request: Request, error: Exception) -> Response:
        """The problem as JSON, or as a page when a browser asks."""
        request_id = request.scope["request_id"]
        problem = _problem_for(error)
        if problem.code == _INTERNAL:
            log.error("unexpected", exc_info=error, extra={"request_id": request_id, "error": type(error).__name__})
        headers = problem.headers | ({"Retry-After": str(problem.retry_after)} if problem.retry_after else {})
        if problem.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if self._error_page and "text/html" in request.headers.get("accept", ""):
            page = self._error_page(request, problem)
            page.headers.update(headers)
            return page
        body = orjson.dumps(problem.document(request_id))
        return Response(body, problem.status, headers=headers, media_type="application/problem+json")


def _problem_for(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        errors = [FieldError(pointer(e["loc"][1:]), e["type"], e["msg"]) for e in error.errors()]
        return Problem(422, "invalid-fields", "Some fields are not valid.", errors=errors)
    if isinstance(error, HTTPException):
        return Problem(error.status_code, *_HTTP_PROBLEMS.get(error.status_code, _OTHER_HTTP_PROBLEM))
    if isinstance(error, _AWAY):
        # A driver's own words may quote what it was asked, so only its kind is told.
        reason = str(error) if isinstance(error, Unavailable) else type(error).__name__
        log.warning("unavailable", extra={"reason": reason})
        return Problem(503, "unavailable", "Please try again in a moment.", retry_after=5)
    return Problem(500, _INTERNAL, "Something went wrong here.")


def _too_large() -> Problem:
    return Problem(413, "too-large", "The body is larger than 1 MB.")


def _route_of(scope: Scope) -> str:
    route = scope.get("route")
    return str(getattr(route, "path", "unmatched"))
