"""The HTTP side of notification over deliveries in memory."""

from datetime import timedelta
from typing import cast

from fastapi import FastAPI

from services.notification.app import HERE
from services.notification.delivery import Delivery
from services.notification.outbox import Outbox
from services.notification.pages import make_pages_router
from services.notification.paths import HOME
from services.notification.routes import make_routes
from services.notification.routing.plan import plan
from services.notification.settings import NotificationSettings
from shared.access.principal import Role
from shared.access_control import AccessControl, SignIn
from shared.i18n.messages import SHARED_MESSAGES, Messages
from shared.kafka.asyncapi import describe_service
from shared.lifecycle import Lifecycle
from shared.parties import Parties
from shared.policy import load_policy
from shared.runtime import Runtime
from shared.sign_in.pages import make_sign_in
from shared.times import now
from shared.web.app import make_app
from shared.web.pages import make_asset_router, make_pages
from tests.fakes.memory_parties import MemoryParties
from tests.fakes.memory_sessions import MemorySessions
from tests.fakes.notification_fakes import MemoryStore
from tests.support import people
from tests.support.notification_world import KEY, ROUTES, Story, summary_of
from tests.support.people import COPIES, SIGN_IN, nobody_signs_in
from tests.support.service_keys import files_of


class Still:
    """A lifecycle of nothing."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def live(self) -> None: ...
    def ready(self) -> dict[str, str]:
        return {}


def app_over(
    store: MemoryStore, sessions: MemorySessions | None = None, parties: MemoryParties | None = None
) -> FastAPI:
    """The application on these stores."""
    outbox = Outbox(store, Parties(parties or MemoryParties()), KEY)
    pages = make_pages(HERE / "templates", Messages.load([SHARED_MESSAGES, HERE / "i18n"], strict=True), home=HOME)
    settings = NotificationSettings(form_key=KEY, **SIGN_IN, **files_of("notification"))
    access_control = AccessControl(Runtime("notification", settings), copies=COPIES)
    gate, way = (
        access_control.gate,
        SignIn(settings, pages, HOME, "https://outbox.example", nobody_signs_in, store=sessions or MemorySessions()),
    )
    flow, _ = access_control.open_sign_in(way)
    return make_app(
        "notification",
        cast(Lifecycle, Still()),
        gate=gate,
        routers=[
            make_routes(outbox, gate),
            make_pages_router(outbox, gate, pages),
            make_sign_in(flow, gate),
            make_asset_router(gate),
        ],
        asyncapi=lambda: describe_service("notification"),
        error_page=flow.error_page,
    )


def bearer(role: Role = Role.OPERATOR) -> dict[str, str]:
    """The header of a request by a person in this role."""
    return people.bearer(people.anybody(role))


def delivery(number: int = 0, notice: str = "received") -> Delivery:
    """A notice that was planned `number` seconds ago."""
    story = Story()
    event = getattr(story, notice)()
    at = now() - timedelta(seconds=number)
    ((_, planned),) = plan(event, summary_of(story.opened()), ROUTES, load_policy(), at)
    return planned.send_at_once(at)


def holding(*deliveries: Delivery) -> MemoryStore:
    """A store of these."""
    return MemoryStore(deliveries={d.id: d for d in deliveries})
