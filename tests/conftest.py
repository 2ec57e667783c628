"""Fixtures of every test. Nothing is started before a test asks for it; tests in unit/ and service/ never do."""

import asyncio
import gc
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient
from playwright.async_api import Browser, async_playwright
from pymongo import MongoClient

from infra.local.keycloak import KeycloakServer
from infra.local.stack import Part, Stack, StackSettings
from tests.support.adapters import let_applications_go, share_adapters, share_commands, share_routes
from tests.support.browser_rig import CHROMIUM
from tests.support.examples import register_profiles
from tests.support.people import COPIES
from tests.support.shared_stack import Addresses, MailServer, StackHost, ask, given
from tests.support.trust import share_trust

register_profiles()
share_adapters()
share_routes()
share_commands()
let_applications_go()
share_trust()
# httpx looks for it at every request to an application, and would search all folders for it each time.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]  # None says that there is no such module

pytest_plugins = ["tests.support.budget", "tests.support.scheduling"]

HOST = pytest.StashKey[StackHost]()
SOCKET = "hearth_stack_socket"
"""The name under which xdist hands the host's socket to a worker."""


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.stash[HOST] = StackHost()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput[SOCKET] = node.config.stash[HOST].socket


def pytest_unconfigure(config: pytest.Config) -> None:
    host = config.stash.get(HOST, None)
    if host:
        host.close()


def pytest_collection_finish() -> None:
    # What is collected stays to the end; going through all of it after every module would cost a second each time.
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def the_roster_is_as_it_was() -> Iterator[None]:
    """No module meets people whom another one sent on leave or took off the roster."""
    states = dict(COPIES.states)
    yield
    COPIES.states = states


@pytest.fixture(autouse=True, scope="module")
def leaks_are_told_where_they_are_left() -> Iterator[None]:
    """What a module leaves open warns in its own last test, not in whichever test the collector happens to run."""
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def own_roster() -> Iterator[None]:
    """The roster in memory forgets after a test the people whom the test has put on it."""
    kept = dict(COPIES.states)
    yield
    COPIES.states.clear()
    COPIES.states.update(kept)


@pytest.fixture(scope="session")
def shared(pytestconfig: pytest.Config) -> Callable[[Part], Addresses]:
    """Where a part of the run's stack answers; started by the first call."""

    def addresses(part: Part) -> Addresses:
        running = given(part)
        if running:
            return running
        if hasattr(pytestconfig, "workerinput"):
            return ask(pytestconfig.workerinput[SOCKET], part)
        return pytestconfig.stash[HOST].addresses(part)

    return addresses


@pytest.fixture(scope="session")
def kafka(shared: Callable[[Part], Addresses]) -> str:
    """Bootstrap server of a real Kafka, one for the whole run: use `prefix` in topics, groups and transactions."""
    return shared("kafka").kafka


@pytest.fixture(scope="session")
def integrator_kafka(shared: Callable[[Part], Addresses]) -> str:
    """Where integrators reach that Kafka, each by its password. Users are of the whole run: name them by `prefix`."""
    return shared("kafka").integrators


@pytest.fixture(scope="session")
def mongo_uri(shared: Callable[[Part], Addresses]) -> str:
    """URI of a real MongoDB replica set, one for the whole run: use `database_prefix`."""
    return shared("mongo").mongo


@pytest.fixture(scope="session")
def mail(shared: Callable[[Part], Addresses]) -> MailServer:
    """A mail catcher, one for the whole run: send to addresses no other test has, and never empty it."""
    server = shared("mail").mail
    assert server is not None
    return server


@pytest.fixture(scope="session")
def sign_in_issuer(shared: Callable[[Part], Addresses]) -> str:
    """Issuer of the demo's OpenID Connect provider, one for the whole run."""
    return shared("sign_in").sign_in


@pytest.fixture(scope="session")
def keycloak(shared: Callable[[Part], Addresses]) -> KeycloakServer:
    """A real Keycloak with the demo realm, one for the whole run; it takes half a minute to start.

    Its tests move its clients and end the sessions of its accounts, so they run one after the other in one worker.
    """
    server = shared("keycloak").keycloak
    assert server is not None
    return server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The system's Chromium without a window, one for each worker; tests ask for `browser`."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(loop_scope="session")
async def browser(chromium: Browser) -> AsyncIterator[Browser]:
    """Chromium, for a test with the mark `asyncio(loop_scope="session")`; it forgets everything after the test."""
    yield chromium
    for context in chromium.contexts:
        await context.close()


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> Iterator[str]:
    """A topic prefix no other test has, like `t3f9a2c.`; topics with it are deleted afterwards."""
    name = f"t{uuid.uuid4().hex[:6]}."
    yield name
    if "kafka" in request.fixturenames:
        bootstrap: str = request.getfixturevalue("kafka")
        with ThreadPoolExecutor(max_workers=1) as thread:  # an event loop may be running in this one
            thread.submit(asyncio.run, delete_topics(bootstrap, name)).result()


@pytest.fixture
def database_prefix(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database prefix no other test has, like `t3f9a2c_`; databases with it are dropped afterwards."""
    name = f"t{uuid.uuid4().hex[:6]}_"
    yield name
    if "mongo_uri" in request.fixturenames:
        client: MongoClient[dict[str, Any]] = MongoClient(request.getfixturevalue("mongo_uri"))
        with client:
            for database in client.list_database_names():
                if database.startswith(name):
                    client.drop_database(database)


@pytest.fixture
def own_stack() -> Iterator[Stack]:
    """A Kafka and a MongoDB for one test that breaks things. They cost seconds: share the run's unless one must die."""
    with Stack(StackSettings.private("kafka", "mongo")) as stack:
        yield stack


async def delete_topics(kafka: str, prefix: str) -> None:
    """Delete every topic of a prefix, so that a long run does not drown the broker in partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        topics = [topic for topic in await admin.list_topics() if topic.startswith(prefix)]
        if topics:
            await admin.delete_topics(topics)
    finally:
        await admin.close()
