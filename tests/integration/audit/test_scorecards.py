"""Scorecards on a real MongoDB: a record that the writer wrote and the sealer sealed, followed and rebuilt."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from infra import cli
from services.audit.app import make_notary
from services.audit.record.leaf import Leaf, Place
from services.audit.scorecard.projection import Projection
from services.audit.scorecard.queries import Cards
from services.audit.scorecard.result import Scorecard
from services.audit.scorecard.rows import TooManyCasesError, settle
from services.audit.scorecard.store import REBUILT, MongoRows
from services.audit.seals.actions import Sealer
from services.audit.store import MongoRecord
from services.audit.writer import LogWriter
from shared.events import BaselineLinkChecked
from shared.mongo import Database
from shared.policy import load_policy
from shared.policy.baseline import catalogue_versions
from shared.times import now, parse_rfc3339
from tests.support.audit_rig import ORIGIN, eventually, make_all_topics, record_of, running, settings_for
from tests.support.audit_world import MemoryAnnouncements
from tests.support.broker import write
from tests.support.scorecard_record import DAY, HOUR, START, SmallRecord, attested, met, on_roster, opened, triaged
from tests.support.stores import database_of, mongo_record


class Rig:
    """A record in MongoDB."""

    def __init__(self, database: Database, record: MongoRecord) -> None:
        self.database, self.record = database, record
        self.writer, self.told = LogWriter(record, ORIGIN, "writer"), SmallRecord()
        self.rows = MongoRows(database)
        self._sizes: dict[str, int] = {}

    async def seal(self, hours: int) -> None:
        """Write what was told since the last time, and seal it."""
        self.told.seal(START + hours * HOUR)
        for leaf, log, index, sealed in self.told.entries:
            if sealed.number == self.told.seals:
                topic, _, partition = log.partition("/")
                about = {"event": json.loads(leaf)["ce"]["id"]}
                await self.writer.states([log], START)
                await self.writer.append({log: [Leaf(Place(topic, int(partition), index, 0), leaf, about)]}, START)
        at = START + hours * HOUR
        notary = make_notary(settings_for())
        await Sealer(self.writer, self.record, notary, MemoryAnnouncements(), seconds=1, clock=lambda: at).seal()

    async def follow(self) -> None:
        """Advance to the end of the seal log."""
        while await Projection(self.record, self.rows, ORIGIN).advance():
            pass

    async def card(self) -> Scorecard:
        """The scorecard of enwiki as the pages get it."""
        return await Cards(self.rows, self.record, ORIGIN, load_policy(), catalogue_versions()).of("enwiki")


@pytest.fixture
async def rig(mongo_uri: str, database_prefix: str) -> AsyncIterator[Rig]:
    async with database_of("audit", mongo_uri, database_prefix) as database:
        rig = Rig(database, await mongo_record(database))
        await rig.rows.prepare()
        yield rig


def add_case(rig: Rig, number: int, received: int, acknowledged: int | None) -> None:
    at, key = START + received * HOUR, f"case-{number}"
    rig.told.tell(opened(at), key, at)
    if acknowledged is not None:
        later = START + acknowledged * HOUR
        rig.told.tell(triaged(at), key, later)
        rig.told.tell(met("acknowledgement", later), key, later)


def outcome(card: Scorecard, responsibility: str) -> tuple[str, str]:
    item = next(item for item in card.items if item.responsibility_id == responsibility)
    return item.outcome.value, item.reason.value


async def test_a_late_case_turns_a_measured_item_to_not_met_at_its_checkpoint(rig: Rig) -> None:
    for number in range(5):
        add_case(rig, number, 0, 2)
    await rig.seal(3)
    await rig.follow()
    assert outcome(await rig.card(), "HB-03") == ("met", "measured")
    add_case(rig, 5, 3, None)
    await rig.seal(27)
    await rig.follow()
    assert outcome(await rig.card(), "HB-03") == ("met", "measured")
    rig.told.tell(on_roster("person:r1"), "person:r1", START + 27 * HOUR + timedelta(minutes=1))
    await rig.seal(28)
    await rig.follow()
    assert outcome(await rig.card(), "HB-03") == ("not_met", "threshold_missed")


async def test_a_community_with_too_many_cases_has_no_new_scorecard_and_holds_up_no_other(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = Cards(rig.rows, rig.record, ORIGIN, load_policy(), catalogue_versions())
    for number in range(5):
        add_case(rig, number, 0, 2)
    await rig.seal(3)
    await rig.follow()
    monkeypatch.setattr("services.audit.scorecard.store.MOST_CASES", 4)
    with pytest.raises(TooManyCasesError):
        await cards.of("enwiki")
    listed = {card.community for card in await cards.all()}
    assert listed == load_policy().communities.keys() - {"enwiki"}
    monkeypatch.setattr("services.audit.scorecard.store.MOST_CASES", 5)
    assert (await cards.of("enwiki")).as_of.sealed
    assert "enwiki" in {card.community for card in await cards.all()}


async def test_an_attestation_that_ends_turns_to_no_evidence_by_itself(rig: Rig) -> None:
    rig.told.tell(attested(ends=START + DAY), "enwiki", START)
    await rig.seal(1)
    await rig.follow()
    assert outcome(await rig.card(), "HB-01") == ("met", "attested")
    rig.told.tell(on_roster("person:r1"), "person:r1", START + DAY)
    await rig.seal(24)
    await rig.follow()
    assert outcome(await rig.card(), "HB-01") == ("no_evidence", "expired")


async def test_a_late_case_shows_on_the_running_service_within_5_seconds_of_its_checkpoint(
    kafka: str, mongo_uri: str, prefix: str, database_prefix: str
) -> None:
    await make_all_topics(kafka, prefix)
    settings = settings_for(kafka=kafka, mongo=mongo_uri, topic_prefix=prefix, database_prefix=database_prefix)
    told, at = SmallRecord(), now()
    events = []
    for number in range(5):
        key, received, later = f"case-{number}", at - 3 * HOUR, at - 2 * HOUR
        events.append(told.tell(opened(received), key, received))
        events.append(told.tell(triaged(received), key, later))
        events.append(told.tell(met("acknowledgement", later), key, later))
    late = told.tell(opened(at - 25 * HOUR), "late", at)

    async with running(settings) as client:

        async def until(expected: str) -> float:
            """The seconds from the checkpoint to the first answer that says so."""

            async def says() -> float:
                answer = (await client.get("/scorecard/enwiki.json")).json()
                item = next((item for item in answer.get("items", ()) if item["id"] == "HB-03"), {"outcome": None})
                if item["outcome"] != expected:
                    return 0
                return max(0.001, (now() - parse_rfc3339(answer["as_of"]["at"])).total_seconds())

            return float(await eventually(says))

        await write(kafka, f"{prefix}cases", *map(record_of, events))
        await until("met")
        await write(kafka, f"{prefix}cases", record_of(late))
        assert await until("not_met") <= 5


async def test_rebuilt_rows_give_the_same_digest_and_go_on(
    rig: Rig, mongo_uri: str, database_prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for hours in range(1, 5):
        add_case(rig, hours, hours, hours + 1)
        rig.told.tell(attested(f"HB-{hours:02}"), "enwiki", START + hours * HOUR)
        await rig.seal(hours + 2)
        await rig.follow()
    followed = await rig.card()
    await rig.database[REBUILT].insert_one({"_id": "case/left-over", "communities": ["enwiki"], "steps": []})
    await rig.rows.collection.update_many({}, {"$set": {"steps": []}})
    assert (await rig.card()).digest != followed.digest
    status = await run_rebuild(mongo_uri, database_prefix)
    assert status == 0
    assert json.loads(capsys.readouterr().out) == {"entries": 16, "seals": 8, "as_of": "2026-11-01T06:00:00.000Z"}
    assert (await rig.card()).digest == followed.digest
    assert {"communities", "bodies", "latest"} <= set(await rig.rows.collection.index_information())
    assert REBUILT not in await rig.database.list_collection_names()
    add_case(rig, 9, 9, None)
    await rig.seal(9)
    await rig.follow()
    assert (await rig.card()).as_of.at == START + 9 * HOUR


async def test_a_follower_that_began_before_a_rebuild_loses_nothing(rig: Rig) -> None:
    rig.told.tell(attested(), "enwiki", START)
    await rig.seal(1)
    rebuilt = MongoRows(rig.database, REBUILT)
    while await Projection(rig.record, rebuilt, ORIGIN).advance():
        pass
    await rig.follow()
    before = await rig.rows.position()
    assert before is not None
    rig.told.tell(attested("HB-14"), "enwiki", START + HOUR)
    await rig.seal(2)
    await rig.follow()
    after = await rig.rows.position()
    assert after is not None
    await rebuilt.take_place()
    assert not await rig.rows.advance(before, after), "the position of other rows moves no rebuilt ones"
    await rig.follow()
    assert outcome(await rig.card(), "HB-14") == ("met", "attested")


async def run_rebuild(mongo_uri: str, prefix: str) -> int:
    """The command line, in a thread, because it has an event loop of its own."""
    arguments = ["scorecard", "rebuild", "--mongo", mongo_uri, "--database-prefix", prefix, "--log-origin", ORIGIN]
    return await asyncio.to_thread(cli.main, [*arguments, "--json"])


async def test_a_row_keeps_the_numbers_of_looks_and_not_the_looks(rig: Rig) -> None:
    rig.told.tell(attested(), "enwiki", START)
    for number in range(1, 101):
        look = BaselineLinkChecked(
            community="enwiki", attestation_id="a-HB-01", responsibility_id="HB-01", link_state="unchanged"
        )
        rig.told.tell(look, "enwiki", START + number * HOUR)
        if number % 10 == 0:
            await rig.seal(number)
            await rig.follow()
    row = await rig.rows.collection.find_one({"_id": "community/enwiki"})
    assert row is not None
    assert sum(len(line) > 20 for line in row["steps"]) < 30
    assert outcome(await rig.card(), "HB-01") == ("met", "attested")
    # An older row still has all of them, and reads the same.
    whole = MongoRows(rig.database, "older")
    _, rows = await rig.rows.rows_of("enwiki", [])
    assert {step.seq for step in rows.own} == set(range(1, 102))
    await whole.add({"community/enwiki": rows.own}, [])
    assert settle((await whole.rows_of("enwiki", []))[1].own, 99) == settle(rows.own, 99)
