"""What MongoDB says of how it finds documents."""

from typing import Any

import bson


async def explained(found: Any) -> dict[str, Any]:
    """How MongoDB goes through what a cursor finds, in plain values: the driver reads only documents as values."""
    plan: dict[str, Any] = bson.decode(bson.encode(await found.explain()))
    return plan
