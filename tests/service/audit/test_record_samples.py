"""The commands and the program of docs/integrate/record.md read and verify a record, as they stand there."""

import ast
import re
import shutil
from pathlib import Path

import pytest

from services.audit.record.log import SEALS
from services.audit.routes import PROGRAM
from services.audit.tlog.note import SigningKey
from tests.support.audit_rig import AT, ORIGIN, SIGNING_KEY
from tests.support.audit_world import AuditWorld
from tests.support.bash import run
from tests.support.documented import DOCS, commands, programs
from tests.support.people import COPIES, auditor
from tests.support.served import served

PAGE = DOCS / "integrate/record.md"
LOOK, *REST = commands(PAGE)


class Auditor:
    """A stranger with the page: a folder, an environment, and a shell that stops at the first fault."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self._environment = {
            "AUDIT": f"http://127.0.0.1:{port}",
            "TOKEN": COPIES.token(auditor("aa")),
            "KEY": str(SigningKey(ORIGIN, SIGNING_KEY).verifier),
            "CASE": "case-7",
        }
        for name, text in programs(PAGE).items():
            (folder / name).write_text(text, encoding="utf-8")

    async def run(self, text: str) -> tuple[int | None, str]:
        """How the shell ended, and all that it said."""
        return await run(text, self._environment, self.folder)

    async def follow(self, text: str) -> str:
        """What a command said that has to go well."""
        status, out = await self.run(text)
        assert status == 0, out
        return out


async def given() -> AuditWorld:
    world = AuditWorld()
    await world.fill()
    await world.writer.states([SEALS], AT)
    await world.seal()
    return world


async def test_a_stranger_reads_keeps_and_verifies_a_record_by_the_page(tmp_path: Path) -> None:
    world = await given()
    async with served(world.app) as port:
        stranger = Auditor(tmp_path, port)
        looked = await stranger.follow(LOOK)
        assert looked.count("hearth.case.opened.v1") == 2
        assert [line.split()[1:] for line in (await stranger.follow("python record.py")).splitlines()] == [
            ["hearth.case.opened.v1", "cases/0", "21"],
            ["hearth.case.closed.v1", "cases/0", "22"],
            ["hearth.case.closed.v1", "cases/0", "23"],
        ]
        said = [await stranger.follow(command) for command in REST]
    assert [one.splitlines()[-1].startswith("VERIFIED: 303 entries") for one in said[:2]] == [True, True]
    assert '"proof":[' in said[2]


async def test_a_changed_copy_and_a_history_signed_twice_are_found_by_the_page(tmp_path: Path) -> None:
    world, other = await given(), AuditWorld()
    await other.fill(cases=99)
    await other.writer.states([SEALS], AT)
    await other.seal()
    again = 'python verify.py export --key "$KEY" --since seen.json'
    async with served(world.app) as port:
        stranger = Auditor(tmp_path, port)
        await stranger.follow("python record.py")
        assert again in REST[0]
        await stranger.follow(REST[0])
    bundle = tmp_path / "export/logs/cases/0/tile/entries/000"
    kept = bundle.read_bytes()
    bundle.write_bytes(kept.replace(b"calm-otter", b"calm-adder", 1))
    status, out = await stranger.run(again)
    assert (status, "FOUND entry_altered" in out) == (1, True)
    shutil.rmtree(tmp_path / "export")
    async with served(other.app) as port:
        stranger = Auditor(tmp_path, port)
        await stranger.follow("python record.py")
    status, out = await stranger.run(again)
    assert (status, "FOUND log_truncated" in out) == (1, True)


async def test_the_verifier_that_audit_hands_out_is_the_one_of_the_release() -> None:
    answer = await AuditWorld().client.get("/v1/record/verify.py")
    assert answer.status_code == 200
    assert answer.content == PROGRAM.read_bytes()
    assert answer.headers["content-type"] == "text/x-python; charset=utf-8"


@pytest.mark.parametrize("query", ["case=case-7", "case_id=case-7&kind=x", "_=1"])
@pytest.mark.parametrize("path", ["/v1/record/events", "/v1/record/cases/case-7/timeline"])
async def test_an_unknown_filter_is_refused_and_does_not_find_everything(path: str, query: str) -> None:
    world = await given()
    headers = {"Authorization": f"Bearer {COPIES.token(auditor('aa'))}"}
    answer = await world.client.get(f"{path}?{query}", headers=headers)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("", "extra_forbidden")
    assert "cursor, " in error["detail"]


async def test_a_log_goes_by_the_name_that_the_list_and_its_checkpoint_give_it() -> None:
    world = await given()
    headers = {"Authorization": f"Bearer {COPIES.token(auditor('aa'))}"}
    for log in (await world.client.get("/v1/record/logs", headers=headers)).json()["items"]:
        query = {"log": log["log"], "from": 1, "to": log["size"]}
        assert (await world.client.get("/v1/record/consistency", headers=headers, params=query)).status_code == 200
    found = await world.client.get("/v1/record/events", headers=headers, params={"log": "test.example/audit/cases/0"})
    assert len(found.json()["items"]) == 100


NO_KINDS = {"token_file", "store_true", "case_seq", "duplicate_of", "findings_not_listed"}
"""Words of the command line, of entries and of the report."""


def kinds_of_findings() -> set[str]:
    """Every kind that the verifier can name: the words in snake case that its source has as a text."""
    texts = (node.value for node in ast.walk(ast.parse(PROGRAM.read_text("utf-8"))) if isinstance(node, ast.Constant))
    return {text for text in texts if isinstance(text, str) and re.fullmatch(r"[a-z]+(_[a-z]+)+", text)} - NO_KINDS


def test_the_page_says_what_to_do_about_each_kind_of_finding() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert "entry_altered" in kinds_of_findings()
    assert {kind for kind in kinds_of_findings() if f"`{kind}`" not in page} == set()
