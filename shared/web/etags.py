"""Entity tags (RFC 9110, 8.8.3) as they come back through proxies: weak, with the name of a coding, or in a list."""

import re

_TAG = re.compile(r'(?:W/)?"([^"]*)"([^",\s]*)|([^",\s]+)', re.IGNORECASE)
_CODING = re.compile(
    r"(?:[-;:+._,]{1,2}(?:x-)?(?:gzip|gunzip|gz|brotli|br|deflate|df|zstd|zst|compress|identity)){1,4}$", re.IGNORECASE
)
"""What servers put behind a tag of ours when they pack the answer: Apache, Jetty, LiteSpeed and others.

So many proxies at most, because a longer run of codings would be read from each of its places to its end.
"""


def tags_in(header: str) -> set[str]:
    """The tags in an If-Match or If-None-Match header, without quotes, and without what proxies made of them."""
    found = ("".join(part for part in parts if part) for parts in _TAG.findall(header))
    return {_CODING.sub("", tag) for tag in found}


def is_known(header: str | None, tag: str) -> bool:
    """Whether a reader says, in If-None-Match, that it has the answer with this tag (without quotes)."""
    return header is not None and (header.strip() == "*" or tag in tags_in(header))
