"""What every service is made of, by its settings: store, publisher, relay, broker, tracer."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI
from opentelemetry import trace

from shared.aggregates import Aggregates
from shared.bounded_clock import BoundedClock
from shared.environment import PREFIX
from shared.events import FACTS, Event, Fact, decode
from shared.kafka.consumption import Consumption, Decode, Handle, TellBuried, make_broker
from shared.kafka.publisher import Publisher
from shared.kafka.records import Record
from shared.kafka.replay import read_to_end
from shared.kafka.topics import RESTRICTED
from shared.kept_policy import PolicyState, fall_back, keep_folder
from shared.lifecycle import Lifecycle, Readiness
from shared.mongo import Collection, IndexModel, connect, trace_commands
from shared.outbox import Relay
from shared.policy import PolicyError, load_policy
from shared.setting_kinds import listed
from shared.settings import Settings, end_start
from shared.telemetry import make_tracer_provider, set_up_logging
from shared.web.bounds import BOUNDS, Bounds
from shared.web.inside import listening
from shared.web.protocol import bounded_protocol

T = TypeVar("T")
S = TypeVar("S", bound=Settings)


class Runtime:
    """The plumbing of one service. Building it opens no connection."""

    def __init__(self, service: str, settings: Settings) -> None:
        self.service = service
        self.settings = settings
        self.client = connect(settings.mongo, service=service, access=settings.mongo_access(service))
        self.database = self.client[f"{settings.database_prefix}{service}"]
        access = settings.kafka_access(service)
        self.publisher = Publisher(settings.kafka, client=service, prefix=settings.topic_prefix, access=access)
        self.relay = Relay(self.publisher, service=service)
        self.broker = make_broker(settings.kafka, client=service, access=access)
        self.readiness = Readiness()
        self.clock = BoundedClock(service=service)
        self.policy = PolicyState()
        self._consumptions: list[Consumption[Any]] = []

    def aggregates(self, collection: str) -> Aggregates:
        """The aggregates of a collection of this service, with their outbox on the relay."""
        return Aggregates(self.database[collection], self.relay, public_url=self.settings.public_url)

    def consume(
        self,
        topic: str,
        decode: Decode[T],
        handle: Handle[T],
        use: str = "",
        *,
        tell_buried: TellBuried | None = None,
        keep_unreadable: bool = False,
    ) -> Consumption[T]:
        """Consume a topic in a group of this service, one for each `use`; see shared.kafka.consumption."""
        settings = self.settings
        consumption = Consumption(
            self.broker,
            self.publisher,
            service=self.service,
            topic=topic,
            decode=decode,
            handle=handle,
            tell_buried=tell_buried,
            use=use,
            keep_unreadable=keep_unreadable,
            prefix=settings.topic_prefix,
            batch=settings.batch,
            attempts=settings.attempts,
            # What a restricted topic holds lies nowhere else: the consumer stops instead of giving it up.
            dead_letter_limit=0 if topic in RESTRICTED else settings.dead_letter_limit,
        )
        self._consumptions.append(consumption)
        return consumption

    def consume_facts(self, topic: str, wanted: Sequence[type[Fact]], handle: Handle[Event], use: str = "") -> None:
        """Consume only these facts of a topic, or all below a base class; others and unknown types are passed over."""
        self.consume(topic, facts_of(wanted), handle, use)

    def read_to_end(self, topic: str, starts: Mapping[int, int] | None = None) -> AsyncIterator[Sequence[Record]]:
        """The records of a topic from its beginning to where it ends now, in batches; see shared.kafka.replay."""
        settings = self.settings
        access = settings.kafka_access(self.service)
        return read_to_end(
            settings.kafka, topic, client=self.service, prefix=settings.topic_prefix, access=access, starts=starts
        )  # fmt: skip

    def lifecycle(
        self,
        *,
        indexes: Sequence[tuple[Collection, Sequence[IndexModel]]],
        tasks: Sequence[Callable[[], Awaitable[None]]] = (),
        before_consuming: Callable[[], Awaitable[None]] | None = None,
        stops: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> Lifecycle:
        """What starts and stops all of this, and the service's own tasks."""
        return Lifecycle(
            client=self.client,
            broker=self.broker,
            publisher=self.publisher,
            relay=self.relay,
            readiness=self.readiness,
            clock=self.clock,
            consumptions=self._consumptions,
            indexes=indexes,
            tasks=tasks,
            before_consuming=before_consuming,
            stops=stops,
        )


def facts_of(wanted: Sequence[type[Fact]]) -> Decode[Event]:
    """A decoder of Hearth's own topics: keeps the wanted facts, raises Malformed for what breaks the contract.

    A base class among the wanted, such as CaseFact, stands for every fact below it.
    """
    kept = frozenset(type_ for type_, fact in FACTS.items() if issubclass(fact, tuple(wanted)))

    def read(record: Record, trace: str | None) -> Event | None:
        headers = record.header_texts()
        if headers.get("ce_type") in FACTS and headers["ce_type"] not in kept:
            return None
        event = decode(FACTS, headers, record.key, record.value or b"")
        return event.with_trace(trace) if event else None

    return read


def server_options(settings: Settings, bounds: Bounds = BOUNDS) -> dict[str, Any]:
    """How the server listens, within which bounds, and which proxies it believes: only those that the settings name."""
    proxies = listed(settings.proxies)
    return {
        "host": settings.host,
        "port": settings.port,
        "proxy_headers": bool(proxies),
        "forwarded_allow_ips": proxies,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": 3,
        "timeout_keep_alive": bounds.idle_seconds,
        "http": bounded_protocol(bounds),
        # No page uses sockets, and their parser has bounds of its own.
        "ws": "none",
    }


def keep_loaded() -> None:
    """Free this process of work for what stays: it collects garbage only among what is made from now on.

    To look through all that is loaded would stop a service for a tenth of a second each time.
    """
    gc.collect()
    gc.freeze()
    # A refused request leaves a circle of some hundred objects. With Python's own numbers, a flood of them would lie
    # there until 70,000 objects have grown old.
    gc.set_threshold(700, 3, 3)
    gc.enable()


def serve(service: str, settings: S, build: Callable[[S], FastAPI]) -> None:
    """Run a service until SIGTERM or SIGINT; it ends within ten seconds."""
    set_up_logging(service, settings.log_level)
    provider = make_tracer_provider(service, settings.otlp_endpoint, settings.trace_ratio)
    trace.set_tracer_provider(provider)
    if settings.otlp_endpoint:
        trace_commands(provider)
    app, tasks = _build(service, settings, build)
    keep_loaded()
    server = uvicorn.Server(uvicorn.Config(app, **server_options(settings)))

    async def run() -> None:
        running = [asyncio.create_task(task) for task in tasks]
        async with listening(app.state.inside, settings.host, settings.inside_port):
            await server.serve()
        for task in running:
            task.cancel()

    try:
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner, suppress(KeyboardInterrupt):
            runner.run(run())
    finally:
        provider.shutdown()


Tasks = list[Coroutine[Any, Any, None]]


def _build(service: str, settings: S, build: Callable[[S], FastAPI]) -> tuple[FastAPI, Tasks]:
    """The application, and what looks after the operator's policy files while it runs.

    Where the files have mistakes, it is that of the policy before; where none is known, the process ends.
    """
    folder = settings.policy_dir
    try:
        app, tasks = build(settings), Tasks()
        if folder:
            watching = app.state.policy.watch(folder, load_policy(folder).version)
            tasks = [keep_folder(service, settings, folder), watching]
    except PolicyError as error:
        found = _fall_back(service, settings, build, error)
        if found is None:
            first, *more = error.findings
            rest = f" (and {len(more)} more: run `hearth policy check`)" if more else ""
            end_start({f"{PREFIX}POLICY_DIR": f"is wrong: {first}{rest}"})
        app, tasks = found
    return app, tasks


def _fall_back(
    service: str, settings: S, build: Callable[[S], FastAPI], error: PolicyError
) -> tuple[FastAPI, Tasks] | None:
    """The same of the policy before; None where there is none that can be used."""
    kept, folder = fall_back(service, settings), settings.policy_dir
    if kept is None or folder is None:
        return None
    try:
        app, version = build(settings.model_copy(update={"policy_dir": kept})), load_policy(kept).version
    except PolicyError:
        # An earlier version of Hearth kept it.
        return None
    app.state.policy.refuse(error)
    return app, [app.state.policy.watch(folder, version)]
