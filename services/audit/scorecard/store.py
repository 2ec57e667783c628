"""Rows in MongoDB: one collection, so that a rebuilt set of rows takes the place of the old one in one step.

`case/<id>`, `person/<reference>` and `community/<id>` are rows, `gap/<position>` is an entry that nobody can read,
`position` says how far the rows have come, and a `mark/<number>` every now and then where it once was.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from services.audit.record.query import read_position, write_position
from services.audit.scorecard.projection import Position
from services.audit.scorecard.rows import (
    Gap,
    Rows,
    Step,
    TooManyCasesError,
    find_repeated_looks,
    number_of,
    read_step,
)
from shared.documents import Codec
from shared.events import BaselineLinkChecked, CaseOpened
from shared.mongo import (
    Collection,
    Database,
    Document,
    DuplicateKeyError,
    IndexModel,
    InsertOne,
    UpdateOne,
    reaching,
    write_unordered,
)
from shared.problems import Unavailable

NAME = "scorecards"
REBUILT = f"{NAME}.rebuilt"
"""Where rows are rebuilt."""
INDEXES = (
    IndexModel([("communities", 1)], name="communities", sparse=True),
    IndexModel([("bodies", 1)], name="bodies", sparse=True),
    IndexModel([("latest", 1)], name="latest", sparse=True),
)
AT_ONCE = 500
"""Rows that are read from the server together."""
MOST_CASES = 10_000
"""So many cases of a community are read for a scorecard at most: some 40 MB. Audit has to go on whatever it is told."""
MARK_EVERY = 1_000
"""So many seals at least lie between two marks."""
MOST_REPEATED = 20
"""So many looks at links that say nothing new stay in a row at most."""
_POSITION = "position"
_POSITIONS = Codec(Position)


class _Cases(Mapping[str, tuple[Step, ...]]):
    """The steps of cases. They are kept as lines, and read each time, because as steps they take four times as much."""

    def __init__(self) -> None:
        self._lines: dict[str, tuple[str, ...]] = {}

    def add(self, row: Document) -> None:
        self._lines[_name(row["_id"])] = tuple(row["steps"])

    def __getitem__(self, case_id: str) -> tuple[Step, ...]:
        return tuple(map(read_step, self._lines[case_id]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


class MongoRows:
    """The rows of scorecards in one collection. Every method raises Unavailable while the database is away."""

    def __init__(self, database: Database, name: str = NAME) -> None:
        self.collection: Collection = database[name]

    async def prepare(self) -> None:
        """Make the indexes."""
        with reaching():
            await self.collection.create_indexes(list(INDEXES))

    async def clear(self) -> None:
        """Take everything away."""
        with reaching():
            await self.collection.drop()

    async def take_place(self) -> None:
        """These rows take the place of those that the services read, in one step; none are left here."""
        await self.prepare()
        with reaching():
            await self.collection.rename(NAME, dropTarget=True)

    async def position(self) -> Position | None:
        """How far the rows have come; None if there are none."""
        with reaching():
            document = await self.collection.find_one({"_id": _POSITION})
        return _POSITIONS.from_document(document) if document else None

    async def add(self, rows: Mapping[str, Sequence[Step]], gaps: Sequence[Gap]) -> None:
        """Add steps to rows, and gaps. What is there already is not added again."""
        # The row of what begins here is new, and to insert it costs a fraction of an upsert.
        found = list(rows.items())
        writes = [(_begun if any(map(_begins, steps)) else _added)(row, steps) for row, steps in found]
        with reaching():
            taken = await write_unordered(self.collection, [*writes, *map(_gap, gaps)]) if rows or gaps else []
            if taken:
                # The document is there, from before or from another replica at the same moment, and is added to.
                again = [_added(*found[at]) if at < len(found) else _gap(gaps[at - len(found)]) for at in taken]
                await write_unordered(self.collection, again)
        for row, steps in rows.items():
            if any(step.name == BaselineLinkChecked.name for step in steps):
                await self._forget_repeated_looks(row)

    async def _forget_repeated_looks(self, row: str) -> None:
        """Keep only the numbers of looks that say nothing new. In one update, so that no other step is lost."""
        with reaching():
            found = await self.collection.find_one({"_id": row}, {"steps": 1})
            repeated = find_repeated_looks(_steps(found)) if found else []
            if len(repeated) < MOST_REPEATED:
                return
            lines = {"$literal": [step.write() for step in repeated]}
            numbers = {"$literal": [number_of(step.round, step.seq).write() for step in repeated]}
            kept = {"$setUnion": [{"$setDifference": ["$steps", lines]}, numbers]}
            await self.collection.update_one({"_id": row}, [{"$set": {"steps": kept}}])

    async def advance(self, old: Position | None, new: Position) -> bool:
        """Move the position from the first to the second, if it still is the first. Says whether it was."""
        fields = _POSITIONS.to_document(new)
        with reaching():
            if old is None:
                try:
                    await self.collection.insert_one({"_id": _POSITION, **fields})
                except DuplicateKeyError:
                    return False
            else:
                wanted = {"_id": _POSITION, "build": old.build, "sealed": old.sealed}
                moved = await self.collection.update_one(wanted, {"$set": fields})
                if not moved.matched_count:
                    return False
            if old is None or new.sealed // MARK_EVERY > old.sealed // MARK_EVERY:
                mark = {"_id": _mark(new.sealed)}
                await self.collection.update_one(mark, {"$set": fields}, upsert=True)
        return True

    async def mark_before(self, sealed: int) -> Position | None:
        """The last mark that has no more seals than this; None if there is none."""
        wanted = {"_id": {"$gte": _mark(0), "$lte": _mark(sealed)}}
        with reaching():
            found = await self.collection.find(wanted).sort("_id", -1).limit(1).to_list(1)
        return _POSITIONS.from_document(found[0]) if found else None

    async def rows_of(self, community: str, bodies: Iterable[str], since: int = 0) -> tuple[Position | None, Rows]:
        """The rows of a community, of which these handling bodies look after cases, and the position of the rows.

        Of its cases those of which something was sealed after the seal `since`. They may go beyond the position, but
        never fall short of it. Raises TooManyCasesError for more than MOST_CASES, and Unavailable.
        """
        wanted = [
            {"_id": _POSITION},
            {"_id": f"community/{community}"},
            {"communities": community, "latest": {"$gt": since}},
            {"bodies": {"$in": sorted(bodies)}},
            {"_id": {"$gte": "gap/", "$lt": "gap0"}},
        ]
        before, cases, kinds = await self.position(), _Cases(), dict[str, list[Document]]()
        with reaching():
            cursor = self.collection.find({"$or": wanted})
            while found := await cursor.to_list(AT_ONCE):
                for row in found:
                    kind = row["_id"].partition("/")[0]
                    if kind == "case":
                        cases.add(row)
                        if len(cases) > MOST_CASES:
                            raise TooManyCasesError(f"scorecards: more than {MOST_CASES} cases at once")
                    else:
                        kinds.setdefault(kind, []).append(row)
        position = _POSITIONS.from_document(kinds[_POSITION][0]) if _POSITION in kinds else None
        if (position and position.build) != (before and before.build):
            raise Unavailable("scorecards: rebuilt at this moment")
        return before, Rows(
            cases=cases,
            own=tuple(step for row in kinds.get("community", ()) for step in _steps(row)),
            people={_name(row["_id"]): _steps(row) for row in kinds.get("person", ())},
            gaps=tuple(
                Gap(*read_position(_name(gap["_id"])), gap["round"], gap["reason"]) for gap in kinds.get("gap", ())
            ),
            months=before.months if before else (),
        )

    async def communities(self) -> AbstractSet[str]:
        """Every community that has a row or a case."""
        with reaching():
            rows = self.collection.find({"_id": {"$gte": "community/", "$lt": "community0"}}, {"_id": 1})
            own = await rows.to_list(None)
            return {_name(row["_id"]) for row in own} | set(await self.collection.distinct("communities"))

    async def changed_since(self, sealed: int) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """The communities, and the handling bodies, of which something was sealed after this seal: the last one."""
        communities: dict[str, int] = {}
        bodies: dict[str, int] = {}
        fields = {"communities": 1, "bodies": 1, "latest": 1}
        with reaching():
            async for row in self.collection.find({"latest": {"$gt": sealed}}, fields).sort("latest", 1):
                own = [_name(row["_id"])] if row["_id"].startswith("community/") else row.get("communities", ())
                communities.update(dict.fromkeys(own, row["latest"]))
                bodies.update(dict.fromkeys(row.get("bodies", ()), row["latest"]))
        return communities, bodies


def _begins(step: Step) -> bool:
    # The row of a case begins with its report, which mostly stands under an earlier seal.
    return step.seq == 1 and step.name != CaseOpened.name


def _begun(row: str, steps: Sequence[Step]) -> InsertOne[Document]:
    return InsertOne({"_id": row, **_sets(row, steps), "latest": _latest(steps)})


def _added(row: str, steps: Sequence[Step]) -> UpdateOne:
    added = {name: {"$each": values} for name, values in _sets(row, steps).items()}
    return UpdateOne({"_id": row}, {"$addToSet": added, "$max": {"latest": _latest(steps)}}, upsert=True)


def _sets(row: str, steps: Sequence[Step]) -> dict[str, list[str]]:
    """The arrays of a row to which these steps add, and what, each once."""
    sets = {"steps": list(dict.fromkeys(step.write() for step in steps))}
    kind = row.partition("/")[0]
    if kind == "case" and (communities := {s.said["community"] for s in steps if "community" in s.said}):
        sets["communities"] = sorted(communities)
    if kind == "person":
        sets["bodies"] = sorted({body for step in steps for body in step.bodies})
    return sets


def _latest(steps: Sequence[Step]) -> int:
    return max(step.round for step in steps)


def _gap(gap: Gap) -> UpdateOne:
    fields = {"round": gap.round, "reason": gap.reason}
    return UpdateOne({"_id": f"gap/{write_position(gap.log, gap.index)}"}, {"$set": fields}, upsert=True)


def _steps(row: Mapping[str, Sequence[str]]) -> tuple[Step, ...]:
    return tuple(read_step(line) for line in row["steps"])


def _name(row: str) -> str:
    return row.partition("/")[2]


def _mark(sealed: int) -> str:
    return f"mark/{sealed:012d}"
