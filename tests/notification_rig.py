"""The HTTP side of notification over deliveries in memory."""

from datetime import timedelta
from typing import cast

from fastapi import FastAPI

from services.notification.app import HERE
from services.notification.delivery import Delivery, note_of, plan
from services.notification.letters import NOTICES
from services.notification.pages import HOME, make_pages_router
from services.notification.routes import make_routes
from services.notification.routing import ROUTING, read_routes
from shared.access import Principal, Role, issue_token
from shared.events import FACTS
from shared.i18n import SHARED_MESSAGES, Messages
from shared.lifecycle import Lifecycle
from shared.policy import load_policy
from shared.times import now
from shared.web.app import make_app
from shared.web.pages import make_pages, mount_assets
from shared.web.session import Sessions, make_sign_in
from tests.notification_fakes import MemoryStore
from tests.notification_world import KEY, Story

ROUTES = read_routes(ROUTING.read_text(), facts={f.name for f in FACTS.values()}, notices=NOTICES, channels={"email"})


class Still:
    """A lifecycle of nothing."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def live(self) -> None: ...
    def ready(self) -> dict[str, str]:
        return {}


def app_over(store: MemoryStore) -> FastAPI:
    """The application on this store."""
    pages = make_pages(HERE / "templates", Messages.load([SHARED_MESSAGES, HERE / "i18n"], strict=True), home=HOME)
    sessions = Sessions(KEY, pages, home=HOME, roles=[Role.OPERATOR])
    app = make_app(
        "notification",
        cast(Lifecycle, Still()),
        routers=[make_routes(store, sessions), make_pages_router(store, sessions), make_sign_in(sessions)],
        asyncapi=dict,
        error_page=sessions.error_page,
    )
    mount_assets(app)
    return app


def bearer(role: Role = Role.OPERATOR) -> dict[str, str]:
    """The header of a request by somebody in this role."""
    token = issue_token(KEY, Principal("somebody", role, ("enwiki_arbcom",)), "people", timedelta(minutes=5))
    return {"Authorization": f"Bearer {token}"}


def delivery(number: int = 0, notice: str = "received") -> Delivery:
    """A notice that was planned `number` seconds ago."""
    story = Story()
    event = getattr(story, notice)()
    at = now() - timedelta(seconds=number)
    ((_, planned),) = plan(event, note_of(story.opened()), ROUTES, load_policy(), at)
    return planned.send_at_once(at)


def holding(*deliveries: Delivery) -> MemoryStore:
    """A store of these."""
    return MemoryStore(deliveries={d.id: d for d in deliveries})
