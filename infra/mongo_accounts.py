"""Users at MongoDB: one for each service, with rights in its own database only; and the operator."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.acls import COMMAND_LINE, users
from infra.credentials import OPERATOR_USER, Credentials, read_secret
from shared.connections import MongoAccess
from shared.mongo import Client, OperationFailure, connect

_ALREADY_THERE, _NOT_SIGNED_IN = frozenset({51002, 51003}), 18
"""51002 and 51003: the role, or the user, exists. AuthenticationFailed: no such user, or another password."""
ROSTER_ROLE = "roster"
"""For the command line: it makes the first coordinator and issues tokens."""
OPERATORS_ROLES = ("userAdminAnyDatabase", "clusterManager", "clusterMonitor")


def roles_of(user: str, prefix: str = "") -> list[dict[str, str]]:
    """What a user may do: a service reads and writes its own database, the command line only the roster in triage's."""
    if user == COMMAND_LINE:
        return [{"role": f"{prefix}{ROSTER_ROLE}", "db": "admin"}]
    return [{"role": "readWrite", "db": f"{prefix}{user}"}]


async def open_databases(uri: str, credentials: Credentials, prefix: str = "", *, ca: Path | None) -> None:
    """Let every service into its own database, with the passwords of `hearth certificates`. Safe to repeat.

    Where the server has no user yet, the operator is made first. That works from the server's own machine only, or
    before the server asks anybody (MongoDB's manual, "Localhost Exception"). Without `ca` no TLS is used. Raises errors
    of pymongo.
    """
    operator = replace(credentials.operator_at_mongo(), ca=ca)
    passwords = {user: read_secret(credentials.mongo_password(user)) for user in users()}
    if not await _signs_in(uri, operator):
        roles = [{"role": role, "db": "admin"} for role in OPERATORS_ROLES]
        async with _client(uri, MongoAccess(ca=ca)) as client:
            await _make_user(client, OPERATOR_USER, operator.password or "", roles)
    async with _client(uri, operator) as client:
        await make_users(client, passwords, prefix)


async def _signs_in(uri: str, access: MongoAccess) -> bool:
    # A client that was refused once takes the server for away, so it is not used again.
    async with _client(uri, access) as client:
        try:
            await client.admin.command("connectionStatus")
        except OperationFailure as error:
            if error.code != _NOT_SIGNED_IN:
                raise
            return False
        return True


@asynccontextmanager
async def _client(uri: str, access: MongoAccess) -> AsyncIterator[Client]:
    client = connect(uri, service="cli", access=access)
    try:
        yield client
    finally:
        client.close()


async def make_users(client: Client, passwords: Mapping[str, str], prefix: str = "") -> None:
    """Make each user (named without the prefix), or give the user this password and these rights."""
    # `told` has only times and offsets: what the command line tells must be later than what was told before.
    allowed = {"roster": ["find", "insert", "update"], "told": ["find"]}
    rights = [
        {"resource": {"db": f"{prefix}triage", "collection": name}, "actions": actions}
        for name, actions in allowed.items()
    ]
    await _make(client, "Role", f"{prefix}{ROSTER_ROLE}", {"privileges": rights, "roles": []})
    for user, password in passwords.items():
        await _make_user(client, f"{prefix}{user}", password, roles_of(user, prefix))


async def _make_user(client: Client, name: str, password: str, roles: list[dict[str, str]]) -> None:
    await _make(client, "User", name, {"pwd": password, "roles": roles, "mechanisms": ["SCRAM-SHA-256"]})


async def _make(client: Client, kind: str, name: str, document: Mapping[str, Any]) -> None:
    try:
        await client.admin.command({f"create{kind}": name, **document})
    except OperationFailure as error:
        if error.code not in _ALREADY_THERE:
            raise
        await client.admin.command({f"update{kind}": name, **document})
