"""Which addresses a provider may have: only those to which nobody else can listen."""

import re
from urllib.parse import urlsplit

from authlib.common.security import is_secure_transport  # type: ignore[import-untyped]

# No resolver may look such a name up on another machine (RFC 6761, 6.3), and browsers do not. Between containers it
# names another container, so that browsers and services know one provider by one address.
_HERE = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+localhost")


def is_private(address: str) -> bool:
    """Whether the address has https, or plain http that stays on this machine: loopback, and names below
    `.localhost`.
    """
    if is_secure_transport(address):
        return True
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme == "http" and _HERE.fullmatch(parts.hostname or "") is not None
