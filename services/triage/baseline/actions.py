"""What coordinators and auditors do with the baseline: see what a community attests, and change it.

Every change is one atomic write: the registry of a community, and the facts that made it so.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from services.triage.author import SOURCE
from services.triage.baseline.changes import BaselineChange, Ground
from services.triage.baseline.forms import CHANGES, INPUTS, options_of
from services.triage.baseline.links import Seen
from services.triage.baseline.registry import Registry, fold
from services.triage.baseline.stored import RegistryChange, RegistryStore, StoredRegistry
from shared.access.authorization import allow, demand, is_permitted
from shared.access.conditions import Permit, Reason
from shared.access.principal import Principal, Resource, Role, speaks_for
from shared.aggregates import change
from shared.events import Actor, BaselineFact, Draft, stamp
from shared.input.readable import readable
from shared.policy import GLOBAL_COMMUNITY, Community, Policy
from shared.policy.baseline import Catalogue, in_force
from shared.problems import FieldsWrong, KeyReused, NotFound, Problem
from shared.telemetry import current_traceparent
from shared.times import now

READ_AT_ONCE = 100
SPEAKING = (Role.RESPONDER, Role.COORDINATOR)
"""The roles that a person has in a community or its handling bodies."""


class People(Protocol):
    """What the baseline needs of the roster (shared.access.roster.Roster)."""

    async def person(self, ref: str, *, began_at: datetime, authenticated_at: datetime | None) -> Principal | None: ...


@dataclass(frozen=True, slots=True)
class ChangeSent:
    """A change as it was sent: `seen` is the version that the sender saw, `cause` names the request."""

    change: BaselineChange
    seen: int
    cause: str

    @property
    def mark(self) -> str:
        """What only the same request under the same cause leaves behind."""
        # Whatever stands in it becomes public, so a plain digest gives nothing away.
        content = f"{self.change.name} {self.change.model_dump_json()}"
        return f"{self.cause} {sha256(content.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Offer:
    """A change that the reader may make now, or after a fresh sign-in, and what each of its choices offers."""

    change: type[BaselineChange]
    options: Mapping[str, tuple[str, ...]]


class RegistryConflict(Problem):
    """The registry is no longer what the sender saw."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(412, "baseline-changed", "The baseline of this community has changed since you looked at it.")
        self.registry = registry

    def document(self, request_id: str) -> dict[str, object]:
        """The problem, with the version to use next."""
        return {**super().document(request_id), "version": self.registry.seq}


Told = tuple[Sequence[BaselineFact], Actor]
Decide = Callable[[Registry, frozenset[str], datetime], Told]
"""Gives the facts to tell of a registry, by what was applied to it and the time, and who tells them. It may raise."""


Look = Callable[[str], Awaitable[Seen]]
"""Looks at the page behind a link (services.triage.baseline.links.PageReader.look); it raises nothing."""


class RegistryEditor:
    """Writes registries. Raises Unavailable when one keeps changing, or the store is away."""

    def __init__(self, store: RegistryStore, clock: Callable[[], datetime] = now) -> None:
        self._store = store
        self._clock = clock

    async def find(self, communities: Iterable[str]) -> dict[str, Registry]:
        """The registries by community; an empty one of version 0 for a community that has said nothing yet."""
        wanted = tuple(communities)
        found = await self._store.load(wanted)
        return {name: found[name].registry if name in found else Registry(name) for name in wanted}

    async def everything(self) -> AsyncIterator[Registry]:
        """All registries, by community."""
        last = ""
        while found := await self._store.after(last, READ_AT_ONCE):
            last = found[-1].id
            for registry in found:
                yield registry

    async def tell(self, community: str, marks: Sequence[str], decide: Decide) -> Registry:
        """Write the facts that `decide` gives; returns what came of the registry. `marks`: the id of the cause first.

        Raises what `decide` raises. It gives no facts where the cause is applied already.
        """
        after = Registry(community)

        async def make(_: str, stored: StoredRegistry | None) -> RegistryChange | None:
            nonlocal after
            registry = after = stored.registry if stored else Registry(community)
            at = self._clock()
            facts, actor = decide(registry, stored.applied if stored else frozenset(), at)
            if not facts:
                return None
            events = stamp(
                [Draft(fact, actor, at, marks[0]) for fact in facts],
                source=SOURCE,
                subject=f"baseline/{community}",
                case_id=community,
                last_seq=registry.seq,
                trace=current_traceparent(),
            )
            after = fold(events, registry)
            return RegistryChange(after, stored, events, marks)

        await change(self._store, [community], make)
        return after


class BaselineDesk:
    """The baseline, for those who read and change it."""

    def __init__(
        self,
        editor: RegistryEditor,
        policy: Policy,
        versions: Sequence[Catalogue],
        people: People,
        look: Look,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`versions`: of the catalogue. `look` sees the page behind a link."""
        self._editor = editor
        self._people = people
        self._look = look
        self._followers: list[Callable[[], None]] = []
        self.clock = clock
        self.policy = policy
        self.versions = versions

    @property
    def catalogue(self) -> Catalogue:
        """The version of the catalogue that holds today."""
        return in_force(self.versions, self.clock().date())

    def follow(self, changed: Callable[[], None]) -> None:
        """Have `changed` called after each change."""
        self._followers.append(changed)

    async def page(self, who: Principal, after: str | None, limit: int) -> list[tuple[Community, Registry]]:
        """The communities that `who` may read, by their ids, from behind `after`. Raises Problem 403."""
        at = self.clock()
        demand(who, "baseline.list", None, at)
        own = (c for c in self.policy.communities.values() if is_permitted(who, "baseline.read", resource_of(c), at))
        cut = [c for c in sorted(own, key=lambda c: c.id) if after is None or c.id > after][:limit]
        found = await self._editor.find(c.id for c in cut)
        return [(community, found[community.id]) for community in cut]

    async def find(self, who: Principal, community_id: str) -> tuple[Community, Registry]:
        """A community and its registry. Raises Problem 403, and 404 for one that the policy does not know."""
        community = self._community(community_id)
        demand(who, "baseline.read", resource_of(community), self.clock())
        return community, (await self._editor.find([community_id]))[community_id]

    async def global_projects(self) -> Registry:
        """The registry of what is no single community's: its projects serve all."""
        return (await self._editor.find([GLOBAL_COMMUNITY]))[GLOBAL_COMMUNITY]

    def admit(self, who: Principal, community_id: str, kind: type[BaselineChange]) -> None:
        """Let in who may make such a change there at all. Raises Problem 401, 403 and 404."""
        demand(who, kind.action(), resource_of(self._community(community_id)), self.clock())

    async def carry_out(self, who: Principal, community_id: str, sent: ChangeSent) -> Registry:
        """Make a change, once however often it comes under the same cause.

        Raises Problem: 401 (fresh sign-in), 403, 404, 422 (fields, or another request under the same cause), and
        RegistryConflict (412).
        """
        community, wanted = self._community(community_id), sent.change
        # Before the roster is asked who has a role: not everybody may find that out.
        self.admit(who, community_id, type(wanted))
        holders = await self._holders(community, wanted.people())
        digest = seen_at = None
        if (link := wanted.page()) and (seen := await self._look(link)).state == "found":
            digest, seen_at = seen.digest, self.clock()

        def decide(registry: Registry, applied: frozenset[str], at: datetime) -> Told:
            permit = demand(who, wanted.action(), resource_of(community, wanted.maker_in(registry)), at)
            actor = who.actor(permit.role)
            if sent.cause in applied:
                if sent.mark not in applied:
                    raise KeyReused
                return (), actor
            if sent.seen != registry.seq:
                raise RegistryConflict(registry)
            ground = Ground(community, self.catalogue, permit.role, at, sent.cause, holders, digest, seen_at)
            if faults := tuple(wanted.faults(registry, ground)):
                raise FieldsWrong(faults)
            return wanted.facts(registry, ground), actor

        after = await self._editor.tell(community_id, (sent.cause, sent.mark), decide)
        for follower in self._followers:
            follower()
        return after

    async def all_faults(
        self, who: Principal, community_id: str, kind: type[BaselineChange], wrong: FieldsWrong
    ) -> FieldsWrong:
        """What is wrong with a change of this kind: in its shape, and by the catalogue and the registry.

        Raises Problem: 401 (fresh sign-in), 403 and 404.
        """
        left, community = readable(kind, wrong.said), self._community(community_id)
        at = self.clock()
        role = demand(who, kind.action(), resource_of(community), at).role
        if left is None:
            return wrong
        registry = (await self._editor.find([community_id]))[community_id]
        holders = await self._holders(community, left.people())
        return wrong.and_further(left.faults(registry, Ground(community, self.catalogue, role, at, "", holders)))

    def offers(self, who: Principal, community: Community, registry: Registry) -> list[Offer]:
        """The changes that `who` may make now, or would after a fresh sign-in, where there is anything to choose."""
        at, found = self.clock(), []
        for kind in CHANGES.values():
            answer = allow(who, kind.action(), resource_of(community), at)
            if not isinstance(answer, Permit) and answer.reason is not Reason.SIGN_IN_AGAIN:
                continue
            role = answer.role if isinstance(answer, Permit) else Role.COORDINATOR
            ground = Ground(community, self.catalogue, role, at, cause="")
            options = options_of(kind, registry, ground, who.ref)
            needed = (i.name for i in INPUTS[kind.name] if i.kind == "choice" and i.required)
            if all(options[name] for name in needed):
                found.append(Offer(kind, options))
        return found

    async def _holders(self, community: Community, people: Iterable[str]) -> frozenset[str]:
        at, holders = self.clock(), set()
        for ref in dict.fromkeys(people):
            person = await self._people.person(ref, began_at=at, authenticated_at=None)
            grants = (g for g in person.running(at) if g.role in SPEAKING) if person else ()
            if any(speaks_for(grant, community.id, bodies_of(community)) for grant in grants):
                holders.add(ref)
        return frozenset(holders)

    def _community(self, community_id: str) -> Community:
        community = self.policy.communities.get(community_id)
        if community is None:
            raise NotFound
        return community


def bodies_of(community: Community) -> frozenset[str]:
    """The handling bodies that serve a community itself."""
    return frozenset(community.bodies.values())


def resource_of(community: Community, maker: str = "") -> Resource:
    """What access control needs to know of a community, and of who made what is changed (empty: nobody)."""
    return Resource(community=community.id, bodies=bodies_of(community), owner=maker)
