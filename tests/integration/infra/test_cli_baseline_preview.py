"""`hearth baseline preview` on a real database with audit's rows: who would get another result under a version."""

import asyncio
from pathlib import Path

import pytest

from infra import cli
from services.audit.scorecard.projection import Position
from services.audit.scorecard.store import MongoRows
from shared.mongo import connect
from shared.policy.baseline import load_catalogue
from tests.support.catalogues import NEXT, next_text, write_version
from tests.support.command_line import Capture, run_json
from tests.support.scorecard_record import DAY, START, SmallRecord, attested, on_roster


@pytest.fixture(autouse=True)
def place(mongo_uri: str, database_prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTH_MONGO", mongo_uri)
    monkeypatch.setenv("HEARTH_DATABASE_PREFIX", database_prefix)


def fill(mongo_uri: str, database_prefix: str) -> None:
    """Rows of enwiki, which is on level 1 until the new version asks for a form in its language."""
    record = SmallRecord()
    for name in ("HB-01", "HB-02"):
        record.tell(attested(name), "enwiki", START)
    record.tell(on_roster("person:1"), "person:1", START)
    sealed = record.seal(START + 10 * DAY)

    async def write() -> None:
        client = connect(mongo_uri, service="test")
        try:
            store, rows = MongoRows(client[f"{database_prefix}audit"]), record.rows()
            await store.prepare()
            await store.add({"community/enwiki": rows.own, **{f"person/{n}": s for n, s in rows.people.items()}}, [])
            await store.advance(None, Position("build", sealed.number, sealed.at))
        finally:
            client.close()

    asyncio.run(write())


def test_a_preview_says_which_communities_would_get_another_result(
    mongo_uri: str, database_prefix: str, tmp_path: Path, capsys: Capture
) -> None:
    fill(mongo_uri, database_prefix)
    folder = write_version(tmp_path, next_text())
    found = run_json(capsys, "baseline", "preview", str(folder))
    assert (found["old"], found["sealed"]) == (load_catalogue().version, 1)
    assert found["new"] == load_catalogue(folder).version
    [enwiki] = [shift for shift in found["changed"] if shift["community"] == "enwiki"]
    assert (enwiki["level_before"], enwiki["level_after"]) == (1, 0)
    turns = {turn["responsibility"]: (turn["before"], turn["after"]) for turn in enwiki["turns"]}
    assert turns["HB-19"] == ("upcoming, never_attested", "no_evidence, never_attested")
    assert turns["HB-14"] == ("no_evidence, never_attested", None)
    assert turns["HB-22"] == (None, "no_evidence, never_attested")
    assert "HB-01" not in turns
    assert not any(shift["community"] == "global" for shift in found["changed"])

    assert cli.main(["baseline", "preview", NEXT, "--policy-dir", str(folder)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "communities change, of 8, from 2026-11-01+" in said
    assert "1 → 0" in said


def test_a_version_in_force_changes_nobody(mongo_uri: str, database_prefix: str, capsys: Capture) -> None:
    fill(mongo_uri, database_prefix)
    assert run_json(capsys, "baseline", "preview", load_catalogue().dated)["changed"] == []
    assert cli.main(["baseline", "preview", load_catalogue().version]) == 0
    assert "0 communities change, of 8" in capsys.readouterr().out


def test_without_rows_or_version_or_database_the_preview_says_what_is_missing(capsys: Capture) -> None:
    assert run_json(capsys, "baseline", "preview", "2026-11-01", status=1) == {
        "error": "Audit has no scorecards yet: nothing was sealed, or audit has not read it."
    }
    assert cli.main(["baseline", "preview", "1999-01-01"]) == 2
    away = "mongodb://127.0.0.1:1/?replicaSet=rs0&serverSelectionTimeoutMS=200"
    assert (
        "MongoDB does not answer"
        in run_json(capsys, "baseline", "preview", "2026-11-01", "--mongo", away, status=1)["error"]
    )
