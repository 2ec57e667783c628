"""What saved views rely on in their store; run against the one in memory and against MongoDB."""

import asyncio
from dataclasses import replace

import pytest

from services.triage.desk.saved_views import SavedView, SavedViews, StoredViews, ViewStore
from services.triage.desk.view_store import MongoViews
from shared.mongo import Database
from tests.fakes.memory_views import MemoryViews

ANN, BEN = "person:00000000000000aa", "person:00000000000000bb"
VIEW = SavedView("v-1", "Late ones: تأخر", {"tab": "overdue", "category": "harassment.insults"})


@pytest.fixture
def views(database: Database | None) -> ViewStore:
    return MemoryViews() if database is None else MongoViews(database["views"])


async def test_views_are_kept_for_each_person_apart(views: ViewStore) -> None:
    assert await views.save(StoredViews(ANN, (VIEW,)))
    assert await views.load(ANN) == StoredViews(ANN, (VIEW,), 1)
    assert await views.load(BEN) == StoredViews(BEN)
    assert await views.save(StoredViews(ANN, (), 1))
    assert await views.load(ANN) == StoredViews(ANN, (), 2)


async def test_of_two_who_write_on_one_version_the_second_loses(views: ViewStore) -> None:
    first = StoredViews(ANN, (VIEW,))
    assert await views.save(first)
    assert not await views.save(first)
    assert await views.save(replace(first, version=1))
    assert not await views.save(replace(first, version=1, views=()))
    assert (await views.load(ANN)).views == (VIEW,)


async def test_views_saved_at_the_same_time_are_all_kept(views: ViewStore) -> None:
    saved = SavedViews(views)
    await asyncio.gather(*(saved.name(ANN, f"View {number}", {"tab": "mine"}) for number in range(3)))
    assert {one.name for one in await saved.of(ANN)} == {"View 0", "View 1", "View 2"}
