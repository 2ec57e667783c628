"""How often a program may ask: a bucket for each token, which fills evenly, in the memory of each replica.

A token may make so many requests a minute. After a minute without requests it may make them all at once.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from math import ceil
from typing import NamedTuple

from shared import metrics
from shared.problems import Problem

MINUTE = 60.0
MOST_TOKENS = 10_000


class Bucket(NamedTuple):
    """How many requests were left at a time (in seconds)."""

    left: float
    at: float

    def filled(self, now: float, quota: int) -> "Bucket":
        """What is left now, at `quota` a minute. A clock that goes back takes nothing away."""
        passed = max(0.0, now - self.at)
        return Bucket(min(quota, self.left + passed * quota / MINUTE), max(now, self.at))

    def wait(self, quota: int) -> float:
        """Seconds until one request is left."""
        return max(0.0, 1 - self.left) * MINUTE / quota

    def taken(self) -> "Bucket":
        """The bucket with one request less."""
        return Bucket(self.left - 1, self.at)


class Rates:
    """The buckets of all tokens of a service."""

    def __init__(self, quota: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`quota`: requests a minute."""
        self._quota = quota
        self._policy = f'"token";q={quota};w={MINUTE:.0f}'
        self._clock = clock
        # The token without a request for the longest time comes first, and goes first: its bucket is the fullest.
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, token_id: str) -> Mapping[str, str]:
        """Count one request. Returns the headers that say what is left. Raises Problem 429 with them when nothing is
        left.
        """
        now = self._clock()
        bucket = self._buckets.pop(token_id, Bucket(self._quota, now)).filled(now, self._quota)
        wait = bucket.wait(self._quota)
        if not wait:
            bucket = bucket.taken()
        self._buckets[token_id] = bucket
        if len(self._buckets) > MOST_TOKENS:
            self._buckets.popitem(last=False)
        if wait:
            metrics.THROTTLED.labels("token_rate", "refused").inc()
            raise Problem(
                429,
                "too-many-requests",
                "This token makes more requests than it may.",
                retry_after=ceil(wait),
                headers=self._told(bucket),
            )
        return self._told(bucket)

    def _told(self, bucket: Bucket) -> Mapping[str, str]:
        # draft-ietf-httpapi-ratelimit-headers: `r` requests are left; in `t` seconds there are `q` again.
        full = ceil((self._quota - bucket.left) * MINUTE / self._quota)
        return {
            "RateLimit-Policy": self._policy,
            "RateLimit": f'"token";r={int(bucket.left)};t={full}',
        }
