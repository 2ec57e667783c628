"""Which facts bring about which deliveries, and how a delivery ends."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notification.delivery import (
    LONGEST_RETRY,
    REPORTER,
    Delivery,
    DeliveryState,
    FailedOutcome,
    SentOutcome,
    SuppressedOutcome,
    settle,
)
from services.notification.notices.table import NOTICES
from services.notification.routing.plan import note_of, plan
from services.notification.routing.table import ROUTING, Route, Routes, read_routes
from shared.events import FACTS, Event, NotificationFailed, NotificationSent, NotificationSuppressed, encode
from shared.policy import load_policy
from shared.problems import Malformed
from shared.times import now
from tests.support.notification_world import Story, nobody

POLICY = load_policy()
NAMES = {fact.name for fact in FACTS.values()}
ROUTES = read_routes(ROUTING.read_text(), facts=NAMES, notices=NOTICES, channels={"email"})


def planned(event: Event, story: Story, routes: Routes = ROUTES) -> list[tuple[Route, Delivery]]:
    return plan(event, note_of(story.opened()), routes, POLICY, now(), nobody)


def one(event: Event, story: Story) -> Delivery:
    ((_, delivery),) = planned(event, story)
    return delivery


def test_a_contactable_reporter_is_acknowledged_with_the_deadlines_of_the_policy() -> None:
    story = Story()
    ((_, delivery),) = plan(story.received(), None, ROUTES, POLICY, now(), nobody)
    assert (delivery.recipient, delivery.notice, delivery.channel) == (REPORTER, "acknowledgement", "email")
    assert [d.name for d in delivery.deadlines] == ["acknowledgement", "first_response", "decision"]
    assert delivery.policy_version == POLICY.version


def test_a_reporter_without_an_address_is_told_nothing() -> None:
    story = Story(contactable=False)
    assert [planned(e, story) for e in (story.received(), story.asked(), story.decided())] == [[], [], []]


def test_a_handling_body_is_told_of_every_case_even_of_anonymous_ones() -> None:
    story = Story(contactable=False)
    delivery = one(story.triaged(), story)
    assert (delivery.recipient, delivery.body, delivery.code_name) == (
        "body:enwiki_arbcom",
        "enwiki_arbcom",
        "amber-harbour",
    )


@pytest.mark.parametrize(("lane", "at_once"), [("standard", False), ("emergency", True), ("child_protection", True)])
def test_a_case_that_cannot_wait_is_not_gathered(lane: str, at_once: bool) -> None:
    story = Story(lane=lane)
    ((route, delivery),) = planned(story.triaged(), story)
    assert route.at_once(delivery.lane) is at_once


def test_a_question_and_a_decision_are_news_to_the_reporter_that_look_the_same() -> None:
    story = Story(language="de")
    asked, decided = one(story.asked(), story), one(story.decided(), story)
    assert (asked.notice, asked.recipient, asked.language) == ("news", REPORTER, "de")
    same = {"id": "", "cause": "", "planned_at": story.received_at}
    assert replace(asked, **same) == replace(decided, **same)
    assert asked.id != decided.id


def test_planning_twice_gives_the_same_delivery() -> None:
    story = Story()
    assert one(story.received(), story).id == one(story.received(), story).id


def test_a_step_of_a_case_that_was_never_opened_is_malformed() -> None:
    with pytest.raises(Malformed, match="unknown_case"):
        plan(Story().decided(), None, ROUTES, POLICY, now(), nobody)


@pytest.mark.parametrize(
    ("outcome", "state", "fact"),
    [
        (SentOutcome("1@host"), DeliveryState.SENT, NotificationSent),
        (SuppressedOutcome("erased"), DeliveryState.SUPPRESSED, NotificationSuppressed),
        (FailedOutcome("smtp_550"), DeliveryState.FAILED, NotificationFailed),
    ],
)
def test_every_end_is_one_numbered_event_of_the_delivery(
    outcome: SentOutcome | SuppressedOutcome | FailedOutcome, state: DeliveryState, fact: type
) -> None:
    story = Story()
    delivery = one(story.received(), story).send_at_once(now())
    ended = settle(delivery, outcome, now())
    assert ended.delivery.state is state
    assert ended.delivery.due_at is None
    assert isinstance(ended.event.fact, fact)
    assert (ended.event.subject, ended.event.case_seq) == (f"delivery/{delivery.id}", 1)
    assert (ended.event.case_id, ended.event.cause) == (story.case_id, story.received().id)
    assert settle(delivery, outcome, now()).event.id == ended.event.id


def test_events_of_deliveries_hold_neither_the_report_id_nor_the_code_name() -> None:
    story = Story()
    for outcome in (SentOutcome("1@host"), SuppressedOutcome("erased"), FailedOutcome("smtp_550")):
        message = encode(settle(one(story.triaged(), story), outcome, now()).event)
        whole = repr(message)
        assert story.report_id not in whole
        assert story.code_name not in whole


@given(st.integers(min_value=0, max_value=10_000))
def test_patience_grows_and_has_an_end(attempts: int) -> None:
    at = now()
    delivery = replace(one(Story().triaged(), Story()), attempts=attempts)
    later = delivery.postpone(at)
    assert later.attempts == attempts + 1
    assert later.due_at is not None
    wait = later.due_at - at
    assert timedelta(seconds=1) <= wait <= LONGEST_RETRY
    after = later.postpone(at).due_at
    assert after is not None
    assert after - at >= wait


ROW = '[[route]]\nfact = "{}"\nrecipient = "{}"\nnotice = "{}"\nchannel = "{}"\nurgency = "{}"\n'


@pytest.mark.parametrize(
    "row",
    [
        ("case.sung", "reporter", "news", "email", "now"),
        ("case.decided", "reporter", "poem", "email", "now"),
        ("case.decided", "reporter", "news", "pigeon", "now"),
        ("case.decided", "neighbour", "news", "email", "now"),
        ("case.decided", "reporter", "news", "email", "soon"),
    ],
)
def test_a_row_with_an_unknown_name_stops_the_start(row: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"row 1|route\.0"):
        read_routes(ROW.format(*row), facts=NAMES, notices=NOTICES, channels={"email"})


def test_the_same_notice_twice_to_one_recipient_stops_the_start() -> None:
    row = ROW.format("case.decided", "reporter", "news", "email", "now")
    with pytest.raises(ValueError, match="twice"):
        read_routes(row + row, facts=NAMES, notices=NOTICES, channels={"email"})
