"""One `mongod` as a replica set of one, with its journal, initialised by itself."""

from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from infra.local import ports
from infra.local.downloads import fetch_mongod
from infra.local.processes import Children, Process

REPLICA_SET = "rs0"
NOT_YET_INITIATED = 94
"""NotYetInitialized, the server's error code."""


class Mongod:
    """One server with its data folder and port, which stay the same over restarts."""

    def __init__(self, folder: Path, log: Path, port: int) -> None:
        self.uri = f"mongodb://{ports.LOOPBACK}:{port}/?directConnection=true&replicaSet={REPLICA_SET}"
        self._address = f"{ports.LOOPBACK}:{port}"
        self._folder = folder
        self._log = log
        self._port = port

    def start(self, children: Children) -> Process:
        """Start the server on what its data folder holds; see `is_ready`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        command: list[str | Path] = [fetch_mongod(), "--dbpath", self._folder, "--port", str(self._port)]
        command += ["--bind_ip", ports.LOOPBACK, "--nounixsocket", "--replSet", REPLICA_SET]
        command += ["--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "128"]
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        return children.start("mongod", command, self._log)

    def is_ready(self) -> bool:
        """Whether it is the primary of its replica set; initiates the set, or moves it to a new port, when needed."""
        if not ports.is_open(self._port):
            return False
        client: MongoClient[dict[str, Any]] = MongoClient(
            ports.LOOPBACK, self._port, directConnection=True, serverSelectionTimeoutMS=1000, socketTimeoutMS=5000
        )
        try:
            hello = client.admin.command("hello")
            if hello.get("isWritablePrimary"):
                return True
            self._configure(client)
        except PyMongoError:  # it is starting, or electing itself
            pass
        finally:
            client.close()
        return False

    def _configure(self, client: MongoClient[dict[str, Any]]) -> None:
        members = [{"_id": 0, "host": self._address}]
        try:
            config = client.admin.command("replSetGetConfig")["config"]
        except OperationFailure as error:
            if error.code == NOT_YET_INITIATED:
                client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
            return
        if [member["host"] for member in config["members"]] != [self._address]:
            # A kept data folder remembers the port of last time; only a forced change works without a primary.
            config["members"] = members
            config["version"] += 1
            client.admin.command("replSetReconfig", config, force=True)
