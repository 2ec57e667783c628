"""The certificates of the machine, read once in a run: httpx reads them all for every client, which takes longer than a
request.
"""

import os
import ssl
from functools import cache

from httpx import create_ssl_context
from httpx._transports import default

NAMING = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""The variables by which the environment names others."""


def share_trust() -> None:
    """From now on clients that trust what httpx trusts by itself share one context. None of them changes it."""

    @cache
    def read(environment: bool, *_: str | None) -> ssl.SSLContext:
        return create_ssl_context(trust_env=environment)

    def take_or_make(
        verify: ssl.SSLContext | str | bool = True,
        cert: str | tuple[str, str] | tuple[str, str, str] | None = None,
        trust_env: bool = True,
    ) -> ssl.SSLContext:
        if verify is True and cert is None:
            return read(trust_env, *map(os.environ.get, NAMING))
        return create_ssl_context(verify, cert, trust_env)

    # httpx leaves no other place for it.
    setattr(default, "create_ssl_context", take_or_make)  # noqa: B010  # mypy knows no such assignment
