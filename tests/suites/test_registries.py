"""What the baseline relies on of its store; run against the store in memory and against MongoDB."""

import asyncio
from datetime import date

import pytest

from services.triage.baseline.actions import RegistryEditor, Told
from services.triage.baseline.registry import Registry, fold
from services.triage.baseline.stored import RegistryStore
from shared.events import (
    FACTS,
    Actor,
    BaselineAnnotated,
    BaselineAttested,
    BaselineConfirmed,
    BaselineExpiring,
    BaselineFact,
    BaselineLinkChecked,
    Event,
    FieldStated,
    ProjectListed,
    decode,
)
from shared.mongo import Database, Document
from tests.fakes.memory_registries import MemoryRegistries
from tests.support.baseline_world import DAY, LINK, NOW, WORDS
from tests.support.stores import mongo_registries

CORA = Actor("person:00000000000000c0", "coordinator")


@pytest.fixture
async def store(database: Database | None) -> RegistryStore:
    return MemoryRegistries() if database is None else await mongo_registries(database)


def attested(attestation_id: str, supersedes: str | None = None) -> BaselineFact:
    return BaselineAttested(
        community="swwiki",
        attestation_id=attestation_id,
        responsibility_id="HB-01",
        catalogue_version="2026-11-01",
        claim="met",
        statement=WORDS,
        link=LINK,
        fields=(FieldStated(name="contacts", values=(CORA.ref,)),),
        valid_until=NOW + 300 * DAY,
        supersedes=supersedes,
    )


def later(kind: type[BaselineFact], attestation_id: str, **more: object) -> BaselineFact:
    about = {"community": "swwiki", "attestation_id": attestation_id, "responsibility_id": "HB-01"}
    return kind.model_validate({**about, **more})


async def tell(store: RegistryStore, cause: str, *facts: BaselineFact, community: str = "swwiki") -> Registry:
    def decide(registry: Registry, applied: frozenset[str], at: object) -> Told:
        return (() if cause in applied else facts), CORA

    return await RegistryEditor(store, lambda: NOW).tell(community, (cause,), decide)


def waiting(document: Document) -> Event:
    """An event in the outbox, as it will be read from Kafka."""
    headers = {name: value.decode() for name, value in document["headers"].items()}
    event = decode(FACTS, headers, document["key"], document["value"])
    assert event is not None
    return event


class TestRegistries:
    async def test_everything_that_is_said_comes_back(self, store: RegistryStore) -> None:
        project = ProjectListed(
            community="swwiki", project_id="p", title="Peers", responsibilities=("HB-01",), began_on=date(2026, 1, 2)
        )
        await tell(store, "one", attested("a"), later(BaselineConfirmed, "a"), project)
        await tell(store, "two", attested("b", "a"), later(BaselineExpiring, "b", valid_until=NOW, days_left=30))
        await tell(store, "three", later(BaselineLinkChecked, "b", link_state="changed", digest="0" * 64))
        made = await tell(
            store, "four", BaselineAnnotated(community="swwiki", responsibility_id="HB-01", statement=WORDS)
        )
        (kept,) = (await store.load(["swwiki", "enwiki"])).values()
        assert kept.registry == made
        assert (made.seq, made.attestations[1].reminded, made.attestations[0].confirmed_by) == (7, (30,), CORA.ref)
        assert made.projects[0].newest.began_on == date(2026, 1, 2)
        assert kept.applied == {"one", "two", "three", "four"}

    async def test_of_two_that_say_something_at_once_neither_is_lost(self, store: RegistryStore) -> None:
        await asyncio.gather(*(tell(store, f"c{n}", attested(f"a{n}")) for n in range(5)))
        (kept,) = (await store.load(["swwiki"])).values()
        assert kept.registry.seq == 5
        assert {a.id for a in kept.registry.attestations} == {f"a{n}" for n in range(5)}

    async def test_the_same_cause_told_by_two_replicas_at_once_is_told_once(self, store: RegistryStore) -> None:
        await asyncio.gather(*(tell(store, "one", attested("a")) for _ in range(4)))
        assert (await store.load(["swwiki"]))["swwiki"].registry.seq == 1

    async def test_registries_are_gone_through_by_community(self, store: RegistryStore) -> None:
        for name in ("c", "a", "b"):
            await tell(store, name, attested(name), community=name)
        first = await store.after("", 2)
        assert [r.id for r in first] == ["a", "b"]
        assert [r.id for r in await store.after("b", 2)] == ["c"]
        assert await store.after("c", 2) == []

    async def test_folding_what_was_told_gives_what_is_stored(self, store: RegistryStore) -> None:
        await tell(store, "one", attested("a"))
        await tell(store, "two", attested("b", "a"))
        kept = (await store.load(["swwiki"]))["swwiki"]
        events = store.events if isinstance(store, MemoryRegistries) else [*map(waiting, kept.base["outbox"])]
        assert len(events) == 2
        assert fold(events, Registry("swwiki")) == kept.registry
        assert await store.after("", 1) == [kept.registry]
