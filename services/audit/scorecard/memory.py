"""The rows of scorecards in memory, for a record that is read from outside. They pass the same suite as MongoDB's."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from services.audit.scorecard.projection import Position
from services.audit.scorecard.rows import Gap, Rows, Step


class MemoryRows:
    """Rows as dictionaries of steps."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Step]] = defaultdict(dict)
        self.gaps: dict[tuple[str, int], Gap] = {}
        self.stored: Position | None = None
        self.marks: dict[int, Position] = {}

    async def position(self) -> Position | None:
        """How far the rows have come; None if there are none."""
        return self.stored

    async def add(self, rows: Mapping[str, Sequence[Step]], gaps: Sequence[Gap]) -> None:
        """Add steps to rows, and gaps. What is there already is not added again."""
        for row, steps in rows.items():
            self.rows[row].update({step.write(): step for step in steps})
        self.gaps.update({(gap.log, gap.index): gap for gap in gaps})

    async def advance(self, old: Position | None, new: Position) -> bool:
        """Move the position from the first to the second, if it still is the first. Says whether it was."""
        if self.stored != old:
            return False
        self.stored = self.marks[new.sealed] = new
        return True

    async def mark_before(self, sealed: int) -> Position | None:
        """The last mark that has no more seals than this; None if there is none."""
        return next((mark for number, mark in sorted(self.marks.items(), reverse=True) if number <= sealed), None)

    async def rows_of(self, community: str, bodies: Iterable[str], since: int = 0) -> tuple[Position | None, Rows]:
        """How far the rows have come, and those of a community, of which these bodies look after cases.

        Of its cases those of which something was sealed after the seal `since`.
        """
        wanted = set(bodies)
        return self.stored, Rows(
            cases={
                case_id: steps
                for case_id, steps in self._named("case/", lambda step: step.said.get("community") == community).items()
                if any(step.round > since for step in steps)
            },
            own=tuple(self.rows.get(f"community/{community}", {}).values()),
            people=self._named("person/", lambda step: not wanted.isdisjoint(step.bodies)),
            gaps=tuple(self.gaps.values()),
            months=self.stored.months if self.stored else (),
        )

    async def communities(self) -> AbstractSet[str]:
        """Every community that has a row or a case."""
        own = {row.partition("/")[2] for row in self.rows if row.startswith("community/")}
        cases = {
            s.said.get("community") for row, steps in self.rows.items() for s in steps.values() if row[:5] == "case/"
        }
        return own | {name for name in cases if name is not None}

    async def changed_since(self, sealed: int) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """The communities, and the handling bodies, of which something was sealed after this seal: the last one."""
        communities: dict[str, int] = {}
        bodies: dict[str, int] = {}
        for row, steps in self.rows.items():
            latest = max(step.round for step in steps.values())
            if latest > sealed:
                kind, _, name = row.partition("/")
                said = {step.said["community"] for step in steps.values() if "community" in step.said}
                for one in {"community": {name}, "case": said}.get(kind, ()):
                    communities[one] = max(latest, communities.get(one, 0))
                for body in {body for step in steps.values() for body in step.bodies}:
                    bodies[body] = max(latest, bodies.get(body, 0))
        return communities, bodies

    def _named(self, kind: str, fits: Callable[[Step], bool]) -> dict[str, tuple[Step, ...]]:
        return {
            row.partition("/")[2]: tuple(steps.values())
            for row, steps in self.rows.items()
            if row.startswith(kind) and any(fits(step) for step in steps.values())
        }
