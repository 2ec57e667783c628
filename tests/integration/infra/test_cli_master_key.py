"""`hearth secrets rotate`, `drop` and `versions` on a real database, as an operator runs them."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from infra import cli
from services.intake.keys.keyring import keep, parse_keyring
from services.intake.vault.cipher import key_id_of
from shared.mongo import connect
from tests.stand_ins.transit import TOKEN, Transit
from tests.support.command_line import Capture, run_json
from tests.support.key_world import KeyWorld, report

T = TypeVar("T")
FIRST = b"m" * 32
REPORTS = 7


class Place:
    """A database with reports and the file of their master key, where nothing runs."""

    def __init__(self, mongo_uri: str, prefix: str, file: Path) -> None:
        self.mongo_uri = mongo_uri
        self.prefix = prefix
        self.file = file

    def within(self, work: Callable[[KeyWorld], Awaitable[T]], **extra: Any) -> T:
        async def run() -> T:
            client = connect(self.mongo_uri, service="test")
            try:
                return await work(KeyWorld(client[f"{self.prefix}intake"], self.file, extra))
            finally:
                client.close()

        return asyncio.run(run())

    def narratives(self, **extra: Any) -> set[str | None]:
        """What a fresh intake hands out of every report."""

        async def read(world: KeyWorld) -> set[str | None]:
            async with world.running() as (replica,):
                ids = [d["_id"] async for d in world.database["reports"].find({}, {"_id": 1})]
                return {await replica.narrative(report_id) for report_id in ids}

        return self.within(read, **extra)


@pytest.fixture
def place(mongo_uri: str, database_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    file = tmp_path / "master_key"
    file.write_text(keep(FIRST))
    monkeypatch.setenv("HEARTH_MONGO", mongo_uri)
    monkeypatch.setenv("HEARTH_DATABASE_PREFIX", database_prefix)
    monkeypatch.setenv("HEARTH_MASTER_KEY_FILE", str(file))
    place = Place(mongo_uri, database_prefix, file)

    async def fill(world: KeyWorld) -> None:
        async with world.running() as (replica,):
            for number in range(REPORTS):
                await report(replica, f"narrative {number}")

    place.within(fill)
    return place


NARRATIVES = {f"narrative {number}" for number in range(REPORTS)}


def test_a_rotation_is_one_json_document_and_shows_no_key(place: Place, capsys: Capture) -> None:
    assert cli.main(["secrets", "rotate", "--settle", "0", "--json"]) == 0
    captured = capsys.readouterr()
    said = json.loads(captured.out)
    ring = parse_keyring(place.file.read_text())
    assert (said["version"], said["key_id"], said["resumed"]) == (2, ring.current.id, False)
    assert (said["rewrapped"], said["damaged"], said["dropped"]) == (REPORTS, [], [])
    assert [(v["version"], v["state"], v["source"]) for v in said["versions"]] == [
        (1, "retired", "file"),
        (2, "current", "file"),
    ]
    assert not any(key.kept in captured.out + captured.err for key in ring.keys)
    assert place.narratives() == NARRATIVES


def test_people_see_progress_beside_the_answer(place: Place, capsys: Capture) -> None:
    assert cli.main(["secrets", "rotate", "--settle", "0", "--drop"]) == 0
    captured = capsys.readouterr()
    assert re.search(rf"re-wrapping .*{REPORTS}/{REPORTS}", captured.err)
    assert (
        f"Version 2 ({parse_keyring(place.file.read_text()).current.id}) seals; 7 reports re-wrapped." in captured.out
    )
    assert "Version 1 is removed." in captured.out
    assert "without it no report can be read" in captured.out
    assert place.narratives() == NARRATIVES


def test_versions_are_listed_with_how_many_reports_need_them(place: Place, capsys: Capture) -> None:
    said = run_json(capsys, "secrets", "versions")
    assert [(v["version"], v["id"], v["state"], v["reports"]) for v in said["versions"]] == [
        (1, key_id_of(FIRST), "current", REPORTS)
    ]
    assert (said["lacking"], said["running"]) == ({}, 0)
    place.file.write_text(keep(b"w" * 32))
    said = run_json(capsys, "secrets", "versions", status=1)
    assert said["lacking"] == {key_id_of(FIRST): REPORTS}
    assert cli.main(["secrets", "versions"]) == 1
    assert "NOT HERE" in capsys.readouterr().out


def test_two_keyrings_that_have_both_sealed_are_joined(place: Place, tmp_path: Path, capsys: Capture) -> None:
    other, before = tmp_path / "other", place.file.read_text()
    other.write_text(keep(b"w" * 32))
    for _ in range(2):
        said = run_json(capsys, "secrets", "join", str(other))
        assert [(v["id"], v["state"]) for v in said["versions"]] == [
            (key_id_of(FIRST), "current"), (key_id_of(b"w" * 32), "retired"),
        ]  # fmt: skip
    assert parse_keyring(place.file.read_text()).current.id == key_id_of(FIRST)
    assert before in place.file.read_text()
    assert other.read_text() == keep(b"w" * 32)
    assert place.narratives() == NARRATIVES
    for wrong in (tmp_path / "missing", tmp_path):
        assert cli.main(["secrets", "join", str(wrong)]) == 2


def test_a_retired_version_goes_when_it_is_told_to(place: Place, capsys: Capture) -> None:
    run_json(capsys, "secrets", "rotate")
    said = run_json(capsys, "secrets", "drop", "--settle", "0")
    assert (said["dropped"], [v["version"] for v in said["versions"]]) == ([1], [2])
    assert place.narratives() == NARRATIVES


def test_the_wrong_keyring_is_said_and_nothing_changes(place: Place, capsys: Capture) -> None:
    place.file.write_text(keep(b"w" * 32))
    said = run_json(capsys, "secrets", "rotate", status=1)
    assert said["error"].startswith(
        f"This is not the keyring of what is stored: 7 reports need master key {key_id_of(FIRST)}"
    )
    assert place.file.read_text() == keep(b"w" * 32)


@pytest.mark.parametrize("command", ["rotate", "drop", "versions"])
@pytest.mark.parametrize("text", ["nonsense", ""])
def test_a_spoilt_keyring_is_said_in_one_sentence(place: Place, capsys: Capture, command: str, text: str) -> None:
    place.file.write_text(text)
    assert cli.main(["secrets", command]) in (1, 2)
    assert "is no keyring" in capsys.readouterr().err
    assert place.file.read_text() == text
    place.file.unlink()
    assert cli.main(["secrets", command]) in (1, 2)
    assert str(place.file) in capsys.readouterr().err


def test_a_key_management_service_takes_over_from_the_file(
    place: Place, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Transit().serving() as transit:
        token = tmp_path / "token"
        token.write_text(TOKEN)
        monkeypatch.setenv("HEARTH_TRANSIT_ADDRESS", transit.address)
        monkeypatch.setenv("HEARTH_TRANSIT_TOKEN_FILE", str(token))
        said = run_json(capsys, "secrets", "rotate", "--source", "transit", "--drop", "--settle", "0")
        assert [v["source"] for v in said["versions"]] == ["transit"]
        assert place.narratives() == NARRATIVES
        assert run_json(capsys, "secrets", "versions")["versions"][0]["reports"] == REPORTS
        transit.token = "hvs.revoked"
        assert "the token is refused (403)" in run_json(capsys, "secrets", "rotate", status=1)["error"]
