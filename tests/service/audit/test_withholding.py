"""What an auditor gets of a case that names them: leaf hashes in the places of its entries, and nothing else."""

import itertools
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.audit import queries
from services.audit.record.leaf import Leaf, Place, keep_digest
from services.audit.record.log import SEALS
from services.audit.record.withheld import is_decoy
from services.audit.routes import CURSORS
from services.audit.tlog.note import encode_base64
from services.audit.tlog.tiles import split_entries
from services.audit.tlog.tree import hash_leaf
from shared.events import RecusalDeclared
from shared.ids import derive
from shared.kafka.topics import RESTRICTED
from tests.support.audit_export import check, export
from tests.support.audit_rig import AT, event_of, read_of
from tests.support.audit_world import AuditWorld, leaf_of
from tests.support.people import auditor, bearer

NAMED, OTHER = auditor("a1"), auditor("b2")
(NAME,) = NAMED.pseudonyms
AS_NAMED, AS_OTHER = bearer(NAMED), bearer(OTHER)


@pytest.fixture
async def world() -> AsyncIterator[AuditWorld]:
    world = AuditWorld()
    async with world.client:
        yield world


async def tell(world: AuditWorld, cases: int, naming: Collection[int], seqs: int = 2) -> None:
    """Cases with `seqs` events each in `cases/0` and one in `access/0`; those of `naming` name the auditor."""
    numbers = itertools.count()
    leaves = [
        leaf_of(event_of(f"case-{n}", seq, parties=[NAME] if n in naming else []), "cases", 0, next(numbers))
        for n in range(cases)
        for seq in range(1, seqs + 1)
    ]
    reads = [leaf_of(read_of(f"case-{n}", seqs + 1), "access", 0, n) for n in range(cases)]
    await world.add("cases/0", leaves)
    await world.add("access/0", reads)
    await world.seal()


async def get(world: AuditWorld, path: str, headers: dict[str, str] = AS_NAMED) -> httpx.Response:
    return await world.client.get(path, headers={**headers, "X-Request-Id": "asked-twice"})


async def page_through(world: AuditWorld, path: str, headers: dict[str, str] = AS_NAMED) -> list[list[dict[str, Any]]]:
    """The items of every page."""
    pages: list[list[dict[str, Any]]] = []
    cursor = ""
    while True:
        answer = await get(world, path + cursor, headers)
        assert answer.status_code == 200, answer.text
        pages.append(answer.json()["items"])
        if answer.json()["next"] is None:
            return pages
        cursor = f"{'&' if '?' in path else '?'}cursor={answer.json()['next']}"


HIDDEN: dict[str, Callable[[int], bool]] = {
    "the first": lambda n: n == 0,
    "the last": lambda n: n == 299,
    "one in every bundle": lambda n: n % 100 == 50,
    "all": lambda n: True,
    "none": lambda n: False,
}


@pytest.mark.parametrize("which", HIDDEN)
async def test_a_record_verifies_whatever_is_withheld(world: AuditWorld, tmp_path: Path, which: str) -> None:
    naming = {n for n in range(300) if HIDDEN[which](n)}
    await tell(world, 300, naming)
    report = check(await export(world, AS_NAMED, tmp_path / "named"))
    assert report.findings == []
    assert (report.withheld, report.entries) == (3 * len(naming), 900 + 2)
    assert report.sequences == 300 - len(naming)
    others = check(await export(world, AS_OTHER, tmp_path / "other"))
    assert (others.findings, others.withheld) == ([], 0)
    assert [(log.log, log.root) for log in others.logs] == [(log.log, log.root) for log in report.logs]


async def test_of_a_withheld_entry_nothing_is_told_but_log_index_and_leaf_hash(world: AuditWorld) -> None:
    await tell(world, 3, {1})
    (items,) = await page_through(world, "/v1/record/events?log=cases/0")
    leaves = await world.record.leaves("cases/0", 0, 6)
    assert [item["index"] for item in items] == list(range(6))
    assert items[2:4] == [
        {"log": "cases/0", "index": n, "leaf_hash": encode_base64(hash_leaf(leaves[n])), "withheld": True}
        for n in (2, 3)
    ]
    assert [item["entry"]["key"] for item in items if "entry" in item] == ["case-0"] * 2 + ["case-2"] * 2
    stubs = split_entries((await get(world, "/v1/record/logs/cases/0/tile/entries/000.p/6")).content)[2:4]
    assert stubs == [
        b'{"leaf_hash":"%s","withheld":true}' % encode_base64(hash_leaf(leaves[n])).encode() for n in (2, 3)
    ]


async def test_what_repeats_a_withheld_event_is_withheld_with_it(world: AuditWorld, tmp_path: Path) -> None:
    await tell(world, 3, {1})
    repeated = leaf_of(event_of("case-1", 2), "cases", 0, 6)
    await world.add("cases/0", [repeated])
    (items,) = await page_through(world, "/v1/record/events?log=cases/0")
    assert items[6]["withheld"] is True
    assert check(await export(world, AS_NAMED, tmp_path)).findings == []
    assert check(await export(world, AS_OTHER, tmp_path)).findings == []


FILTERS = [
    "type=hearth.case.opened.v1", "actor=service:triage", "community=enwiki", "from=2020-01-01T00:00:00Z",
    "to=2999-01-01T00:00:00Z", "case_id=case-1", f"event_id={event_of('case-1', 1).id}",
]  # fmt: skip


@pytest.mark.parametrize("asked", FILTERS)
async def test_no_filter_finds_what_is_withheld(world: AuditWorld, asked: str) -> None:
    await tell(world, 3, {1})
    for page in await page_through(world, f"/v1/record/events?{asked}"):
        assert all("entry" in item and item["entry"]["key"] != "case-1" for item in page)
    assert any(
        item["entry"]["key"] == "case-1"
        for page in await page_through(world, f"/v1/record/events?{asked}", AS_OTHER)
        for item in page
    )


@pytest.mark.parametrize(
    "path",
    [
        "/v1/record/cases/{case}/timeline",
        "/v1/record/events?case_id={case}",
        "/v1/record/events?event_id={event}",
        "/v1/record/proofs/{event}",
        "/v1/record/proofs/{event}.tlog-proof",
        "/audit/cases/{case}",
        "/audit?q={case}",
        "/audit?q={event}",
    ],
)
async def test_a_question_about_a_withheld_case_is_answered_as_one_about_none(world: AuditWorld, path: str) -> None:
    await tell(world, 3, {1})
    answers = []
    for case in ("case-1", "case-x"):
        event = event_of(case, 1).id
        answer = await get(world, path.format(case=case, event=event))
        answers.append((answer.status_code, answer.text.replace(case, "C").replace(event, "E")))
    assert answers[0][0] == answers[1][0]
    if "<form" not in answers[0][1]:
        assert answers[0] == answers[1]
    noted = [(read.query, read.results) for read in world.saving.reads]
    assert noted[: len(noted) // 2] == noted[len(noted) // 2 :]


async def test_counts_of_reads_tell_nothing_of_what_was_withheld(world: AuditWorld) -> None:
    await tell(world, 3, {1})
    for headers in (AS_NAMED, AS_OTHER):
        await get(world, "/v1/record/events?log=cases/0", headers)
    assert [read.results for read in world.saving.reads] == [6, 6]


async def test_a_recusal_withholds_nothing_from_auditors(world: AuditWorld) -> None:
    recusal = RecusalDeclared(previous="new", state="new", person=NAMED.ref, ground="related", own=True)
    await tell(world, 2, ())
    await world.add("cases/0", [leaf_of(event_of("case-1", 3, fact=recusal), "cases", 0, 9)])
    (items,) = await page_through(world, "/v1/record/cases/case-1/timeline")
    assert [item["entry"]["case_seq"] for item in items] == [1, 2, 3, 3]


async def test_while_nobody_knows_who_is_in_a_case_all_of_it_is_withheld(world: AuditWorld) -> None:
    await world.add("access/0", [leaf_of(read_of("case-1", 3), "access", 0, 0)])
    ((item,),) = await page_through(world, "/v1/record/events", AS_OTHER)
    assert item["withheld"] is True
    await world.add("cases/0", [leaf_of(event_of("case-1", 1, parties=[NAME]), "cases", 0, 0)])
    (items,) = await page_through(world, "/v1/record/events", AS_OTHER)
    assert all("entry" in item for item in items)
    (items,) = await page_through(world, "/v1/record/events", AS_NAMED)
    assert all("withheld" in item for item in items)


async def test_an_access_to_no_case_is_shown(world: AuditWorld) -> None:
    await get(world, "/v1/record/events?log=cases/0")
    await world.add("access/0", [leaf_of(event, "access", 0, n) for n, event in enumerate(world.saving.events)])
    ((item,),) = await page_through(world, "/v1/record/events?log=access/0")
    assert item["entry"]["data"]["query"] == "/v1/record/events"


async def test_a_flood_of_reports_that_name_the_auditor_makes_no_question_larger(
    world: AuditWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MOST_EXAMINED", 400)
    await tell(world, 1_000, range(10, 990))
    world.record.asked.clear()
    shown = [item for page in await page_through(world, "/v1/record/events?log=cases/0&limit=100") for item in page]
    assert [item["index"] for item in shown] == list(range(2_000))
    assert sum("withheld" in item for item in shown) == 2 * 980
    pages = await page_through(world, "/v1/record/events?log=cases/0&limit=50&type=hearth.case.opened.v1")
    assert [item["entry"]["key"] for page in pages for item in page] == [
        f"case-{n}" for n in (*range(10), *range(990, 1_000))
    ]
    # 2,000 places, 400 at a time.
    assert len(pages) == 5
    assert max(world.record.asked) <= 400


async def test_a_short_page_ends_where_sizes_say_and_not_at_what_is_withheld(
    world: AuditWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MOST_EXAMINED", 100)
    await tell(world, 300, range(300))
    cursors = [
        (await get(world, f"/v1/record/events?{asked}")).json()["next"]
        for asked in ("log=cases/0&type=hearth.case.opened.v1", "log=cases/0&type=hearth.no.such.v1")
    ]
    assert cursors[0] == cursors[1]
    assert CURSORS.read(cursors[0]) == ("cases/0", 100)


async def test_a_trace_full_of_withheld_entries_ends_at_the_edge_of_a_bundle(
    world: AuditWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MOST_EXAMINED", 600)
    trace = f"00-{'ab' * 16}-{'cd' * 8}-01"
    leaves = [leaf_of(event_of(f"c-{n}", 1, trace=trace, parties=[NAME]), "cases", 0, n) for n in range(1_000)]
    await world.add("cases/0", leaves)
    answer = (await get(world, f"/v1/record/events?trace_id={'ab' * 16}")).json()
    place = CURSORS.read(answer["next"])
    assert answer["items"] == []
    assert place is not None
    assert place.number % 256 == 0
    assert [len(page) for page in await page_through(world, f"/v1/record/events?trace_id={'ab' * 16}", AS_OTHER)] == [
        100
    ] * 10


@pytest.mark.parametrize(
    "cursor",
    [CURSORS.write(place) for place in (("cases/0", 2), ("cases/0", 3), ("access/0", 1))]  # type: ignore[arg-type]  # tampered
    + ["W10", "x", '["cases/0",-1]', "WyJjYXNlcy8wIixudWxsXQ"],
)
async def test_a_cursor_that_was_tampered_with_shows_no_more(world: AuditWorld, cursor: str) -> None:
    await tell(world, 3, {1})
    for path in ("events?limit=1", "events?type=hearth.case.closed.v1", "cases/case-1/timeline?limit=1"):
        answer = await get(world, f"/v1/record/{path}&cursor={cursor}")
        assert answer.status_code in (200, 422)
        assert "case-1" not in answer.text


async def test_exports_from_before_and_after_differ_in_nothing_but_stubs(world: AuditWorld, tmp_path: Path) -> None:
    await tell(world, 100, ())
    seen: dict[str, Any] = {}
    before = await export(world, AS_NAMED, tmp_path / "before")
    assert check(before, seen).withheld == 0
    late = event_of("case-7", 3, fact=event_of("x", 1, parties=[NAME]).fact)
    await world.add("cases/0", [leaf_of(late, "cases", 0, 900)])
    after = await export(world, AS_NAMED, tmp_path / "after")
    report = check(after, seen)
    # The two of the case in this log, the one in another log, and the one that names the auditor.
    assert (report.findings, report.withheld) == ([], 4)
    old, new = (split_entries((folder / "logs/cases/0/tile/entries/000.p" / size).read_bytes())
                for folder, size in ((before, "200"), (after, "201")))  # fmt: skip
    stubs = {n: encode_base64(hash_leaf(entry)) for n, entry in enumerate(old) if new[n] != entry}
    assert stubs.keys() == {14, 15}
    assert all(new[n] == b'{"leaf_hash":"%s","withheld":true}' % stub.encode() for n, stub in stubs.items())


async def test_decoys_are_whole_cases_and_look_like_any_withheld_one(tmp_path: Path) -> None:
    world = AuditWorld(record_decoys=4)
    async with world.client:
        cases = [derive("case", str(n)) for n in range(60)]
        leaves: list[Leaf] = []
        for case in cases:
            opened, closed = event_of(case, 1, parties=["another"]), event_of(case, 2)
            leaves += [leaf_of(event, "cases", 0, len(leaves) + n) for n, event in enumerate((opened, closed))]
        await world.add("cases/0", leaves)
        await world.seal()
        shown = {}
        for who, headers in (("named", AS_NAMED), ("other", AS_OTHER)):
            (items,) = await page_through(world, "/v1/record/events?log=cases/0&limit=1000", headers)
            shown[who] = [[("withheld" in item) for item in items[at : at + 2]] for at in range(0, len(items), 2)]
            assert all(one == other for one, other in shown[who])
            assert {tuple(item) for item in items if "withheld" in item} == {("log", "index", "leaf_hash", "withheld")}
            assert 5 <= sum(one for one, _ in shown[who]) <= 30
            (again,) = await page_through(world, "/v1/record/events?log=cases/0&limit=1000", headers)
            assert again == items
            report = check(await export(world, headers, tmp_path / who))
            assert (report.findings, report.withheld) == ([], 2 * sum(one for one, _ in shown[who]))
        assert shown["named"] != shown["other"]


async def test_a_case_that_names_nobody_can_be_a_decoy_too() -> None:
    # Otherwise what is still withheld after an erasure would be known to name a person on the roster.
    world = AuditWorld(record_decoys=1)
    async with world.client:
        await world.add("cases/0", [leaf_of(event_of(derive("case", "1"), 1), "cases", 0, 0)])
        ((item,),) = await page_through(world, "/v1/record/events?log=cases/0")
        assert "withheld" in item


def test_a_decoy_stays_one_and_others_become_one_late() -> None:
    cases = [derive("case", str(n)) for n in range(4_000)]
    shares = []
    before: set[str] = set()
    for year in (2026, 2029, 2032, 2036):
        day = AT.date().replace(year=year)
        decoys = {case for case in cases if is_decoy(bytes(32), 32, NAMED.ref, case, day)}
        assert before <= decoys
        before = decoys
        shares.append(len(decoys))
    assert 90 <= shares[0] < shares[1] < shares[2] < shares[3] <= 320
    assert not any(is_decoy(bytes(32), 0, NAMED.ref, case, AT.date()) for case in cases)
    assert not is_decoy(bytes(32), 1, NAMED.ref, "person:0123456789abcdef", AT.date())


async def test_a_timeline_goes_on_page_by_page_in_order_of_time_across_logs(world: AuditWorld) -> None:
    events = [event_of("case-1", seq) for seq in range(1, 41)]
    for log, mine in (("cases/0", events[::2]), ("access/0", events[1::2])):
        topic = log.partition("/")[0]
        await world.add(log, [leaf_of(event, topic, 0, n) for n, event in enumerate(mine)])
    pages = await page_through(world, "/v1/record/cases/case-1/timeline?limit=7")
    assert [item["entry"]["case_seq"] for page in pages for item in page] == list(range(1, 41))
    assert [len(page) for page in pages] == [7, 7, 7, 7, 7, 5]


@pytest.mark.slow
async def test_a_timeline_of_more_entries_than_any_page_is_whole(world: AuditWorld) -> None:
    leaves = [leaf_of(event_of("case-1", seq), "cases", 0, seq) for seq in range(1, 6_001)]
    await world.add("cases/0", leaves)
    pages = await page_through(world, "/v1/record/cases/case-1/timeline")
    assert [item["entry"]["case_seq"] for page in pages for item in page] == list(range(1, 6_001))


async def test_the_page_of_a_long_timeline_leads_on_and_a_search_to_the_right_part(world: AuditWorld) -> None:
    await world.add("cases/0", [leaf_of(event_of("case-1", seq), "cases", 0, seq) for seq in range(1, 301)])
    page = (await get(world, "/audit/cases/case-1")).text
    assert page.count(">Proved<") == 200
    assert "Later entries" in page
    late = event_of("case-1", 290).id
    found = (await get(world, f"/audit?q={late}")).headers["location"]
    address, _, mark = found.partition("#")
    assert mark == late
    page = (await get(world, address)).text
    assert f'id="{late}"' in page
    assert "Later entries" not in page
    assert "From the beginning" in page


async def test_what_stands_on_a_restricted_topic_is_withheld_from_everybody(world: AuditWorld, tmp_path: Path) -> None:
    await tell(world, 3, {1})
    for topic in RESTRICTED:
        await world.add(f"{topic}/0", [keep_digest(Place(topic, 0, n, 1_000), b"digits of names") for n in range(3)])
    await world.seal()
    for headers in (AS_NAMED, AS_OTHER):
        for topic in RESTRICTED:
            (items,) = await page_through(world, f"/v1/record/events?log={topic}/0", headers)
            assert [set(item) for item in items] == [{"log", "index", "leaf_hash", "withheld"}] * 3
    report = check(await export(world, AS_OTHER, tmp_path))
    assert (report.findings, report.withheld, report.unparsed) == ([], 3 * len(RESTRICTED), 0)


async def test_the_seal_log_is_withheld_from_nobody(world: AuditWorld) -> None:
    await tell(world, 3, range(3))
    size = (await world.record.heads([SEALS]))[0].size
    entries = split_entries((await get(world, f"/v1/record/logs/seals/tile/entries/000.p/{size}")).content)
    assert entries == await world.record.leaves(SEALS, 0, size)
