"""Which facts bring about which deliveries, and how a delivery ends."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notification.channels import CHANNELS
from services.notification.delivery import (
    LONGEST_RETRY,
    Delivery,
    DeliveryState,
    Failed,
    Sent,
    Suppressed,
    by_mail,
    settle,
)
from services.notification.notices.table import NOTICES
from services.notification.routing.plan import plan
from services.notification.routing.summary import follow
from services.notification.routing.table import Route, Routes, read_routes
from shared.events import (
    AgreementDue,
    AppealDecided,
    BodyInvited,
    CheckInKept,
    DeadlineEscalated,
    Event,
    InformationReceived,
    InvitationAccepted,
    NotificationFailed,
    NotificationSent,
    NotificationSuppressed,
    RespondentReplied,
    ReturnConversationDue,
    encode,
)
from shared.policy import load_policy
from shared.problems import Malformed
from shared.times import now
from tests.support.notification_world import ROUTES, Story, summary_of

POLICY = load_policy()


def planned(event: Event, story: Story, routes: Routes = ROUTES) -> list[tuple[Route, Delivery]]:
    return plan(event, summary_of(story.opened()), routes, POLICY, now())


def one(event: Event, story: Story) -> Delivery:
    ((_, delivery),) = planned(event, story)
    return delivery


def test_a_contactable_reporter_is_acknowledged_with_the_deadlines_of_the_policy() -> None:
    story = Story()
    ((_, delivery),) = plan(story.received(), None, ROUTES, POLICY, now())
    assert (delivery.recipient, delivery.notice, delivery.channel) == ("reporter", "acknowledgement", "email")
    assert [d.name for d in delivery.deadlines] == ["acknowledgement", "first_response", "decision"]
    assert delivery.policy_version == POLICY.version


def test_a_body_that_is_invited_is_asked_once_and_hears_no_more_once_it_has_answered() -> None:
    story, said = Story(), {"previous": "assigned", "state": "assigned"}
    why = {"from_body": "enwiki_admins", "to_body": "stewards", "reason_id": "why", "accept_by": now()}
    invited = story.event(BodyInvited(**said, **why), "invited", "hearth/triage", 3)
    asked = one(invited, story)
    assert (asked.recipient, asked.notice) == ("asked_body:stewards", "invitation")
    assert [deadline.name for deadline in asked.deadlines] == ["referral_acceptance"]
    joined = story.event(InvitationAccepted(**said, body="stewards"), "joined", "hearth/triage", 4)
    before, after = (summary_of(story.opened(), story.triaged(), *events) for events in ((invited,), (invited, joined)))
    assert (before.asked, after.asked, after.body) == ("stewards", None, before.body)


def test_a_reporter_without_an_address_is_told_nothing() -> None:
    story = Story(contactable=False)
    assert [planned(e, story) for e in (story.received(), story.asked(), story.decided())] == [[], [], []]


def test_a_handling_body_is_told_of_every_case_even_of_anonymous_ones() -> None:
    story = Story(contactable=False)
    delivery = one(story.triaged(), story)
    assert (delivery.recipient, delivery.which, delivery.code_name) == (
        "body:enwiki_arbcom",
        "enwiki_arbcom",
        "amber-harbour",
    )


def test_cases_that_cannot_wait_share_mails_only_with_their_like() -> None:
    windows = []
    for lane in ("standard", "emergency", "child_protection"):
        story = Story(lane=lane)
        ((route, delivery),) = planned(story.triaged(), story)
        windows.append(route.window(delivery.recipient, delivery.lane))
    assert None not in windows
    assert len(set(windows)) == 3


def test_a_question_and_a_decision_are_news_to_the_reporter_that_look_the_same() -> None:
    story = Story(language="de")
    asked, decided = one(story.asked(), story), one(story.decided(), story)
    assert (asked.notice, asked.recipient, asked.language) == ("news", "reporter", "de")
    same = {"id": "", "cause": "", "planned_at": story.received_at}
    assert replace(asked, **same) == replace(decided, **same)
    assert asked.id != decided.id


@pytest.mark.parametrize(
    ("party", "kept_back", "mails"), [("reporter", False, 1), ("reporter", True, 0), ("respondent", False, 0)]
)
def test_the_reporter_is_told_of_the_verdict_on_their_own_appeal_alone(party: str, kept_back: bool, mails: int) -> None:
    story = Story()
    step = {"previous": "appealed", "state": "decided", "appeal_id": "a1", "verdict": "upheld", "reason_id": "v1"}
    verdict = story.event(
        AppealDecided.model_validate({**step, "party": party, "kept_back": kept_back}), "verdict", "hearth/triage", 9
    )
    assert len(planned(verdict, story)) == mails


@pytest.mark.parametrize(("state", "mails"), [("investigating", 0), ("following_up", 1), ("closed", 1), ("merged", 1)])
def test_a_body_is_told_of_what_is_written_where_nobody_waits_for_it(state: str, mails: int) -> None:
    story, said = Story(contactable=False), {"previous": state, "state": state}
    answer = InformationReceived(**said, question_id="q", answer_id="a")
    reply = RespondentReplied(**said, party="7" * 32, reply_id="r")
    for name, fact in (("answer", answer), ("reply", reply)):
        event = story.event(fact, name, "hearth/triage", 9)
        told = plan(event, summary_of(story.opened(), story.triaged()), ROUTES, POLICY, now())
        assert [(d.recipient, d.notice) for _, d in told] == [("body:enwiki_arbcom", "answer")] * mails


@pytest.mark.parametrize(("answer", "mails"), [("answered", 1), ("declined", 0), ("no_answer", 0)])
def test_a_body_is_told_of_a_check_in_that_says_something(answer: str, mails: int) -> None:
    story = Story(contactable=False)
    kept = CheckInKept(previous="closed", state="closed", number=1, due_at=now(), answer=answer)
    assert len(planned(story.event(kept, "kept", "hearth/triage", 9), story)) == mails


def test_a_body_is_told_that_what_was_planned_after_a_decision_is_due() -> None:
    story, said = Story(contactable=False), {"previous": "closed", "state": "closed"}
    talk = ReturnConversationDue(**said, measure_id="m", outcome="restriction", until=now().date())
    agreed = AgreementDue(**said, agreement_id="a", who="reported", by_when=now().date())
    for name, fact in (("talk", talk), ("agreed", agreed)):
        assert one(story.event(fact, name, "hearth/triage", 9), story).notice == "planned"


def test_planning_twice_gives_the_same_delivery() -> None:
    story = Story()
    assert one(story.received(), story).id == one(story.received(), story).id


def test_a_step_of_a_case_that_was_never_opened_is_malformed() -> None:
    with pytest.raises(Malformed, match="unknown_case"):
        plan(Story().decided(), None, ROUTES, POLICY, now())


@pytest.mark.parametrize(
    ("outcome", "state", "fact"),
    [
        (Sent("1@host"), DeliveryState.SENT, NotificationSent),
        (Suppressed("erased"), DeliveryState.SUPPRESSED, NotificationSuppressed),
        (Failed("smtp_550"), DeliveryState.FAILED, NotificationFailed),
    ],
)
def test_every_end_is_one_numbered_event_of_the_delivery(
    outcome: Sent | Suppressed | Failed, state: DeliveryState, fact: type
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
    for outcome in (Sent("1@host"), Suppressed("erased"), Failed("smtp_550")):
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


def read(text: str) -> Routes:
    return read_routes(text, notices=NOTICES, channels=CHANNELS)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (("case.sung", "reporter", "news", "email", "now"), "no fact “case.sung”"),
        (("case.decided", "reporter", "poem", "email", "now"), "no notice “poem”"),
        (("case.decided", "reporter", "news", "pigeon", "now"), "no channel “pigeon”"),
        (("case.decided", "neighbour", "news", "email", "now"), "no recipient “neighbour”"),
        (("case.decided", "reporter", "news", "email", "soon"), "urgency"),
        (("report.received", "body", "new_case", "email", "now"), "does not know who the body is"),
        (("case.opened", "body", "new_case", "email", "now"), "does not know who the body is"),
        (("report.erased", "reporter", "news", "email", "now"), "does not know who the reporter is"),
        (("notification.sent", "body", "news", "email", "now"), "does not know who the body is"),
        (("case.decided", "reporter", "news", "email", "gathered"), "a mail of their own"),
    ],
)
def test_a_row_that_could_never_deliver_stops_the_start(row: tuple[str, ...], complaint: str) -> None:
    good = ROW.format("case.decided", "body", "news", "email", "now")
    with pytest.raises(ValueError, match=rf"^routing\.toml, row 2.*{complaint}"):
        read(good + ROW.format(*row))


@pytest.mark.parametrize("text", ["[[route]", "[[row]]\n", 'route = "none"\n', '[other]\n[[route]]\nfact = "x"\n'])
def test_a_file_that_is_no_table_of_routes_stops_the_start(text: str) -> None:
    with pytest.raises(ValueError, match=r"^routing\.toml"):
        read(text)


@pytest.mark.parametrize(
    ("only", "complaint"),
    [
        ('{ weather = ["fine"] }', "the fact has no “weather”"),
        ('{ state = ["closd"] }', "there is no state “closd”"),
        ("{ outcome = [] }", "“outcome” has no value"),
    ],
)
def test_a_row_names_only_what_its_fact_can_have(only: str, complaint: str) -> None:
    row = ROW.format("case.decided", "reporter", "news", "email", "now") + f"only = {only}\n"
    with pytest.raises(ValueError, match=complaint):
        read(row)


def test_the_same_notice_twice_to_one_recipient_stops_the_start() -> None:
    row = ROW.format("case.decided", "reporter", "news", "email", "now")
    with pytest.raises(ValueError, match=r"^routing\.toml, row 2 .*twice"):
        read(row + row)


def test_a_handling_body_can_be_told_of_every_later_step_of_its_case() -> None:
    routes = read(ROW.format("case.decided", "body", "news", "email", "now"))
    story = Story(lane="emergency")
    summary = summary_of(story.opened(), story.triaged())
    ((_, delivery),) = plan(story.decided(), summary, routes, POLICY, now())
    assert (delivery.recipient, delivery.lane, delivery.code_name) == (
        "body:enwiki_arbcom",
        "emergency",
        "amber-harbour",
    )
    ((_, unknown),) = plan(story.decided(), summary_of(story.opened()), routes, POLICY, now())
    assert unknown.recipient == "body:"


def test_a_body_is_told_in_its_own_language() -> None:
    arbcom = replace(POLICY.bodies["enwiki_arbcom"], language="sw")
    policy = replace(POLICY, bodies={**POLICY.bodies, arbcom.id: arbcom})
    story = Story(language="de")
    planned = plan(story.triaged(), summary_of(story.opened()), ROUTES, policy, now())
    assert [(delivery.recipient, delivery.language) for _, delivery in planned] == [("body:enwiki_arbcom", "sw")]


def test_the_body_that_gets_a_case_passed_on_is_told_and_the_one_before_no_more() -> None:
    story = Story(code_name="amber-harbour")
    opened, triaged, passed = story.opened(), story.triaged(), story.passed_on("u4c")
    summary = summary_of(opened, triaged, passed)
    ((_, before),) = plan(triaged, summary, ROUTES, POLICY, now())
    ((_, after),) = plan(passed, summary, ROUTES, POLICY, now())
    assert (before.recipient, before.shuts_out) == ("body:enwiki_arbcom", ("body:enwiki_arbcom",))
    assert (after.recipient, after.notice, after.shuts_out) == ("body:u4c", "new_case", ())
    assert [d.name for d in after.deadlines] == ["first_response"]


def test_a_body_without_a_stand_in_is_not_told_that_it_stands_in_for_itself() -> None:
    story = Story(body=POLICY.last_resort)
    escalated = story.late(DeadlineEscalated, to_body=POLICY.last_resort)
    assert plan(escalated, summary_of(story.opened(), story.triaged()), ROUTES, POLICY, now()) == []


def test_a_summary_keeps_the_body_the_lane_and_the_assignee_of_a_case() -> None:
    story = Story(lane="emergency")
    opened, triaged, assigned = story.opened(), story.triaged(), story.assigned("person:ann")
    summary = summary_of(opened)
    assert (summary.body, summary.lane, summary.assignee, summary.seq) == (None, None, None, 1)
    summary = summary_of(opened, triaged, assigned)
    assert (summary.body, summary.lane, summary.assignee) == ("enwiki_arbcom", "emergency", "person:ann")
    later = follow(summary, story.recused("x"))
    assert later
    assert (later.assignee, later.parties) == (None, ("x",))
    assert follow(summary, story.decided()) == summary
    assert follow(None, triaged) is None


def test_what_is_gathered_is_one_mail_for_each_notice_and_language() -> None:
    one, two = (replace(planned_at_once(), id=name, mail="digest") for name in "ab")
    others = [replace(one, id="c", notice="news"), replace(one, id="d", language="sw"), replace(one, id="e", mail="e")]
    mails = by_mail([one, two, *others, replace(one, id="f", mail=None)])
    assert sorted([d.id for d in mail] for mail in mails.values()) == [["a", "b"], ["c"], ["d"], ["e"]]
    assert mails == by_mail([one, two, *others])
    assert "e" in mails


def planned_at_once() -> Delivery:
    story = Story()
    return one(story.triaged(), story).send_at_once(now())
