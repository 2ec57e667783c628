"""What every write to MongoDB is promised, wherever it is made; and which of its errors are outages."""

from datetime import UTC, datetime, timedelta, timezone

import bson
import pytest
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    DocumentTooLarge,
    DuplicateKeyError,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WTimeoutError,
)

from shared.mongo import check_database_prefix, check_uri, connect, reaching
from shared.problems import Unavailable


def failed(*codes: int, durable: bool = True) -> BulkWriteError:
    errors = [{"index": index, "code": code, "errmsg": ""} for index, code in enumerate(codes)]
    return BulkWriteError({"writeErrors": errors, "writeConcernErrors": [] if durable else [{"code": 64}]})


OUTAGES = {
    "gone": AutoReconnect("gone"),
    "not found": ServerSelectionTimeoutError("nobody answers"),
    "full": OperationFailure("full", 14031),
    "not let in": OperationFailure("who are you", 13),
    "out of step with the server": OperationFailure("no session of signing in", 17),
    "too slow": OperationFailure("too slow", 50),
    "of no known code": OperationFailure("odd", 999_999),
    "perhaps not durable": WTimeoutError("waited", 64),
    "full for one of several": failed(11000, 14031),
    "several, perhaps not durable": failed(durable=False),
    "several, there already or perhaps not durable": failed(11000, durable=False),
}
MISTAKES = {
    "there already": DuplicateKeyError("there", 11000),
    "refused by a validator": OperationFailure("no", 121),
    "a wrong question": OperationFailure("what", 9),
    "no document": OperationFailure("what", 22),
    "an index that differs": OperationFailure("there under this name", 86),
    "several, there already": failed(11000, 11000),
    "a wrong use of the driver": InvalidOperation("closed twice"),
    "a wrong address": ConfigurationError("what"),
    "too large to send": DocumentTooLarge("too large"),
}


@pytest.mark.parametrize("error", OUTAGES.values(), ids=OUTAGES)
def test_what_is_not_the_fault_of_the_question_is_an_outage(error: PyMongoError) -> None:
    with pytest.raises(Unavailable, match=f"mongodb: {type(error).__name__}"), reaching():
        raise error


@pytest.mark.parametrize("error", MISTAKES.values(), ids=MISTAKES)
def test_what_no_waiting_can_mend_passes_as_it_is(error: PyMongoError) -> None:
    with pytest.raises(type(error)), reaching():
        raise error


async def test_a_write_returns_only_when_a_majority_has_it_in_its_journal() -> None:
    client = connect("mongodb://127.0.0.1:9/?replicaSet=rs0", service="test")
    collection = client["intake"]["reports"]
    assert collection.write_concern.document == {"w": "majority", "j": True}
    assert collection.read_concern.document == {"level": "majority"}
    client.close()


async def test_no_address_of_a_server_can_weaken_that_promise() -> None:
    client = connect("mongodb://127.0.0.1:9/?replicaSet=rs0&w=0&journal=false&readConcernLevel=local", service="test")
    collection = client["intake"]["reports"]
    assert collection.write_concern.document == {"w": "majority", "j": True}
    assert collection.read_concern.document == {"level": "majority"}
    client.close()


async def test_an_address_may_name_how_long_a_server_is_waited_for() -> None:
    named = "mongodb://127.0.0.1:9/?replicaSet=rs0&serverselectiontimeoutms=100"
    for uri, seconds in ((named, 0.1), ("mongodb://127.0.0.1:9/?replicaSet=rs0", 5.0)):
        client = connect(uri, service="test")
        assert client.options.server_selection_timeout == seconds
        client.close()


def test_a_uri_is_checked_without_a_question_to_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object, **__: object) -> None:
        pytest.fail("DNS was asked")

    monkeypatch.setattr("dns.resolver.resolve", asked)
    monkeypatch.setattr("dns.resolver.Resolver.resolve", asked)
    # pragma: allowlist nextline secret
    for uri in ("mongodb+srv://cluster.example.net", "mongodb+srv://user:p%40ss@cluster.example.net/?retryWrites=true"):
        assert check_uri(uri) == uri
        connect(uri, service="test").close()
    with pytest.raises(ValueError, match="is not a URI") as caught:
        # pragma: allowlist nextline secret
        check_uri("mongodb+srv://user:sekret@cluster.example.net:27017")
    assert "sekret" not in str(caught.value)


def test_a_prefix_of_databases_is_what_the_client_takes() -> None:
    for prefix in ("", "a_", "équipe-", "信頼_"):
        assert check_database_prefix(prefix) == prefix
    with pytest.raises(ValueError, match="cannot contain the character"):
        check_database_prefix("a.b")


@pytest.mark.parametrize("at", [
    datetime(2026, 11, 29, 23, 30, 0, 678000, tzinfo=UTC),
    datetime(2026, 11, 29, 23, 30, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    datetime(1900, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, tzinfo=UTC),
], ids=["now", "elsewhere", "long ago", "never"])  # fmt: skip
def test_a_time_comes_back_as_it_was_and_in_the_very_zone_of_all_others(at: datetime) -> None:
    options = connect("mongodb://localhost", service="test").codec_options
    found = bson.decode(bson.encode({"at": at, "steps": [{"at": at}]}), options)
    assert found["at"] == found["steps"][0]["at"] == at
    assert found["at"].tzinfo is UTC
