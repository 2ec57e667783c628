"""Other cases that a case has to do with: found for commands, and shown only to those who may see them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.triage.case.case import Case
from services.triage.case.commands.command import takes
from services.triage.case.commands.linking import LINK
from services.triage.case.forms import Form, resource_of
from services.triage.case.tokens import Tokens
from services.triage.case.values import Link, Step
from services.triage.sight import Sight
from services.triage.statements import without_statements
from services.triage.stored import CaseStore, StoredCase
from shared.access.authorization import is_permitted
from shared.access.principal import Principal
from shared.clients.vault import Contents
from shared.events import CaseAbsorbed, CaseGrouped, CaseMerged, CheckInKept, InformationReceived
from shared.policy import Policy
from shared.problems import FieldError
from shared.times import now

_MERGES = frozenset({CaseAbsorbed.name, CaseMerged.name})


@dataclass(frozen=True, slots=True)
class Beside:
    """Those of the other cases of a case that one person may see, by what the case calls them.

    Nothing is shown of those that the person may not see.
    """

    cases: Mapping[str, Case] = field(default_factory=dict)

    def links(self, case: Case) -> list[tuple[Link, Case]]:
        """What the case has to do with others, and these."""
        return [(link, self.cases[link.other]) for link in case.links if link.other in self.cases]

    def survivor(self, case: Case) -> Case | None:
        """The case of which this one is a part."""
        return self.cases.get(case.merged_into or "")

    def absorbed(self, case: Case) -> list[tuple[Case, int]]:
        """The cases that are part of this one, each with how often its reporter has answered since."""
        return [(self.cases[ref], _answers_since(self.cases[ref])) for ref in case.absorbed if ref in self.cases]

    def steps(self, steps: Sequence[Step]) -> list[Step]:
        """The steps that tell of no other case, or of one that the person may see.

        That a case is part of a flood tells of others: the page says it to those who may see these.
        """
        told = [step for step in steps if step.fact != CaseGrouped.name]
        return [step for step in told if step.other_case is None or step.other_case in self.cases]

    def partings(self, case: Case) -> list[tuple[Step, Case]]:
        """The steps by which a handler took a link or a merge back, each with the other case."""
        told = (step for step in self.steps(case.history) if step.other_case and step.reason_id)
        return [(step, self.cases[step.other_case or ""]) for step in told]

    def contents(self, case: Case, contents: Contents) -> Contents:
        """The contents, without the words of links to cases that the person may not see, or of links that ended.

        Why a link or a merge ended is told to those who may see both cases.
        """
        shown = {link.note_id for link, _ in self.links(case)}
        shown |= {step.reason_id for step, _ in self.partings(case)}
        shown |= {case.merge_note_id} if self.survivor(case) else set()
        return without_statements(contents, LINK, shown)


def _merged_with(case: Case) -> set[str]:
    """What the case calls those that it was ever merged with."""
    return {step.other_case for step in case.history if step.fact in _MERGES and step.other_case}


def _answers_since(case: Case) -> int:
    """How often the reporter has answered since the case was merged, also how it goes."""
    merged = max((step.seq for step in case.history if step.fact == CaseMerged.name), default=0)
    return sum(_is_answer(step) and step.seq > merged for step in case.history)


def _is_answer(step: Step) -> bool:
    return step.fact == InformationReceived.name or (step.fact == CheckInKept.name and step.detail == "answered")


class Others:
    """Finds other cases, as far as one person may."""

    def __init__(
        self,
        cases: CaseStore,
        sight: Sight,
        policy: Policy,
        tokens: Tokens,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._cases = cases
        self._tokens = tokens
        self._sight = sight
        self._policy = policy
        self._clock = clock

    async def beside(self, principal: Principal, case: Case) -> Beside:
        """The other cases of the case that the person may see."""
        refs = {step.other_case for step in case.history if step.other_case}
        if not refs:
            return Beside()
        meant = {ref: i for ref in refs if (i := self._tokens.case_meant(case.id, ref))}
        found = await self._cases.load_whole(meant.values())
        cases, at = [one.case for one in found.values()], self._clock()
        names = await self._sight.shut_out_of_each(cases, principal.ref)
        seen = {
            one.id: one
            for one in cases
            if one.id in names
            and is_permitted(principal, "case.read", resource_of(one, self._policy, names[one.id]), at)
        }
        return Beside({ref: seen[i] for ref, i in meant.items() if i in seen})

    def refs(self, case_id: str, other_id: str | None) -> tuple[str, str]:
        """What the case calls the other one, and the other one calls it."""
        if other_id is None:
            return "", ""
        return self._tokens.ref_of(case_id, other_id), self._tokens.ref_of(other_id, case_id)

    async def named_in(self, form: Form, values: Mapping[str, object], case_id: str) -> str | None:
        """The id of the other case that a command on this one names, by its code name or id; None where there is none.

        A command that has to do with the survivor of a merged case names that one.
        """
        if takes(form.kind, "survivor"):
            found = (await self._cases.load([case_id])).get(case_id)
            ref = found.case.merged_into if found else None
            return self._tokens.case_meant(case_id, ref) if ref else None
        for taken in form.fields:
            value = values.get(taken.name)
            if taken.kind == "case" and isinstance(value, str) and (text := value.strip()):
                if len(text) > taken.limit:
                    return None
                by_name = await self._cases.find_by_code_name(text.lower())
                return by_name.case.id if by_name else text.lower()
        return None

    async def kin(self, case: Case) -> tuple[Case, ...]:
        """The other cases that came of the same report, and those that were ever merged with one of them."""
        known, new = {case.id: case}, [case]
        seen = {case.id}
        while new:
            ids, parties = {one.id for one in new}, self._sight.parties
            merged = (i for one in new for i in self._tokens.cases_meant(one.id, _merged_with(one)))
            found = {*(await parties.followed(ids)).values(), *await parties.following(ids), *merged} - seen
            seen |= found
            new = [stored.case for stored in (await self._cases.load_whole(found)).values()] if found else []
            known |= {one.id: one for one in new}
        return tuple(one for one in known.values() if one.id != case.id)

    async def give(
        self, form: Form, meant: dict[str, Any], other: StoredCase | None, principal: Principal
    ) -> list[FieldError]:
        """Put the other case where the command names one. The fault is the same for one that the person may not act on
        as for one that is not there.
        """
        faults: list[FieldError] = []
        for taken in form.fields:
            if taken.kind == "case" and meant[taken.name] is not None:
                may = other is not None and await self._may(principal, form.action, other.case)
                meant[taken.name] = other.case if other is not None and may else None
                if not may:
                    faults.append(FieldError(f"/{taken.name}", "unknown_case", "There is no such case."))
        return faults

    async def _may(self, principal: Principal, action: str, case: Case) -> bool:
        """Whether the person may see this case, and do this to it."""
        resource = resource_of(case, self._policy, await self._sight.shut_out_of(case, principal.ref))
        at = self._clock()
        return all(is_permitted(principal, one, resource, at) for one in {"case.read", action})
