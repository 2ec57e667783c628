"""The access control of a service, made from its runtime: the roster, the gate, and how people sign in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from shared.access.entries import ROSTER_FACTS, ROSTER_TOPICS
from shared.access.refusal_log import REFUSAL_INDEXES, MongoRefusals, Refusals
from shared.access.roster import Roster, RosterStore
from shared.access.roster_store import ROSTER_INDEXES, MongoRoster, NamesReplay
from shared.aggregates import OUTBOX_INDEX, Aggregates
from shared.events import RosterNames
from shared.own_names import OwnNames, Proof
from shared.parts import Part
from shared.problems import Problem, Unavailable
from shared.runtime import Runtime, facts_of
from shared.sign_in.attempts import SignInRefused
from shared.sign_in.flow import Noted, SignInFlow
from shared.sign_in.pages import make_sign_in
from shared.sign_in.providers import make_provider
from shared.sign_in.sessions import Sessions, SessionStore
from shared.sign_in.settings import SignInSettings
from shared.sign_in.store import MongoSessions
from shared.times import now
from shared.web.gate import Gate, ReadService
from shared.web.pages import Pages
from shared.web.rates import Rates

SIGN_IN = "session.sign_in"


SignedInNames = Callable[[Proof], Awaitable[OwnNames]]
"""Gives the names of the person of a sign-in, by its proof, once the roster has noted them.

Triage's own (services.triage.roster.actions.SignIns), or shared.clients.roster.RosterClient. Raises Unavailable, and
Problem 422 for a proof that proves nothing.
"""


@dataclass(frozen=True, slots=True)
class SignIn:
    """How people sign in at a service. Its pages stand under `home` of `address`.

    `noted` is told the names of each person who comes with a session. Tests hand in another `store`.
    """

    settings: SignInSettings
    pages: Pages
    home: str
    address: str
    names: SignedInNames
    noted: Noted | None = None
    store: SessionStore | None = None


class AccessControl:
    """Decides who gets in. `gate` is for the routes of every room, `part` is one of the service's parts."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        entries: Aggregates | None = None,
        copies: RosterStore | None = None,
        services: ReadService | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`entries`: the roster itself, in the service that owns it. Every other service makes a copy of the topic.

        `services` reads tokens of other services. `clock`: the time (UTC-aware) by which the gate judges rights. A
        sign-in is noted with the time of the machine, so a gate with another clock cannot judge whether it is fresh:
        there, no route declares an action that takes a fresh sign-in. Tests hand in other `copies`.
        """
        self._runtime = runtime
        projection = MongoRoster(entries.collection if entries else runtime.database["roster"])
        if entries is None:
            for topic in ROSTER_TOPICS:
                runtime.consume_facts(topic, ROSTER_FACTS, projection.project, use="projection")
        names = NamesReplay(partial(runtime.read_to_end, RosterNames.topic), facts_of([RosterNames]), projection)
        refused = runtime.aggregates("refusals")
        self.roster = Roster(copies or projection)
        self.refusals = Refusals(runtime.service, MongoRefusals(refused))
        rates = Rates(runtime.settings.token_rate)
        self.gate = Gate(self.refusals, roster=self.roster, services=services, rates=rates, clock=clock)
        self.part = Part(
            indexes=[
                (projection.collection, [*([OUTBOX_INDEX] if entries else []), *ROSTER_INDEXES]),
                (refused.collection, REFUSAL_INDEXES),
            ],
            tasks=[self.roster.watch, self.refusals.run],
            stops=[self.refusals.flush],
            prepare=[] if entries else [names.run],
        )

    def _store_away(self) -> str | None:
        return self._runtime.readiness.waiting_for.get("mongodb")

    def open_sign_in(self, sign_in: SignIn) -> tuple[SignInFlow, Part]:
        """Let people sign in. From then on the gate knows their sessions, too."""
        settings, stored = sign_in.settings, MongoSessions(self._runtime.database, self._store_away)
        provider = make_provider(settings, address=sign_in.address, home=sign_in.home)

        async def names_of(proof: Proof) -> OwnNames:
            try:
                return await sign_in.names(proof)
            except Problem as problem:
                # 401 and 403: a key or clock of ours is wrong, which passes. Else the proof proves nothing.
                if problem.status in (401, 403):
                    raise Unavailable("the roster, or the vault, refuses this service") from None
                raise SignInRefused("names-refused") from None

        async def refused(reason: str) -> None:
            self.refusals.note(SIGN_IN, reason)

        flow = SignInFlow(
            sign_in.pages,
            provider,
            Sessions(sign_in.store or stored),
            sign_in.home,
            sign_in.address,
            settings.identity_key,
            names_of,
            refused,
            noted=sign_in.noted,
            people=self.roster,
        )
        self.gate.sessions = flow.session
        part = Part([make_sign_in(flow, self.gate)], indexes=stored.indexes, stops=[provider.aclose])
        return flow, part
