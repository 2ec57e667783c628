"""What responders and coordinators read of cases: those that they may see, and nothing of any other."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from services.triage.aside import DamagedCase
from services.triage.case.attendance import People, able
from services.triage.case.case import Case
from services.triage.case.commands.asking import RECUSAL_ASK
from services.triage.case.forms import resource_of
from services.triage.case.outline import outline_of
from services.triage.case.parts import asks_for
from services.triage.case.tokens import Tokens
from services.triage.case.values import Note
from services.triage.case.voting import Tally, count_votes
from services.triage.notes import notes_for, without_hidden_notes
from services.triage.others import Beside, Others
from services.triage.patterns.actions import GroupedShown, Patterns, Similar
from services.triage.requests import VersionConflict
from services.triage.sight import Sight
from services.triage.statements import without_statements
from services.triage.stored import CaseStore, Staffing, StoredCase
from shared.access.authorization import demand, is_permitted
from shared.access.principal import Principal, Resource
from shared.clients.vault import Contents
from shared.events import Actor
from shared.policy import Policy
from shared.problems import NotFound
from shared.times import now

SECTIONS = ("content", "reported", "correspondence", "mentions")
"""What a responder reads. The policy says when the vault tells also who reported."""


class Vault(Protocol):
    """What the desk needs of intake's vault (shared.clients.vault.VaultClient)."""

    async def read(
        self, report_ids: Sequence[str], *, sections: Sequence[str], purpose: str, behalf: Actor | None = None
    ) -> dict[str, Contents]: ...

    async def keep_statement(
        self, report_id: str, statement_id: str, *, kind: str, text: str, behalf: Actor
    ) -> None: ...

    async def name(self, report_id: str, token: str, person: str, *, behalf: Actor) -> None: ...

    async def seek_name(self, name: str, *, behalf: Actor) -> tuple[str, ...]: ...


class Handlers(Protocol):
    """What the desk needs of the roster (shared.access.roster.Roster)."""

    async def person(self, ref: str, *, began_at: datetime, authenticated_at: datetime | None) -> Principal | None: ...

    async def refs(self) -> Collection[str]: ...


class Reading:
    """The cases that a principal may work with. Every other case does not exist for them (Problem 404)."""

    def __init__(
        self,
        cases: CaseStore,
        vault: Vault,
        policy: Policy,
        people: Handlers,
        sight: Sight,
        staffing: Staffing,
        tokens: Tokens,
        patterns: Patterns,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._cases = cases
        self._vault = vault
        self._people = people
        self._sight = sight
        self._staffing = staffing
        self._tokens = tokens
        self._patterns = patterns
        self._others = Others(cases, sight, policy, tokens, clock)
        self.clock = clock
        self.policy = policy

    async def find(self, principal: Principal, case_id: str) -> Case:
        """The case with this id, as far as the principal may see it. Raises Problem 404, DamagedCase."""
        async with self._readable(principal):
            found = await self._cases.load([case_id])
        return self._as_seen(principal, (await self._theirs(principal, found.get(case_id))).case)

    async def find_by_code_name(self, principal: Principal, code_name: str) -> Case:
        """As `find`, for the case that people call by this name."""
        async with self._readable(principal):
            found = await self._cases.find_by_code_name(code_name)
        return self._as_seen(principal, (await self._theirs(principal, found)).case)

    async def read(self, principal: Principal, case: Case, also: Sequence[str] = ()) -> Contents:
        """What was reported, and where the policy gives it (shared/policy/identity.toml) who reported.

        `also`: further sections, which only a caller who asks for them gets. The vault notes who read what before it
        answers. Raises Problem 403 for a role that may not, Unavailable while the vault is away.
        """
        permit = demand(principal, "case.read_content", resource_of(case, self.policy), self.clock())
        actor = principal.actor(permit.role)
        sections = (*SECTIONS, *also)
        found = await self._vault.read([case.report_id], sections=sections, purpose="review", behalf=actor)
        contents = found.get(case.report_id) or Contents(case.report_id, {})
        beside = await self.beside(principal, case)
        contents = beside.contents(case, contents)
        contents = without_hidden_notes(case, contents, principal, self.clock())
        contents = without_statements(contents, RECUSAL_ASK, asks_for(case, principal.ref, beside.survivor(case)))
        if not contents.sections or not self.tells_reporter(case, principal):
            return contents
        who = await self._vault.read([case.report_id], sections=("reporter",), purpose="identify", behalf=actor)
        told = who[case.report_id].sections if case.report_id in who else {}
        return replace(contents, sections={**contents.sections, **told})

    async def read_reason(self, principal: Principal, case: Case) -> str | None:
        """Why the case is referred to the body of the principal, in the words of the sender; None if none are left.

        The vault notes who read it before it answers. Raises Problem 403, and 404 where no referral waits; Unavailable
        while the vault is away.
        """
        resource = resource_of(case, self.policy, asked=True)
        actor = principal.actor(demand(principal, "case.read_reason", resource, self.clock()).role)
        found = await self._vault.read([case.report_id], sections=("referral",), purpose="refer", behalf=actor)
        told = found[case.report_id].sections.get("referral", {}) if case.report_id in found else {}
        asked = case.asked
        return next(
            (words["text"] for words in told.get("statements", ()) if asked and words["id"] == asked.reason_id), None
        )

    def notes(self, principal: Principal, case: Case) -> list[Note]:
        """The notes on the case that this person may read."""
        may_read = is_permitted(principal, "case.read_content", resource_of(case, self.policy), self.clock())
        return notes_for(case, principal, self.clock()) if may_read else []

    def tells_reporter(self, case: Case, principal: Principal) -> bool:
        """Whether the policy gives the name of the reporter to this person: to the responder who has the case."""
        return case.assignee == principal.ref and bool(self.policy.identity_of(case.privacy, case.state))

    async def named_in(self, case: Case) -> dict[str, str]:
        """The people on the roster (references) that handlers have named in a case, by their tokens."""
        return self._tokens.meant(case, await self._people.refs())

    async def tally(self, case: Case) -> Tally | None:
        """What the proposal of a case has and needs; None where nothing is proposed. Raises Unavailable."""
        if case.proposal is None:
            return None
        return count_votes(case, case.proposal, await self.people_of(case), self.policy, self.clock())

    async def people_of(self, case: Case) -> People:
        """Who could handle the case. Raises Unavailable."""
        return self._tokens.people(case, People(await self._staffing.staff()), await self._sight.names_of(case))

    async def able(self, case: Case) -> list[str]:
        """The people (references) who can get the case, each once. Raises Unavailable."""
        return [person.ref for person in able(case, await self.people_of(case), self.policy, self.clock())]

    async def staff_of(self, bodies: Collection[str]) -> list[Principal]:
        """Those who have, had or will have a role in these handling bodies. Raises Unavailable."""
        staff = await self._staffing.staff()
        return list({person.ref: person for body in bodies for person in staff.get(body, ())}.values())

    async def beside(self, principal: Principal, case: Case) -> Beside:
        """The other cases of a case that the principal may see."""
        return await self._others.beside(principal, case)

    async def similar(self, principal: Principal, case: Case) -> Similar:
        """The similar cases that the principal may see. Raises Unavailable."""
        return await self._patterns.similar(principal, case)

    async def grouped(self, principal: Principal, cases: Sequence[Case]) -> Mapping[str, GroupedShown]:
        """Those of the cases of which the principal may know that they are part of a flood. Raises Unavailable."""
        return await self._patterns.grouped(principal, cases)

    async def conflict(self, principal: Principal, case: Case, seen: int) -> VersionConflict:
        """That a case is no longer what the principal saw, with the steps since then as far as they may be seen."""
        return VersionConflict(case, seen, await self.beside(principal, case))

    @asynccontextmanager
    async def _readable(self, principal: Principal) -> AsyncIterator[None]:
        """Goes around what reads a case that a person means. Those who may not see it do not hear that it is damaged.

        Nor does anybody where it cannot be read who may see it.
        """
        try:
            yield
        except DamagedCase as damaged:
            one = damaged.glimpse
            names = (await self._sight.shut_out_of_each([one], principal.ref)).get(one.id) if one else None
            if one is None or names is None:
                raise NotFound from None
            shut_out = names.union(one.parties, one.recused)
            there = Resource(one.body, one.community, parties=shut_out, recused=shut_out)
            if not is_permitted(principal, "case.list", there, self.clock()):
                raise NotFound from None
            raise

    async def _theirs(self, principal: Principal, stored: StoredCase | None) -> StoredCase:
        """The case, if the principal may read it, or is asked to take it over.

        A case of others is answered like one that does not exist.
        """
        if stored is None:
            raise NotFound
        shut_out, at = await self._sight.shut_out_of(stored.case, principal.ref), self.clock()
        asked = resource_of(stored.case, self.policy, shut_out, asked=True)
        if not is_permitted(principal, "case.read_referral", asked, at):
            demand(principal, "case.read", resource_of(stored.case, self.policy, shut_out), at)
        return stored

    def _as_seen(self, principal: Principal, case: Case) -> Case:
        """All of a case that the principal sees, or the outline of one that others have."""
        may_read = is_permitted(principal, "case.read", resource_of(case, self.policy), self.clock())
        return case if may_read else outline_of(case)
