"""Intake's vault on a real MongoDB without the rest of intake: replicas that watch one keyring, and their reports."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from services.intake.keys.keyring import Keyring, parse_keyring
from services.intake.keys.pace import Pace
from services.intake.keys.replicas import Replicas
from services.intake.keys.rewrap import WrappedKeys
from services.intake.keys.rotation import Rotation
from services.intake.keys.settings import KeySettings
from services.intake.keys.watcher import KeyringWatcher
from services.intake.report.submission import Reported, Submission
from services.intake.sources.api import SCOPE
from services.intake.sources.arrival import Arrival
from services.intake.store import ReportStore
from services.intake.stored import Change
from services.intake.vault.cipher import Vault
from services.intake.vault.reads import Read
from shared.access.purposes import PURPOSES
from shared.aggregates import Aggregates
from shared.events import Actor, InformationRequested, Message
from shared.mongo import Database
from shared.outbox import Relay
from tests.support.intake_rig import Clock, MemoryStore, Rig, case_event

READER = Actor("service:test", "service")
QUICK = Pace(look=0.05, tell=0.2, recheck=0.1, settle=0.5, lease=2, ask=0.05)


class Nobody:
    """Where a publisher would be."""

    async def publish(self, messages: Sequence[Message]) -> None: ...


@dataclass
class Screen:
    """What a rotation said, in its order."""

    said: list[str] = field(default_factory=list)
    total: int = 0
    done: int = 0

    def step(self, text: str) -> None:
        self.said.append(text)

    def begin(self, total: int) -> None:
        self.total = total

    def advance(self, count: int) -> None:
        self.done += count


@dataclass
class Replica:
    """One intake: its vault, which a keeper fills from the keyring's file, and its actions."""

    vault: Vault
    watcher: KeyringWatcher
    rig: Rig
    waiting_for: dict[str, str]

    async def narrative(self, report_id: str) -> str | None:
        """What the vault hands out of a report; None of an erased one."""
        (item,) = await self.rig.reader.read([Read(report_id, ("content",))], purpose=PURPOSES["review"], actor=READER)
        return None if item.get("erased") else item["sections"]["content"]["narrative"]


@dataclass
class KeyWorld:
    """A database and a keyring's file."""

    database: Database
    file: Path
    extra: dict[str, Any] = field(default_factory=dict)
    pace: Pace = QUICK
    at_once: int = 20

    @property
    def ring(self) -> Keyring:
        return parse_keyring(self.file.read_text())

    @property
    def reports(self) -> WrappedKeys:
        return WrappedKeys(self.database["reports"], self.at_once)

    def rotation(self, screen: Screen | None = None, *, settle: float = 0.0, patience: float = 20.0) -> Rotation:
        settings = KeySettings(master_key_file=self.file, **self.extra)
        replicas = Replicas(self.database["keyrings"])
        pace = replace(self.pace, settle=settle)
        return Rotation(self.file, settings, self.reports, replicas, screen or Screen(), patience=patience, pace=pace)

    def replica(self, file: Path | None = None) -> Replica:
        """An intake that is not running; `file` instead of the world's own."""
        relay = Relay(Nobody(), service="intake")
        store = ReportStore(Aggregates(self.database["reports"], relay))
        vault, path = Vault(), file or self.file
        # Only what the keeper asks of the settings, so that nothing of intake's other secrets is needed.
        settings = KeySettings(master_key_file=path, **self.extra)
        replicas = Replicas(self.database["keyrings"])
        watcher = KeyringWatcher(vault, settings, path.read_text(), self.reports, replicas, self.pace)
        waiting: dict[str, str] = {}

        def say(part: str, reason: str | None) -> None:
            waiting.update({part: reason}) if reason else waiting.pop(part, None)

        watcher.report_to(say)
        accesses = Aggregates(self.database["accesses"], relay)
        rig = Rig(store=cast(MemoryStore, store), clock=Clock(), vault=vault, accesses=accesses)
        return Replica(vault, watcher, rig, waiting)

    @asynccontextmanager
    async def running(
        self, count: int = 1, *, wait: bool = True, file: Path | None = None
    ) -> AsyncIterator[list[Replica]]:
        """So many replicas, with their keepers at work."""
        replicas = [self.replica(file) for _ in range(count)]
        tasks = [asyncio.create_task(replica.watcher.run()) for replica in replicas]
        try:
            while wait and any(replica.waiting_for for replica in replicas):
                await asyncio.sleep(0.02)
            yield replicas
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for replica in replicas:
                await replica.watcher.leave()


async def report(replica: Replica, text: str) -> tuple[str, str]:
    """Hand in a report; its id and receipt."""
    submission = Submission(community="enwiki", narrative=text, reported=(Reported(name="Some one"),))
    accepted = await replica.rig.submissions.submit(Arrival("http", submission, SCOPE, None))
    return accepted.report_id, accepted.receipt


async def converse(replica: Replica, report_id: str, receipt: str, number: int = 1) -> None:
    """A question of the handlers and the reporter's answer."""
    question = f"q-{number}"
    await replica.rig.statements.keep(report_id, question, "question", f"When, {report_id}?")
    event = case_event(
        report_id, number, InformationRequested(previous="triaged", state="waiting", question_id=question)
    )
    await replica.rig.progress.project([event])
    await replica.rig.mailbox.answer(receipt, question, f"At noon, {report_id}.")


async def fill(replica: Replica, count: int) -> dict[str, str]:
    """Reports, each third with a question and its answer: their narratives by id."""
    told = {}
    for number in range(count):
        report_id, receipt = await report(replica, f"narrative {number}")
        told[report_id] = f"narrative {number}"
        if number % 3 == 0:
            await converse(replica, report_id, receipt)
    return told


async def assert_readable(world: KeyWorld, told: dict[str, str], *replicas: Replica) -> None:
    """Each replica hands out every report, and all that was said about it."""
    for replica in replicas:
        for report_id, text in told.items():
            assert await replica.narrative(report_id) == text
    for report_id, stored in (await replicas[0].rig.store.load(told)).items():
        for drawer, words in (("statements", stored.statements), ("answers", stored.answers)):
            for name, sealed in words.items():
                assert report_id in replicas[0].vault.open(f"{report_id}/{drawer}/{name}", sealed).decode()


async def erase(replica: Replica, report_id: str) -> None:
    """Destroy a report's keys, as an erasure does."""
    store = replica.rig.store
    while True:
        report = (await store.load([report_id]))[report_id]
        after = replace(report, vault=None, statements={}, answers={})
        if not await store.save([Change(report, after, [], [f"erase-{report_id}"])]):
            return
