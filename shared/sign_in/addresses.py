"""Which addresses a provider may have: those between which and us nobody can listen."""

import re
from urllib.parse import urlsplit

from authlib.common.security import is_secure_transport  # type: ignore[import-untyped]

# No resolver may look such a name up elsewhere than on this machine (RFC 6761, 6.3): browsers do not. In containers it
# is the name of another container, which lets browsers and services know one provider by one address.
_HERE = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+localhost")


def is_private(address: str) -> bool:
    """Whether it has https, or plain http that stays on this machine: loopback, and all names below `.localhost`."""
    if is_secure_transport(address):
        return True
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme == "http" and _HERE.fullmatch(parts.hostname or "") is not None
