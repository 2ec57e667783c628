"""A case that came of the report of another one stays shut to those who may not see that one. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from services.triage.author import TRIAGE
from services.triage.case.attendance import NOBODY, People
from services.triage.case.case import Case
from services.triage.case.commands.command import Command
from services.triage.case.commands.linking import SPLIT
from services.triage.case.commands.recusal import carried, detected, taken_over
from services.triage.case.parts import had_part, took_part
from services.triage.case.values import Recusal, Step
from shared.events import RETALIATION, CaseFact, CaseLinked, CaseState
from shared.policy import Policy


@dataclass(frozen=True, slots=True)
class KeepApart(Command):
    """Recuse the people who were recused from the first case since this one was opened, by the same words.

    After bad treatment, also those who have had the first case since, or decided in it, or had or decided another
    matter of the same report. What a coordinator has taken back here is not said again. `firsts`: that case, and the
    one of which it is a part, if it is. `matters`: the cases of those other matters, and those that these are part of.
    """

    name = "keep_apart"
    by_people = False

    firsts: tuple[Case, ...]
    people: People = NOBODY
    matters: tuple[Case, ...] = ()

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The recusals, each once."""
        missing: dict[str, Recusal] = {}
        for one in self._missing(case, now):
            known = missing.get(one.person)
            if not _is_taken_back(case, one) and not (known and known.confirm_by is None):
                missing[one.person] = one
        return [*taken_over(missing.values(), state, case.assignee)]

    def _missing(self, case: Case, now: datetime) -> Iterator[Recusal]:
        lasting = set(case.recused).difference(one.person for one in case.recusals if one.confirm_by is not None)
        for first in self.firsts:
            yield from (here for _, here in carried(first, case, self.people, now) if here)
        if relation_of(case) == RETALIATION:
            for earlier in (*self.firsts, *self.matters):
                # Others say who gets a case, and nobody alone takes an objection away.
                given = {one for one in had_part(earlier) if not case.objects(one)}
                yield from map(detected, sorted((took_part(earlier) | given) - lasting))


def relation_of(case: Case) -> str | None:
    """What the case had to do with the first one when it was opened."""
    return next((step.detail for step in _told_links(case)), None)


def matters_of(case: Case) -> tuple[str, ...]:
    """The cases, as this one calls them, that are other matters of the same report: split off it, or it off them."""
    return tuple(step.other_case for step in _told_links(case) if step.detail == SPLIT and step.other_case)


def _told_links(case: Case) -> Iterator[Step]:
    """The links that triage itself told. What people take back was so all the same."""
    return (step for step in case.history if step.fact == CaseLinked.name and step.actor == TRIAGE.ref)


def _is_taken_back(case: Case, recusal: Recusal) -> bool:
    """Whether this held for good in the case, and was taken back."""
    meant = (recusal.person, recusal.by, recusal.ground)
    ended = (one for one in case.ended_recusals if one.confirm_by is None)
    return any((one.person, one.by, one.ground) == meant for one in ended)
