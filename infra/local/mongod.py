"""One `mongod` as a replica set of one, with its journal, initialised by itself."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from infra.credentials import Credentials
from infra.local import ports
from infra.local.downloads import fetch_mongod
from infra.local.processes import Children, Process
from shared.connections import OPEN_MONGO, MongoAccess

REPLICA_SET = "rs0"
NOT_YET_INITIATED, UNAUTHORIZED = 94, 13
"""The codes of the server's errors NotYetInitialized and Unauthorized."""
TLS = (
    *("--tlsMode", "requireTLS", "--tlsAllowConnectionsWithoutCertificates"),
    *("--setParameter", "suppressNoTLSPeerCertificateWarning=true"),
)
"""The services sign in by password. Nobody needs a certificate, and a certificate of another authority is refused."""


class Mongod:
    """One server with its data folder and port, which stay the same over restarts.

    With `credentials` it takes TLS only, and does nothing for clients that have not signed in. `options` are further
    arguments of the program.
    """

    def __init__(
        self,
        folder: Path,
        log: Path,
        port: int,
        credentials: Credentials | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.uri = f"mongodb://{ports.LOOPBACK}:{port}/?directConnection=true&replicaSet={REPLICA_SET}"
        self._address = f"{ports.LOOPBACK}:{port}"
        self._folder = folder
        self._log = log
        self._port = port
        self._credentials = credentials
        self._options = options

    def start(self, children: Children) -> Process:
        """Start the server on what its data folder holds; see `is_ready`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        command: list[str | Path] = [fetch_mongod(), "--dbpath", self._folder, "--port", str(self._port)]
        command += ["--bind_ip", ports.LOOPBACK, "--nounixsocket", "--replSet", REPLICA_SET]
        command += ["--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "128"]
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        command += ["--setParameter", "transactionLifetimeLimitSeconds=10"]
        command += ["--setParameter", "minSnapshotHistoryWindowInSeconds=0"]
        command += ["--wiredTigerEngineConfigString", "eviction_dirty_target=40,eviction_dirty_trigger=60"]
        command += self._options
        if self._credentials:
            command += ["--keyFile", self._credentials.key_file, *TLS]
            command += ["--tlsCertificateKeyFile", self._credentials.certificate("mongo")]
            command += ["--tlsCAFile", self._credentials.ca]
        return children.start("mongod", command, self._log)

    def is_ready(self) -> bool:
        """Whether the server is the primary of its replica set. Initiates the set, or moves it to a new port, where
        needed.
        """
        if not ports.is_open(self._port):
            return False
        # `hello` needs no user.
        stranger = MongoAccess(ca=self._credentials.ca) if self._credentials else OPEN_MONGO
        client = self._client(stranger)
        try:
            hello = client.admin.command("hello")
            if hello.get("isWritablePrimary"):
                return True
            self._configure(client)
        except PyMongoError as error:  # it is starting, or electing itself
            if isinstance(error, OperationFailure) and error.code == UNAUTHORIZED and self._credentials:
                self._configure_as_operator(self._credentials)
        finally:
            client.close()
        return False

    def _client(self, access: MongoAccess) -> MongoClient[dict[str, Any]]:
        return MongoClient(
            ports.LOOPBACK,
            self._port,
            directConnection=True,
            serverSelectionTimeoutMS=1000,
            socketTimeoutMS=5000,
            **access.options(),
        )

    def _configure_as_operator(self, credentials: Credentials) -> None:
        """A kept data folder has users, so only the operator may move its replica set to another port."""
        with self._client(credentials.operator_at_mongo()) as client, suppress(PyMongoError):
            self._configure(client)

    def _configure(self, client: MongoClient[dict[str, Any]]) -> None:
        members = [{"_id": 0, "host": self._address}]
        try:
            config = client.admin.command("replSetGetConfig")["config"]
        except OperationFailure as error:
            # Before there is a user, only its own machine may initiate the server, and look at nothing.
            if error.code in (NOT_YET_INITIATED, UNAUTHORIZED):
                client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
            return
        if [member["host"] for member in config["members"]] != [self._address]:
            # A kept data folder remembers the port of last time. Without a primary only a forced change works.
            config["members"] = members
            config["version"] += 1
            client.admin.command("replSetReconfig", config, force=True)
