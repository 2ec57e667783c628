"""What people may do to a case, and the form of each command: one table for the API and for the pages. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.triage.case.case import Case
from services.triage.case.commands.decision import Decide
from services.triage.case.commands.handling import GROUNDS, Assign, Close, Recuse, Start
from services.triage.case.commands.inquiry import Ask
from services.triage.case.lifecycle import permitted_in
from shared.access.authorization import allow
from shared.access.conditions import Permit, Reason
from shared.access.principal import Principal, Resource, Role
from shared.ids import PERSON
from shared.policy import Policy
from shared.problems import FieldError, Problem

WORDS_LIMIT = 5_000
"""Characters of a question or a reason."""
REFERENCE_LIMIT = 80

FieldKind = Literal["words", "choice", "reference"]


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a command. `words` go to the vault; `choice` is one of the policy's; `reference` names a person."""

    name: str
    kind: FieldKind
    required: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """A command that people give, and what it takes. Who may is said in shared/access/table.py."""

    command: str
    fields: tuple[Field, ...] = ()

    @property
    def action(self) -> str:
        """Its action in the table of shared/access/table.py."""
        return f"case.{self.command}"


FORMS: Mapping[str, Form] = {
    form.command: form
    for form in (
        Form(Assign.name, (Field("assignee", "reference", required=False),)),
        Form(Start.name),
        Form(Ask.name, (Field("question", "words"),)),
        Form(Decide.name, (Field("outcome", "choice"), Field("reason", "words"))),
        Form(Recuse.name, (Field("ground", "choice"), Field("person", "reference", required=False))),
        Form(Close.name),
    )
}
ONESELF = {Assign.name: "assignee", Recuse.name: "person"}
"""The reference of a command that means who gives it, if it is left out."""


def resource_of(case: Case, policy: Policy) -> Resource:
    """What the table of shared/access/table.py needs to know of a case."""
    body = policy.bodies.get(case.body or "")
    return Resource(
        body=case.body,
        community=case.community,
        parties=frozenset(case.parties),
        recused=frozenset(case.recused),
        training=body.training if body else (),
    )


def permitted(case: Case, principal: Principal, policy: Policy, now: datetime) -> list[Form]:
    """The commands that the case's state and the principal's rights permit now, or would after a fresh sign-in."""
    resource = resource_of(case, policy)
    forms = (FORMS.get(name) for name in permitted_in(case.state))
    return [form for form in forms if form and _offers(principal, form, resource, now)]


def _offers(principal: Principal, form: Form, resource: Resource, now: datetime) -> bool:
    answer = allow(principal, form.action, resource, now)
    return isinstance(answer, Permit) or answer.reason is Reason.SIGN_IN_AGAIN


def options_of(field: Field, policy: Policy) -> tuple[str, ...]:
    """What a `choice` offers; empty for the other kinds."""
    if field.kind != "choice":
        return ()
    return GROUNDS if field.name == "ground" else policy.outcomes


def describe_form(form: Form, policy: Policy) -> dict[str, object]:
    """The form as the API shows it."""
    fields = []
    for field in form.fields:
        shown: dict[str, object] = {"name": field.name, "kind": field.kind, "required": field.required}
        if field.kind == "choice":
            shown["options"] = list(options_of(field, policy))
        else:
            shown["max_length"] = _limit(field)
        fields.append(shown)
    return {"command": form.command, "fields": fields}


def read(form: Form, values: Mapping[str, object], policy: Policy, principal: Principal, role: Role) -> dict[str, str]:
    """The values of a command given in `role`, tidied. Raises Problem 422 with a pointer to each fault."""
    errors = [FieldError(f"/{_escaped(name)}", "extra_forbidden", "There is no such field.") for name in values
              if name not in {field.name for field in form.fields}]  # fmt: skip
    found: dict[str, str] = {}
    for field in form.fields:
        value = values.get(field.name)
        text = value.replace("\r\n", "\n").strip() if isinstance(value, str) else ""
        error = _fault(field, value, text, policy)
        if error:
            errors.append(FieldError(f"/{field.name}", *error))
        elif text:
            found[field.name] = text
    oneself = ONESELF.get(form.command)
    if oneself and oneself not in found and not errors:
        if form.command == Assign.name and role is not Role.RESPONDER:
            errors.append(FieldError("/assignee", "missing", "Say who takes the case."))
        found[oneself] = principal.ref
    if errors:
        raise Problem(422, "invalid-fields", "Some fields are not valid.", errors=errors)
    return found


def _fault(field: Field, value: object, text: str, policy: Policy) -> tuple[str, str] | None:
    if value is not None and not isinstance(value, str):
        return "string_type", "Must be a text."
    if not text:
        return ("missing", "This field needs an answer.") if field.required else None
    if len(text) > _limit(field):
        return "string_too_long", f"At most {_limit(field)} characters."
    if field.kind == "choice" and text not in options_of(field, policy):
        return "unknown_choice", "Choose one of the options."
    if field.kind == "reference" and not PERSON.fullmatch(text):
        # A reference stands in events, where no name of a person may ever be.
        return "not_a_reference", "Write a reference such as person:5f2c81aa90b1c2d3, never a name."
    return None


def _limit(field: Field) -> int:
    return WORDS_LIMIT if field.kind == "words" else REFERENCE_LIMIT


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")[:REFERENCE_LIMIT]
