"""The projection over a record in memory: what crashes, replicas, rebuilds and losses make of a scorecard."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random

import pytest

from services.audit.app import make_notary
from services.audit.record.leaf import Leaf, Place, keep_hash, read_record
from services.audit.record.log import SEALS
from services.audit.record.query import write_position
from services.audit.scorecard import projection as module
from services.audit.scorecard.memory import MemoryRows
from services.audit.scorecard.projection import Position, Projection
from services.audit.scorecard.queries import Cards
from services.audit.scorecard.result import Scorecard
from services.audit.scorecard.rows import Gap, Rows, Step
from services.audit.seals.actions import Sealer
from services.audit.writer import LogWriter
from shared.events import Draft, Event, Fact, encode, stamp
from shared.ids import derive
from shared.policy import load_policy
from shared.policy.baseline import catalogue_versions
from shared.problems import NotFound, Unavailable
from tests.fakes.memory_record import MemoryRecord
from tests.support.audit_rig import ORIGIN, settings_for
from tests.support.audit_world import MemoryAnnouncements
from tests.support.scorecard_record import (
    COORDINATOR,
    DAY,
    HOUR,
    START,
    TRIAGE,
    attested,
    met,
    on_roster,
    opened,
    triaged,
)

POLICY, CATALOGUES = load_policy(), catalogue_versions()


class World:
    """A record in memory, the seals of it, and rows."""

    def __init__(self) -> None:
        self.record, self.rows = MemoryRecord(), MemoryRows()
        self.writer = LogWriter(self.record, ORIGIN, "writer")
        self.notary = make_notary(settings_for())
        self._sizes: dict[str, int] = {}
        self._seqs: dict[str, int] = {}

    async def tell(self, *told: tuple[Fact, str, datetime], partition: int = 0) -> None:
        """Record these facts of aggregates, by key and time."""
        for fact, key, at in told:
            seq = self._seqs.get(f"{fact.topic}{key}", 0)
            self._seqs[f"{fact.topic}{key}"] = seq + 1
            actor = COORDINATOR if fact.topic == "baseline" else TRIAGE
            draft = Draft(fact, actor, at, derive(key, fact.topic, str(seq)))
            (event,) = stamp([draft], source="hearth/x", subject=key, case_id=key, last_seq=seq, trace=None)
            await self.add(event, partition)

    async def add(self, event: Event, partition: int = 0) -> None:
        """Record an event."""
        message = encode(event)
        offset = self.next_offset(f"{message.topic}/{partition}")
        place = Place(message.topic, partition, offset, 0)
        await self.put(read_record(place, message.key, message.headers, message.value))

    async def put(self, leaf: Leaf) -> None:
        """Commit a leaf."""
        await self.writer.states([leaf.place.log], START)
        await self.writer.append({leaf.place.log: [leaf]}, START)

    async def seal(self, at: datetime) -> None:
        """Seal every log that grew."""
        announcements = MemoryAnnouncements()
        await Sealer(self.writer, self.record, self.notary, announcements, seconds=1, clock=lambda: at).seal()

    def projection(self, rows: MemoryRows | None = None) -> Projection:
        return Projection(self.record, rows or self.rows, ORIGIN)

    def cards(self, rows: MemoryRows | None = None) -> Cards:
        return Cards(rows or self.rows, self.record, ORIGIN, POLICY, CATALOGUES)

    async def advance(self, rows: MemoryRows | None = None) -> None:
        """Advance to the end of the seal log."""
        while await self.projection(rows).advance():
            pass

    def next_offset(self, log: str) -> int:
        """The offset in Kafka of the next record of a log."""
        self._sizes[log] = self._sizes.get(log, -1) + 1
        return self._sizes[log]


def case(number: int, received: datetime, acknowledged: timedelta | None) -> list[tuple[Fact, str, datetime]]:
    key = f"case-{number}"
    told: list[tuple[Fact, str, datetime]] = [(opened(received), key, received)]
    if acknowledged is not None:
        at = received + acknowledged
        told += [(triaged(received), key, at), (met("acknowledgement", at), key, at)]
    return told


async def fill(world: World) -> None:
    """Three rounds: cases of one community in two partitions, attestations, people, a leaf that nobody can read."""
    for number in range(6):
        await world.tell(*case(number, START + number * HOUR, HOUR), partition=number % 2)
    await world.tell((attested(), "enwiki", START))
    await world.seal(START + DAY)
    await world.tell((on_roster("person:r1"), "person:r1", START + DAY), (attested("HB-02"), "enwiki", START + DAY))
    await world.tell(*case(6, START + DAY, None))
    await world.put(keep_hash(Place("cases", 0, world.next_offset("cases/0"), 0), b"x", "invalid_json"))
    await world.seal(START + 2 * DAY)
    await world.tell(*case(7, START + 35 * DAY, 40 * HOUR))
    await world.seal(START + 37 * DAY)


class Crashing(MemoryRows):
    """Rows whose store goes away before, or after, its n-th write."""

    def __init__(self, fails_at: int, *, after: bool) -> None:
        super().__init__()
        self._left, self._after = fails_at, after

    async def add(self, rows: Mapping[str, Sequence[Step]], gaps: Sequence[Gap]) -> None:
        self._crash(before=True)
        await super().add(rows, gaps)
        self._crash(before=False)

    async def advance(self, old: Position | None, new: Position) -> bool:
        self._crash(before=True)
        moved = await super().advance(old, new)
        self._crash(before=False)
        return moved

    def _crash(self, *, before: bool) -> None:
        if before is not self._after:
            self._left -= 1
            if self._left == 0:
                raise Unavailable("crashed")


class TestProjection:
    async def test_each_round_of_seals_and_all_at_once_give_the_same_digests(self) -> None:
        world = World()
        by_round: list[str] = []
        await world.tell((attested(), "enwiki", START))
        for day in range(1, 6):
            await world.tell(*case(day, START + day * DAY, None if day % 2 else HOUR))
            await world.seal(START + day * DAY + HOUR)
            await world.advance()
            by_round.append((await world.cards().of("enwiki")).digest)
        rebuilt = MemoryRows()
        await world.advance(rebuilt)
        cards = world.cards(rebuilt)
        rounds = [await cards.round_until(START + day * DAY + HOUR) for day in range(1, 6)]
        assert [(await cards.of("enwiki", sealed)).digest for sealed in rounds] == by_round
        assert len(set(by_round)) == 5

    @pytest.mark.parametrize("after", [False, True])
    async def test_a_crash_at_any_step_loses_nothing_and_counts_nothing_twice(self, *, after: bool) -> None:
        world = World()
        await fill(world)
        await world.advance()
        digest = (await world.cards().of("enwiki")).digest
        for step in range(1, 12):
            rows = Crashing(step, after=after)
            crashed = False
            try:
                await world.advance(rows)
            except Unavailable:
                crashed = True
                await world.advance(rows)
            assert (await world.cards(rows).of("enwiki")).digest == digest
        assert not crashed, "the last crash lies behind the end, so every step had one"

    async def test_small_batches_give_the_same_digest(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = World()
        await fill(world)
        await world.advance()
        digest = (await world.cards().of("enwiki")).digest
        monkeypatch.setattr(module, "SEALS_AT_ONCE", 1)
        monkeypatch.setattr(module, "READ_AT_ONCE", 2)
        monkeypatch.setattr(module, "WRITTEN_AT_ONCE", 3)
        rows = MemoryRows()
        await world.advance(rows)
        assert (await world.cards(rows).of("enwiki")).digest == digest

    async def test_two_replicas_at_the_same_time_do_no_harm(self) -> None:
        world = World()
        await fill(world)
        await world.advance()
        digest = (await world.cards().of("enwiki")).digest
        rows = MemoryRows()
        first, second = world.projection(rows), world.projection(rows)
        for turn in range(6):
            await (first if turn % 2 else second).advance()
            await world.projection(rows).advance()
        assert (await world.cards(rows).of("enwiki")).digest == digest

    async def test_what_no_seal_covers_counts_for_nothing(self) -> None:
        world = World()
        await world.tell((attested(), "enwiki", START))
        await world.seal(START + HOUR)
        await world.tell((attested("HB-02"), "enwiki", START + HOUR))
        await world.advance()
        card = await world.cards().of("enwiki")
        assert {item.responsibility_id for item in card.items if item.attested} == {"HB-01"}
        assert [(place.log, place.size) for place in card.as_of.logs] == [("baseline/0", 1)]

    async def test_lost_entries_are_said_and_never_shown_as_met(self) -> None:
        world = World()
        for number in range(6):
            await world.tell(*case(number, START, HOUR))
        await world.seal(START + 2 * DAY)
        del world.record.stored[write_position("cases/0", 1)]
        await world.advance()
        card = await world.cards().of("enwiki")
        item = next(item for item in card.items if item.responsibility_id == "HB-03")
        assert card.unreadable == (("cases/0", 1),)
        assert item.measured is not None
        assert dict(item.measured.excluded) == {"record_gap": 1, "unreadable_entries": 1}
        assert item.measured.n == 5

    async def test_a_lost_seal_is_passed_over(self) -> None:
        world = World()
        await world.tell((attested(), "enwiki", START))
        await world.seal(START + HOUR)
        await world.tell((attested("HB-02"), "enwiki", START + HOUR))
        await world.seal(START + 2 * HOUR)
        del world.record.stored[write_position(SEALS, 0)]
        await world.advance()
        card = await world.cards().of("enwiki")
        assert card.as_of.sealed == 2
        assert {item.responsibility_id for item in card.items if item.attested} == {"HB-01", "HB-02"}

    async def test_events_from_the_future_do_not_move_the_checkpoint(self) -> None:
        world = World()
        await world.tell((attested(), "enwiki", START + 900 * DAY), *case(1, START + 900 * DAY, HOUR))
        await world.seal(START)
        await world.advance()
        card = await world.cards().of("enwiki")
        assert card.as_of.at == START
        item = next(item for item in card.items if item.responsibility_id == "HB-03")
        assert item.measured is not None
        assert dict(item.measured.excluded) == {"clock": 1}


async def _of_all(cards: Cards) -> Scorecard:
    return next(card for card in await cards.all() if card.community == "enwiki")


class TestCards:
    async def test_a_community_that_nobody_knows_is_not_found(self) -> None:
        world = World()
        with pytest.raises(NotFound):
            await world.cards().of("enwiki")
        assert await world.cards().all() == []
        await fill(world)
        await world.advance()
        with pytest.raises(NotFound):
            await world.cards().of("atlantis")
        with pytest.raises(NotFound):
            await world.cards().of("enwiki", 999)
        assert (await world.cards().of("swwiki")).level_reached == 0

    async def test_all_communities_have_a_scorecard_and_those_that_left_the_policy(self) -> None:
        world = World()
        await fill(world)
        await world.tell((attested(community="oldwiki"), "oldwiki", START))
        await world.seal(START + 38 * DAY)
        await world.advance()
        cards = {card.community: card for card in await world.cards().all()}
        assert cards.keys() == POLICY.communities.keys() | {"oldwiki"}
        assert cards["oldwiki"].kind is None

    async def test_a_list_has_what_was_sealed_since_it_was_last_made(self) -> None:
        world = World()
        await fill(world)
        await world.advance()
        cards = world.cards()
        before = {card.community: card.digest for card in await cards.all()}
        await world.tell((attested("HB-14"), "enwiki", START + 37 * DAY))
        await world.seal(START + 37 * DAY + timedelta(seconds=59))
        await world.advance()
        assert {card.community: card.digest for card in await cards.all()} == before
        await world.tell((on_roster("person:r2", grants=()), "person:r2", START + 37 * DAY))
        await world.seal(START + 37 * DAY + timedelta(seconds=60))
        await world.advance()
        after = {card.community: card.digest for card in await cards.all()}
        assert {name for name in after if after[name] != before[name]} == {"enwiki"}
        await world.tell((attested("HB-14"), "swwiki", START + 37 * DAY))
        await world.seal(START + 37 * DAY + HOUR)
        await world.advance()
        assert all(card.as_of.at == START + 37 * DAY + HOUR for card in await cards.all())

    async def test_a_list_computes_nothing_again_for_what_it_has(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = World()
        await fill(world)
        await world.advance()
        cards = world.cards()
        await cards.all()
        computed: list[str] = []
        of = cards.of

        async def count(community: str, sealed: int | None = None) -> Scorecard:
            computed.append(community)
            return await of(community, sealed)

        monkeypatch.setattr(cards, "of", count)
        await world.tell((attested("HB-03"), "enwiki", START + 37 * DAY), (on_roster("person:r2"), "person:r2", START))
        await world.seal(START + 37 * DAY + timedelta(minutes=1))
        await world.advance()
        await cards.all()
        assert "enwiki" in computed
        computed.clear()
        await cards.all()
        assert computed == []

    async def test_a_scorecard_of_a_checkpoint_is_computed_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = World()
        await fill(world)
        await world.advance()
        cards, read = world.cards(), list[str]()
        rows_of = world.rows.rows_of

        async def count(community: str, bodies: Iterable[str], since: int = 0) -> tuple[Position | None, Rows]:
            read.append(community)
            return await rows_of(community, bodies, since)

        monkeypatch.setattr(world.rows, "rows_of", count)
        shown = await asyncio.gather(*(cards.of("enwiki") for _ in range(5)), cards.of("enwiki", 2))
        assert read == ["enwiki", "enwiki"]
        assert len({card.digest for card in shown[:5]}) == 1
        # What is kept of past months changes nothing.
        for days in (38, 70, 100):
            await world.tell(*case(days, START + days * DAY, HOUR))
            await world.seal(START + days * DAY + HOUR)
            await world.advance()
            assert (await cards.of("enwiki")).digest == (await world.cards().of("enwiki")).digest
        for number in range(300):
            with suppress(NotFound):
                await cards.of("enwiki", number)
        assert (await cards.of("enwiki", 2)).digest == shown[5].digest

    async def test_a_new_checkpoint_reads_only_the_cases_that_changed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world, random = World(), Random(3)  # noqa: S311  # nothing secret
        for number in range(40):
            await world.tell(*case(number, START + number * HOUR, None))
        await world.seal(START + 2 * DAY)
        await world.advance()
        cards, read = world.cards(), list[int]()
        await cards.of("enwiki")
        rows_of = world.rows.rows_of

        async def count(community: str, bodies: Iterable[str], since: int = 0) -> tuple[Position | None, Rows]:
            position, rows = await rows_of(community, bodies, since)
            read.append(len(rows.cases))
            return position, rows

        at = START + 2 * DAY
        for number in range(25):
            at += random.choice((HOUR, DAY, 9 * DAY))
            key = f"case-{random.randrange(40)}"
            await world.tell((triaged(START), key, at), (met("acknowledgement", at), key, at))
            await world.tell(*case(100 + number, at, HOUR if number % 2 else None))
            await world.seal(at + 2 * HOUR)
            # The list of all communities asks, too, and sometimes nobody does.
            await world.advance()
            with monkeypatch.context() as counted:
                counted.setattr(world.rows, "rows_of", count)
                shown = await (cards.of("enwiki") if number % 3 else _of_all(cards))
            assert shown.digest == (await world.cards().of("enwiki", shown.as_of.sealed)).digest
        assert max(read) > 40, "the end of a month needs all cases"
        assert sorted(read)[len(read) // 2] <= 4

    async def test_earlier_checkpoints_displace_no_last_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = World()
        await world.tell((attested(), "enwiki", START))
        for day in range(150):
            await world.tell(*case(day, START + day * DAY, HOUR))
            await world.seal(START + day * DAY + HOUR)
        await world.advance()
        cards = world.cards()
        last = await cards.of("enwiki")
        for sealed in range(1, last.as_of.sealed):
            await cards.of("enwiki", sealed)
        monkeypatch.setattr(world.rows, "rows_of", None)
        assert await cards.of("enwiki") is last
        assert await cards.kept("enwiki", last.as_of.sealed - 1) is not None
        assert await cards.kept("enwiki", 3) is None

    async def test_a_day_is_looked_for_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = World()
        await fill(world)
        await world.advance()
        cards, read = world.cards(), list[int]()
        leaves = world.record.leaves

        async def count(log: str, start: int, end: int) -> list[bytes]:
            read.append(start)
            return await leaves(log, start, end)

        monkeypatch.setattr(world.record, "leaves", count)
        first = await cards.round_until(START + DAY + HOUR)
        assert len(read) > 1
        assert await cards.round_until(START + DAY + HOUR) == first
        assert await cards.round_until(START + 99 * DAY)
        once = len(read)
        for days in range(1, 20):
            assert await cards.round_until(START - days * DAY) is None
        assert len(read) == once + 19, "a day before the record costs one look"

    async def test_a_day_leads_to_its_last_checkpoint(self) -> None:
        world = World()
        assert await world.cards().round_until(START) is None
        await fill(world)
        await world.advance()
        cards = world.cards()
        assert await cards.round_until(START) is None
        first = await cards.round_until(START + DAY + HOUR)
        assert first is not None
        assert (await cards.of("enwiki", first)).as_of.at == START + DAY
        assert await cards.round_until(START + 99 * DAY) == (await cards.of("enwiki")).as_of.sealed
