"""`/outbox` and `/v1/deliveries`: open to operators only, and empty of addresses and words."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from services.notification.delivery import Failed, Sent, Suppressed, settle
from shared.access.principal import Role
from shared.access.tokens import make_token
from shared.times import now
from tests.fakes.notification_fakes import MemoryStore
from tests.support.notification_rig import app_over, bearer, delivery, holding

PATHS = ["/outbox", "/v1/deliveries"]


def client(store: MemoryStore, role: Role | None = Role.OPERATOR, *, accept: str = "*/*") -> httpx.AsyncClient:
    headers = {"accept": accept, **(bearer(role) if role else {})}
    transport = httpx.ASGITransport(app_over(store))
    return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("role", Role)
async def test_only_operators_may_look(path: str, role: Role) -> None:
    async with client(holding(delivery()), role) as http:
        answer = await http.get(path)
    assert answer.status_code == (200 if role is Role.OPERATOR else 403)


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_looks_without_a_token(path: str) -> None:
    async with client(holding(delivery()), None) as http:
        answer = await http.get(path)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", PATHS)
async def test_an_unknown_token_opens_nothing(path: str) -> None:
    async with client(holding(delivery()), None) as http:
        answer = await http.get(path, headers={"authorization": f"Bearer {make_token('pat')}"})
    assert answer.status_code == 401


async def test_a_browser_without_a_session_is_led_to_the_sign_in_page() -> None:
    async with client(holding(), None, accept="text/html") as http:
        answer = await http.get("/outbox?state=failed")
        assert answer.status_code == 303
        sign_in = await http.get(answer.headers["location"])
    assert answer.headers["location"].startswith("/outbox/sign-in?next=/outbox")
    assert sign_in.status_code == 200


async def test_the_list_says_what_became_of_each_notice_and_no_more() -> None:
    sent = settle(delivery(1), Sent("1@hearth.example"), now()).delivery
    failed = settle(delivery(2, "triaged"), Failed("smtp_550"), now()).delivery
    waiting = replace(delivery(0), attempts=3)
    async with client(holding(sent, failed, waiting)) as http:
        items = (await http.get("/v1/deliveries")).json()["items"]
    assert [(i["state"], i["reason"], i["attempts"]) for i in items] == [
        ("planned", None, 3),
        ("sent", None, 0),
        ("failed", "smtp_550", 0),
    ]
    assert items[1]["message_id"] == "1@hearth.example"
    assert set(items[0]) == {
        "delivery_id", "case_id", "recipient", "notice", "channel", "state", "reason", "message_id", "attempts",
        "planned_at", "next_attempt_at", "settled_at",
    }  # fmt: skip


async def test_the_list_is_read_page_by_page_without_gaps_or_repeats() -> None:
    at = now()
    # Several of the same moment, so that the cursor must tell them apart.
    stored = [replace(delivery(), planned_at=at - timedelta(seconds=n // 3)) for n in range(25)]
    seen: list[str] = []
    cursor: str | None = None
    async with client(holding(*stored)) as http:
        while True:
            page = (
                await http.get("/v1/deliveries", params={"limit": 4} | ({"cursor": cursor} if cursor else {}))
            ).json()
            seen += [item["delivery_id"] for item in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
    assert len(seen) == len(set(seen)) == 25


async def test_the_list_can_be_narrowed_to_a_state() -> None:
    failed = settle(delivery(1), Failed("smtp_550"), now()).delivery
    async with client(holding(delivery(), failed)) as http:
        items = (await http.get("/v1/deliveries?state=failed")).json()["items"]
    assert [i["delivery_id"] for i in items] == [failed.id]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("state=lost", "/state"), ("limit=0", "/limit"), ("limit=x", "/limit"), ("cursor=%21%21", "/cursor"),
     ("cursor=YWJj", "/cursor"), ("cursor=_w", "/cursor")],
)  # fmt: skip
async def test_a_wrong_parameter_is_named(query: str, pointer: str) -> None:
    async with client(holding(delivery())) as http:
        answer = await http.get(f"/v1/deliveries?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [e["pointer"] for e in answer.json()["errors"]] == [pointer]


async def test_the_page_shows_what_was_sent_and_what_failed() -> None:
    failed = settle(delivery(1, "triaged"), Failed("smtp_550"), now()).delivery
    async with client(holding(delivery(), failed), accept="text/html") as http:
        page = await http.get("/outbox")
    assert page.status_code == 200
    assert "1 waiting" in page.text
    assert "1 failed" in page.text
    assert "Failed: the mail server refused it (550)" in page.text
    assert "not sent again" in page.text
    assert "Handling body (enwiki_arbcom)" in page.text
    for word in ("@", failed.report_id, failed.code_name or "amber-harbour"):
        assert word not in page.text
    assert "⧼" not in page.text
    assert page.headers["cache-control"] == "no-store"


async def test_the_page_says_when_mail_waits_for_our_own_set_up() -> None:
    waiting = [delivery(n).postpone(now(), reason) for n, reason in enumerate(("setup_554_5.7.1", "smtp_451_4.7.1"))]
    async with client(holding(*waiting), accept="text/html") as http:
        page = (await http.get("/outbox")).text
    assert "Mail waits for a change to our own set-up: the mail server objects to our own set-up (554 5.7.1)." in page
    assert "Waiting: the mail server refused it (451 4.7.1)" in page
    async with client(holding(waiting[1]), accept="text/html") as http:
        assert "set-up" not in (await http.get("/outbox")).text


@pytest.mark.parametrize(
    "reason", ["setup_tls", "setup_smtputf8", "setup_unsupported", "setup_535", "smtp_timeout", "smtp_unreachable"]
)
async def test_the_page_says_in_words_why_a_notice_waits(reason: str) -> None:
    async with client(holding(delivery().postpone(now(), reason)), accept="text/html") as http:
        page = (await http.get("/outbox")).text
    assert "⧼" not in page
    assert f": {reason}" not in page


async def test_the_page_says_in_words_why_a_notice_was_not_sent() -> None:
    reasons = ("erased", "no_contact", "passed_on", "shut_out", "told_already")
    ended = [settle(delivery(n), Suppressed(reason), now()).delivery for n, reason in enumerate(reasons)]
    ended += [settle(delivery(9), Failed(reason), now()).delivery for reason in ("bad_address", "smtputf8_unsupported")]
    async with client(holding(*ended), accept="text/html") as http:
        page = (await http.get("/outbox")).text
    assert [d.reason for d in ended if f": {d.reason}" in page] == []
    assert "⧼" not in page
    assert "Not sent: no address is known" in page


async def test_the_page_leads_to_older_notices() -> None:
    stored = [delivery(n) for n in range(60)]
    async with client(holding(*stored), accept="text/html") as http:
        first = await http.get("/outbox")
        link = first.text.split('href="/outbox?cursor=')[1].split('"')[0]
        second = await http.get(f"/outbox?cursor={link}")
    assert first.text.count("<tr ") == 51
    assert second.text.count("<tr ") == 11
    assert "/outbox?cursor=" not in second.text


async def test_an_empty_outbox_says_so() -> None:
    async with client(holding(), accept="text/html") as http:
        page = await http.get("/outbox")
    assert "Nothing here yet." in page.text
