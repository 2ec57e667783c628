"""Rotating the master key on a real database, while replicas of intake take reports, answers and erasures."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.intake.keys import replicas, rewrap
from services.intake.keys.keyring import KeyState, keep, parse_keyring, write_keyring
from services.intake.keys.rewrap import WrappedKeys, rewrapped
from services.intake.keys.rotation import Halted
from services.intake.vault.cipher import Vault, key_id_of
from services.intake.vault.reads import Read
from shared.access.purposes import PURPOSES
from shared.mongo import Client, connect
from shared.problems import Unavailable
from shared.times import now
from tests.stand_ins.transit import TOKEN, Transit
from tests.support.key_world import READER, KeyWorld, Replica, Screen, assert_readable, converse, erase, fill, report

FIRST = b"m" * 32
WRONG = b"w" * 32


@pytest.fixture
async def client(mongo_uri: str) -> AsyncIterator[Client]:
    client = connect(mongo_uri, service="test")
    yield client
    client.close()


@pytest.fixture
def world(client: Client, database_prefix: str, tmp_path: Path) -> KeyWorld:
    file = tmp_path / "master_key"
    file.write_text(keep(FIRST))
    return KeyWorld(client[f"{database_prefix}intake"], file)


async def test_every_report_is_under_the_new_version_and_content_is_not_touched(world: KeyWorld) -> None:
    async with world.running(2) as replicas:
        told = await fill(replicas[0], 65)
        before = {d["_id"]: d async for d in world.database["reports"].find()}
        screen = Screen()
        outcome = await world.rotation(screen).rotate()
        await assert_readable(world, told, *replicas)
    assert (outcome.resumed, outcome.reports, outcome.damaged, outcome.dropped) == (False, 65, [], [])
    assert (screen.total, screen.done) == (65, 65)
    assert [(key.version, key.state) for key in world.ring.keys] == [(1, KeyState.RETIRED), (2, KeyState.CURRENT)]
    assert await world.reports.uses() == {world.ring.current.id: 65}
    async for after in world.database["reports"].find():
        was = before[after["_id"]]
        assert after["version"] == was["version"]
        for drawer in ("vault", "statements", "answers"):
            for name, sealed in after[drawer].items():
                rest = {n: v for n, v in was[drawer][name].items() if n not in ("key", "key_id")}
                assert {n: v for n, v in sealed.items() if n not in ("key", "key_id")} == rest
                assert sealed["key"] != was[drawer][name]["key"]


@pytest.mark.timeout(180)
async def test_nothing_is_lost_while_reports_answers_and_erasures_go_on(world: KeyWorld) -> None:
    told: dict[str, str] = {}
    erased: set[str] = set()
    async with world.running(3) as replicas:
        told |= await fill(replicas[0], 40)
        stop = asyncio.Event()

        async def traffic(replica: Replica, number: int) -> None:
            mine: list[str] = []
            other = replicas[(number + 1) % len(replicas)]
            while not stop.is_set():
                text = f"live {number} {len(mine)}"
                report_id, receipt = await report(replica, text)
                told[report_id] = text
                await converse(replica, report_id, receipt)
                assert await other.narrative(report_id) == text
                mine.append(report_id)
                if len(mine) % 4 == 0:
                    erased.add(mine[-3])
                    await erase(other, mine[-3])

        going = [asyncio.create_task(traffic(replica, n)) for n, replica in enumerate(replicas)]
        for _ in range(2):
            outcome = await world.rotation(settle=1.0).rotate(drop=True)
            assert (outcome.damaged, outcome.needed) == ([], {})
        stop.set()
        await asyncio.gather(*going)
        assert len(told) > 60
        assert len(erased) > 3
        await assert_readable(world, {i: text for i, text in told.items() if i not in erased}, *replicas)
        for report_id in erased:
            assert await replicas[0].narrative(report_id) is None
    assert [key.version for key in world.ring.keys] == [3]
    assert await world.reports.uses() == {world.ring.current.id: len(told) - len(erased)}
    async for document in world.database["reports"].find({"_id": {"$in": list(erased)}}):
        assert (document["vault"], document["statements"], document["answers"]) == (None, {}, {})


async def test_a_report_erased_between_reading_and_writing_stays_erased(world: KeyWorld) -> None:
    async with world.running() as (replica,):
        report_id, receipt = await report(replica, "words")
        await converse(replica, report_id, receipt)
        (found,) = await world.reports._read("another", "")
        await erase(replica, report_id)
        before = await world.database["reports"].find_one({"_id": report_id})
        operation, _ = rewrapped(Vault(b"n" * 32, [FIRST]), found)
        assert operation is not None
        result = await world.database["reports"].bulk_write([operation])
        assert result.matched_count == 0
        assert await world.database["reports"].find_one({"_id": report_id}) == before


async def test_a_version_that_something_needs_is_not_dropped(world: KeyWorld) -> None:
    async with world.running() as (replica,):
        told = await fill(replica, 3)
        damaged = next(iter(told))
        await world.database["reports"].update_one({"_id": damaged}, {"$set": {"vault.content.key": b"\x00" * 60}})
        outcome = await world.rotation().rotate(drop=True)
        assert outcome.damaged == [f"{damaged}/content"]
        assert (outcome.needed, outcome.dropped) == ({1: 1}, [])
        assert outcome.reports == 3, "the other keys of the damaged report are wrapped anew"
        del told[damaged]
        await assert_readable(world, told, replica)
        await erase(replica, damaged)
        outcome = await world.rotation().drop()
        assert (outcome.needed, outcome.dropped, outcome.damaged) == ({}, [1], [])
        await assert_readable(world, told, replica)


async def test_a_late_report_under_the_old_version_is_found_before_the_version_is_dropped(world: KeyWorld) -> None:
    async with world.running() as (replica,):
        await world.rotation().rotate()
        old = Vault(FIRST)
        replica.vault, held = old, replica.vault
        replica.rig.submissions._vault = old
        report_id, _ = await report(replica, "sealed before, written after")
        assert await world.reports.uses() == {key_id_of(FIRST): 1}
        replica.rig.submissions._vault = held
        outcome = await world.rotation().drop()
        assert (outcome.reports, outcome.dropped) == (1, [1])
        assert await replica.narrative(report_id) == "sealed before, written after"


async def test_a_new_version_seals_only_when_every_replica_can_open_it(world: KeyWorld, tmp_path: Path) -> None:
    elsewhere = tmp_path / "copy"
    shutil.copy(world.file, elsewhere)
    async with world.running() as (here,), world.running(file=elsewhere) as (there,):
        screen = Screen()
        with pytest.raises(Halted, match="1 of 2 running intakes do not have loaded version 2"):
            await world.rotation(screen, patience=1.0).rotate()
        assert "1 of 2 running intakes have loaded version 2" in screen.said
        assert (world.ring.current.version, world.ring.coming and world.ring.coming.version) == (1, 2)
        going = asyncio.create_task(world.rotation().rotate())
        for _ in range(40):
            report_id, _ = await report(here, "words")
            assert await there.narrative(report_id) == "words"
            if world.ring.serial > parse_keyring(elsewhere.read_text()).serial:
                # Somebody carries the file over to the other machine.
                write_keyring(elsewhere, world.ring)
            await asyncio.sleep(0.05)
        outcome = await going
        assert outcome.resumed
        assert (world.ring.current.version, await there.narrative(report_id)) == (2, "words")


async def test_of_two_rotations_at_once_one_is_refused(world: KeyWorld, tmp_path: Path) -> None:
    elsewhere = KeyWorld(world.database, tmp_path / "copy")
    shutil.copy(world.file, elsewhere.file)
    async with world.running() as (replica,):
        told = await fill(replica, 30)
        # The replica that reads another file holds the first of them up, without a replica of its own.
        going = asyncio.create_task(world.rotation(settle=1.5).rotate(drop=True))
        await asyncio.sleep(0.3)
        with pytest.raises(Halted, match="of this keyring is under way"):
            await world.rotation().rotate()
        screen = Screen()
        waiting = asyncio.create_task(elsewhere.rotation(screen, patience=0.5).rotate())
        first = await going
        assert first.dropped == [1]
        # The other one comes too late: what is stored needs a master key that its copy does not have.
        with pytest.raises(Halted, match="not the keyring of what is stored: 30 reports"):
            await waiting
        assert any("another rotation" in text for text in screen.said)
        assert [key.version for key in world.ring.keys] == [2]
        await assert_readable(world, told, replica)


async def test_a_rotation_that_lost_its_lease_ends(world: KeyWorld) -> None:
    async with world.running() as (replica,):
        await fill(replica, 3)
        going = asyncio.create_task(world.rotation(settle=20).rotate(drop=True))
        await asyncio.sleep(0.5)
        # In one step, or the rotation could renew its lease in between.
        taken = [{"$set": {"owner": "another", "until": {"$add": ["$$NOW", 60_000]}}}]
        assert (await world.database["keyrings"].update_one({"_id": "rotation"}, taken)).matched_count == 1
        with pytest.raises(Halted, match="took over"):
            await asyncio.wait_for(going, 10)


async def test_a_keyring_that_is_not_the_one_of_what_is_stored_changes_nothing(world: KeyWorld, tmp_path: Path) -> None:
    async with world.running() as (replica,):
        await fill(replica, 4)
    wrong = KeyWorld(world.database, tmp_path / "wrong")
    wrong.file.write_text(keep(b"w" * 32))
    with pytest.raises(Halted, match=f"4 reports need master key {key_id_of(FIRST)}"):
        await wrong.rotation().rotate()
    assert wrong.file.read_text() == keep(b"w" * 32)
    async with wrong.running(wait=False) as (other,):
        needed = f"of 4 reports looked at, 4 need master key {key_id_of(FIRST)}, which is not in the keyring"
        for _ in range(2000):
            if other.waiting_for == {"master key": needed}:
                break
            await asyncio.sleep(0.02)
        assert other.waiting_for == {"master key": needed}
        # What is missing comes back.
        ring = parse_keyring(keep(FIRST))
        both = ring.announce(key_id_of(b"w" * 32), "file", keep(b"w" * 32), now())
        wrong.file.write_text(both.line())
        for _ in range(2000):
            if not other.waiting_for:
                break
            await asyncio.sleep(0.02)
        assert other.waiting_for == {}


async def said(replica: Replica, wanted: str) -> str:
    """Why a replica is not ready, once it is for the wanted reason."""
    for _ in range(2000):
        if wanted in replica.waiting_for.get("master key", ""):
            return replica.waiting_for["master key"]
        await asyncio.sleep(0.02)
    raise AssertionError(replica.waiting_for)


async def ready(replica: Replica) -> None:
    for _ in range(2000):
        if not replica.waiting_for:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(replica.waiting_for)


async def refused(replica: Replica) -> None:
    """Neither a report nor words about one are sealed."""
    with pytest.raises(Unavailable, match="master key"):
        await report(replica, "words")
    with pytest.raises(Unavailable, match="master key"):
        replica.vault.seal("r-1/answers/q-1", b"words")


async def test_under_a_wrong_file_nothing_is_sealed_until_the_right_file_is_there(world: KeyWorld) -> None:
    async with world.running() as (replica,):
        told = await fill(replica, 4)
    world.file.write_text(keep(WRONG))
    async with world.running(wait=False) as (replica,):
        await said(replica, f"4 need master key {key_id_of(FIRST)}")
        await refused(replica)
        world.file.write_text(keep(FIRST))
        await ready(replica)
        told |= await fill(replica, 2)
        await assert_readable(world, told, replica)
    async with world.running() as (replica,):
        await assert_readable(world, told, replica)
    assert await world.reports.uses() == {key_id_of(FIRST): 6}


async def test_nothing_is_sealed_before_it_is_known_what_is_stored(
    world: KeyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, sample = asyncio.Event(), WrappedKeys.sample

    async def late(self: WrappedKeys, most: int) -> tuple[int, dict[str, int]]:
        await known.wait()
        return await sample(self, most)

    monkeypatch.setattr(WrappedKeys, "sample", late)
    async with world.running(wait=False) as (replica,):
        await asyncio.sleep(0.3)
        assert replica.waiting_for == {"master key": "not loaded yet"}
        await refused(replica)
        known.set()
        await ready(replica)
        await report(replica, "words")


async def test_while_the_database_is_away_nothing_is_confirmed(
    world: KeyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.running() as (replica,):
        confirmed: list[None] = []
        monkeypatch.setattr(replica.vault, "confirm", lambda: confirmed.append(None))
        await asyncio.sleep(0.5)
        assert confirmed

        async def away(*_: object) -> None:
            raise Unavailable("mongodb: AutoReconnect")

        monkeypatch.setattr(replicas.Replicas, "tell", away)
        await asyncio.sleep(0.3)
        confirmed.clear()
        await asyncio.sleep(0.5)
        assert not confirmed


async def test_a_machine_that_was_off_when_its_key_was_dropped_seals_nothing_by_it(
    world: KeyWorld, tmp_path: Path
) -> None:
    stale = tmp_path / "copy"
    async with world.running() as (here,):
        told = await fill(here, 3)
        shutil.copy(world.file, stale)
        assert (await world.rotation().rotate(drop=True)).dropped == [1]
        async with world.running(file=stale, wait=False) as (there,):
            await said(there, f"3 need master key {world.ring.current.id}")
            await refused(there)
            # Somebody carries the file over to the other machine.
            stale.write_bytes(world.file.read_bytes())
            await ready(there)
            told |= await fill(there, 2)
            await assert_readable(world, told, here, there)


async def test_a_machine_with_an_old_copy_learns_of_a_rotation_where_nothing_is_stored(
    world: KeyWorld, tmp_path: Path
) -> None:
    before, amid = tmp_path / "before", tmp_path / "amid"
    shutil.copy(world.file, before)
    ring = world.ring.announce(key_id_of(WRONG), "file", keep(WRONG), now())
    write_keyring(world.file, ring)
    shutil.copy(world.file, amid)
    assert (await world.rotation().rotate(drop=True)).dropped == [1]
    async with world.running(file=before, wait=False) as (replica,):
        await said(replica, f"the last rotation made master key {key_id_of(WRONG)} current")
        await refused(replica)
    # This one has the new version, and would go on sealing by the one that is gone.
    async with world.running(file=amid, wait=False) as (replica,):
        await said(replica, f"a rotation retired master key {key_id_of(FIRST)}")
        await refused(replica)
        amid.write_bytes(world.file.read_bytes())
        await ready(replica)
        await report(replica, "words")


async def test_a_version_is_not_dropped_while_a_machine_that_came_late_seals_by_it(
    world: KeyWorld, tmp_path: Path
) -> None:
    amid = tmp_path / "amid"
    write_keyring(world.file, world.ring.announce(key_id_of(WRONG), "file", keep(WRONG), now()))
    shutil.copy(world.file, amid)
    await world.rotation().rotate()
    # Retired, but not named so yet: until it is dropped, nothing that it seals is lost.
    async with world.running() as (here,), world.running(file=amid) as (there,):
        report_id, _ = await report(there, "words")
        with pytest.raises(Halted, match="1 of 2 running intakes do not seal with version 2"):
            await world.rotation(patience=0.5).drop()
        assert await here.narrative(report_id) == "words"
        amid.write_bytes(world.file.read_bytes())
        await ready(there)
        assert (await world.rotation().drop()).dropped == [1]
        # The copy on the other machine still has it, and nothing needs it.
        await assert_readable(world, {report_id: "words"}, here, there)


async def test_a_database_that_is_restored_under_a_running_intake_ends_its_sealing(world: KeyWorld) -> None:
    world.pace = replace(world.pace, check=0.1)
    async with world.running() as (replica,):
        told = await fill(replica, 3)
        backup = await world.database["reports"].find().to_list(None)
    await world.database["reports"].delete_many({})
    world.file.write_text(keep(WRONG))
    async with world.running() as (replica,):
        await report(replica, "gone with the restore")
        await world.database["reports"].delete_many({})
        await world.database["reports"].insert_many(backup)
        await said(replica, f"3 need master key {key_id_of(FIRST)}")
        await refused(replica)
        world.file.write_text(keep(FIRST))
        await ready(replica)
        await assert_readable(world, told, replica)


async def test_an_older_keyring_is_taken_only_if_nothing_is_lost_by_it(world: KeyWorld) -> None:
    async with world.running() as (replica,):
        told = await fill(replica, 3)
        before = world.file.read_text()
        await world.rotation().rotate()
        retired = world.file.read_text()
        await world.rotation().drop()
        # From before the rotation: it lacks the key that seals.
        world.file.write_text(before)
        await asyncio.sleep(1.0)
        assert parse_keyring(before).current.id == key_id_of(FIRST)
        told |= await fill(replica, 1)
        await assert_readable(world, told, replica)
        # From before the drop: it has all that is needed, and more.
        world.file.write_text(retired)
        for _ in range(2000):
            if len(replica.watcher._ring.keys) == 2:
                break
            await asyncio.sleep(0.02)
        assert [key.version for key in replica.watcher._ring.keys] == [1, 2]
        await assert_readable(world, told, replica)
    assert set(await world.reports.uses()) == {parse_keyring(retired).current.id}


async def test_two_files_that_have_both_sealed_are_joined_and_then_open_everything(world: KeyWorld) -> None:
    async with world.running() as (replica,):
        told = await fill(replica, 2)
    for sealed in (FIRST, WRONG):
        # What an intake without any check would have left.
        world.file.write_text(keep(sealed))
        other = world.replica()
        other.vault.adopt(sealed, [])
        told |= await fill(other, 1)
    async with world.running(wait=False) as (replica,):
        await said(replica, f"3 need master key {key_id_of(FIRST)}")
        write_keyring(world.file, parse_keyring(keep(FIRST)).join(parse_keyring(keep(WRONG)), now()))
        await ready(replica)
        await assert_readable(world, told, replica)
        assert (await world.rotation().rotate(drop=True)).dropped == [1, 2]
        await assert_readable(world, told, replica)


async def test_a_reason_not_to_seal_also_says_what_is_wrong_with_the_present_file(world: KeyWorld) -> None:
    async with world.running() as (replica,):
        await fill(replica, 2)
    world.file.write_text(keep(WRONG))
    async with world.running(wait=False) as (replica,):
        await said(replica, "2 need master key")
        third = keep(b"t" * 32)
        world.file.write_text(third)
        await said(replica, f"and 2 reports need master key {key_id_of(FIRST)}, which is not in it")
        world.file.write_text("nonsense")
        await said(replica, "neither 32 bytes")
        assert third not in str(replica.waiting_for)


@pytest.mark.parametrize("text", ["", "nonsense", '{"keyring": 1, "serial": 9', keep(b"other" * 6 + b"ab"), "\udcff"])
async def test_a_keyring_that_cannot_be_used_leaves_the_one_from_before_in_use(world: KeyWorld, text: str) -> None:
    async with world.running() as (replica,):
        await world.rotation().rotate()
        report_id, _ = await report(replica, "words")
        good = world.file.read_bytes()
        world.file.write_bytes(text.encode("utf-8", "surrogateescape"))
        await asyncio.sleep(0.4)
        assert await replica.narrative(report_id) == "words"
        later, _ = await report(replica, "more words")
        assert replica.waiting_for == {}
        world.file.unlink()
        await asyncio.sleep(0.2)
        world.file.write_bytes(good)
        await world.rotation().rotate(drop=True)
        assert [await replica.narrative(i) for i in (report_id, later)] == ["words", "more words"]


async def test_a_rotation_without_a_running_intake_is_done_for_its_next_start(world: KeyWorld) -> None:
    async with world.running() as (replica,):
        told = await fill(replica, 5)
    assert (await world.rotation().rotate(drop=True)).reports == 5
    async with world.running() as (replica,):
        await assert_readable(world, told, replica)


async def test_the_first_version_may_be_a_file_and_the_next_one_wrapped_by_transit(world: KeyWorld) -> None:
    with Transit().serving() as transit:
        world.extra = {"transit_address": transit.address, "transit_token": TOKEN}
        async with world.running() as (replica,):
            told = await fill(replica, 5)
            await world.rotation().rotate("transit", drop=True)
            await assert_readable(world, told, replica)
            (key,) = world.ring.keys
            assert (key.source, key.kept[:9]) == ("transit", "vault:v1:")
            transit.rotate()
            await world.rotation().rotate(drop=True)
            assert world.ring.current.kept.startswith("vault:v2:")
            await assert_readable(world, told, replica)
        transit.sealed = True
        async with world.running(wait=False) as (replica,):
            for _ in range(500):
                if "transit: it answers 503" in replica.waiting_for.get("master key", ""):
                    break
                await asyncio.sleep(0.02)
            assert replica.waiting_for == {"master key": "transit: it answers 503"}
            with pytest.raises(Unavailable, match="master key"):
                await report(replica, "words")
            with pytest.raises(Unavailable):
                await replica.rig.reader.read(
                    [Read(next(iter(told)), ("content",))], purpose=PURPOSES["review"], actor=READER
                )
            with pytest.raises(Halted, match="503"):
                await world.rotation().rotate()
            transit.sealed = False
            while replica.waiting_for:
                await asyncio.sleep(0.02)
            await assert_readable(world, told, replica)
            # Away again, it is not asked: what is loaded stays.
            transit.sealed = True
            await assert_readable(world, told, replica)


@pytest.mark.parametrize("source", ["abacus", "transit"])
async def test_without_a_place_for_the_new_version_nothing_changes(world: KeyWorld, source: str) -> None:
    with pytest.raises(Halted, match=r"source abacus|TRANSIT_ADDRESS"):
        await world.rotation().rotate(source)
    assert world.file.read_text() == keep(FIRST)


async def test_a_database_that_never_answered_is_not_waited_for(world: KeyWorld) -> None:
    nowhere = connect("mongodb://nowhere.invalid/?serverSelectionTimeoutMS=300", service="test")
    elsewhere = KeyWorld(nowhere["intake"], world.file)
    async with asyncio.timeout(10):
        with pytest.raises(Halted, match="does not answer there"):
            await elsewhere.rotation().rotate()
    nowhere.close()
    assert world.file.read_text() == keep(FIRST)


async def test_an_outage_of_the_database_is_waited_for(world: KeyWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.running() as (replica,):
        told = await fill(replica, 30)
        failures = iter(range(3))
        real: Any = rewrap.WrappedKeys.rewrap

        async def sometimes(self: Any, *args: Any) -> Any:
            if next(failures, None) is not None:
                raise Unavailable("mongodb: AutoReconnect")
            return await real(self, *args)

        monkeypatch.setattr(rewrap.WrappedKeys, "rewrap", sometimes)
        screen = Screen()
        assert (await world.rotation(screen).rotate()).reports == 30
        assert "MongoDB is away (AutoReconnect)" in screen.said
        await assert_readable(world, told, replica)
