"""Ticks of playbooks, in memory, with the same promises as services.triage.desk.ticks.MongoTicks."""

from collections.abc import Collection

from services.triage.desk.ticks import Tick


class MemoryTicks:
    def __init__(self) -> None:
        self.stored: dict[tuple[str, str], Tick] = {}

    async def of(self, case_id: str, checks: Collection[str]) -> dict[str, Tick]:
        return {check: self.stored[case_id, check] for check in checks if (case_id, check) in self.stored}

    async def tick(self, case_id: str, check: str, tick: Tick) -> None:
        self.stored.setdefault((case_id, check), tick)

    async def untick(self, case_id: str, check: str) -> None:
        self.stored.pop((case_id, check), None)
