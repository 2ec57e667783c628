"""Every suite runs on the store in memory, on which the tests of the services rely, and on MongoDB."""

from collections.abc import AsyncIterator

import pytest

from shared.mongo import Database
from tests.support.stores import database_of


@pytest.fixture(params=["memory", "mongo"])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[Database | None]:
    """The database of the store; None for the store in memory, which needs no server."""
    if request.param == "memory":
        yield None
        return
    uri, prefix = request.getfixturevalue("mongo_uri"), request.getfixturevalue("database_prefix")
    async with database_of("suite", uri, prefix) as database:
        yield database
