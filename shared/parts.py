"""A service is a list of parts. A part says what a room answers, stores, runs and stops."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI

from shared.kafka.asyncapi import describe_service
from shared.mongo import Collection, IndexModel
from shared.runtime import Runtime
from shared.web.app import make_app
from shared.web.boundary import ErrorPage
from shared.web.gate import Gate

Work = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Part:
    """What one room brings into its service.

    `routers` answer requests. `indexes` are made at the start. `tasks` run as long as the service. `prepare` is done
    before anything is consumed, `stops` at the end; both in the order of the parts.
    """

    routers: Sequence[APIRouter] = ()
    indexes: Sequence[tuple[Collection, Sequence[IndexModel]]] = ()
    tasks: Sequence[Work] = ()
    stops: Sequence[Work] = ()
    prepare: Sequence[Work] = ()


def assemble(runtime: Runtime, gate: Gate, parts: Sequence[Part], error_page: ErrorPage | None = None) -> FastAPI:
    """The application of a service. It connects when it starts. `error_page` shows a problem to people."""

    async def prepare() -> None:
        for part in parts:
            for work in part.prepare:
                await work()

    settings = runtime.settings
    lifecycle = runtime.lifecycle(
        indexes=[index for part in parts for index in part.indexes],
        tasks=[task for part in parts for task in part.tasks],
        before_consuming=prepare,
        stops=[stop for part in parts for stop in part.stops],
    )
    app = make_app(
        runtime.service,
        lifecycle,
        gate=gate,
        routers=[router for part in parts for router in part.routers],
        asyncapi=lambda: describe_service(runtime.service, settings.integrator_kafka, settings.kafka_security),
        error_page=error_page,
        settings=settings,
    )
    app.state.policy = app.state.inside.state.policy = runtime.policy
    return app
