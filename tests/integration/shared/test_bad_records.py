"""Bad records on `reports.inbox`, in every format: each is a dead letter that an operator finds and can retry."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from services.intake.settings import IntakeSettings
from shared.mongo import connect
from shared.policy.loader import PACKAGED
from tests.integration.intake.test_service import TOPICS, ready, serving, settings
from tests.support.broker import make_topics, read, write
from tests.support.command_line import run_json

pytestmark = pytest.mark.timeout(180)

Record = tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]
Run = Callable[..., dict[str, Any]]

REPORT: dict[str, Any] = {"community": "enwiki", "narrative": "Sekret words"}
NEVER = "2099-01-01T00:00:00Z"


def binary(number: str, report: object, body: bytes | None = None, **attributes: str) -> Record:
    given = {"id": number, "specversion": "1.0", "source": "b", "type": "hearth.report.submitted.v1", **attributes}
    headers = [(f"ce_{name}", value.encode()) for name, value in given.items()]
    return (
        None,
        json.dumps(report).encode() if body is None else body,
        [*headers, ("content-type", b"application/json")],
    )


def structured(number: str, report: object, body: bytes | None = None, **attributes: str) -> Record:
    event = {"id": number, "specversion": "1.0", "source": "s", "type": "hearth.report.submitted.v1", **attributes}
    headers = [("content-type", b"application/cloudevents+json")]
    return None, json.dumps(event | {"data": report}).encode() if body is None else body, [*headers]


def platform(number: str, report: object, body: bytes | None = None, **attributes: str) -> Record:
    event = {
        "$schema": attributes.get("type", "/hearth/report/submitted/1.0.0"),
        "meta": {"stream": "p", "id": number},
        "dt": attributes.get("time", "2026-01-01T00:00:00Z"),
        "report": report,
    }
    return None, json.dumps(event).encode() if body is None else body, []


FORMATS: Mapping[str, tuple[Callable[..., Record], str, str]] = {
    # The writer, where the report stands in what it writes, and a type of a version to come.
    "binary": (binary, "", "hearth.report.submitted.v2"),
    "structured": (structured, "/data", "hearth.report.submitted.v2"),
    "Event Platform": (platform, "/report", "/hearth/report/submitted/2.0.0"),
}


def bad_records(name: str) -> list[tuple[str, str, Record]]:
    """(code, what the detail says, record) of everything that can be wrong in a format."""
    form, at, later = FORMATS[name]
    return [
        ("malformed_json", "at byte", form("1", REPORT, b'{"narrative": "Sekret')),
        ("broken_utf8", "byte 12", form("2", REPORT, b'{"narrative"\xff: "Sekret"}')),
        ("too_large", "65536 are the most", form("3", REPORT, b'"' + b"x" * 65_536 + b'"')),
        ("empty", "without a value", form("4", REPORT, b"")),
        ("invalid_data", f"{at}/narrative: string_type", form("5", REPORT | {"narrative": 7})),
        ("invalid_data", f"{at}/community: missing", form("6", {"narrative": "Sekret"})),
        ("unknown_community", f"{at}/community", form("7", REPORT | {"community": "Sekret"})),
        ("unknown_category", f"{at}/category", form("8", REPORT | {"category": "harassment.Sekret"})),
        ("future_date", f"{at}/occurred/at", form("9", REPORT | {"occurred": {"at": NEVER}})),
        ("unknown_schema_version", "", form("11", REPORT, type=later)),
    ]


@pytest.fixture
async def given(kafka: str, mongo_uri: str, prefix: str, database_prefix: str) -> IntakeSettings:
    await make_topics(kafka, prefix, *TOPICS)
    return settings(kafka, mongo_uri, prefix, database_prefix)


@pytest.fixture
def run(kafka: str, prefix: str, capsys: pytest.CaptureFixture[str]) -> Run:
    """`hearth dead-letters …` for the inbox; its JSON."""

    where = ("--kafka", kafka, "--topic-prefix", prefix)
    return lambda *arguments: run_json(capsys, "dead-letters", *arguments, *where)


async def listed(run: Run, count: int) -> list[dict[str, Any]]:
    """The dead letters of the inbox, once there are so many."""
    items: list[dict[str, Any]] = []
    for _ in range(60):
        items = (await asyncio.to_thread(run, "list", "--topic", "reports.inbox"))["items"]
        if len(items) >= count:
            return items
        await asyncio.sleep(0.3)
    raise AssertionError(f"{len(items)} dead letters: {items}")


async def stored(given: IntakeSettings) -> int:
    client = connect(given.mongo, service="test")
    try:
        return await client[f"{given.database_prefix}intake"]["reports"].count_documents({})
    finally:
        client.close()


async def test_every_bad_record_becomes_a_dead_letter_with_its_reason(given: IntakeSettings, run: Run) -> None:
    inbox = f"{given.topic_prefix}reports.inbox"
    bad = [record for name in FORMATS for record in bad_records(name)]
    # What only the envelope has wrong costs no report.
    good = [
        form(number, REPORT, time=at) for form, _, _ in FORMATS.values() for number, at in (("1", NEVER), ("2", ""))
    ]
    async with serving(given) as http:
        await ready(http)
        await write(given.kafka, inbox, *(record for _, _, record in bad), *good)
        items = await listed(run, len(bad))
        assert len(await read(given.kafka, f"{given.topic_prefix}reports", len(good))) == len(good)
        assert await stored(given) == len(good)

        assert Counter(item["code"] for item in items) == Counter(code for code, _, _ in bad)
        for code, detail, (_, value, _) in bad:
            fitting = [
                i for i in items if i["code"] == code and detail in i["detail"] and i["size"] == len(value or b"")
            ]
            assert fitting, (code, detail)
        assert "Sekret" not in json.dumps(items)

        # Nothing has been mended, so a retried record comes back, as it was.
        again = await asyncio.to_thread(run, "retry", "--all", "--topic", "reports.inbox", "--code", "unknown_category")
        assert len(again["retried"]) == len(FORMATS)
        after = await listed(run, len(bad))
        assert Counter(item["code"] for item in after) == Counter(item["code"] for item in items)
        assert not set(again["retried"]) & {item["id"] for item in after}
        shown = await asyncio.to_thread(run, "show", after[-1]["id"], "--content")
        assert shown["value"] in {value.decode() for _, _, (_, value, _) in bad if value and b"harassment." in value}
        assert await stored(given) == len(good)


async def test_once_what_was_wrong_has_been_mended_a_retried_dead_letter_becomes_a_report(
    given: IntakeSettings, run: Run, tmp_path: Path
) -> None:
    text = (PACKAGED / "communities.toml").read_text(encoding="utf-8")
    (tmp_path / "communities.toml").write_text(text.replace('id = "swwiki"', 'id = "suwiki"'), encoding="utf-8")
    records = [form("1", REPORT | {"community": "swwiki"}) for form, _, _ in FORMATS.values()]
    async with serving(given.model_copy(update={"policy_dir": tmp_path})) as http:
        await ready(http)
        await write(given.kafka, f"{given.topic_prefix}reports.inbox", *records)
        items = await listed(run, 3)
    assert {item["code"] for item in items} == {"unknown_community"}
    assert await stored(given) == 0
    async with serving(given) as http:
        await ready(http)
        await asyncio.to_thread(run, "retry", *(item["id"] for item in items))
        assert len(await read(given.kafka, f"{given.topic_prefix}reports", 3)) == 3
        assert await stored(given) == 3
        assert await listed(run, 0) == []


async def test_another_report_under_a_known_id_is_a_dead_letter_and_the_same_one_none(
    given: IntakeSettings, run: Run
) -> None:
    inbox = f"{given.topic_prefix}reports.inbox"
    first = [form("1", REPORT) for form, _, _ in FORMATS.values()]
    other = [form("1", REPORT | {"narrative": "Other words"}) for form, _, _ in FORMATS.values()]
    async with serving(given) as http:
        await ready(http)
        await write(given.kafka, inbox, *first)
        assert len(await read(given.kafka, f"{given.topic_prefix}reports", 3)) == 3
        # Beside each other in one batch, and after what is stored.
        await write(
            given.kafka, inbox, *first, platform("2", REPORT), platform("2", REPORT | {"language": "sw"}), *other
        )
        items = await listed(run, 4)
        assert {(item["code"], item["size"]) for item in items} <= {("id_reused", len(r[1] or b"")) for r in [
            *other, platform("2", REPORT), platform("2", REPORT | {"language": "sw"})
        ]}  # fmt: skip
        assert await stored(given) == 4
        assert len(await read(given.kafka, f"{given.topic_prefix}reports", 4)) == 4
