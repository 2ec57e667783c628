"""A batch that waits out an outage says what is away."""

from collections.abc import Sequence
from typing import Any, cast

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import LeaderNotAvailableError
from faststream.kafka import KafkaBroker

from shared.kafka.consumption import Consumption, Redelivery
from shared.kafka.publisher import Publisher
from shared.kafka.records import Record
from shared.problems import Unavailable


class Broker:
    """A broker that delivers what the test hands it."""

    consumer = None

    def subscriber(self, *_: object, **__: object) -> "Broker":
        return self

    def __call__(self, deliver: Any) -> None:
        self.deliver = deliver


def read_value(record: Record, _: str | None) -> bytes | None:
    return record.value


@pytest.mark.parametrize(
    ("away", "told"),
    [
        (Unavailable("mongodb: NotPrimaryError"), "mongodb: NotPrimaryError"),
        (LeaderNotAvailableError("partition 3 of reports"), "LeaderNotAvailableError"),
    ],
)
async def test_a_batch_that_waits_names_what_is_away(
    away: Exception, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: Sequence[bytes]) -> None:
        raise away

    broker, publisher = Broker(), Publisher("127.0.0.1:9", client="test")
    consumption = Consumption(
        cast(KafkaBroker, broker), publisher, service="test", topic="reports", decode=read_value, handle=fail
    )
    consumption.release()
    record: Any = ConsumerRecord("reports", 0, 0, 0, 0, b"k", b"v", None, 1, 1, ())
    with pytest.raises(Redelivery, match=told):
        await broker.deliver((record,))
    assert [getattr(line, "reason", None) for line in caplog.records] == [told]
