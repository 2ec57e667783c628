"""What mails say, and what they never say."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html import escape
from pathlib import Path

import pytest

from services.notification.app import HERE
from services.notification.channels.mime import write_html, write_plain
from services.notification.delivery import Delivery
from services.notification.notices.notice import Link, Listing, Notice, Paragraph
from services.notification.notices.table import MOST_LINES, Links, write_notice
from services.notification.routing.audiences import AUDIENCES
from services.notification.routing.plan import plan
from shared.events import (
    DeadlineBreached,
    DeadlineEscalated,
    DeadlineFact,
    DeadlineWarned,
    EmergencyMeasureTaken,
    Event,
)
from shared.i18n.messages import SHARED_MESSAGES, Messages
from shared.policy import Deadline, load_policy
from shared.times import now
from tests.support.notification_world import ROUTES, Story, summary_of

POLICY = load_policy()
MESSAGES = Messages.load([SHARED_MESSAGES, HERE / "i18n"], strict=True)
LINKS = Links("https://report.example", "https://desk.example")


def deliveries(*events_and_stories: tuple[Event, Story]) -> list[Delivery]:
    return [
        delivery
        for event, story in events_and_stories
        for _, delivery in plan(event, summary_of(story.opened(), story.triaged()), ROUTES, POLICY, now())
    ]


def written(*events_and_stories: tuple[Event, Story]) -> Notice:
    return write_notice(MESSAGES, LINKS, deliveries(*events_and_stories))


def test_an_acknowledgement_says_what_comes_next_by_when_and_where() -> None:
    story = Story(received_at=datetime(2026, 11, 24, 10, 30, tzinfo=UTC))
    plain = write_plain(written((story.received(), story)))
    assert "Nov 24, 2026, 10:30 UTC" in plain
    assert "First response by Dec 1, 2026, 10:30 UTC" in plain
    assert "Decision by Dec 22, 2026, 10:30 UTC" in plain
    assert "https://report.example/follow-up" in plain


def test_a_body_is_told_at_once_that_a_person_acted_alone_and_not_how() -> None:
    story = Story(received_at=datetime(2026, 11, 24, 10, 30, tzinfo=UTC))
    said = {"previous": "assigned", "state": "assigned", "measure_id": "m", "reason_id": "m"}
    what = {"outcome": "restriction", "scope": "community", "until": date(2026, 12, 9)}
    fact = EmergencyMeasureTaken.model_validate(
        {**said, **what, "review_by": datetime(2026, 11, 25, 10, 30, tzinfo=UTC)}
    )
    plain = write_plain(written((story.event(fact, "taken", "hearth/triage", 5), story)))
    assert "Another person of yours has to review it" in plain
    assert "Review by Nov 25, 2026, 10:30 UTC" in plain
    assert "restriction" not in plain


def test_plain_text_and_html_say_the_same() -> None:
    story = Story()
    for event in (story.received(), story.triaged(), story.asked()):
        notice = written((event, story))
        for block in notice.blocks:
            lines = block.lines if isinstance(block, Listing) else (block,)
            for line in lines:
                assert line.text in write_plain(notice)
                assert escape(line.text) in write_html(notice)


@pytest.mark.parametrize("step", ["received", "triaged", "asked", "decided"])
def test_no_mail_tells_what_a_report_is_about_or_where_it_came_from(step: str) -> None:
    story = Story()
    event: Event = getattr(story, step)()
    notice = written((event, story))
    whole = (notice.subject + write_plain(notice) + write_html(notice)).lower()
    for word in ("harassment", "insult", "enwiki", story.report_id, story.case_id):
        assert word not in whole


@pytest.mark.parametrize("name", ["emergency_action", "child_protection_action", "named_next_year"])
def test_a_deadline_in_a_mail_to_a_reporter_does_not_tell_what_kind_of_case_it_is(name: str) -> None:
    story = Story()
    (delivery,) = deliveries((story.received(), story))
    promised = replace(delivery, deadlines=(Deadline(name, now()),))
    text = write_plain(write_notice(MESSAGES, LINKS, [promised])).lower()
    assert "emergency" not in text.replace("emergency services", "")
    assert "child" not in text
    assert " by " in text


@pytest.mark.parametrize(
    ("kind", "says"),
    [(DeadlineWarned, "A deadline comes near"), (DeadlineBreached, "A deadline has passed")],
)
def test_a_body_is_told_of_a_deadline_that_comes_near_and_of_one_that_was_missed(
    kind: type[DeadlineFact], says: str
) -> None:
    story = Story()
    event = story.late(kind)
    (delivery,) = deliveries((event, story))
    assert delivery.recipient == f"body:{story.body}"
    plain = write_plain(written((event, story)))
    assert says in plain
    assert "First response by" in plain
    assert f"https://desk.example/desk/cases/{story.code_name}" in plain


def test_the_stand_in_hears_where_cases_wait_too_long_and_nothing_that_leads_to_one() -> None:
    stories = [Story(code_name=f"case-{n}") for n in range(3)]
    told = [(story.late(DeadlineEscalated, to_body="u4c"), story) for story in stories]
    assert {delivery.recipient for delivery in deliveries(*told)} == {"stand_in:u4c"}
    plain = write_plain(written(*told))
    assert "3 cases wait" in plain
    assert plain.count(stories[0].body) == 1
    assert "case-" not in plain
    assert "https://" not in plain


def test_news_does_not_tell_a_question_from_a_decision() -> None:
    story = Story()
    assert written((story.asked(), story)) == written((story.decided(), story))


def test_a_gathered_mail_lists_the_most_pressing_case_first() -> None:
    at = now()
    stories = [Story(code_name=f"case-{n}", received_at=at - timedelta(hours=n)) for n in range(3)]
    plain = write_plain(written(*((s.triaged(), s) for s in stories)))
    assert plain.index("case-2") < plain.index("case-1") < plain.index("case-0")
    assert "3 new cases have been passed to you" in plain
    assert "https://desk.example/desk/cases/case-2" in plain


@pytest.mark.parametrize(("kind", "more"), [(DeadlineBreached, {}), (DeadlineEscalated, {"to_body": "u4c"})])
def test_a_mail_names_each_case_once_whatever_is_told_of_it(kind: type[DeadlineFact], more: dict[str, str]) -> None:
    twice, once = Story(code_name="dark-elm"), Story(code_name="amber-harbour")
    told = deliveries(*((story.late(kind, **more), story) for story in (twice, twice, once)))
    assert len(told) == 3
    notice = write_notice(MESSAGES, LINKS, told)
    assert notice == write_notice(MESSAGES, LINKS, [told[0], told[2]])
    assert write_plain(notice).count("/cases/dark-elm") == (kind is DeadlineBreached)


def test_a_long_list_is_cut_and_says_how_much_longer_it_is() -> None:
    stories = [Story(code_name=f"case-{n}") for n in range(MOST_LINES + 250)]
    notice = written(*((s.triaged(), s) for s in stories))
    (listing,) = [block for block in notice.blocks if isinstance(block, Listing)]
    assert len(listing.lines) == MOST_LINES
    assert "And 250 more cases" in write_plain(notice)
    assert notice.subject == "300 new cases for you"


def test_a_mail_about_an_emergency_says_so_to_the_handling_body() -> None:
    story = Story(lane="emergency", body="trust_safety")
    notice = written((story.triaged(), story))
    assert notice.subject == "Urgent: a new case for you"
    assert "Emergency" in write_plain(notice)


def test_a_case_without_deadlines_is_listed_all_the_same() -> None:
    story = Story()
    (delivery,) = deliveries((story.triaged(), story))
    bare = replace(delivery, deadlines=())
    assert "amber-harbour (Standard)" in write_plain(write_notice(MESSAGES, LINKS, [bare]))


def test_a_language_without_messages_is_answered_in_one_that_has_them_and_says_so() -> None:
    story = Story(language="tlh-x-mars")
    assert written((story.received(), story)).language == "en"


def test_a_body_reads_its_notice_in_its_own_language(tmp_path: Path) -> None:
    (tmp_path / "sw.json").write_text('{"mail-new-case-text": "Kesi mpya:"}', encoding="utf-8")
    messages = Messages.load([SHARED_MESSAGES, HERE / "i18n", tmp_path], strict=True)
    story = Story()
    (delivery,) = deliveries((story.triaged(), story))
    notice = write_notice(messages, LINKS, [replace(delivery, language="sw")])
    assert notice.language == "sw"
    assert "Kesi mpya:" in write_plain(notice)


def test_html_is_escaped() -> None:
    notice = Notice("en", "<b>", (Paragraph("<i>&"), Link("<u>", 'https://x/"><script>'), Listing((Paragraph("<s>"),))))
    html = write_html(notice)
    for raw in ("<b>", "<i>", "<u>", "<script>", "<s>"):
        assert raw not in html


def test_every_route_has_words_for_its_notice() -> None:
    for rows in ROUTES.values():
        for route in rows:
            assert MESSAGES.has(f"notice-{route.notice.replace('_', '-')}")


def test_every_audience_has_a_name_in_the_outbox() -> None:
    assert [name for name in AUDIENCES if not MESSAGES.has(f"outbox-recipient-{name}")] == []
