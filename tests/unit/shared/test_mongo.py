"""What every write to MongoDB is promised, wherever it is made."""

from shared.mongo import connect


async def test_a_write_returns_only_when_a_majority_has_it_in_its_journal() -> None:
    client = connect("mongodb://127.0.0.1:9/?replicaSet=rs0", service="test")
    collection = client["intake"]["reports"]
    assert collection.write_concern.document == {"w": "majority", "j": True}
    assert collection.read_concern.document == {"level": "majority"}
    assert collection.codec_options.tz_aware
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
