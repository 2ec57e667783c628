"""A browser before a service, and the provider by which people sign in there."""

from collections.abc import AsyncIterator

import pytest

from tests.stand_ins.oidc import OidcStandIn
from tests.support.sign_in_rig import Browser, Rig, StandIn, browsing, rig_with


@pytest.fixture(params=[OidcStandIn])
def provider(request: pytest.FixtureRequest) -> StandIn:
    """OpenID Connect, or what a file of tests names: `parametrize("provider", [...], indirect=True)`."""
    stand_in: StandIn = request.param()
    return stand_in


@pytest.fixture
def rig(provider: StandIn) -> Rig:
    return rig_with(provider)


@pytest.fixture
async def browser(rig: Rig, provider: StandIn) -> AsyncIterator[Browser]:
    async with browsing(rig, provider) as browser:
        yield browser
