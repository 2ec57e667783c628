"""Planning and sending with everything outside in memory: what is sent, put off, given up, and never sent twice."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from prometheus_client import REGISTRY

from services.notification.actions import Planner
from services.notification.app import HERE
from services.notification.channels import CHANNELS
from services.notification.channels.channel import SendDeferred, SendRefused
from services.notification.delivery import DeliveryState
from services.notification.digests import Digests
from services.notification.notices.table import NOTICES, Links, write_notice
from services.notification.routing.audiences import Sources
from services.notification.routing.table import Routes, read_routes
from services.notification.sender import Sender
from services.notification.spacing import Spacing
from shared.events import Event, NotificationFact, NotificationSent
from shared.i18n.messages import SHARED_MESSAGES, Messages
from shared.parties import Parties
from shared.policy import load_policy
from shared.problems import Problem, Unavailable
from shared.times import now
from tests.fakes.memory_parties import nobody_named
from tests.fakes.notification_fakes import MemoryChannel, MemoryStore, MemoryVault
from tests.support.notification_world import NAME, NARRATIVE, ROUTES, People, Story, eventually, parse, texts

POLICY = load_policy()
MESSAGES = Messages.load([SHARED_MESSAGES, HERE / "i18n"], strict=True)
ARBCOM = "arbcom@en-wiki.example"
U4C = POLICY.bodies["u4c"].email


@dataclass
class Clock:
    """The time, which goes on only when told to."""

    at: datetime = field(default_factory=now)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **of: float) -> None:
        self.at += timedelta(**of)


@dataclass
class Replica:
    """One running notification service around a store that it may share with others."""

    planner: Planner
    sender: Sender


@dataclass
class World:
    store: MemoryStore = field(default_factory=MemoryStore)
    channel: MemoryChannel = field(default_factory=MemoryChannel)
    vault: MemoryVault = field(default_factory=MemoryVault)
    clock: Clock = field(default_factory=Clock)
    people: People = field(default_factory=People)
    parties: Parties = field(default_factory=nobody_named)
    routes: Routes = field(default_factory=lambda: ROUTES)

    def replica(self) -> Replica:
        digests = Digests(self.store, timedelta(seconds=60))
        sender = Sender(
            self.store,
            {"email": self.channel},
            digests,
            Sources(POLICY, self.people, self.vault, self.parties),
            Spacing(self.store, b"k" * 32, self.routes),
            write=lambda deliveries: write_notice(
                MESSAGES, Links("https://r.example", "https://d.example"), deliveries
            ),
            lease=timedelta(seconds=30),
            poll=0.01,
            clock=self.clock,
        )
        planner = Planner(
            self.store, sender, digests,
            routes=self.routes, policy=POLICY, parties=self.parties, clock=self.clock,
        )  # fmt: skip
        return Replica(planner, sender)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Replica]:
        replica = self.replica()
        parts = (replica.sender.run, replica.sender.watch, replica.sender.mark)
        tasks = [asyncio.create_task(part()) for part in parts]
        try:
            yield replica
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(Unavailable):
                await replica.sender.stop()

    def known(self, story: Story, email: str = "sam@example.org") -> Story:
        self.vault.people[story.report_id] = {"name": NAME, "email": email, "narrative": NARRATIVE}
        return story

    def states(self) -> list[DeliveryState]:
        return sorted(d.state for d in self.store.deliveries.values())

    async def settled(self, count: int) -> None:
        await eventually(lambda: sum(s is not DeliveryState.PLANNED for s in self.states()) == count)


@pytest.fixture
def world() -> World:
    return World()


def opening(stories: Sequence[Story]) -> list[Event]:
    return [event for story in stories for event in (story.opened(), story.triaged())]


async def test_an_acknowledgement_is_sent_once_however_often_the_fact_comes(world: World) -> None:
    story = world.known(Story())
    async with world.running() as one, world.running() as other:
        await asyncio.gather(*(r.planner.plan([story.received()] * 3) for r in (one, other, one)))
        await world.settled(1)
        await one.planner.plan([story.received()])
        await asyncio.sleep(0.1)
    assert len(world.channel.mails) == 1
    (event,) = world.store.events
    assert isinstance(event.fact, NotificationSent)
    assert event.fact.message_id == world.channel.mails[0][1]


async def test_an_address_is_read_when_the_mail_goes_out_and_kept_nowhere(world: World) -> None:
    story = world.known(Story())
    async with world.running() as replica:
        await replica.planner.plan([story.received()])
        await world.settled(1)
    assert world.vault.reads == [((story.report_id,), ("reporter",), "notify")]
    assert "sam@example.org" not in repr(world.store)


async def test_no_mail_holds_anything_of_the_report(world: World) -> None:
    story = world.known(Story())
    async with world.running() as replica:
        await replica.planner.plan([story.received(), *opening([story]), story.asked(), story.decided()])
        await world.settled(4)
    assert len(world.channel.mails) == 4
    for _, _, raw in world.channel.mails:
        whole = raw.decode() + "".join(texts(parse(raw)))
        assert NARRATIVE not in whole
        assert NAME not in whole
        assert story.report_id not in whole


@pytest.mark.parametrize(
    ("person", "reason"),
    [(None, "erased"), ({}, "no_contact"), ({"email": ""}, "no_contact"), ({"name": "x"}, "no_contact")],
)
async def test_a_reporter_who_cannot_be_told_is_not_told_and_that_is_said(
    world: World, person: dict[str, str] | None, reason: str
) -> None:
    story = Story()
    world.vault.people[story.report_id] = person
    async with world.running() as replica:
        await replica.planner.plan([story.received()])
        await world.settled(1)
    (delivery,) = world.store.deliveries.values()
    assert (delivery.state, delivery.reason) == (DeliveryState.SUPPRESSED, reason)
    assert world.store.events[0].fact.name == "notification.suppressed"
    assert not world.channel.mails


async def test_an_address_gets_one_acknowledgement_an_hour_and_its_reports_are_kept(world: World) -> None:
    spellings = ["victim@example.org", "Victim@EXAMPLE.org", "vic.tim+{n}@example.org"]
    flood = [world.known(Story(), spellings[n % 3].format(n=n)) for n in range(60)]
    other = world.known(Story(), "another@example.org")
    async with world.running() as one, world.running() as two:
        for replica, stories in ((one, flood[:30]), (two, flood[30:]), (one, [other])):
            await replica.planner.plan([story.received() for story in stories])
        await world.settled(61)
        assert len(world.channel.mails) == 2
        assert {e.fact.name for e in world.store.events} == {"notification.sent"}
        assert "victim" not in repr(world.store).lower()
        # What handlers write goes out all the same.
        await one.planner.plan([flood[-1].opened(), flood[-1].asked()])
        await world.settled(62)
        assert len(world.channel.mails) == 3
        world.clock.forward(minutes=61)
        await one.planner.plan([world.known(Story(), "victim@example.org").received() for _ in range(2)])
        await world.settled(64)
    assert len(world.channel.mails) == 4


async def test_an_acknowledgement_that_is_tried_again_keeps_its_turn(world: World) -> None:
    first, second = world.known(Story()), world.known(Story())
    world.channel.answers["sam@example.org"] = SendDeferred("smtp_451")
    async with world.running() as replica:
        await replica.planner.plan([first.received()])
        await eventually(lambda: any(d.attempts for d in world.store.deliveries.values()))
        await replica.planner.plan([second.received()])
        await world.settled(1)
        world.channel.answers.clear()
        world.clock.forward(minutes=6)
        await world.settled(2)
    states = {d.report_id: (d.state, d.reason) for d in world.store.deliveries.values()}
    assert set(states.values()) == {(DeliveryState.SENT, None)}
    assert [to for to, *_ in world.channel.mails] == ["sam@example.org"]


async def test_mail_waits_with_growing_pauses_while_our_set_up_is_refused(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def mails(result: str) -> float:
        labels = {"notice": "acknowledgement", "result": result}
        return REGISTRY.get_sample_value("hearth_mails_total", labels) or 0

    before = mails("refused_setup")
    world.channel.answers["sam@example.org"] = SendDeferred("setup_554_5.7.1", ours=True)
    async with world.running() as replica:
        await replica.planner.plan([world.known(Story()).received()])
        pauses = []
        for attempt in range(1, 16):
            await eventually(lambda n=attempt: [d.attempts for d in world.store.deliveries.values()] == [n])
            (delivery,) = world.store.deliveries.values()
            assert delivery.due_at
            pauses.append((delivery.due_at - world.clock()).total_seconds())
            world.clock.forward(seconds=pauses[-1] + 1)
        assert delivery.reason == "setup_554_5.7.1"
        world.channel.answers.clear()
        await world.settled(1)
    (delivery,) = world.store.deliveries.values()
    assert (delivery.state, delivery.reason) == (DeliveryState.SENT, None)
    assert pauses == sorted(pauses)
    assert max(pauses) == 3600
    assert mails("refused_setup") - before == 15
    assert [r.levelname for r in caplog.records if "objects to our own set-up" in r.message] == ["ERROR"] * 15


async def test_nothing_tells_whether_an_address_has_been_told_before(world: World) -> None:
    def shape(story: Story) -> str:
        """What the record and the list of deliveries have of a report, without what is random."""
        (delivery,) = [d for d in world.store.deliveries.values() if d.report_id == story.report_id]
        (event,) = [e for e in world.store.events if e.case_id == story.case_id]
        shown = (delivery.state, delivery.reason, delivery.message_id, delivery.mail, delivery.attempts, event.fact)
        text = f"{shown} {(event.trace or '').count('-')}"
        for one in (delivery.id, story.case_id, story.report_id, delivery.cause):
            text = text.replace(one, "…")
        return text

    told, fresh = [world.known(Story(), address) for address in ("sam@example.org", "new@example.org")]
    async with world.running() as replica:
        await replica.planner.plan([world.known(Story(), "sam@example.org").received()])
        await world.settled(1)
        await replica.planner.plan([told.received(), fresh.received()])
        await world.settled(3)
    assert shape(told) == shape(fresh)
    assert [to for to, *_ in world.channel.mails] == ["sam@example.org", "new@example.org"]


async def test_a_body_that_the_policy_does_not_know_is_not_told_and_that_is_said(world: World) -> None:
    async with world.running() as replica:
        await replica.planner.plan(opening([Story(body="gone_since")]))
        await world.settled(1)
    (delivery,) = world.store.deliveries.values()
    assert (delivery.state, delivery.reason) == (DeliveryState.SUPPRESSED, "no_contact")


async def test_the_first_notice_to_a_body_goes_at_once_and_the_next_gather_for_a_minute(world: World) -> None:
    stories = [Story(code_name=f"case-{n}") for n in range(4)]
    async with world.running() as replica:
        await replica.planner.plan(opening(stories[:1]))
        await world.settled(1)
        for story in stories[1:]:
            await replica.planner.plan(opening([story]))
        world.clock.forward(seconds=59)
        await asyncio.sleep(0.1)
        assert len(world.channel.mails) == 1
        world.clock.forward(seconds=1)
        await world.settled(4)
    first, second = (texts(parse(raw))[0] for raw in world.channel.to(ARBCOM))
    assert "case-0" in first
    assert all(f"case-{n}" in second for n in (1, 2, 3))
    ids = [event.fact.message_id for event in world.store.events if isinstance(event.fact, NotificationSent)]
    assert len(ids) == 4
    assert len(set(ids)) == 2


async def test_new_notices_do_not_overtake_those_that_wait(world: World) -> None:
    stories = [Story(code_name=f"case-{n}") for n in range(3)]
    asleep = world.replica()
    for story in stories[:2]:
        await asleep.planner.plan(opening([story]))
    world.clock.forward(seconds=60)
    await asleep.planner.plan(opening(stories[2:]))
    async with world.running():
        await world.settled(3)
    told = [
        {name for name in ("case-0", "case-1", "case-2") if name in texts(parse(raw))[0]}
        for raw in world.channel.to(ARBCOM)
    ]
    assert sorted(told, key=len) == [{"case-0"}, {"case-1", "case-2"}]


async def test_what_a_digest_cannot_tell_follows_without_a_pause(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.notification.sender.ROOM", 5)
    stories = [Story(code_name=f"case-{n:02}") for n in range(13)]
    async with world.running() as replica:
        await replica.planner.plan(opening(stories[:1]))
        await world.settled(1)
        for story in stories[1:]:
            await replica.planner.plan(opening([story]))
        world.clock.forward(seconds=60)
        await world.settled(13)
    told = [set(re.findall(r"case-\d\d", texts(parse(raw))[0])) for raw in world.channel.to(ARBCOM)]
    assert [len(one) for one in told] == [1, 5, 5, 2]
    assert set.union(*told) == {story.code_name for story in stories}


async def test_replicas_gather_together(world: World) -> None:
    stories = [Story(code_name=f"case-{n}") for n in range(20)]
    async with world.running() as one, world.running() as other:
        for number, story in enumerate(stories):
            await (one, other)[number % 2].planner.plan(opening([story]))
        await world.settled(1)
        world.clock.forward(seconds=60)
        await world.settled(20)
    assert len(world.channel.mails) == 2


async def test_a_body_is_told_of_a_decision_as_well_and_each_notice_has_its_own_mail(world: World) -> None:
    row = '[[route]]\nfact = "{}"\nrecipient = "body"\nnotice = "{}"\nchannel = "email"\nurgency = "gathered"\n'
    rows = row.format("case.triaged", "new_case") + row.format("case.decided", "news")
    world.routes = read_routes(rows, notices=NOTICES, channels=CHANNELS)
    first, *others = [Story(code_name=f"case-{n}") for n in range(3)]
    async with world.running() as replica:
        await replica.planner.plan(opening([first]))
        await world.settled(1)
        await replica.planner.plan([*opening(others), first.decided(), others[0].decided()])
        world.clock.forward(seconds=60)
        await world.settled(5)
    mails = [parse(raw) for raw in world.channel.to(ARBCOM)]
    subjects = sorted(mail["Subject"] for mail in mails)
    assert subjects == ["2 new cases for you", "A new case for you", "There is news about your report"]
    assert len({mail["Message-ID"] for mail in mails}) == 3


async def test_notices_of_one_batch_share_the_first_mail(world: World) -> None:
    async with world.running() as replica:
        await replica.planner.plan(opening([Story(code_name=f"case-{n}") for n in range(5)]))
        await world.settled(5)
    assert len(world.channel.mails) == 1


def told(world: World) -> list[tuple[str, list[str]]]:
    """The address of each mail, and which of the cases a, b and c it names."""
    return [
        (to, [c for c in ("case-a", "case-b", "case-c") if c in texts(parse(r))[0]]) for to, _, r in world.channel.mails
    ]


def ends(world: World, story: Story) -> list[tuple[str, str, str | None]]:
    """What the events say of the notices about a case: to whom, what became of it, and why."""
    events = [e.fact for e in world.store.events if e.case_id == story.case_id]
    return [(f.recipient, f.name, getattr(f, "reason", None)) for f in events if isinstance(f, NotificationFact)]


async def test_a_body_with_a_person_recused_meanwhile_is_not_told_and_that_is_said(world: World) -> None:
    a, b, c = (Story(code_name=f"case-{letter}") for letter in "abc")
    world.people.names = {"enwiki_arbcom": frozenset({"person:ann", "1" * 32})}
    labels = {"notice": "new_case", "reason": "shut_out"}
    before = REGISTRY.get_sample_value("hearth_untold_total", labels) or 0
    async with world.running() as replica:
        await replica.planner.plan(opening([a]))
        await world.settled(1)
        await replica.planner.plan(opening([b, c]))
        await replica.planner.plan([c.recused("person:ann")])
        world.clock.forward(seconds=60)
        await world.settled(3)
    assert told(world) == [(ARBCOM, ["case-a"]), (ARBCOM, ["case-b"])]
    assert ends(world, c) == [("body:enwiki_arbcom", "notification.suppressed", "shut_out")]
    assert REGISTRY.get_sample_value("hearth_untold_total", labels) == before + 1


async def test_a_recusal_that_lapses_shuts_nobody_out_of_notices_any_more(world: World) -> None:
    a, b = (Story(code_name=f"case-{letter}") for letter in "ab")
    world.people.names = {"enwiki_arbcom": frozenset({"person:ann"})}
    async with world.running() as replica:
        await replica.planner.plan(opening([a]))
        await world.settled(1)
        for event in (*opening([b]), b.recused("person:ann"), b.lapsed("person:ann")):
            await replica.planner.plan([event])
        assert [d.shuts_out for d in await world.store.read_page(None, None, 10)] == [(), ()]
        world.clock.forward(seconds=60)
        await world.settled(2)
    assert told(world) == [(ARBCOM, ["case-a"]), (ARBCOM, ["case-b"])]
    assert world.store.summaries[b.case_id].parties == ()


async def test_a_case_passed_on_before_the_mail_is_told_to_the_new_body_alone(world: World) -> None:
    a, b = (Story(code_name=f"case-{letter}") for letter in "ab")
    async with world.running() as replica:
        await replica.planner.plan(opening([a]))
        await world.settled(1)
        await replica.planner.plan(opening([b]))
        await replica.planner.plan([b.passed_on("u4c")])
        world.clock.forward(seconds=60)
        await world.settled(3)
    assert told(world) == [(ARBCOM, ["case-a"]), (U4C, ["case-b"])]
    assert sorted(ends(world, b)) == [
        ("body:enwiki_arbcom", "notification.suppressed", "passed_on"),
        ("body:u4c", "notification.sent", None),
    ]


async def test_a_case_passed_on_and_back_is_told_to_the_first_body_again(world: World) -> None:
    story = Story(code_name="case-a")
    away, back = story.passed_on("u4c"), story.passed_on("enwiki_arbcom", "u4c", at=4)
    async with world.running() as replica:
        for event in (*opening([story]), away, back, away):
            await replica.planner.plan([event])
        world.clock.forward(seconds=60)
        await world.settled(3)
    assert ("body:enwiki_arbcom", "notification.sent", None) in ends(world, story)
    assert told(world)[-1] == (ARBCOM, ["case-a"])


async def test_a_body_that_is_not_known_is_told_nothing_and_that_is_said(world: World) -> None:
    row = '[[route]]\nfact = "case.decided"\nrecipient = "body"\nnotice = "news"\nchannel = "email"\nurgency = "now"\n'
    world.routes = read_routes(row, notices=NOTICES, channels=CHANNELS)
    story = Story()
    async with world.running() as replica:
        await replica.planner.plan([story.opened(), story.decided()])
        await world.settled(1)
    assert ends(world, story) == [("body:", "notification.suppressed", "no_contact")]


async def test_while_it_is_not_known_who_is_in_a_body_its_mails_wait(world: World) -> None:
    async with world.running() as replica:
        await replica.planner.plan(opening([Story(code_name="case-a")]))
        await world.settled(1)
        await replica.planner.plan(opening([Story(code_name="case-b")]))
        world.people.away = Unavailable("the roster")
        world.clock.forward(seconds=60)
        await eventually(lambda: 1 in [d.attempts for d in world.store.deliveries.values()])
        world.people.away = None
        world.clock.forward(seconds=5)
        await world.settled(2)
    assert told(world) == [(ARBCOM, ["case-a"]), (ARBCOM, ["case-b"])]


async def test_an_acknowledgement_planned_after_a_recusal_is_hidden_from_the_recused(world: World) -> None:
    story = world.known(Story())
    async with world.running() as replica:
        await replica.planner.plan([story.opened()])
        await replica.planner.plan([story.recused("person:ann")])
        await replica.planner.plan([story.received()])
        await world.settled(1)
    assert [d.shuts_out for d in await world.store.read_page(None, None, 10)] == [("person:ann",)]


async def test_of_many_emergencies_the_first_goes_at_once_and_the_rest_share_a_mail(world: World) -> None:
    stories = [Story(lane="emergency", body="trust_safety", code_name=f"case-{name}") for name in "abc"]
    async with world.running() as replica:
        for story in stories:
            await replica.planner.plan(opening([story]))
        await world.settled(1)
        assert [names for _, names in told(world)] == [["case-a"]]
        world.clock.forward(seconds=60)
        await world.settled(3)
    assert [names for _, names in told(world)] == [["case-a"], ["case-b", "case-c"]]


async def test_no_other_notice_makes_an_emergency_wait(world: World) -> None:
    lanes = {"case-a": "standard", "case-b": "emergency", "case-c": "child_protection"}
    stories = [Story(lane=lane, body="trust_safety", code_name=name) for name, lane in lanes.items()]
    async with world.running() as replica:
        for story in (Story(body="trust_safety"), *stories):
            await replica.planner.plan(opening([story]))
        await world.settled(3)
    assert sorted(names for _, names in told(world)) == [[], ["case-b"], ["case-c"]]


async def test_a_mail_that_is_not_taken_is_tried_again_for_ever(world: World) -> None:
    story = world.known(Story())
    world.channel.answers["sam@example.org"] = SendDeferred("smtp_451")
    async with world.running() as replica:
        await replica.planner.plan([story.received()])
        for attempt in range(1, 13):
            await eventually(lambda n=attempt: [d.attempts for d in world.store.deliveries.values()] == [n])
            world.clock.forward(minutes=5)
        world.channel.answers.clear()
        world.clock.forward(minutes=5)
        await world.settled(1)
    assert len(world.channel.mails) == 1


async def test_one_failing_recipient_delays_nobody(world: World) -> None:
    failing = [world.known(Story(), f"full{n}@example.org") for n in range(10)]
    fine = [world.known(Story(), f"fine{n}@example.org") for n in range(10)]
    world.channel.answers |= {f"full{n}@example.org": SendDeferred("smtp_452") for n in range(10)}
    async with world.running() as replica:
        await replica.planner.plan([story.received() for story in (*failing, *fine)])
        await world.settled(10)
    assert {to for to, _, _ in world.channel.mails} == {f"fine{n}@example.org" for n in range(10)}


async def test_what_became_of_each_mail_is_counted(world: World) -> None:
    def counted() -> list[float]:
        labels = [{"notice": "acknowledgement", "result": result} for result in ("sent", "suppressed", "failed")]
        return [REGISTRY.get_sample_value("hearth_mails_total", label) or 0 for label in labels]

    before = counted()
    sent, refused, erased = world.known(Story()), world.known(Story(), "gone@example.org"), Story()
    world.vault.people[erased.report_id] = None
    world.channel.answers["gone@example.org"] = SendRefused("smtp_550")
    async with world.running() as replica:
        await replica.planner.plan([story.received() for story in (sent, refused, erased)])
        await world.settled(3)
    assert [after - earlier for after, earlier in zip(counted(), before, strict=True)] == [1, 1, 1]


async def test_a_refusal_for_good_is_an_event_with_its_code(world: World) -> None:
    story = world.known(Story())
    world.channel.answers["sam@example.org"] = SendRefused("smtp_550")
    async with world.running() as replica:
        await replica.planner.plan([story.received()])
        await world.settled(1)
    (delivery,) = world.store.deliveries.values()
    assert (delivery.state, delivery.reason) == (DeliveryState.FAILED, "smtp_550")
    assert world.store.events[0].fact.name == "notification.failed"


async def test_while_the_vault_is_away_reporters_wait_and_bodies_do_not(world: World) -> None:
    story = world.known(Story())
    world.vault.away = Unavailable("vault")
    async with world.running() as replica:
        await replica.planner.plan([story.received(), *opening([story])])
        await world.settled(1)
        assert [to for to, _, _ in world.channel.mails] == [ARBCOM]
        world.vault.away = None
        world.clock.forward(seconds=5)
        await world.settled(2)
    assert len(world.channel.to("sam@example.org")) == 1


async def test_a_report_that_the_vault_does_not_know_yet_is_acknowledged_once_it_does(world: World) -> None:
    early, known = Story(), world.known(Story(), "other@example.org")
    async with world.running() as replica:
        await replica.planner.plan([early.received(), known.received()])
        await world.settled(1)
        assert [to for to, _, _ in world.channel.mails] == ["other@example.org"]
        world.known(early)
        world.clock.forward(seconds=5)
        await world.settled(2)
    assert len(world.channel.to("sam@example.org")) == 1


async def test_one_report_that_the_vault_refuses_keeps_nobody_waiting(world: World) -> None:
    stories = [world.known(Story(), f"r{n}@example.org") for n in range(5)]
    world.vault.refusal = Problem(422, "service-refused", "The vault refused the request.")
    world.vault.refuses = {stories[2].report_id}
    async with world.running() as replica:
        await replica.planner.plan([story.received() for story in stories])
        await world.settled(4)
    assert world.states().count(DeliveryState.PLANNED) == 1


async def test_a_batch_asks_the_vault_once(world: World) -> None:
    stories = [world.known(Story(), f"r{n}@example.org") for n in range(50)]
    async with world.running() as replica:
        await replica.planner.plan([story.received() for story in stories])
        await world.settled(50)
    assert len(world.vault.reads) == 1


async def test_killed_between_sending_and_marking_means_the_same_mail_once_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cannot(_: object) -> None:
        raise Unavailable("killed")

    story = world.known(Story())
    stories = [Story(code_name=f"case-{n}") for n in range(3)]
    # It can send and not mark: what a kill at the worst moment leaves behind.
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "settle", cannot)
        async with world.running() as dying:
            await dying.planner.plan([story.received(), *opening(stories)])
            await eventually(lambda: len(world.channel.mails) == 2)
    assert set(world.states()) == {DeliveryState.PLANNED}
    async with world.running():
        await asyncio.sleep(0.05)
        assert len(world.channel.mails) == 2, "the lease still holds"
        world.clock.forward(seconds=31)
        await world.settled(4)
    assert len(world.channel.mails) == 4
    for address in ("sam@example.org", ARBCOM):
        first, again = world.channel.to(address)
        assert parse(first)["Message-ID"] == parse(again)["Message-ID"]
        assert texts(parse(first)) == texts(parse(again))
    assert len(world.store.events) == 4


async def test_killed_before_sending_means_another_replica_sends(world: World) -> None:
    story = world.known(Story())
    await world.replica().planner.plan([story.received(), *opening([story])])
    world.clock.forward(seconds=31)
    async with world.running(), world.running():
        await world.settled(2)
    assert len(world.channel.mails) == 2


async def test_a_replica_that_lost_its_lease_sends_nothing(world: World) -> None:
    story = world.known(Story())
    async with world.running() as slow:
        await slow.planner.plan([story.received()])
        world.clock.forward(seconds=29)
        await asyncio.sleep(0.1)
        assert not world.channel.mails
        world.clock.forward(seconds=2)
        await world.settled(1)
    assert len(world.channel.mails) == 1


async def test_more_than_can_be_in_hand_is_left_in_the_store_and_sent_all_the_same(world: World) -> None:
    stories = [world.known(Story(), f"r{n}@example.org") for n in range(1500)]
    async with world.running() as replica:
        for start in range(0, 1500, 100):
            await replica.planner.plan([story.received() for story in stories[start : start + 100]])
        await world.settled(1500)
    assert len(world.channel.mails) == 1500
    assert len({to for to, _, _ in world.channel.mails}) == 1500


async def test_a_stop_marks_what_was_sent_and_leaves_the_rest_to_others_at_once(world: World) -> None:
    stories = [world.known(Story(), f"r{n}@example.org") for n in range(2)]
    async with world.running() as stopping:
        await stopping.planner.plan([stories[0].received()])
        await eventually(lambda: world.channel.mails)
        await stopping.planner.plan([stories[1].received()])
    assert DeliveryState.SENT in world.states()
    left = [d for d in world.store.deliveries.values() if d.state is DeliveryState.PLANNED]
    assert all(d.due_at is not None and d.due_at <= world.clock.at for d in left)
    async with world.running():
        await world.settled(2)
    assert len(world.channel.mails) == 2


async def test_a_mistake_in_writing_one_notice_loses_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    story = world.known(Story())
    async with world.running() as replica:
        write: Callable[..., object] = replica.sender._write

        def broken(deliveries: object) -> object:
            raise RuntimeError("a bug")

        replica.sender._write = broken  # type: ignore[assignment]  # a mistake that no type would allow
        await replica.planner.plan([story.received()])
        await eventually(lambda: [d.attempts for d in world.store.deliveries.values()] == [1])
        replica.sender._write = write  # type: ignore[assignment]  # as above
        world.clock.forward(seconds=5)
        await world.settled(1)
    assert len(world.channel.mails) == 1
    assert "sam@example.org" not in caplog.text
