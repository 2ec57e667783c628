"""Users and rights at Kafka, made what infra/acls.py says. Only a user who may alter the cluster can do this.

aiokafka's admin client has no calls for it. Its protocol has the requests for rights; this module spells the one for
passwords (KIP-554).
"""

import asyncio
import hashlib
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import CreateAclsRequest_v1, DeleteAclsRequest_v1, DescribeAclsRequest_v1
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactBytes, CompactString, Int8, Int16, Int32, Schema, TaggedFields

from infra.acls import Acl, Operation, Pattern, Resource, acls, users
from infra.credentials import Credentials, read_secret
from infra.kafka.topics import integrators_at

ITERATIONS = 8192
"""Between 4096 and 16384 (KIP-84). The passwords are 256 random bits, so more would only slow signing in."""

# Codes of the protocol: org.apache.kafka.common.resource.ResourceType and PatternType, common.acl.AclOperation.
_RESOURCES: Mapping[Resource, int] = {"topic": 2, "group": 3}
_PATTERNS: Mapping[Pattern, int] = {"literal": 3, "prefixed": 4}
_OPERATIONS: Mapping[Operation, int] = {
    "read": 3,
    "write": 4,
    "create": 5,
    "alter": 7,
    "describe": 8,
    "describe-configs": 10,
}
_ANY, _ALLOW = 1, 3
_ANY_ADDRESS = "*"
_SCRAM_SHA_512 = 2
_NO_SUCH_USER = 91
"""RESOURCE_NOT_FOUND."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What was done: rights given and taken away."""

    given: tuple[Acl, ...]
    taken: tuple[Acl, ...]


async def open_accounts(admin: AIOKafkaAdminClient, credentials: Credentials, prefix: str = "") -> Changes:
    """Let everyone in that the table of topics names, with the passwords of `hearth certificates`. Safe to repeat."""
    await set_passwords(admin, {prefix + u: read_secret(credentials.kafka_password(u)) for u in users()})
    return await set_rights_of_the_table(admin, prefix)


async def set_rights_of_the_table(
    admin: AIOKafkaAdminClient, prefix: str = "", integrators: Collection[str] = ()
) -> Changes:
    """Give services and the command line their rights, also at the inboxes of the broker, and these integrators theirs.

    Other integrators keep what they have. Raises KafkaError.
    """
    everybody = {*integrators, *await integrators_at(admin, prefix)}
    named = {*(prefix + user for user in users()), *integrators}
    return await set_rights(admin, named, [acl for acl in acls(prefix, everybody) if acl.user in named])


async def set_passwords(admin: AIOKafkaAdminClient, passwords: Mapping[str, str]) -> None:
    """Give each user (by whole name) a new password for SCRAM-SHA-512. Raises KafkaError.

    The broker gets a salted hash, never the password. Open sessions stay open.
    """
    upsertions: list[tuple[Any, ...]] = []
    for user, password in passwords.items():
        salt = secrets.token_bytes(32)
        salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
        upsertions.append((user, _SCRAM_SHA_512, ITERATIONS, salt, salted, {}))
    answer = await send(admin, _AlterScram_v0, [], upsertions, {})
    for user, code, *_ in answer.results:
        demand(code, f"user {user}")


async def remove_user(admin: AIOKafkaAdminClient, user: str) -> Changes:
    """Take away a user's rights, which binds its open sessions, too, and its password. Raises KafkaError."""
    changes = await set_rights(admin, {user}, ())
    answer = await send(admin, _AlterScram_v0, [(user, _SCRAM_SHA_512, {})], [], {})
    for _, code, *_ in answer.results:
        if code != _NO_SUCH_USER:
            demand(code, f"user {user}")
    return changes


async def set_rights(admin: AIOKafkaAdminClient, named: Collection[str], wanted: Collection[Acl]) -> Changes:
    """Give these users the rights of `wanted`, and take all others away. Raises KafkaError.

    Returns when the broker that was asked obeys.
    """
    found, strange = await _read_rights(admin, named)
    missing, left_over = sorted(set(wanted) - found), sorted(found - set(wanted))
    if missing:
        answer = await send(admin, CreateAclsRequest_v1, [_binding(acl) for acl in missing])
        for (code, _), acl in zip(answer.creation_responses, missing, strict=True):
            demand(code, f"right to {acl.operation} {acl.name}")
    taken = [*map(_binding, left_over), *strange]
    if taken:
        answer = await send(admin, DeleteAclsRequest_v1, taken)
        for code, *_ in answer.filter_responses:
            demand(code, "rights")
    # The controller answers before the brokers know.
    while True:
        if (await _read_rights(admin, named))[0] == set(wanted):
            return Changes(tuple(missing), tuple(left_over))
        await asyncio.sleep(0.1)


async def _read_rights(admin: AIOKafkaAdminClient, named: Collection[str]) -> tuple[set[Acl], list[tuple[Any, ...]]]:
    """The rights of these users, and rights at the broker that no table says."""
    found: set[Acl] = set()
    strange: list[tuple[Any, ...]] = []
    for user in sorted(named):
        filters = (_ANY, None, _ANY, f"User:{user}", None, _ANY, _ANY)
        answer = await send(admin, DescribeAclsRequest_v1, *filters)
        demand(answer.error_code, "rights")
        for right in _rights(answer.resources):
            acl = _acl(user, right)
            found.add(acl) if acl else strange.append(right)
    return found, strange


def _rights(resources: Iterable[Any]) -> Iterable[tuple[Any, ...]]:
    for kind, name, pattern, entries in resources:
        for principal, host, operation, permission in entries:
            yield (kind, name, pattern, principal, host, operation, permission)


def _acl(user: str, right: tuple[Any, ...]) -> Acl | None:
    """The right as the table would say it; None for what no table says, such as a denial."""
    kind, name, pattern, _, host, operation, permission = right
    kinds, patterns, operations = (
        {code: word for word, code in table.items()} for table in (_RESOURCES, _PATTERNS, _OPERATIONS)
    )
    known = kind in kinds and pattern in patterns and operation in operations
    if not known or host != _ANY_ADDRESS or permission != _ALLOW:
        return None
    return Acl(user, kinds[kind], name, patterns[pattern], operations[operation])  # type: ignore[arg-type]  # inverted


def _binding(acl: Acl) -> tuple[Any, ...]:
    operation = _OPERATIONS[acl.operation]
    kind, pattern = _RESOURCES[acl.resource], _PATTERNS[acl.pattern]
    return (kind, acl.name, pattern, f"User:{acl.user}", _ANY_ADDRESS, operation, _ALLOW)


def command_lines(found: Sequence[Acl], bootstrap: str) -> list[str]:
    """Commands of Kafka's own tool, for a broker that this program cannot reach: one line for each right."""
    return [
        f"kafka-acls.sh --bootstrap-server {bootstrap} --add --allow-principal 'User:{acl.user}'"
        f" --operation {_spelled(acl.operation)} --{acl.resource} '{acl.name}' --resource-pattern-type {acl.pattern}"
        for acl in found
    ]


def _spelled(operation: Operation) -> str:
    return "".join(word.capitalize() for word in operation.split("-"))


def demand(code: int, what: str) -> None:
    """Raise the KafkaError of this code; 0 is none."""
    if code:
        raise for_code(code)(what)


async def send(admin: AIOKafkaAdminClient, kind: type[RequestStruct], *fields: Any) -> Any:
    """What the broker answers to this request. Raises KafkaError."""

    # The base class reads the version from its parameter.
    class Ask(Request[kind]):  # type: ignore[misc]  # aiokafka has no types
        API_KEY = kind.API_KEY

        def build(self, request_struct_class: type[RequestStruct]) -> RequestStruct:
            return request_struct_class(*fields)

    return await admin._send_request(Ask())


class _AlteredScram_v0(Response):  # type: ignore[misc]  # noqa: N801  # as aiokafka names versions
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterScram_v0(RequestStruct):  # type: ignore[misc]  # noqa: N801  # as aiokafka names versions
    API_KEY = 51
    API_VERSION = 0
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _AlteredScram_v0
    SCHEMA = Schema(
        (
            "deletions",
            CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields)),
        ),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )
