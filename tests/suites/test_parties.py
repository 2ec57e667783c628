"""What services rely on in a copy of who is named in reports; run against the one in memory and against MongoDB."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from shared.events import Actor, Draft, ReportParties, encode, stamp
from shared.ids import case_id_of
from shared.kafka.records import Record
from shared.mongo import Database
from shared.parties import THAT_FOLLOW, Parties, PartiesEvent, PartiesFollower, PartiesStore, came_of, decode_parties
from shared.problems import Unavailable
from tests.fakes.memory_parties import MemoryParties
from tests.support.plans import explained
from tests.support.stores import mongo_parties

AT = datetime(2026, 11, 28, 9, tzinfo=UTC)


def record(report_id: str, seq: int, *names: str, partition: int = 0, offset: int = 0, **fields: object) -> Record:
    """A record of the topic, as intake writes it."""
    fact = ReportParties.model_validate({"report_id": report_id, "subjects": names, "salt": "0" * 32, **fields})
    (event,) = stamp(
        [Draft(fact, Actor("reporter", "reporter"), AT + timedelta(milliseconds=seq), f"{report_id} {seq}")],
        source="hearth/intake", subject=f"parties/{report_id}", case_id=case_id_of(report_id), last_seq=seq - 1,
        trace=None,
    )  # fmt: skip
    message = encode(event)
    return Record("parties", partition, offset, 0, message.key, message.headers, message.value)


def told(*args: object, **kwargs: object) -> PartiesEvent:
    found = decode_parties(record(*args, **kwargs), None)  # type: ignore[arg-type]  # handed on as they are
    assert found is not None
    return found


@pytest.fixture
async def store(database: Database | None) -> PartiesStore:
    return MemoryParties() if database is None else await mongo_parties(database)


class TestParties:
    async def test_of_each_case_the_newest_counts_in_whatever_order_it_comes(self, store: PartiesStore) -> None:
        first, second, other = told("a", 2, "k1"), told("a", 3, "k1", "k2"), told("b", 2, "k3")
        for batch in ([first, other], [second], [first], [second, first], [other, other]):
            await store.keep(batch)
        both = {case_id_of("a"): {"k1", "k2"}, case_id_of("b"): {"k3"}}
        assert await store.load([*both, case_id_of("c")]) == both

    async def test_everybody_is_shut_out_in_whatever_part_of_the_report(self, store: PartiesStore) -> None:
        await store.keep([told("a", 2, "k1", reporter=["k2", "k3"], witnesses=["k4"], mentioned=["k5"])])
        assert await store.load([case_id_of("a")]) == {case_id_of("a"): {"k1", "k2", "k3", "k4", "k5"}}

    async def test_after_an_erasure_no_name_key_is_left_or_comes_back(self, store: PartiesStore) -> None:
        named = told("a", 2, "k1", "k2")
        erased = told("a", 4, shut_out=["person:0000000000000001"], named=True, erased_at=AT, salt="5" * 32)
        for batch in ([named], [erased], [named]):
            await store.keep(batch)
        left = {"person:0000000000000001", "5" * 32}
        assert await store.load([case_id_of("a")]) == {case_id_of("a"): left}

    async def test_a_copy_knows_which_case_came_of_the_report_of_which(self, store: PartiesStore) -> None:
        await store.keep([told("a", 0, follows="the first"), told("b", 1)])
        assert await store.followed([case_id_of("a"), case_id_of("b"), "unknown"]) == {case_id_of("a"): "the first"}
        firsts = ["the first", case_id_of("a")]
        assert await store.following(firsts) == {case_id_of("a"): "the first"}
        assert [one async for one in store.all_following()] == [case_id_of("a")]
        await store.keep([told("a", 2)])
        assert await store.followed([case_id_of("a")]) == {}
        assert await store.following(firsts) == {}

    async def test_an_index_leads_to_the_cases_that_came_of_a_report(
        self, store: PartiesStore, database: Database | None
    ) -> None:
        if database is None:
            return
        await store.keep([told(f"r{n}", 0, **({"follows": f"f{n}"} if n % 9 == 0 else {})) for n in range(40)])
        plan = await explained(database["parties"].find(came_of(["f0", "f9", "none"])))
        assert "'indexName': 'follows'" in str(plan["queryPlanner"]["winningPlan"])
        assert plan["executionStats"]["totalDocsExamined"] == 2
        plan = await explained(database["parties"].find(THAT_FOLLOW))
        assert plan["executionStats"]["totalDocsExamined"] == 5

    async def test_a_copy_says_how_far_it_has_read_each_partition(self, store: PartiesStore) -> None:
        assert await store.places() == {}
        await store.keep([told("a", 2, partition=0, offset=4), told("b", 2, partition=3, offset=9)])
        await store.keep([told("a", 3, partition=0, offset=7), told("a", 2, partition=0, offset=4)])
        assert await store.places() == {0: 8, 3: 10}

    async def test_a_copy_says_of_which_cases_it_was_told_since(self, store: PartiesStore) -> None:
        assert await store.told_from({}) == set()
        await store.keep([told("a", 2, partition=0, offset=4), told("b", 2, partition=3, offset=9)])
        places = await store.places()
        assert await store.told_from({}) == {case_id_of("a"), case_id_of("b")}
        assert await store.told_from(places) == set()
        await store.keep([told("a", 3, partition=0, offset=7), told("c", 2, partition=5, offset=0)])
        # Another partition is new.
        assert await store.told_from(places) == {case_id_of("a"), case_id_of("c")}

    async def test_a_copy_from_a_backup_catches_up_from_where_it_stood(self, store: PartiesStore) -> None:
        await store.keep([told("a", 2, "k1", offset=5)])
        asked: list[Mapping[int, int]] = []

        async def read(starts: Mapping[int, int]) -> AsyncIterator[Sequence[Record]]:
            asked.append(starts)
            yield [record("a", 3, "k1", "k2", offset=6), record("b", 2, "k3", offset=7)]

        follower = PartiesFollower(store, read)
        await follower.catch_up()
        await follower.catch_up()
        assert asked == [{0: 6}]
        assert await store.load([case_id_of("a"), case_id_of("b")]) == {
            case_id_of("a"): {"k1", "k2"},
            case_id_of("b"): {"k3"},
        }

    async def test_of_a_case_that_this_process_has_kept_nobody_asks_the_store(self, store: PartiesStore) -> None:
        parties, only_b = Parties(store, patience=0.02), {case_id_of("b")}
        parties.note([case_id_of("a")])
        await parties.told({case_id_of("a")})
        with pytest.raises(Unavailable):
            await parties.told({case_id_of("a"), *only_b})
        await store.keep([told("b", 2, "k1")])
        await parties.told({case_id_of("a"), *only_b})

    async def test_who_needs_to_know_waits_until_it_is_known(self, store: PartiesStore) -> None:
        parties = Parties(store)

        async def tell() -> None:
            await asyncio.sleep(0.05)
            await store.keep([told("a", 2, "k1")])

        found, _ = await asyncio.gather(parties.known({case_id_of("a")}), tell())
        assert found == {case_id_of("a"): {"k1"}}

    async def test_what_stays_unknown_is_an_outage_and_not_an_empty_answer(self, store: PartiesStore) -> None:
        await store.keep([told("a", 2, "k1")])
        with pytest.raises(Unavailable):
            await Parties(store, patience=0.02).known({case_id_of("a"), case_id_of("b")})
        assert await Parties(store).known(set()) == {}
