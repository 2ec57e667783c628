"""A browser before a service whose people sign in with OpenID Connect."""

from collections.abc import AsyncIterator

import pytest

from tests.stand_ins.oidc import OidcStandIn
from tests.support.sign_in_rig import Browser, Rig, browsing, openid_rig


@pytest.fixture
def provider() -> OidcStandIn:
    return OidcStandIn()


@pytest.fixture
def rig(provider: OidcStandIn) -> Rig:
    return openid_rig(provider)


@pytest.fixture
async def browser(rig: Rig, provider: OidcStandIn) -> AsyncIterator[Browser]:
    async with browsing(rig, provider.app, provider.issuer) as browser:
        yield browser
