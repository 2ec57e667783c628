"""How a service shows Kafka and MongoDB who it is, and knows that it is them: by TLS, and by a password of its own.

Unset, it says nothing and encrypts nothing, as on one machine. Passwords are proved by SCRAM and never sent.
"""

import asyncio
import ssl
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

KafkaSecurity = Literal["plaintext", "ssl", "sasl_ssl"]
SCRAM = "SCRAM-SHA-512"
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""With keys that are forgotten, and authenticated: what TLS 1.3 would choose from, too."""


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """The way into Kafka. Without `ca` the system's authorities count; `certificate`: a PEM file with key and chain."""

    security: KafkaSecurity = "plaintext"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None
    certificate: Path | None = None

    def tls(self) -> ssl.SSLContext | None:
        """What is asked of the broker's certificate, and shown of our own; None without TLS."""
        if self.security == "plaintext":
            return None
        context = ssl.create_default_context(cafile=self.ca)
        # With TLS 1.3 uvloop waits half a minute at the end of three connections in ten, see infra/decisions.
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        if self.certificate:
            context.load_cert_chain(self.certificate)
        return context

    def options(self) -> dict[str, Any]:
        """The arguments of every client of aiokafka."""
        options: dict[str, Any] = {"security_protocol": self.security.upper(), "ssl_context": self.tls()}
        if self.security == "sasl_ssl":
            options |= {
                "sasl_mechanism": SCRAM,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return options


@dataclass(frozen=True, slots=True)
class MongoAccess:
    """The way into MongoDB: with `ca` by TLS, with `password` as a user. Both are beside what the URI says."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None

    def options(self) -> dict[str, Any]:
        """The arguments of every client of MongoDB."""
        options: dict[str, Any] = {}
        if self.ca:
            options |= {"tls": True, "tlsCAFile": str(self.ca)}
        if self.password:
            options |= {
                "username": self.user,
                "password": self.password,
                "authSource": "admin",
                "authMechanism": "SCRAM-SHA-256",
            }
        return options


OPEN_KAFKA = KafkaAccess()
OPEN_MONGO = MongoAccess()


async def connected(start: Coroutine[Any, Any, None], patience: float = 1.0) -> None:
    """Await a start of aiokafka's; whoever cancels it waits `patience` seconds for its end before it is cut short.

    For aiokafka closes a connection that is being opened when it fails, and not when it is cancelled.
    """
    starting = asyncio.create_task(start)
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait([starting], timeout=patience)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        raise
