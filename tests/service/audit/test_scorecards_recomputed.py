"""A reader of the record computes the published scorecard anew, or learns which item differs and why."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from infra.commands.verify import main
from services.audit.scorecard.document import write_document
from services.audit.scorecard.result import Scorecard
from services.audit.scorecard.shown import DigestTeller
from services.audit.tlog.note import SigningKey
from shared.events import ScorecardShown
from shared.ids import derive
from tests.fakes.memory_entries import MemoryEntries
from tests.service.audit.test_scorecard_projection import World, fill
from tests.support.audit_export import export
from tests.support.audit_rig import ORIGIN, SIGNING_KEY, bearer
from tests.support.audit_world import AuditWorld
from tests.support.scorecard_record import DAY, START, opened

KEY = str(SigningKey(ORIGIN, SIGNING_KEY).verifier)


async def exported(folder: Path, **given: Any) -> tuple[World, Path]:
    """A record with scorecards, and its export as an auditor gets it."""
    audit, world = AuditWorld(**given), World()
    world.record, world.writer = audit.record, audit.writer
    await fill(world)
    for number in range(8):
        # Only ids like those of true cases are drawn as decoys.
        await world.tell((opened(START), derive("case", str(number)), START + 38 * DAY))
    await world.seal(START + 39 * DAY)
    await world.advance()
    return world, await export(audit, bearer(), folder / "export")


async def compared(
    capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str
) -> tuple[int, dict[str, Any], str]:
    """The exit status, what was said of the scorecard, and what was said in case of trouble."""
    # In a thread, because the command runs a loop of its own.
    status = await asyncio.to_thread(main, [str(folder), "--key", KEY, "--json", *arguments])
    said = capsys.readouterr()
    return status, json.loads(said.out.splitlines()[-1]), said.err


def publish(folder: Path, card: Scorecard, *, values: bool = True) -> tuple[dict[str, Any], str]:
    document = json.loads(json.dumps(write_document(card, values=values)))
    path = folder / "published.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return document, str(path)


async def test_an_export_gives_the_published_scorecard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world, folder = await exported(tmp_path)
    for values in (True, False):
        card = await world.cards().of("enwiki")
        document, path = publish(tmp_path, card, values=values)
        status, said, _ = await compared(capsys, folder, "--scorecard", "enwiki", "--published", path)
        assert (status, said["same"], said["digest"], said["differs"]) == (0, True, document["digest"], [])


async def test_an_earlier_scorecard_is_computed_at_its_own_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world, folder = await exported(tmp_path)
    sealed = await world.cards().round_until(START + DAY)
    document, path = publish(tmp_path, await world.cards().of("enwiki", sealed))
    status, said, _ = await compared(capsys, folder, "--scorecard", "enwiki", "--published", path)
    assert (status, said["sealed"], said["digest"]) == (0, sealed, document["digest"])


async def test_a_polished_scorecard_is_named_item_by_item(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world, folder = await exported(tmp_path)
    document, path = publish(tmp_path, await world.cards().of("enwiki"))
    bad = next(item for item in document["items"] if item["outcome"] != "met")
    bad["outcome"] = "met"
    document["digest"], document["level_reached"] = "0" * 64, 3
    Path(path).write_text(json.dumps(document), encoding="utf-8")
    status, said, _ = await compared(capsys, folder, "--scorecard", "enwiki", "--published", path)
    assert (status, said["same"], said["withheld"]) == (1, False, 0)
    assert [one["part"] for one in said["differs"]] == ["level_reached", bad["id"]]


async def test_what_a_reader_does_not_get_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world, folder = await exported(tmp_path, record_decoys=2)
    _, path = publish(tmp_path, await world.cards().of("enwiki"))
    status, said, _ = await compared(capsys, folder, "--scorecard", "enwiki", "--published", path)
    assert (status, said["same"]) == (1, False)
    assert said["withheld"] > 0
    told = await asyncio.to_thread(main, [str(folder), "--key", KEY, "--scorecard", "enwiki", "--published", path])
    assert told == 1
    assert "withholds" in capsys.readouterr().out


async def test_the_digest_in_the_record_is_what_the_record_gives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit, world, told = AuditWorld(), World(), MemoryEntries()
    world.record, world.writer = audit.record, audit.writer
    await fill(world)
    await world.advance()
    teller = DigestTeller(world.cards(), told)
    assert "enwiki" in await teller.tell()
    # Once a day, and the same from every replica.
    assert not await teller.tell()
    assert not await DigestTeller(world.cards(), told).tell()
    for event in told.events:
        await world.add(event)
    await world.seal(START + 38 * DAY)
    await world.advance()
    again = await teller.tell()
    assert set(again) == {event.case_id for event in told.events}
    assert [event.case_seq for event in told.events if event.case_id == "enwiki"] == [1, 2]
    folder = await export(audit, bearer(), tmp_path / "export")
    fact = next(event.fact for event in told.events if event.case_id == "enwiki")
    assert isinstance(fact, ScorecardShown)
    status, said, _ = await compared(capsys, folder, "--scorecard", "enwiki")
    assert (status, said["expected"], said["digest"], said["sealed"]) == (0, fact.digest, fact.digest, fact.sealed)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--scorecard", "neverwiki"], "there is no such scorecard"),
        (["--scorecard", "enwiki", "--published", "missing.json"], "missing.json"),
        (["--scorecard", "enwiki", "--policy-dir", "/nowhere"], "the policy folder is missing"),
    ],
)
async def test_what_cannot_be_compared_is_said_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    _, folder = await exported(tmp_path)
    status, _, error = await compared(capsys, folder, *arguments)
    assert status == 2
    assert reason in error
