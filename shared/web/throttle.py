"""Slows guessing: after a few wrong receipts or tokens, an address has to wait before the next one is looked at.

An address never waits for another address, and never waits without wrong attempts of its own. The counts are in memory:
they end with the process, and each replica counts for itself.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Network, ip_address
from math import ceil, exp2
from types import TracebackType
from typing import NoReturn

from starlette.requests import HTTPConnection

from shared import metrics
from shared.problems import Problem

FREE = 5
"""Wrong attempts that cost nothing: people mistype."""
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 8.0
DOUBLES_EVERY = 2
"""Further wrong attempts after which the pause has doubled."""
HALF_LIFE = 300.0
"""Seconds after which half of what an address did is forgotten."""
MOST_FAILURES = 100.0
"""More wrong attempts are not counted, so that a shared address is free again after 22 minutes at most."""
LONGEST_WAIT = 10.0
"""Seconds that a request is held at most. A request that would wait longer is told to come back."""
MOST_WAITERS = 8
"""Requests of one address that are held at the same time."""
REFUSAL_PAUSE = 2.0
"""Seconds before a request is told to come back. An answer at once would only bring the next request."""
MOST_ADDRESSES = 20_000
MOST_HELD = 1_000
"""Requests of all addresses that are held at the same time; and as many more that are about to be refused."""


@dataclass(frozen=True, slots=True)
class History:
    """What an address did: the weight of its failures at `at`, and when its next attempt may begin. In seconds."""

    failures: float = 0.0
    at: float = 0.0
    free_at: float = 0.0

    def weight(self, now: float) -> float:
        """How much its failures still weigh."""
        return self.failures * exp2(-max(0.0, now - self.at) / HALF_LIFE)

    def with_failure(self, now: float) -> "History":
        """The history with one more wrong attempt. The next attempt waits from now on."""
        failures = min(MOST_FAILURES, self.weight(now) + 1)
        return History(failures, now, max(self.free_at, now + pause_after(failures)))

    def wait(self, now: float) -> float:
        """How long an attempt that comes now has to wait."""
        return max(0.0, self.free_at - now) if pause_after(self.weight(now)) else 0.0

    def with_attempt(self, now: float) -> "History":
        """The history with an attempt that waits for its turn. The next attempt waits for this one, too."""
        pause = pause_after(self.weight(now))
        return replace(self, free_at=max(self.free_at, now) + pause) if pause else self


def pause_after(failures: float) -> float:
    """Seconds between two attempts of an address with so many failures: none at first, then up to the longest pause."""
    if failures < FREE:
        return 0.0
    return min(LONGEST_PAUSE, FIRST_PAUSE * exp2((failures - FREE) / DOUBLES_EVERY))


class Throttle:
    """Holds back the attempts of addresses that guess. One for each kind of secret of a service."""

    def __init__(
        self,
        kind: str,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`kind` names in the metrics what is guessed."""
        self._kind = kind
        self._clock = clock
        self._sleep = sleep
        # The address without a wrong attempt for the longest time comes first, and goes first.
        self._histories: OrderedDict[str, History] = OrderedDict()
        self._waiting: dict[str, int] = {}
        self._held = 0
        self._refusing = 0

    def attempt(self, address: str) -> "Attempt":
        """`async with throttle.attempt(address_of(request)) as attempt:` goes around looking at a secret.

        Entering waits while the address has to. It raises Problem 429 when the wait would be too long. Call
        `attempt.failed()` when the secret was wrong.
        """
        return Attempt(self, address)

    @property
    def remembered(self) -> int:
        """How many addresses have a history."""
        return len(self._histories)

    async def enter(self, address: str) -> None:
        """Wait for the turn of this address; see `attempt`."""
        history = self._histories.get(address)
        if history is None:
            return
        now = self._clock()
        wait = history.wait(now)
        waiting = self._waiting.get(address, 0)
        if wait > LONGEST_WAIT or (wait and (waiting >= MOST_WAITERS or self._held >= MOST_HELD)):
            await self._refuse(ceil(wait))
        self._histories[address] = history.with_attempt(now)
        if not wait:
            return
        metrics.THROTTLED.labels(self._kind, "held").inc()
        self._waiting[address] = waiting + 1
        self._held += 1
        try:
            await self._sleep(wait)
        finally:
            self._held -= 1
            left = self._waiting.pop(address) - 1
            if left:
                self._waiting[address] = left

    async def _refuse(self, seconds: int) -> NoReturn:
        metrics.THROTTLED.labels(self._kind, "refused").inc()
        if self._refusing < MOST_HELD:
            self._refusing += 1
            try:
                await self._sleep(REFUSAL_PAUSE)
            finally:
                self._refusing -= 1
        raise Problem(429, "too-many-attempts", "Too many wrong attempts came from here.", retry_after=seconds)

    def note_failure(self, address: str) -> None:
        """Remember that a secret from this address was wrong."""
        history = self._histories.pop(address, History())
        self._histories[address] = history.with_failure(self._clock())
        if len(self._histories) > MOST_ADDRESSES:
            self._histories.popitem(last=False)


class Attempt:
    """One look at a secret that came from `address`."""

    __slots__ = ("_address", "_throttle")

    def __init__(self, throttle: Throttle, address: str) -> None:
        self._throttle = throttle
        self._address = address

    def failed(self) -> None:
        """Say that the secret was wrong."""
        self._throttle.note_failure(self._address)

    async def __aenter__(self) -> "Attempt":
        await self._throttle.enter(self._address)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def address_of(connection: HTTPConnection) -> str:
    """The address that a request counts for. Of IPv6 it is the network of 64 bits, because people get a whole one.

    Behind a proxy it is the address of the proxy, unless HEARTH_PROXIES names the proxy.
    """
    client = connection.scope.get("client")
    return _group(client[0]) if client else ""


@lru_cache(maxsize=4096)
def _group(host: str) -> str:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        # A trusted proxy may pass on anything.
        return host[:64]
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, 64), strict=False))
