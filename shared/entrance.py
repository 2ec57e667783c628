"""The entrance of a service, put together from its runtime: the roster, the gate, and who keeps what was refused."""

from collections.abc import Sequence

from shared.mongo import Collection, IndexModel
from shared.outbox import OUTBOX_INDEX, Aggregates
from shared.refusals import Refusals
from shared.roster import ROSTER_FACTS, ROSTER_INDEXES, Copies, MongoRoster, Roster
from shared.runtime import Runtime
from shared.web.gate import FindSession, Gate, ReadService


class Entrance:
    """`indexes`, `tasks` and `stops` are for the service's lifecycle."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        entries: Aggregates | None = None,
        copies: Copies | None = None,
        sessions: FindSession | None = None,
        services: ReadService | None = None,
    ) -> None:
        """`entries`: the roster itself, in the service that owns it; every other consumes its topic into a projection.

        Tests hand in other `copies`.
        """
        projection = MongoRoster(entries.collection if entries else runtime.database["roster"])
        if entries is None:
            runtime.consume_facts("roster", ROSTER_FACTS, projection.project)
        refused = runtime.aggregates("refusals")
        self.roster = Roster(copies or projection)
        self.refusals = Refusals(runtime.service, refused)
        self.gate = Gate(self.refusals, roster=self.roster, sessions=sessions, services=services)
        outbox = [OUTBOX_INDEX] if entries else []
        self.indexes: Sequence[tuple[Collection, Sequence[IndexModel]]] = (
            (projection.collection, [*outbox, *ROSTER_INDEXES]),
            (refused.collection, [OUTBOX_INDEX]),
        )
        self.tasks = (self.roster.watch, self.refusals.run)
        self.stops = (self.refusals.flush,)
