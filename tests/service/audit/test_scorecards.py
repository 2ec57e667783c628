"""Scorecards as people and programs see them."""

import asyncio
import csv
import io
import json
import re
from dataclasses import replace
from hashlib import sha256
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from pydantic import TypeAdapter

from services.audit.scorecard.document import ScorecardDocument, digest_of, with_digest, write_canonical
from services.audit.scorecard.doors import PATH
from services.audit.scorecard.result import Outcome, ReasonCode
from services.audit.scorecard.routes import BADGE_SECONDS, Badges
from shared.access.principal import Role
from shared.policy import load_policy
from tests.fakes.memory_scorecards import MemoryScorecards
from tests.support.audit_rig import bearer
from tests.support.audit_world import AuditWorld
from tests.support.people import anybody, sign_in
from tests.support.scorecards import AT, DAY, ITEMS, as_of, attested, item, measured, project, scorecard, untouched

AUDITORS = f"/audit{PATH}"
ENDS = (".json", ".csv", ".svg", ".wikitext", ".gemara.json", "", "/diff", "/diff.json?from=120&to=120")
EVIL = "=cmd|' /C calc'!A0 {{Delete}} [[User:X]] <script>alert(1)</script> | ~~~~ __NOTOC__ ''b'' RFC 1 -{x}- </nowiki>"


@pytest.fixture
def world() -> AuditWorld:
    return AuditWorld()


async def get(world: AuditWorld, path: str, **headers: str) -> httpx.Response:
    return await world.client.get(path, headers=headers)


async def test_the_list_says_level_what_is_missing_and_how_old_the_evidence_is(world: AuditWorld) -> None:
    world.scorecards.cards.append(scorecard("wmxx", kind="affiliate", level_reached=3, next_level_missing=()))
    page = await get(world, PATH)
    assert page.status_code == 200
    for said in ("English Wikipedia", "Not yet safe to report", "Not assessed", "Accountable", "60 days old"):
        assert said in page.text, said
    assert "2 things are missing for “Safe to report”" in page.text
    assert "At least two named contacts" in page.text
    assert "⧼" not in page.text


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("", ["enwiki", "swwiki", "wmxx"]),
        ("?sort=level", ["wmxx", "enwiki", "swwiki"]),
        ("?sort=missing", ["wmxx", "enwiki", "swwiki"]),
        ("?sort=age", ["wmxx", "enwiki", "swwiki"]),
        ("?kind=affiliate", ["wmxx"]),
        ("?kind=event", []),
        ("?sort=nonsense", ["enwiki", "swwiki", "wmxx"]),
    ],
)
async def test_the_list_is_sorted_and_filtered_without_a_script(
    world: AuditWorld, query: str, order: list[str]
) -> None:
    older = tuple(replace(one, attested=attested(made_at=AT - 90 * DAY)) for one in ITEMS if one.attested)
    world.scorecards.cards.append(
        scorecard("wmxx", kind="affiliate", level_reached=3, next_level_missing=(), items=older)
    )
    page = await get(world, PATH + query)
    assert re.findall(r'<th scope="row"[^>]*><a class="cdx-link" href="/scorecard/(\w+)"', page.text) == order
    assert "<script" not in page.text


async def test_a_page_says_of_each_responsibility_what_holds_and_why(world: AuditWorld) -> None:
    page = (await get(world, f"{PATH}/enwiki")).text
    for said in (
        "said on Sep 25, 2026 that it meets this, and a second person confirmed it. That counts for another 40 days.",
        "A second person must confirm it before it counts.",
        "what is measured from the record contradicts that. What is measured counts.",
        "Two of our three contacts were ill in October.",
        "Too few cases to measure: at least 5 are needed.",
        "That ended on Nov 15, 2026, and nobody has said it again.",
        "The community itself said on Sep 25, 2026 that it does not meet this.",
        "Nobody has said anything about this yet.",
        "Does not count yet",
        "Does not apply",
        "Peer Support Networks within the Wikimedia Movement",
        "Trust &amp; Safety",
        "Ask a second coordinator or an auditor to confirm it at the desk.",
        "hearth verify http://127.0.0.1:8004 --token-file TOKEN --key VKEY --scorecard enwiki",
        scorecard().digest,
        "entry 3 of baseline/0",
    ):
        assert said in page, said
    assert "⧼" not in page


async def test_everybody_sees_outcomes_and_only_auditors_what_was_measured(world: AuditWorld) -> None:
    public, inside = await get(world, f"{PATH}/enwiki"), await get(world, f"{AUDITORS}/enwiki", **bearer())
    for value in ("32 hours", "35 to 39 cases", "still open: 10 to 14"):
        assert value not in public.text
        assert value in inside.text
    document = (await get(world, f"{PATH}/enwiki.json")).json()
    assert {one["measured"]["values"] is None for one in document["items"] if one["measured"]} == {True}
    assert (await get(world, f"{AUDITORS}/enwiki.json", **bearer())).json()["items"][2]["measured"]["values"][
        "value"
    ] == 32


async def test_a_deployment_may_show_values_to_everybody_or_nothing(world: AuditWorld) -> None:
    told = AuditWorld(scorecard="values")
    assert "32 hours" in (await get(told, f"{PATH}/enwiki")).text
    shut = AuditWorld(scorecard="off")
    for end in ENDS:
        answer = await get(shut, f"{PATH}/enwiki{end}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"{AUDITORS}/enwiki{end}")
    for path in (PATH, f"{PATH}.json", f"{PATH}.csv?sort=name"):
        assert (await get(shut, path)).headers["location"] == f"/audit{path}"
    assert (await get(shut, f"{AUDITORS}/enwiki", **bearer())).status_code == 200


@pytest.mark.parametrize("setting", ["off", "outcomes", "values"])
async def test_the_auditors_door_opens_for_auditors_alone(setting: str) -> None:
    world = AuditWorld(scorecard=setting)
    people = {role: bearer(role) for role in (Role.RESPONDER, Role.COORDINATOR, Role.AUDITOR, Role.OPERATOR)}
    for role, headers in [*people.items(), (Role.ANYONE, {})]:
        for end in ENDS:
            answer = await get(world, f"{AUDITORS}/enwiki{end}", **headers)
            wanted = 200 if role is Role.AUDITOR else 403 if headers else 401
            assert (answer.status_code, answer.headers["cache-control"]) == (wanted, "no-store"), (role, end)
            public = await get(world, f"{PATH}/enwiki{end}", **headers)
            assert public.status_code == (303 if setting == "off" else 200), (role, end)


async def test_an_auditor_who_signed_in_opens_the_page_and_others_are_led_to_sign_in(world: AuditWorld) -> None:
    led = await get(world, f"{AUDITORS}/enwiki", Accept="text/html")
    assert (led.status_code, led.headers["location"].partition("?")[0]) == (303, "/audit/sign-in")
    await sign_in(world.client, world.sessions, "/audit", anybody(Role.AUDITOR))
    assert "32 hours" in (await get(world, f"{AUDITORS}/enwiki", Accept="text/html")).text


async def test_no_answer_of_any_door_tells_a_small_count() -> None:
    def hold(n: int, still_open: int, value: float) -> MemoryScorecards:
        share = measured(metric="retention_kept", unit="%", op=">=", limit=90, n=n, open_count=still_open,
                         value=100 * (n - value) / n, holds=True, excluded=(("gap", int(value)),))  # fmt: skip
        counted = measured(metric="decided_by_recused", unit="cases", op="==", limit=0, n=n, value=value, holds=False)
        items = (
            item(13, Outcome.MET, ReasonCode.MEASURED, measured=share),
            item(6, Outcome.NOT_MET, ReasonCode.THRESHOLD_MISSED, measured=counted),
        )
        return MemoryScorecards(scorecard(items=items, next_level_missing=()))

    async def read(n: int, still_open: int, value: float) -> list[str]:
        world = AuditWorld(scorecard="values")
        world.scorecards.cards = hold(n, still_open, value).cards
        answers = [await get(world, f"{door}/enwiki{end}", **bearer()) for door in (PATH, AUDITORS) for end in ENDS]
        # The button to sign out has a token that is drawn anew.
        return [re.sub(r'name="form_token" value="[^"]*"', "", answer.text) for answer in answers]

    assert await read(20, 3, 1.0) == await read(24, 0, 4.0)


async def test_json_is_canonical_keeps_to_its_schema_and_proves_its_digest(world: AuditWorld) -> None:
    answer = await get(world, f"{AUDITORS}/enwiki.json", **bearer())
    document = answer.json()
    TypeAdapter(ScorecardDocument).validate_python(document, strict=True)
    assert answer.content == write_canonical(document)
    digest = document.pop("digest")
    assert sha256(write_canonical(document)).hexdigest() == digest == scorecard().digest
    everybody = (await get(world, f"{PATH}.json")).json()
    assert [one["community"] for one in everybody["items"]] == ["enwiki", "swwiki"]


async def test_the_contract_describes_the_json(world: AuditWorld) -> None:
    contract = world.client._transport.app.openapi()  # type: ignore[attr-defined]
    told = contract["paths"]["/scorecard/{community}.json"]["get"]["responses"]["200"]
    assert told["content"]["application/json"]["schema"]["$ref"].endswith("/ScorecardDocument")
    assert (
        set(contract["components"]["schemas"]["ScorecardDocument"]["required"]) == ScorecardDocument.__required_keys__
    )


async def test_an_answer_that_is_known_is_not_sent_again(world: AuditWorld) -> None:
    for end in ENDS:
        first = await get(world, f"{PATH}/enwiki{end}")
        seconds = int(first.headers["cache-control"].removeprefix("public, max-age="))
        assert seconds == {".svg": 600}.get(end, seconds) > 0
        again = await get(world, f"{PATH}/enwiki{end}", **{"If-None-Match": f'"x", W/{first.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b""), end
        assert again.headers["etag"] == first.headers["etag"]
        assert "Accept-Language" in again.headers["vary"]
    world.scorecards.cards[0] = scorecard(level_reached=1)
    changed = await get(world, f"{PATH}/enwiki.json", **{"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200


async def test_a_choice_of_language_is_not_kept_for_others(world: AuditWorld) -> None:
    page = await get(world, f"{PATH}/enwiki?uselang=en")
    assert "set-cookie" in page.headers
    assert page.headers["cache-control"] == "no-store"


async def test_pages_of_other_sites_may_show_the_badge_and_nothing_of_the_auditors(world: AuditWorld) -> None:
    badge = await get(world, f"{PATH}/enwiki.svg")
    assert badge.headers.get_list("cross-origin-resource-policy") == ["cross-origin"]
    assert badge.headers["access-control-allow-origin"] == "*"
    for path in (f"{PATH}/enwiki", f"{AUDITORS}/enwiki.svg"):
        answer = await get(world, path, **bearer())
        assert answer.headers.get_list("cross-origin-resource-policy") == ["same-origin"]
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("level", [0, 1, 2, 3])
async def test_the_badge_has_the_word_and_the_date_in_its_title(world: AuditWorld, level: int) -> None:
    words = ["Not yet safe to report", "Safe to report", "Timely and fair", "Accountable"]
    world.scorecards.cards = [scorecard(level_reached=level)]
    badge = await get(world, f"{PATH}/enwiki.svg")
    assert len(badge.content) <= 3_000
    root = ElementTree.fromstring(badge.content)  # noqa: S314  # our own picture
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text == f"English Wikipedia: {words[level]}, 2026-11-24"


async def test_a_badge_stays_small_whatever_the_name_of_its_community_is() -> None:
    policy = load_policy()
    long = replace(policy.communities["enwiki"], name="\u0f40&" * 2_000)
    world = AuditWorld(policy=replace(policy, communities={"enwiki": long}))
    badge = await get(world, f"{PATH}/enwiki.svg")
    assert len(badge.content) <= 3_000
    ElementTree.fromstring(badge.content)  # noqa: S314  # our own picture


async def test_the_badge_is_grey_when_nothing_is_known(world: AuditWorld) -> None:
    grey = (await get(world, f"{PATH}/swwiki.svg")).text
    assert "Not assessed" in grey
    assert "#54595d" in grey
    world.scorecards.cards = [scorecard("oldwiki", kind=None)]
    gone = (await get(world, f"{PATH}/oldwiki.svg")).text
    assert "No longer listed" in gone
    assert "#54595d" in gone


async def test_a_badge_asked_for_often_is_drawn_once_in_a_while(world: AuditWorld) -> None:
    answers = await asyncio.gather(*(get(world, f"{PATH}/enwiki.svg") for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    before = world.scorecards.asked
    await asyncio.gather(*(get(world, f"{PATH}/enwiki.svg") for _ in range(50)))
    assert world.scorecards.asked == before
    at = [0.0]
    badges = Badges(lambda: at[0])
    badges.keep(("enwiki", "en"), b"drawn")
    assert badges.find(("enwiki", "en")) == b"drawn"
    at[0] = BADGE_SECONDS
    assert badges.find(("enwiki", "en")) is None


async def test_what_a_community_wrote_stays_text_everywhere(world: AuditWorld) -> None:
    evil = item(1, Outcome.MET, ReasonCode.ATTESTED, attested=attested(statement=EVIL, link="javascript:alert(1)"),
                annotation=EVIL)  # fmt: skip
    world.scorecards.cards = [scorecard(items=(evil,), projects=(project(title=EVIL, link='https://x"onload=1'),))]
    page = (await get(world, f"{PATH}/enwiki")).text
    assert "<script>alert" not in page
    assert 'href="javascript' not in page
    rows = list(csv.reader(io.StringIO((await get(world, f"{PATH}/enwiki.csv")).text)))
    assert rows[1][rows[0].index("statement")] == f"'{EVIL}"
    wikitext = (await get(world, f"{PATH}/enwiki.wikitext")).text
    for markup in ("{{", "[[", "<", "~~", "__", "''", "RFC 1", "-{", "javascript:", "nowiki>"):
        assert markup not in wikitext.replace("{|", "").replace("|}", ""), markup
    assert wikitext.count("\n|-\n") == 1
    assert len(wikitext.splitlines()) == 6


async def test_no_link_or_wide_sign_is_wikitext(world: AuditWorld) -> None:
    link = "https://example.org/a_b/__NOINDEX__/___/~~~~?x=%5B"
    said = attested(statement="＿＿目次強制＿＿", link=link)
    world.scorecards.cards = [scorecard(items=(item(1, Outcome.MET, ReasonCode.ATTESTED, attested=said),))]
    wikitext = (await get(world, f"{PATH}/enwiki.wikitext")).text
    assert "[https://example.org/a_b/%5F%5FNOINDEX%5F%5F/%5F%5F_/%7E%7E%7E%7E?x=%5B " in wikitext
    assert "＿" not in wikitext


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("  =1", "  '=1"),
        ("\u200b=1", "\u200b'=1"),
        ("＝1", "'＝1"),
        ("|x", "'|x"),
        ("%0A", "'%0A"),
        ("\t=1", "\t'=1"),
        ("\r\n=1", "\r\n'=1"),
        ("x;=1+1;", "x;'=1+1;"),
        ("x; \t=1;;-2", "x; \t'=1;;'-2"),
        ("x\t@y\n+1", "x\t'@y\n'+1"),
        ('x;"=1+1', "x;\"'=1+1"),
        ("a=1; b", "a=1; b"),
    ],
)
async def test_no_cell_of_a_table_is_a_formula(world: AuditWorld, text: str, cell: str) -> None:
    world.scorecards.cards = [
        scorecard(items=(item(1, Outcome.MET, ReasonCode.ATTESTED, attested=attested(statement=text)),))
    ]
    content = (await get(world, f"{PATH}/enwiki.csv")).text
    rows = list(csv.reader(io.StringIO(content, newline="")))
    assert rows[1][rows[0].index("statement")] == cell


async def test_gemara_gets_an_evaluation_of_each_responsibility(world: AuditWorld) -> None:
    log = (await get(world, f"{PATH}/enwiki.gemara.json")).json()
    results = {one["control"]["entry-id"]: one["result"] for one in log["evaluations"]}
    assert results["HB-01"] == "Passed"
    assert results["HB-03"] == "Failed"
    assert results["HB-02"] == "Needs Review"
    assert results["HB-11"] == "Not Applicable"
    assert results["HB-14"] == "Unknown"
    assert results["HB-16"] == "Not Run"
    for one in log["evaluations"]:
        (assessment,) = one["assessment-logs"]
        assert assessment.keys() >= {
            "requirement", "procedure", "description", "result", "message", "applicability", "steps", "start"
        }  # fmt: skip


def changed(**given: Any) -> MemoryScorecards:
    """The scorecard thirty days and more ago, and today's."""
    before = scorecard(as_of=as_of(40, AT - 31 * DAY), **given)
    return MemoryScorecards(before, scorecard())


async def test_what_differs_between_two_checkpoints_is_told(world: AuditWorld) -> None:
    older = (item(1, Outcome.NO_EVIDENCE, ReasonCode.NEVER_ATTESTED, since=None), *ITEMS[1:])
    world.scorecards.cards = changed(items=older, next_level_missing=("HB-01", "HB-02", "HB-07")).cards
    for query in ("", "?from=40&to=120", "?from=2026-10-24&to=2026-11-24"):
        page = await get(world, f"{PATH}/enwiki/diff{query}")
        assert page.status_code == 200, query
        assert "The community publishes how to report" in page.text
        assert "The community acknowledges" not in page.text
    told = (await get(world, f"{PATH}/enwiki/diff.json?from=40&to=120")).json()
    assert [(one["id"], one["changed"]) for one in told["items"]] == [
        ("HB-01", ["outcome", "reason", "since", "attested"])
    ]
    assert (told["before"]["as_of"]["sealed"], told["after"]["as_of"]["sealed"]) == (40, 120)
    same = (await get(world, f"{PATH}/enwiki/diff.json?from=120&to=120")).json()
    assert same["items"] == []


async def test_a_difference_tells_values_to_auditors_only(world: AuditWorld) -> None:
    older = tuple(replace(one, measured=measured(value=50.0, holds=False)) if one.responsibility_id == "HB-03" else one
                  for one in ITEMS)  # fmt: skip
    world.scorecards.cards = changed(items=older).cards
    query = "/enwiki/diff.json?from=40&to=120"
    assert (await get(world, PATH + query)).json()["items"] == []
    inside = (await get(world, AUDITORS + query, **bearer())).json()["items"]
    assert [one["changed"] for one in inside] == [["measured"]]


@pytest.mark.parametrize(
    ("query", "status"),
    [("from=41&to=120", 404), ("from=x&to=120", 422), ("from=2020-01-01&to=120", 404), ("from=40", 422),
     ("from=" + "9" * 40 + "&to=1", 422)],
)  # fmt: skip
async def test_a_checkpoint_that_is_none_is_a_clear_error(world: AuditWorld, query: str, status: int) -> None:
    world.scorecards.cards = changed().cards
    answer = await get(world, f"{PATH}/enwiki/diff.json?{query}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await get(world, f"{PATH}/enwiki.json?as_of=41")).json()["type"] == "/errors/checkpoint-unknown"


async def test_an_earlier_checkpoint_says_that_it_is_one(world: AuditWorld) -> None:
    world.scorecards.cards = changed().cards
    assert "This is how it stood on" in (await get(world, f"{PATH}/enwiki?as_of=40")).text
    assert "This is how it stood on" not in (await get(world, f"{PATH}/enwiki")).text


async def test_an_unknown_community_gets_a_page_and_programs_a_problem(world: AuditWorld) -> None:
    for path in (f"{PATH}/nowhere", f"{PATH}/nowhere/diff", f"{PATH}/<script>"):
        page = await get(world, path, Accept="text/html")
        assert page.status_code == 404
        assert "There is no such scorecard" in page.text
        assert "<script>" not in page.text
    for end in (".json", ".csv", ".svg", ".wikitext", ".gemara.json"):
        problem = await get(world, f"{PATH}/nowhere{end}")
        assert (problem.status_code, problem.json()["type"]) == (404, "/errors/community-unknown")


async def test_a_community_that_the_policy_no_longer_lists_says_so(world: AuditWorld) -> None:
    gone = with_digest(replace(scorecard("oldwiki"), kind=None, level_reached=0, next_level_missing=()))
    world.scorecards.cards.append(gone)
    page = await get(world, f"{PATH}/oldwiki")
    assert page.status_code == 200
    assert "This community is no longer part of the policy" in page.text
    assert "oldwiki" not in (await get(world, PATH)).text
    assert json.loads((await get(world, f"{PATH}/oldwiki.json")).text)["kind"] is None
    assert digest_of(gone) == gone.digest


async def test_before_the_first_checkpoint_the_list_is_empty_and_says_so(world: AuditWorld) -> None:
    world.scorecards.cards = []
    page = await get(world, PATH)
    assert page.status_code == 200
    assert "No community of this kind has a scorecard yet." in page.text
    assert untouched("swwiki").trend == ()
