"""A public page on a real TLS server of this machine, and servers that lie: each answers as it is told."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class PageServer:
    """A server at a port of 127.0.0.1. `heads`: those of the requests, as they came; `answer`: what it does."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    answer: Answer | None = None
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            if self.answer:
                await self.answer(writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def saying(
    body: bytes, status: str = "200 OK", kind: str = "text/html; charset=utf-8", length: int | None = None, **more: str
) -> Answer:
    """An answer with this body; `length` is what it says of it."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        given = {"Content-Type": kind, "Content-Length": str(len(body) if length is None else length)}
        given |= {name.replace("_", "-"): value for name, value in more.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        writer.write(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body)

    return answer


def certificate(folder: Path, host: str, *, days: int = 1) -> tuple[Path, Path]:
    """A certificate of a host that it signs itself, and the file with its key."""
    key, at = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=10))
        .not_valid_after(at + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    shown, hidden = folder / f"{host}.pem", folder / f"{host}.key"
    shown.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    hidden.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return shown, hidden


@asynccontextmanager
async def page_server(folder: Path, host: str, *, days: int = 1) -> AsyncIterator[tuple[PageServer, ssl.SSLContext]]:
    """A server that shows a certificate of this host, and what trusts that certificate."""
    shown, hidden = certificate(folder, host, days=days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown, hidden)
    pages = PageServer()
    server = await asyncio.start_server(pages.serve, "127.0.0.1", 0, ssl=context)
    pages.port = server.sockets[0].getsockname()[1]
    try:
        yield pages, ssl.create_default_context(cafile=str(shown))
    finally:
        server.close()
