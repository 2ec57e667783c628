"""An auditor with every scope reads the record and sends reports: nothing links, and nothing can be tried."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from services.audit.consumer import capture
from services.audit.record.leaf import Leaf
from services.intake.report.pseudonym import pseudonyms_for
from services.triage.roster.actions import RosterEditor
from shared.events import Actor, Event, GrantHeld, Message, encode
from shared.kafka.records import Record
from shared.kafka.topics import RESTRICTED
from shared.own_names import NameKeys, OwnNames, Trust
from shared.succession import Succession
from tests.fakes.memory_entries import MemoryEntries
from tests.support import audit_export
from tests.support.audit_world import AuditWorld
from tests.support.intake_rig import SECRETS, Rig
from tests.support.people import auditor, bearer
from tests.support.triage_rig import make_rig

NAME, OTHER, EMAIL = "Zebedee Thunderclap", "Quixotina Marmalade", "zebedee@mail.example"
SPELLINGS = (NAME, f"User:{NAME}", f"[[User talk:{NAME.replace(' ', '_')}|hi]]", NAME.upper(), f"@{NAME}.")
AUDITOR = auditor("a0d10a0d")


def about(name: str, email: str = EMAIL) -> dict[str, Any]:
    """A report with a name everywhere where a person can stand."""
    return {
        "reported": [{"name": name, "details": name}],
        "witnesses": [name],
        "reporter": {"name": name, "email": email},
        "narrative": f"It was {name}, {email}.",
        "category": "harassment.insults",
    }


async def events_of(*reports: dict[str, Any]) -> list[list[Event]]:
    """What intake and triage publish of each report, with the erasure of each."""
    intake, found = Rig(), []
    async with make_rig() as desk:
        for body in reports:
            sent = await intake.post(**body)
            told: list[Event] = list(intake.store.reports[sent["report_id"]]["outbox"])
            await desk.parties.follow(told)
            await desk.open(next(event for event in told if event.fact.topic == "reports"))
            found.append([*told, *desk.cases.events])
            desk.cases.events.clear()
    return found


def record_of(message: Message, offset: int) -> Record:
    return Record(message.topic, 0, offset, 0, message.key, message.headers, message.value)


async def seen_of(events: Sequence[Sequence[Event]], folder: Path) -> list[set[str]]:
    """All values that the auditor gets of each report, from every leaf of the export and every header in Kafka."""
    world = AuditWorld(record_decoys=0)
    logs: dict[str, list[Leaf]] = {}
    owner: dict[tuple[str, int], int] = {}
    found: list[set[str]] = [set() for _ in events]
    for number, told in enumerate(events):
        await world.parties.follow(told)
        for event in told:
            message = encode(event)
            place = logs.setdefault(f"{message.topic}/0", [])
            owner[f"{message.topic}/0", len(place)] = number
            place.append(capture(record_of(message, len(place)), None).leaf)
            found[number] |= {value.decode() for _, value in message.headers if value is not None}
    for log, leaves in logs.items():
        await world.add(log, leaves)
    await world.seal()
    await audit_export.export(world, bearer(AUDITOR), folder)
    report = audit_export.check(folder)
    apart = sum(event.fact.topic in RESTRICTED for told in events for event in told)
    assert (report.findings, report.withheld) == ([], apart)
    for (log, index), number in owner.items():
        found[number] |= set(values_in(json.loads(world.record.stored[f"{log}/{index:012d}"].leaf)))
    return found


def values_in(node: Any) -> Iterator[str]:
    """Every text in a JSON value; of lists also how long they are, at their place."""
    if isinstance(node, dict):
        for name, child in node.items():
            if isinstance(child, list):
                yield f"{name} has {len(child)}"
            yield from values_in(child)
    elif isinstance(node, list):
        for child in node:
            yield from values_in(child)
    elif isinstance(node, str):
        yield node


def test_values_of_a_report_are_found_in_all_depths() -> None:
    assert set(values_in({"a": [{"b": "x"}, "y"], "c": 1})) == {"a has 2", "x", "y"}


async def test_two_reports_of_one_name_share_what_any_two_reports_share(tmp_path: Path) -> None:
    found = await seen_of(await events_of(about(NAME), about(NAME), about(OTHER, "quixotina@mail.example")), tmp_path)
    ours, again, theirs = ({v for v in values if not re.match(r"\d{4}-\d\d-\d\dT", v)} for values in found)
    # Codes such as the community are the same in all three; nothing else is in two of them.
    assert ours & again == ours & theirs == again & theirs
    assert not [value for value in ours & again if re.fullmatch(r"[0-9a-f]{16,}", value)]


async def test_the_ways_to_write_a_name_do_not_show_in_what_is_told(tmp_path: Path) -> None:
    found = await seen_of(await events_of(*map(about, SPELLINGS)), tmp_path)
    counts = [{value for value in values if re.fullmatch(r"\w+ has \d+", value)} for values in found]
    assert counts[1:] == counts[:-1]


async def test_nothing_that_is_told_can_be_computed_from_a_name(tmp_path: Path) -> None:
    (told,) = await events_of(about(NAME))
    (seen,) = await seen_of([told], tmp_path)
    text = " ".join(seen).lower()
    report_id = told[0].subject.removeprefix("report/")
    keys = [b"", report_id.encode(), told[0].case_id.encode(), NAME.encode(), SECRETS.pseudonyms, SECRETS.pepper]
    for name in (*SPELLINGS, EMAIL):
        for tried in (name, name.casefold(), f"name\x1f{name}", f"address\x1f{name}", f"party\x1f{name}"):
            assert hashlib.sha256(tried.encode()).hexdigest()[:32] not in text
            for key in keys:
                assert hmac.digest(key or b"\0", tried.encode(), "sha256")[:16].hex() not in text
    for pseudonym in pseudonyms_for(SECRETS.pseudonyms, SPELLINGS, [EMAIL]):
        # Not even a person who has the pseudonym finds it, or what follows from it and from what is shown.
        assert pseudonym not in text
        for key in keys[:4]:
            assert hmac.digest(key or b"\0", f"party\x1f{pseudonym}".encode(), "sha256")[:16].hex() not in text


async def test_of_restricted_topics_the_record_has_digests_that_nobody_can_try() -> None:
    first, second = await events_of({"narrative": "x"}, {"narrative": "x"})
    digests = []
    for event in (*first, *second):
        message = encode(event)
        if message.topic not in RESTRICTED:
            continue
        leaf = json.loads(capture(record_of(message, 0), None).leaf.entry)
        assert leaf == {"kafka": {"offset": 0, "partition": 0, "timestamp": 0, "topic": "parties"}} | {
            "unparsed": {"reason": "restricted", "sha256": hashlib.sha256(message.value or b"").hexdigest()}
        }
        without_salt = json.loads(message.value or b"") | {"salt": ""}
        assert hashlib.sha256(json.dumps(without_salt).encode()).hexdigest() != leaf["unparsed"]["sha256"]
        digests.append(leaf["unparsed"]["sha256"])
    assert len(set(digests)) == 2


async def test_events_of_the_roster_show_no_name_keys() -> None:
    entries, coordinator = MemoryEntries(), Actor("person:c0c0c0c0c0c0c0c0", "coordinator")
    editor, ann = RosterEditor(entries, Succession()), "person:a0a0a0a0a0a0a0a0"
    names = pseudonyms_for(SECRETS.pseudonyms, [NAME], [EMAIL])
    await editor.grant(ann, GrantHeld(role="responder", bodies=("x",)), coordinator)
    await editor.note_names(OwnNames(ann, (NameKeys(names, Trust.ACCOUNT),)), coordinator, signed_in=True)
    await editor.sign_out(ann, coordinator)
    shown = [encode(event) for event in entries.events if event.fact.topic not in RESTRICTED]
    assert {message.topic for message in shown} == {"roster"}
    assert len(shown) == 3
    assert not [key for key in names if any(key.encode() in (message.value or b"") for message in shown)]
    (apart,) = [event.fact for event in entries.events if event.fact.topic in RESTRICTED]
    assert set(apart.model_dump()["names"]) == set(names) == set((await editor.find(ann)).entry.pseudonyms)
