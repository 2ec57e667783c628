"""What people may do to a case, and the form of each command, for the API and for the pages. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.triage.answers import CommandOffered, FieldTaken
from services.triage.case.attendance import People
from services.triage.case.case import Case
from services.triage.case.commands.command import (
    Command,
    Field,
    FieldWrong,
    ReferenceField,
    Words,
    WordsField,
    fields_of,
    takes,
)
from services.triage.case.commands.table import COMMANDS
from services.triage.case.lifecycle import permitted_in
from shared.access.authorization import allow
from shared.access.conditions import Permit, Reason
from shared.access.principal import Principal, Resource, serves
from shared.events import Actor
from shared.policy import Policy
from shared.problems import FieldError


@dataclass(frozen=True, slots=True)
class Form:
    """A command that people give, and the fields that it takes. Who may is said in shared/access/actions.py."""

    kind: type[Command]
    fields: tuple[Field, ...]

    @property
    def command(self) -> str:
        """The name of the command."""
        return self.kind.name

    @property
    def action(self) -> str:
        """Its action in shared/access/actions.py."""
        return f"case.{self.kind.name}"

    def command_of(
        self,
        meant: Mapping[str, Any],
        by: Actor,
        *,
        people: People,
        words_id: Callable[[str], str],
        token_of: Callable[[str], str],
        refs: tuple[str, str] = ("", ""),
        assignee_stays: bool = True,
        survivor: Case | None = None,
        kin: tuple[Case, ...] = (),
    ) -> Command:
        """The command with what its fields mean, as `read` gives it.

        `people`: who could handle the case. `words_id` names the words of a field for the vault; `token_of` gives the
        token of a person in the case.
        `refs`: what the case calls the other one, and the other one calls it. `assignee_stays`: whether the person who
        has the other case may see this one. `survivor`: the case of which it is a part. `kin`: see
        services.triage.others.
        """
        values = dict(meant)
        for field in self.fields:
            if isinstance(field, WordsField):
                text = meant[field.name]
                values[field.name] = Words(words_id(field.name), text) if text or not field.optional else None
        if takes(self.kind, "by"):
            values["by"] = by
        if takes(self.kind, "token"):
            values["token"] = token_of(meant.get("person", by.ref))
        if takes(self.kind, "people"):
            values["people"] = people
        if takes(self.kind, "other_ref"):
            values["other_ref"], values["own_ref"] = refs
        if takes(self.kind, "assignee_stays"):
            values["assignee_stays"] = assignee_stays
        if takes(self.kind, "survivor"):
            values["survivor"] = survivor
        if takes(self.kind, "kin"):
            values["kin"] = kin
        return self.kind(**values)

    @property
    def gives_case(self) -> bool:
        """Whether a person can get the case by it."""
        return any(isinstance(field, ReferenceField) and field.gets_case for field in self.fields)

    def words_of(self, command: Command) -> Iterator[tuple[WordsField, Words]]:
        """The words of a command that the vault is to keep."""
        for field in self.fields:
            if isinstance(field, WordsField) and (words := getattr(command, field.name)) is not None:
                yield field, words

    def handlers_of(self, command: Command) -> Iterator[tuple[str, str]]:
        """The fields that say who gets the case, each with the reference of the person."""
        for field in self.fields:
            if isinstance(field, ReferenceField) and field.gets_case:
                yield field.name, getattr(command, field.name)


FORMS: Mapping[str, Form] = {name: Form(kind, fields_of(kind)) for name, kind in COMMANDS.items() if kind.by_people}
"""The form of each command that people give, by its name."""


def resource_of(case: Case, policy: Policy, shut_out: frozenset[str] = frozenset(), *, asked: bool = False) -> Resource:
    """What access control needs to know of a case; with `asked`, of the referral or invitation that waits.

    What waits is in the body that is asked, and no other right reaches that body's people. Where nothing waits, it is
    in no body. The case itself is in the body that has it, and beside that in those that have joined it.

    `shut_out`: the pseudonyms and references that stand beside the case (services.triage.sight). Without them the
    answer holds only for a person who is known to see the case.
    """
    parties, recused = shut_out.union(case.parties), shut_out.union(case.recused)

    def there(name: str | None, joint: tuple[Resource, ...] = ()) -> Resource:
        training = policy.training_of(name)
        return Resource(name, case.community, parties=parties, recused=recused, training=training, joint=joint)

    if asked:
        return there(case.asked.to_body if case.asked else None)
    return there(case.body, tuple(there(name) for name in case.joined))


def permitted(case: Case, principal: Principal, policy: Policy, now: datetime) -> list[Form]:
    """The commands that the case's state and the principal's rights permit now, or would after a fresh sign-in."""
    resources = {asked: resource_of(case, policy, asked=asked) for asked in (False, True)}
    forms = (FORMS.get(name) for name in permitted_in(case.state))
    applying = (form for form in forms if form and form.kind.applies(case))
    return [form for form in applying if _offers(principal, form, case, resources[form.kind.by_asked], now)]


def _offers(principal: Principal, form: Form, case: Case, resource: Resource, now: datetime) -> bool:
    answer = allow(principal, form.action, resource, now)
    may = isinstance(answer, Permit) or answer.reason is Reason.SIGN_IN_AGAIN
    if form.kind.judges and principal.ref in case.refusers:
        return False
    return may and form.kind.suits(case, principal.ref, answer.role if isinstance(answer, Permit) else None)


def bodies_served(case: Case, principal: Principal, now: datetime) -> tuple[str, ...]:
    """The bodies of the case that the principal serves at `now` (UTC-aware)."""
    return tuple(body for body in case.bodies if serves(principal, body, now))


def show_form(form: Form, case: Case, policy: Policy, able: Sequence[str], serving: Sequence[str]) -> CommandOffered:
    """The form as the API shows it. `able`: the people (references) who can get the case; `serving`: bodies of it that
    the reader serves.
    """
    offered = form.kind.offered(case, serving, policy)
    fields: list[FieldTaken] = []
    for field in form.fields:
        shown: FieldTaken = {"name": field.name, "kind": field.kind, "required": field.required}
        gets_case = isinstance(field, ReferenceField) and field.gets_case
        if options := able if gets_case else offered.get(field.name, field.options(policy)):
            shown["options"] = list(options)
        elif field.kind != "day":
            shown["max_length"] = field.limit
        fields.append(shown)
    return {"command": form.command, "fields": fields}


def read(
    form: Form, values: Mapping[str, object], policy: Policy, principal: Principal
) -> tuple[dict[str, Any], list[FieldError]]:
    """What the fields of a command mean that `principal` gives; and each fault. What has one is empty."""
    known = {field.name for field in form.fields}
    # The name of an unknown field is the sender's own text, so the answer does not repeat it.
    errors = [] if values.keys() <= known else [FieldError("", "extra_forbidden", "There is a field too many.")]
    meant: dict[str, Any] = {}
    for field in form.fields:
        value = values.get(field.name)
        meant[field.name] = field.empty
        try:
            given = field.read(value, policy)
        except FieldWrong as wrong:
            errors.append(FieldError(f"/{field.name}", wrong.code, wrong.detail))
            continue
        if given is not None:
            meant[field.name] = given
        # Where a button without any field means oneself, an empty field was forgotten.
        elif field.may_leave_out(principal) and (value is None or not form.kind.button):
            meant[field.name] = field.left_out(principal)
        else:
            errors.append(FieldError(f"/{field.name}", "missing", field.missing))
    return meant, errors
