"""The HTTP side of every service: health, contracts, problem details, request ids, spans, size limits."""

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, get_type_hints

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from shared.addresses import LOCAL, SCHEMAS
from shared.events.freeze import published
from shared.lifecycle import Lifecycle
from shared.problems import NotFound
from shared.settings import Settings
from shared.web.bodies import json_response
from shared.web.boundary import Boundary, ErrorPage, Plain
from shared.web.csrf import FormGuard
from shared.web.gate import Callers, Gate, GatedRoute, Undeclared, does
from shared.web.headers import FOR_ALL
from shared.web.hosts import Hosts, hosts_of
from shared.web.inside import make_inside
from shared.web.openapi import complete
from shared.web.typed_addresses import Methods

log = logging.getLogger(__name__)


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
    """The FastAPI application of a service. `error_page` renders a problem when a browser asks.

    Raises Undeclared for a route that declares no action or stands behind no gate. Without `settings` (in tests) the
    application answers under any name, and its forms are good only while it runs.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await lifecycle.start()
        try:
            yield
        finally:
            await lifecycle.stop()

    # The interactive documentation pages load their scripts from another host, so they stay off.
    # The framework's own spans would double ours. They record the texts of exceptions, which may quote a reporter.
    silent: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
    routers = [*routers, _plumbing(gate, lifecycle, asyncapi, lambda: app.openapi())]  # noqa: PLW0108  # there is no app yet
    for route in (route for router in routers for route in router.routes):
        # A mounted application, a nested router or a socket would be reached without the gate, too.
        if not isinstance(route, GatedRoute) or not route.action:
            raise Undeclared(f"{getattr(route, 'path', type(route).__name__)} stands behind no gate")
    plain = _plain_routes(routers)
    methods = Methods((route.path_regex, route.methods or ()) for route in routes_of(routers))
    hosts = hosts_of(settings) if settings else Hosts()
    forms = FormGuard(settings.form_key if settings else None, [r for router in routers for r in router.routes])
    app = _Bounded(
        lambda inner: Boundary(inner, service, plain, methods, error_page, hosts, forms, gate.keep_stray),
        service,
        settings.address_of(service) if settings else LOCAL,
        title=f"Hearth {service}",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # The framework's redirects to an address with or without the last slash are built from the Host header.
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry=silent,
    )
    app.state.inside = make_inside(lifecycle)
    # An included router would look for the route of each request twice, and in each router by itself.
    app.router.routes.extend(routes_of(routers))
    for kind in (RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _pass_on)
    return app


async def _pass_on(_: Request, error: Exception) -> Response:
    # The framework would answer these by itself. The boundary answers them instead.
    raise error


class _Bounded(FastAPI):
    """The framework with our boundary around all of its layers. It would put an added layer inside its own."""

    def __init__(self, bound: Callable[[ASGIApp], ASGIApp], service: str, address: str, **options: Any) -> None:
        super().__init__(**options)
        self._bound = bound
        self._service, self._address = service, address

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document. It is made with the first request for it."""
        return self.openapi_schema or complete(super().openapi(), self._service, self._address)

    def build_middleware_stack(self) -> ASGIApp:
        """What answers requests. It is made with the first request."""
        return self._bound(super().build_middleware_stack())


def routes_of(routers: Iterable[APIRouter]) -> list[APIRoute]:
    """Every route of these routers."""
    return [route for router in routers for route in router.routes if isinstance(route, APIRoute)]


def _plain_routes(routers: Sequence[APIRouter]) -> dict[tuple[str, str], Plain]:
    """By method and path: the routes that need nothing of the framework, neither parameters nor a response."""
    routes = [r for r in routes_of(routers) if isinstance(r, GatedRoute) and "{" not in r.path]
    plain = [r for r in routes if get_type_hints(r.endpoint) == {"request": Request, "return": Response}]
    return {(method, r.path): (r, r.plain_handler()) for r in plain for method in r.methods or ()}


def _bare(good: str, wrong: str, *, bad: bool) -> Response:
    """No reasons: they stand on a port of their own (shared.web.inside)."""
    return json_response({"status": wrong if bad else good}, 503 if bad else 200)


def _plumbing(
    gate: Gate, lifecycle: Lifecycle, asyncapi: Callable[[], dict[str, Any]], openapi: Callable[[], dict[str, Any]]
) -> APIRouter:
    router = gate.router(Callers.PROGRAMS, include_in_schema=False)
    probe = does("service.probe")

    @router.get("/health/live", **probe)
    async def live() -> Response:
        return _bare("live", "stuck", bad=bool(lifecycle.live()))

    @router.get("/health/ready", **probe)
    async def ready() -> Response:
        return _bare("ready", "waiting", bad=bool(lifecycle.ready()))

    @router.get("/schemas", **probe)
    async def list_schemas() -> Response:
        return json_response({"items": [f"{SCHEMAS}{path}" for path in published()], "next": None}, headers=FOR_ALL)

    @router.get(SCHEMAS + "{name}/{file}", **probe)
    async def read_schema(name: str, file: str) -> Response:
        schema = published().get(f"{name}/{file}")
        if schema is None:
            raise NotFound
        return Response(schema, headers=FOR_ALL, media_type="application/schema+json")

    @router.get("/openapi.json", **probe)
    async def read_openapi() -> Response:
        return json_response(openapi(), headers=FOR_ALL)

    @router.get("/asyncapi", **probe)
    async def read_asyncapi() -> Response:
        return json_response(asyncapi(), headers=FOR_ALL)

    return router
