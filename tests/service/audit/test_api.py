"""What auditors get over HTTP, who else gets nothing, and that reading is recorded before it is answered."""

from dataclasses import replace

import httpx
import pytest

from services.audit.record.log import SEALS, Entry, Head
from services.audit.tlog.note import SigningKey, decode_base64, open_checkpoint
from services.audit.tlog.tiles import InclusionBundle, split_entries
from services.audit.tlog.tree import EMPTY_ROOT, hash_leaf, hash_leaves, root_of, verify_consistency, verify_inclusion
from shared.access.principal import Role
from shared.access.tokens import make_token
from shared.problems import Unavailable
from tests.support.audit_rig import ORIGIN, SIGNING_KEY, bearer, event_of
from tests.support.audit_world import AuditWorld, leaf_of
from tests.support.people import anybody, auditor

KEY = SigningKey(ORIGIN, SIGNING_KEY).verifier
EVENT = event_of("case-7", 2).id

GUARDED = [
    "/v1/record/logs",
    "/v1/record/logs/cases/0/checkpoint",
    "/v1/record/logs/seals/checkpoint",
    "/v1/record/logs/cases/0/tile/0/000",
    "/v1/record/logs/cases/0/tile/entries/000",
    "/v1/record/logs/seals/tile/entries/000.p/1",
    "/v1/record/cases/case-7/timeline",
    "/v1/record/events?case_id=case-7",
    f"/v1/record/proofs/{EVENT}",
    "/v1/record/consistency?log=cases/0&from=1&to=300",
    "/audit",
    "/audit?q=case-7",
    "/audit/cases/case-7",
]


@pytest.fixture
async def world() -> AuditWorld:
    world = AuditWorld()
    await world.fill()
    await world.writer.states([SEALS], event_of("c", 1).time)
    return world


async def get(world: AuditWorld, path: str, **headers: str) -> httpx.Response:
    answer = await world.client.get(path, headers={**bearer(), **headers})
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.AUDITOR])
async def test_no_other_role_reads_the_record(world: AuditWorld, path: str, role: Role) -> None:
    answer = await world.client.get(path, headers=bearer(role))
    assert answer.status_code == 403
    assert "case-7" not in answer.text
    assert not world.saving.saved


@pytest.mark.parametrize("path", GUARDED)
async def test_nobody_reads_the_record_without_a_token_or_with_one_for_another_service(
    world: AuditWorld, path: str
) -> None:
    for headers in ({}, {"Authorization": f"Bearer {make_token('pat')}"}, {"Authorization": "Bearer nonsense"}):
        assert (await world.client.get(path, headers=headers)).status_code == 401


async def test_the_keys_are_public(world: AuditWorld) -> None:
    answer = await world.client.get("/v1/record/keys")
    assert answer.json() == {"items": [{"name": ORIGIN, "vkey": str(KEY)}], "next": None}


async def test_the_list_of_logs_says_what_their_checkpoints_say(world: AuditWorld) -> None:
    items = (await get(world, "/v1/record/logs")).json()["items"]
    assert [(item["path"], item["size"]) for item in items] == [
        ("logs/cases/0", 300), ("logs/reports.inbox/1", 1), ("logs/seals", 0),
    ]  # fmt: skip
    for item in items:
        note = (await get(world, f"/v1/record/{item['path']}/checkpoint")).text
        checkpoint = open_checkpoint(note, [KEY], item["log"])
        assert (checkpoint.size, checkpoint.root) == (item["size"], decode_base64(item["root"]))


async def test_tiles_and_bundles_of_any_width_lead_to_the_signed_root(world: AuditWorld) -> None:
    base = "/v1/record/logs/cases/0"
    full = split_entries((await get(world, f"{base}/tile/entries/000")).content)
    rest = split_entries((await get(world, f"{base}/tile/entries/001.p/44")).content)
    checkpoint = open_checkpoint((await get(world, f"{base}/checkpoint")).text, [KEY], f"{ORIGIN}/cases/0")
    assert root_of(hash_leaves([*full, *rest])) == checkpoint.root
    assert (await get(world, f"{base}/tile/0/000")).content == b"".join(hash_leaves(full))
    assert (await get(world, f"{base}/tile/0/001.p/3")).content == b"".join(hash_leaves(rest[:3]))
    assert (await get(world, f"{base}/tile/1/000.p/1")).content == root_of(hash_leaves(full))


async def test_hash_tiles_may_be_kept_by_caches_and_entries_may_not(world: AuditWorld) -> None:
    async def cached(path: str) -> str:
        return (await get(world, f"/v1/record/logs/cases/0/tile/{path}")).headers["cache-control"]

    assert await cached("0/000") == "private, max-age=31536000, immutable"
    assert await cached("0/001.p/3") == "private, max-age=60"
    assert await cached("entries/000") == await cached("entries/001.p/44") == "no-store"


@pytest.mark.parametrize(
    "path", ["0/001.p/45", "0/002", "entries/001", "1/000.p/2", "0/0", "0/000.p/0", "64/000", "../../../keys"]
)
async def test_tiles_that_do_not_exist_are_not_found(world: AuditWorld, path: str) -> None:
    answer = await world.client.get(f"/v1/record/logs/cases/0/tile/{path}", headers=bearer())
    assert answer.status_code == 404


@pytest.mark.parametrize("log", ["cases/00", "cases/1", "unknown/0", "cases/x"])
async def test_logs_that_do_not_exist_are_not_found(world: AuditWorld, log: str) -> None:
    answer = await world.client.get(f"/v1/record/logs/{log}/checkpoint", headers=bearer())
    assert answer.status_code == 404


async def test_an_event_is_proved_in_json_and_as_a_tlog_proof(world: AuditWorld) -> None:
    proof = (await get(world, f"/v1/record/proofs/{EVENT}")).json()
    checkpoint = open_checkpoint(proof["checkpoint"], [KEY], proof["log"])
    leaf_hash = hash_leaf(proof["entry"].encode())
    path = [decode_base64(one) for one in proof["path"]]
    verify_inclusion(leaf_hash, proof["index"], checkpoint.size, path, checkpoint.root)

    for address, headers in ((f"{EVENT}.tlog-proof", {}), (EVENT, {"Accept": "text/plain"})):
        text = (await get(world, f"/v1/record/proofs/{address}", **headers)).text
        bundle = InclusionBundle.parse(text)
        verify_inclusion(leaf_hash, bundle.index, checkpoint.size, bundle.path, checkpoint.root)
    assert len(text) <= 3_000


async def test_growth_is_proved_from_any_size_to_any_other(world: AuditWorld) -> None:
    leaves = hash_leaves(await world.record.leaves("cases/0", 0, 300))
    for old, new in ((0, 300), (1, 2), (255, 257), (100, 300), (300, 300)):
        proof = (await get(world, f"/v1/record/consistency?log=cases/0&from={old}&to={new}")).json()["proof"]
        hashes = [decode_base64(one) for one in proof]
        verify_consistency(old, root_of(leaves[:old]) if old else EMPTY_ROOT, new, root_of(leaves[:new]), hashes)
    answer = await world.client.get("/v1/record/consistency?log=cases/0&from=1&to=301", headers=bearer())
    assert answer.status_code == 422


async def test_a_timeline_has_every_event_of_the_case_in_order_of_time_across_logs(world: AuditWorld) -> None:
    await world.add("access/0", [leaf_of(event_of("case-7", 4), "access", 0, 0)])
    items = (await get(world, "/v1/record/cases/case-7/timeline")).json()["items"]
    assert [item["entry"]["case_seq"] for item in items] == [1, 2, 3, 4]
    assert items[1]["proof"] == f"/v1/record/proofs/{EVENT}"


async def test_events_are_listed_page_by_page_by_position(world: AuditWorld) -> None:
    seen, cursor = [], ""
    for _ in range(4):
        page = (await get(world, f"/v1/record/events?log=cases/0&limit=100{cursor}")).json()
        seen += [item["index"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == list(range(300))
    filters = "type=hearth.case.closed.v1&from=2026-11-24T09:00:03Z&limit=1000"
    found = (await get(world, f"/v1/record/events?{filters}")).json()
    assert {item["entry"]["case_seq"] for item in found["items"]} == {3}


BAD_QUERIES = [
    "cursor=x", "from=yesterday", "from=9999-12-31T23:59:59-01:00", "to=0001-01-01T00:00:00%2B01:00",
    "purpose=Jane%20Example", "limit=0", "limit=1001",
]  # fmt: skip


@pytest.mark.parametrize("query", BAD_QUERIES)
async def test_a_query_that_cannot_be_read_is_refused_with_a_pointer(world: AuditWorld, query: str) -> None:
    answer = await world.client.get(f"/v1/record/events?{query}", headers=bearer())
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{query.partition('=')[0]}"
    assert not world.saving.saved


async def test_what_is_not_under_a_committed_head_is_never_shown(world: AuditWorld) -> None:
    orphan = leaf_of(event_of("case-7", 4), "cases", 0, 300)
    head = (await world.record.heads(["cases/0"]))[0]
    state = (await world.writer.states(["cases/0"], event_of("c", 1).time))["cases/0"]
    assert state.head == head
    await world.record.insert([Entry("cases/0", 300, 300, orphan.entry, orphan.about)])
    assert len((await get(world, "/v1/record/cases/case-7/timeline")).json()["items"]) == 3
    answer = await world.client.get(f"/v1/record/proofs/{orphan.event_id}", headers=bearer())
    assert answer.status_code == 404


async def test_each_read_is_recorded_with_its_purpose_its_count_and_who(world: AuditWorld) -> None:
    await get(world, "/v1/record/cases/case-7/timeline", **{"Hearth-Purpose": "quarterly-review"})
    await get(world, "/v1/record/events?case_id=case-7&purpose=appeal")
    await get(world, f"/v1/record/proofs/{EVENT}")
    assert [(read.query, read.results, read.purpose) for read in world.saving.reads] == [
        ("/v1/record/cases/{id}/timeline", 3, "quarterly-review"),
        ("/v1/record/events", 3, "appeal"),
        ("/v1/record/proofs/{event_id}", 1, "audit"),
    ]
    assert {event.actor.ref for event in world.saving.events} == {anybody(Role.AUDITOR).ref}
    assert {event.case_id for event in world.saving.events} == {"case-7"}


async def test_a_verification_is_recorded_once_for_each_person_and_log(
    world: AuditWorld,
) -> None:
    base = "/v1/record/logs/cases/0/tile"
    for path in ("entries/000", "entries/001.p/44", "entries/000", "0/000"):
        await get(world, f"{base}/{path}")
    await get(world, f"{base}/entries/000", **bearer(ref="a2"))
    assert [event.actor.ref for event in world.saving.events] == [anybody(Role.AUDITOR).ref, auditor("a2").ref]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/record/cases/case-7/timeline",
        "/v1/record/events?case_id=case-7",
        f"/v1/record/proofs/{EVENT}",
        "/v1/record/logs/cases/0/tile/entries/000",
        "/audit/cases/case-7",
        "/audit?q=case-7",
    ],
)
async def test_a_read_that_cannot_be_recorded_is_refused(world: AuditWorld, path: str) -> None:
    world.saving.away = True
    answer = await world.client.get(path, headers=bearer())
    assert answer.status_code == 503
    assert EVENT not in answer.text


async def test_a_head_that_contradicts_what_was_signed_is_not_signed(world: AuditWorld) -> None:
    await get(world, "/v1/record/logs/cases/0/checkpoint")
    world.record.by_log["cases/0"] = replace(world.record.by_log["cases/0"], root=bytes(32))
    answer = await world.client.get("/v1/record/logs/cases/0/checkpoint", headers=bearer())
    assert answer.status_code == 500
    assert answer.json()["type"] == "/errors/record-damaged"


async def test_while_the_database_is_away_the_answer_is_to_come_back_later(
    world: AuditWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def heads(logs: object = None) -> list[Head]:
        raise Unavailable("mongod-1.internal: connection closed")

    monkeypatch.setattr(world.record, "heads", heads)
    answer = await world.client.get("/v1/record/logs", headers=bearer())
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "internal" not in answer.text
