"""The wiring of notification, and nothing else."""

from datetime import timedelta
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from services.notification import consumer
from services.notification.actions import Planner
from services.notification.channels import CHANNELS
from services.notification.channels.part import build as build_channels
from services.notification.digests import Digests
from services.notification.notices.table import NOTICES, Links, write_notice
from services.notification.outbox import Outbox
from services.notification.pages import make_pages_router
from services.notification.paths import HOME
from services.notification.routes import make_routes
from services.notification.routing.audiences import Sources
from services.notification.routing.table import ROUTING, read_routes
from services.notification.sender import Sender
from services.notification.settings import NotificationSettings
from services.notification.spacing import Spacing
from services.notification.store import INDEXES, TURN_INDEXES, MongoStore
from shared.access.service_tokens import ServiceSigner
from shared.access_control import AccessControl, SignIn
from shared.clients.roster import RosterClient
from shared.clients.vault import VaultClient
from shared.http import make_http
from shared.i18n.messages import SHARED_MESSAGES, Messages
from shared.parties import follow_parties
from shared.parts import Part, assemble
from shared.policy import load_policy
from shared.runtime import Runtime
from shared.web.pages import make_asset_router, make_pages

HERE = Path(__file__).parent


def build_app(settings: NotificationSettings) -> FastAPI:
    """The application of notification; nothing is connected before it starts."""
    runtime = Runtime("notification", settings)
    policy, messages = load_policy(settings.policy_dir), Messages.load([SHARED_MESSAGES, HERE / "i18n"])
    routes = read_routes(ROUTING.read_text(encoding="utf-8"), notices=NOTICES, channels=CHANNELS)
    pages = make_pages(HERE / "templates", messages, home=HOME)
    links = Links(settings.public_url, settings.desk_url, frozenset(policy.peer_support.offered))
    deliveries = runtime.aggregates("deliveries")
    store = MongoStore(runtime.database, deliveries)
    http = make_http(settings.intake_url)
    signer = ServiceSigner("notification", settings.service_keys_file, settings.service_peers_file)
    vault = VaultClient(http, signer)
    channels = {name: build(settings) for name, build in CHANNELS.items()}
    access_control = AccessControl(runtime)
    parties, parties_part = follow_parties(runtime)
    desk = make_http(settings.triage_url)
    way = SignIn(settings, pages, HOME, settings.outbox_url, RosterClient(desk, signer).sign_in)
    flow, sign_in = access_control.open_sign_in(way)
    gate, roster = access_control.gate, access_control.roster

    digests = Digests(store, timedelta(seconds=settings.gather_seconds))
    sender = Sender(
        store,
        channels,
        digests,
        Sources(policy, roster, vault, parties),
        Spacing(store, settings.form_key, routes),
        write=partial(write_notice, messages, links),
        lease=timedelta(seconds=settings.lease_seconds),
        parallel=settings.smtp_connections,
    )
    planner = Planner(store, sender, digests, routes=routes, policy=policy, parties=parties)
    consumer.consume(runtime, planner, routes)
    outbox = Outbox(store, parties, settings.form_key)
    parts = [
        Part(
            [make_routes(outbox, gate), make_pages_router(outbox, gate, pages), make_asset_router(gate)],
            indexes=[(deliveries.collection, INDEXES), (store.turns, TURN_INDEXES)],
            tasks=[sender.run, sender.watch, sender.mark],
            stops=[sender.stop],
        ),
        build_channels(channels),
        sign_in,
        access_control.part,
        parties_part,
        Part(stops=[http.aclose, desk.aclose]),
    ]
    return assemble(runtime, gate, parts, flow.error_page)
