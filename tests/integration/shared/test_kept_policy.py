"""A mistake in the policy files stops no service that has started before: it goes on with the copy that it kept."""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from shared.kept_policy import KeptPolicy, PolicyState, keep_folder, texts_in
from shared.mongo import connect
from shared.policy import load_policy
from shared.policy.loader import PACKAGED
from shared.runtime import _build
from tests.service.shared.test_starts import environment
from tests.support.every_app import SERVICES, build
from tests.support.triage_rig import settings_for

ROUTING = (PACKAGED / "routing.toml").read_text(encoding="utf-8")


def kept_at(mongo_uri: str, database_prefix: str) -> KeptPolicy:
    return KeptPolicy("triage", settings_for(mongo=mongo_uri, database_prefix=database_prefix))


async def test_a_kept_folder_comes_back_as_it_was(mongo_uri: str, database_prefix: str, tmp_path: Path) -> None:
    kept = kept_at(mongo_uri, database_prefix)
    assert await kept.find() is None
    (tmp_path / "baseline" / "i18n").mkdir(parents=True)
    for name in ("routing.toml", "baseline/2027-01-01.toml", "baseline/i18n/en.json", "notes.txt"):
        (tmp_path / name).write_text(f"# {name} ✓\n", encoding="utf-8")
    texts = texts_in(tmp_path)
    assert "notes.txt" not in texts
    for _ in range(2):
        await kept.keep(texts)
        assert await kept.find() == texts
    assert len(texts) == 3


async def test_a_folder_with_a_file_that_cannot_be_read_stops_nothing(
    mongo_uri: str, database_prefix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "baseline").mkdir()
    (tmp_path / "baseline" / "2027-01-01.toml").write_bytes(b"\xff")
    await keep_folder("triage", settings_for(mongo=mongo_uri, database_prefix=database_prefix), tmp_path)
    assert "is not kept" in caplog.text
    assert await kept_at(mongo_uri, database_prefix).find() is None


async def test_a_folder_that_is_too_large_is_not_kept(mongo_uri: str, database_prefix: str) -> None:
    kept = kept_at(mongo_uri, database_prefix)
    await kept.keep({"routing.toml": "#" * 4_000_001})
    assert await kept.find() is None


async def begin(given: Mapping[str, str]) -> tuple[asyncio.subprocess.Process, dict[str, str]]:
    """A process of triage, and the first line that it logs; empty where it ends without one."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.triage", env=environment("triage") | given,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    line = await process.stdout.readline()
    return process, json.loads(line) if line else {}


async def end(process: asyncio.subprocess.Process) -> None:
    process.kill()
    await process.communicate()


@pytest.mark.slow
async def test_a_service_starts_with_the_policy_before_where_the_files_have_a_mistake(
    mongo_uri: str, database_prefix: str, tmp_path: Path
) -> None:
    given = {
        "HEARTH_MONGO": mongo_uri, "HEARTH_DATABASE_PREFIX": database_prefix, "HEARTH_POLICY_DIR": str(tmp_path),
        "PYTHONPATH": str(Path.cwd()),
    }  # fmt: skip
    file, kept = tmp_path / "routing.toml", kept_at(mongo_uri, database_prefix)
    file.write_text(ROUTING.replace('to = ["legal"]', 'to = ["leagl"]'), encoding="utf-8")
    first, line = await begin(given)
    assert (await first.wait(), line) == (2, {})

    file.write_text(ROUTING.replace('to = ["legal"]', 'to = ["u4c"]'), encoding="utf-8")
    good, _ = await begin(given)
    while await kept.find() is None:
        await asyncio.sleep(0.1)
    await end(good)

    file.write_text(ROUTING.replace('to = ["legal"]', 'to = ["leagl"]'), encoding="utf-8")
    again, line = await begin(given)
    assert again.returncode is None
    assert "the policy before stays in force" in json.dumps(line)
    assert "routing.toml:" in json.dumps(line)
    await end(again)
    texts = await kept.find()
    assert texts
    assert load_policy(None, texts).rules[2].to == ("u4c",)


async def test_nothing_but_the_files_is_kept(mongo_uri: str, database_prefix: str) -> None:
    await kept_at(mongo_uri, database_prefix).keep({"policy.toml": 'version = "2026-12"\n'})
    client = connect(mongo_uri, service="test")
    try:
        [document] = await client[f"{database_prefix}triage"]["policy"].find({}).to_list(None)
    finally:
        client.close()
    assert document == {"_id": "last_good", "files": [["policy.toml", 'version = "2026-12"\n']]}


async def test_a_running_service_notices_changed_files(tmp_path: Path) -> None:
    state, file = PolicyState(), tmp_path / "routing.toml"
    file.write_text(ROUTING, encoding="utf-8")
    watching = asyncio.create_task(state.watch(tmp_path, load_policy(tmp_path).version, every=0.01))
    await asyncio.sleep(0.05)
    assert (state.findings, state.waiting) == ((), None)
    file.write_text(ROUTING.replace('to = ["legal"]', 'to = ["leagl"]'), encoding="utf-8")
    while not state.findings:
        await asyncio.sleep(0.01)
    file.write_text(ROUTING.replace('to = ["legal"]', 'to = ["u4c"]'), encoding="utf-8")
    while state.findings:
        await asyncio.sleep(0.01)
    assert state.waiting == load_policy(tmp_path).version
    watching.cancel()


@pytest.mark.parametrize("service", SERVICES)
async def test_readiness_tells_operators_that_the_policy_before_is_in_force(service: str, tmp_path: Path) -> None:
    app, tasks = _build(service, settings_for(), lambda _: build(service))
    assert tasks == []
    (tmp_path / "routing.toml").write_text(ROUTING.replace('to = ["legal"]', 'to = ["leagl"]'), encoding="utf-8")
    told = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app.state.inside), base_url="http://inside") as http:
        told.append((await http.get("/health/ready")).json().get("policy"))
        await app.state.policy.look(tmp_path, "the one before")
        told.append((await http.get("/health/ready")).json().get("policy"))
        (tmp_path / "routing.toml").write_text(ROUTING, encoding="utf-8")
        await app.state.policy.look(tmp_path, "the one before")
        told.append((await http.get("/health/ready")).json().get("policy"))
    mistakes = "the files have mistakes (1), and the policy before is in force"
    waits = f"version {load_policy(None).version} waits for the next start"
    assert told == [None, mistakes, waits]
