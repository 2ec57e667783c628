"""How much of a broker one user may take (KIP-546). Beyond that, the broker lets the user wait, and nobody else."""

from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.api import RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Float64, Int16, Int32, Schema, String

from infra.kafka.accounts import demand, send

BYTES_PER_SECOND = 128 * 1024
"""Some forty usual reports a second; a week of it, which an inbox keeps, is 80 GB."""
REQUEST_PERCENTAGE = 25
"""Of the time of one thread of the broker."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What a user may write (bytes a second), and how much of a thread its requests may take, at each broker."""

    bytes_per_second: int = BYTES_PER_SECOND
    request_percentage: int = REQUEST_PERCENTAGE


async def set_quota(admin: AIOKafkaAdminClient, user: str, quota: Quota | None) -> None:
    """Give a user (by whole name) this quota, also in open sessions; None takes it away. Raises KafkaError."""
    values = {
        "producer_byte_rate": quota and quota.bytes_per_second,
        # A user who may read nothing can still ask.
        "consumer_byte_rate": quota and quota.bytes_per_second,
        "request_percentage": quota and quota.request_percentage,
    }
    changes = [(name, float(value or 0), value is None) for name, value in values.items()]
    answer: Any = await send(admin, _AlterQuotas_v0, [([("user", user)], changes)], False)
    for code, *_ in answer.entries:
        demand(code, f"quota of {user}")


class _AlteredQuotas_v0(Response):  # type: ignore[misc]  # noqa: N801  # as aiokafka names versions
    API_KEY = 49
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "entries",
            Array(
                ("error_code", Int16),
                ("error_message", String("utf-8")),
                ("entity", Array(("entity_type", String("utf-8")), ("entity_name", String("utf-8")))),
            ),
        ),
    )


class _AlterQuotas_v0(RequestStruct):  # type: ignore[misc]  # noqa: N801  # as aiokafka names versions
    API_KEY = 49
    API_VERSION = 0
    RESPONSE_TYPE = _AlteredQuotas_v0
    SCHEMA = Schema(
        (
            "entries",
            Array(
                ("entity", Array(("entity_type", String("utf-8")), ("entity_name", String("utf-8")))),
                ("ops", Array(("key", String("utf-8")), ("value", Float64), ("remove", Boolean))),
            ),
        ),
        ("validate_only", Boolean),
    )
