"""Certificates and passwords of Kafka, MongoDB and all who reach them. Each is made once, in a file of its own.

A small certification authority of this deployment signs for the servers and the operator. Passwords are 256 random
bits. Nothing is overwritten. Certificates are renewed on demand, under the same authority.
"""

import base64
import ipaddress
import os
import secrets as random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from infra.acls import users
from shared.connections import KafkaAccess, MongoAccess
from shared.times import now

OPERATOR_USER = "operator"
"""The user who sets up users and rights: at Kafka the name in the certificate, at MongoDB the name of the user."""
CA, CA_KEY = "ca.pem", "ca.key"
KEY_FILE = "mongo.keyfile"
LIFE_OF_CA = timedelta(days=3650)
CERTIFICATE_LIFE = timedelta(days=730)
ENDS_SOON = timedelta(days=60)

CertificateState = Literal["made", "kept", "renewed", "ends soon"]
Holder = Literal["hearth", "kafka", "mongo", "nobody"]
"""The service with containers that read a file. A file of nobody is read by the user who makes certificates."""


@dataclass(frozen=True, slots=True)
class Names:
    """The host names of each server, beside those of the machine."""

    kafka: tuple[str, ...] = ("kafka",)
    mongo: tuple[str, ...] = ("mongo",)


@dataclass(frozen=True, slots=True)
class Made:
    """A file: its readers, what became of it, and until when it is good (None: for ever)."""

    name: str
    holder: Holder
    state: CertificateState
    ends: datetime | None = None


@dataclass(frozen=True)
class Credentials:
    """The files in one folder. `owners`: the user ids that get new files, where this process may give files away."""

    folder: Path
    owners: dict[Holder, int] = field(default_factory=dict)

    @property
    def ca(self) -> Path:
        """The certificate by which all others are trusted. It is no secret."""
        return self.folder / CA

    @property
    def key_file(self) -> Path:
        """The file by which members of the replica set know each other."""
        return self.folder / KEY_FILE

    def kafka_password(self, user: str) -> Path:
        """The file of a service's (or the command line's) password at Kafka."""
        return self.folder / f"kafka_{user}"

    def mongo_password(self, user: str) -> Path:
        """The file of a service's (or the operator's) password at MongoDB."""
        return self.folder / f"mongo_{user}"

    def certificate(self, name: str) -> Path:
        """The PEM file with key and certificate of `kafka`, `mongo` or the operator."""
        return self.folder / f"{name}.pem"

    def operator_at_kafka(self) -> KafkaAccess:
        """The operator's way into Kafka, at the listener that asks for certificates."""
        return KafkaAccess("ssl", ca=self.ca, certificate=self.certificate(OPERATOR_USER))

    def operator_at_mongo(self) -> MongoAccess:
        """The operator's way into MongoDB."""
        return MongoAccess(OPERATOR_USER, read_secret(self.mongo_password(OPERATOR_USER)), self.ca)

    def make(self, names: Names | None = None, renew: bool = False) -> list[Made]:
        """Make what is missing. `renew`: also new certificates under the same authority. Raises OSError."""
        names = names or Names()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = self._authority()
        local = ("localhost", "127.0.0.1")
        made.append(self._leaf("kafka", "kafka", (*names.kafka, *local), renew))
        made.append(self._leaf("mongo", "mongo", (*names.mongo, *local), renew))
        made.append(self._leaf(OPERATOR_USER, "hearth", (), renew))
        # A replica set's members show each other this file; at most 1024 characters (MongoDB manual, keyFile).
        made.append(self._kept(KEY_FILE, "mongo", base64.b64encode(random.token_bytes(384))))
        for user in users():
            made.append(self._kept(self.kafka_password(user).name, "hearth", _password()))
        for user in (*users(), OPERATOR_USER):
            made.append(self._kept(self.mongo_password(user).name, "hearth", _password()))
        return made

    def _authority(self) -> list[Made]:
        if not self.ca.exists():
            there = (self.folder / CA_KEY).exists()
            # An earlier run ended after the key. Nobody trusts the key yet.
            key = self._authority_key() if there else ec.generate_private_key(ec.SECP256R1())
            name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Hearth {random.token_hex(4)}")])
            builder = _builder(name, name, key.public_key(), key.public_key(), LIFE_OF_CA)
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            builder = builder.add_extension(_key_usage(signs_certificates=True), critical=True)
            # The key goes first: a certificate without its key could never be used.
            if not there:
                self._write(CA_KEY, "nobody", _pem(key))
            self._write(CA, "hearth", builder.sign(key, hashes.SHA256()).public_bytes(_PEM), mode=0o644)
            return [Made(CA_KEY, "nobody", "kept" if there else "made"), Made(CA, "hearth", "made", ends_of(self.ca))]
        return [Made(CA, "hearth", "kept", ends_of(self.ca))]

    def _authority_key(self) -> ec.EllipticCurvePrivateKey:
        key = serialization.load_pem_private_key((self.folder / CA_KEY).read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(CA_KEY)
        return key

    def _leaf(self, name: str, holder: Holder, hosts: Sequence[str], renew: bool) -> Made:
        path = self.certificate(name)
        there = path.exists()
        if there and not renew:
            ends = ends_of(path)
            return Made(path.name, holder, "ends soon" if ends - now() < ENDS_SOON else "kept", ends)
        authority = x509.load_pem_x509_certificate(self.ca.read_bytes())
        authority_key = self._authority_key()
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(subject, authority.subject, key.public_key(), authority_key.public_key(), CERTIFICATE_LIFE)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(signs_certificates=False), critical=True)
        # A broker and a database also call themselves, so their certificates are those of clients, too.
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if hosts else [])]
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        if hosts:
            named = x509.SubjectAlternativeName([_general_name(host) for host in dict.fromkeys(hosts)])
            builder = builder.add_extension(named, critical=False)
        certificate = builder.sign(authority_key, hashes.SHA256()).public_bytes(_PEM)
        self._write(path.name, holder, _pem(key) + certificate, overwrite=there)
        return Made(path.name, holder, "renewed" if there else "made", ends_of(path))

    def _kept(self, name: str, holder: Holder, content: bytes) -> Made:
        if (self.folder / name).exists():
            return Made(name, holder, "kept")
        self._write(name, holder, content + b"\n")
        return Made(name, holder, "made")

    def _write(self, name: str, holder: Holder, content: bytes, *, mode: int = 0o600, overwrite: bool = False) -> None:
        """The file appears whole or not at all, and belongs to its reader from the first moment."""
        handle, scratch = tempfile.mkstemp(dir=self.folder, prefix=f".{name}-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(handle)
            Path(scratch).chmod(mode)
            owner = self.owners.get(holder, os.geteuid())
            if owner != os.geteuid():
                os.chown(scratch, owner, -1)
            if overwrite:
                Path(scratch).replace(self.folder / name)
            else:
                (self.folder / name).hardlink_to(scratch)
        finally:
            Path(scratch).unlink(missing_ok=True)


def read_secret(path: Path) -> str:
    """The password in a file. Raises OSError."""
    return path.read_text(encoding="utf-8").strip()


def ends_of(path: Path) -> datetime:
    """Until when the certificate in a PEM file is good. Raises ValueError if there is none."""
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


_PEM = serialization.Encoding.PEM


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _password() -> bytes:
    return base64.urlsafe_b64encode(random.token_bytes(32)).rstrip(b"=")


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
    life: timedelta,
) -> x509.CertificateBuilder:
    begin = now() - timedelta(minutes=5)  # clocks differ
    return (
        x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number(), begin, begin + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
