"""How a service signs in to Kafka and MongoDB: by TLS, and by a password of its own.

Without these settings nothing is encrypted and nobody signs in, as on one machine. SCRAM proves a password without
sending it.
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
"""Forward secret and authenticated, like the ciphers of TLS 1.3."""


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """The way into Kafka. Without `ca` the system's authorities count. `certificate`: a PEM file with key and chain."""

    security: KafkaSecurity = "plaintext"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None
    certificate: Path | None = None

    def tls(self) -> ssl.SSLContext | None:
        """How the broker's certificate is checked, and which one is shown; None without TLS."""
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
    """The way into MongoDB: by TLS if `ca` is given, as a user if `password` is given; beside what the URI says."""

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
    """Await a start of aiokafka. When cancelled, it waits `patience` seconds for the start to end by itself.

    aiokafka closes a half-open connection when its start fails, but not when it is cancelled.
    """
    starting = asyncio.create_task(start)
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait([starting], timeout=patience)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        raise
