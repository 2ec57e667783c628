"""What the desk calls the codes of a case, in the reader's language."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from fastapi import Request

from services.triage.case.case import Case
from services.triage.case.forms import FORMS
from services.triage.case.hearing import ProposalStep, step_of_proposal
from services.triage.case.values import Step
from services.triage.case.voting import Tally
from shared.access.principal import Principal, Role
from shared.events import FACTS, CaseFact, CaseState
from shared.i18n.messages import message_key
from shared.i18n.wording import language_name
from shared.ids import PERSON
from shared.people_names import PeopleNames
from shared.policy import Policy
from shared.web.pages import Pages

SHOWN = {fact.name: fact.shows for fact in FACTS.values() if issubclass(fact, CaseFact)}
"""The field that a history shows beside each fact, by the fact's name."""


class CaseNames:
    """Names of states, places, people and steps."""

    def __init__(self, pages: Pages, policy: Policy, people: PeopleNames) -> None:
        self._pages = pages
        self._people = people
        self._policy = policy
        self._community_of = only_communities(policy)

    def code(self, request: Request, prefix: str, code: str) -> str:
        """The message of a code: `("outcome", "warning")`."""
        return self._pages.message(request, message_key(prefix, code))

    def said(self, request: Request, key: str, *values: str | int) -> str:
        """A message with its values."""
        return self._pages.message(request, key, *values)

    def options(self, request: Request, prefix: str, codes: Sequence[str]) -> list[tuple[str, str]]:
        """The codes of a choice, each with its message. `prefix` begins the keys; bodies and communities have names."""
        if prefix == "body":
            return [(code, self.body(request, code)) for code in codes]
        if prefix == "project":
            return [(code, self.community(code)) for code in codes]
        return [(code, self.code(request, prefix, code)) for code in codes]

    def body(self, request: Request, body: str | None) -> str:
        """A handling body, with its community where it serves one alone: many communities have administrators."""
        known = self._policy.bodies.get(body or "")
        if known is None:
            return body or ""
        name, community = self._pages.message(request, known.name_key), self._community_of.get(known.id)
        return self._pages.message(request, "desk-body", name, community) if community else name

    def community(self, community: str) -> str:
        """A community."""
        known = self._policy.communities.get(community)
        return known.name if known else community

    def state(self, request: Request, state: CaseState) -> str:
        """A state. To the body that a case was just passed to, it is simply new."""
        return self._pages.message(request, "desk-new") if state is CaseState.TRIAGED else self.code(
            request, "state", state
        )  # fmt: skip

    def person(self, request: Request, reader: Principal, role: str, ref: str) -> str:
        """A person by role and code name, or what a service is; the reader is “You”."""
        if ref == reader.ref:
            return self._pages.message(request, "desk-you")
        name = self.code(request, "role", "system" if role == "service" else role)
        return self.said(request, "desk-person", name, self._people.of(ref)) if PERSON.fullmatch(ref) else name

    def name(self, ref: str) -> str:
        """The code name of a person."""
        return self._people.of(ref)

    def lookers(self, request: Request, people: Iterable[str]) -> str:
        """That these people (references) look at a case; nothing where there are none."""
        called = ", ".join(sorted(map(self.name, people)))
        return self.said(request, "desk-live-looking", called) if called else ""

    def languages(self, codes: Sequence[str]) -> str:
        """Languages, each as it calls itself."""
        return ", ".join(language_name(code) for code in codes)

    def language(self, request: Request) -> str:
        """The language of the reader."""
        return self._pages.language(request)

    def step_of_proposal(self, case: Case, at: datetime, tally: Tally | None, reader: str) -> ProposalStep:
        """What is next with the proposal of a case, if there is one, at a time (UTC-aware). `tally`: its votes."""
        ready = tally is not None and not tally.needs
        return step_of_proposal(case, self._policy, at, ready=ready, reader=reader) if case.proposal else "vote"

    def step(self, request: Request, reader: Principal, step: Step) -> dict[str, object]:
        """A step of a history, as the timeline of a page takes it."""
        text = self.code(request, "fact", step.fact)
        if step.detail:
            text = self._pages.message(request, "desk-step", text, self._detail(request, reader, step, step.detail))
        return {"text": text, "at": step.at, "detail": self.person(request, reader, step.role, step.actor)}

    def _detail(self, request: Request, reader: Principal, step: Step, detail: str) -> str:
        match SHOWN.get(step.fact):
            case "body" | "to_body":
                return self.body(request, detail)
            case "assignee" | "previous_assignee" | "person":
                return self.person(request, reader, Role.RESPONDER, detail)
            case str() as prefix:
                return self.code(request, prefix.replace("_", "-"), detail)
            case None:
                return detail


def only_communities(policy: Policy) -> dict[str, str]:
    """The name of its community, by each handling body that serves only one, and no rule sends others' cases to."""
    for_all = {target for rule in policy.rules for target in rule.to}
    served: dict[str, list[str]] = {}
    for community in policy.communities.values():
        for body in {*community.bodies.values()} - for_all:
            served.setdefault(body, []).append(community.name)
    return {body: names[0] for body, names in served.items() if len(names) == 1}


def done_in(request: Request) -> str | None:
    """The command that the address says is done."""
    form = FORMS.get(request.query_params.get("done", ""))
    return form.command if form else None
