"""What only machines of the operator ask for: metrics, what a service waits for, and by which policy it runs.

It stands on a port of its own.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from shared.lifecycle import Lifecycle
from shared.web.bodies import json_response
from shared.web.bounds import Bounds
from shared.web.protocol import bounded_protocol

BOUNDS_INSIDE = Bounds(connections=50, held_bytes=100_000)


def make_inside(lifecycle: Lifecycle) -> Starlette:
    """The application of that port."""

    async def live(_: Request) -> Response:
        reason = lifecycle.live()
        return json_response({"status": "stuck" if reason else "live", "reason": reason}, 503 if reason else 200)

    async def ready(request: Request) -> Response:
        waiting = lifecycle.ready()
        body: dict[str, object] = {"status": "waiting" if waiting else "ready", "waiting_for": waiting}
        # A service that runs by the policy before is ready all the same.
        if (policy := getattr(request.app.state, "policy", None)) and policy.notice:
            body["policy"] = policy.notice
        return json_response(body, 503 if waiting else 200)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    paths = {"/health/live": live, "/health/ready": ready, "/metrics": metrics}
    return Starlette(routes=[Route(path, answer) for path, answer in paths.items()])


@asynccontextmanager
async def listening(app: ASGIApp, host: str, port: int | None) -> AsyncIterator[None]:
    """Answer while the block runs; without a port nothing is answered. Raises OSError when the port is taken."""
    if port is None:
        yield
        return
    config = uvicorn.Config(
        app, http=bounded_protocol(BOUNDS_INSIDE), ws="none", lifespan="off", log_config=None, access_log=False
    )
    config.load()
    state = ServerState()
    make = config.http_protocol_class
    server = await asyncio.get_running_loop().create_server(
        lambda: make(config=config, server_state=state, app_state={}),  # type: ignore[call-arg]  # one of uvicorn's
        host,
        port,
    )
    try:
        yield
    finally:
        # What still asks is not waited for.
        server.close()
