"""What people may do to a case, and the form of each command: one table for the API and for the pages. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from services.triage.case import Case
from services.triage.commands import (
    Ask,
    Assign,
    Close,
    Decide,
    Start,
    permitted_in,
)
from shared.access import Principal, Role
from shared.policy import Policy
from shared.problems import FieldError, Problem

WORDS_LIMIT = 5_000
"""Characters of a question or a reason."""
REFERENCE_LIMIT = 80

Kind = Literal["words", "choice", "reference"]


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a command. `words` go to the vault; `choice` is one of the policy's; `reference` names a person."""

    name: str
    kind: Kind
    required: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """A command that people give: who may, and what it takes."""

    command: str
    roles: frozenset[Role]
    fields: tuple[Field, ...] = ()


_RESPONDERS = frozenset({Role.RESPONDER})
FORMS: Mapping[str, Form] = {
    form.command: form
    for form in (
        Form(
            Assign.name,
            frozenset({Role.RESPONDER, Role.COORDINATOR}),
            (Field("assignee", "reference", required=False),),
        ),
        Form(Start.name, _RESPONDERS),
        Form(Ask.name, _RESPONDERS, (Field("question", "words"),)),
        Form(Decide.name, _RESPONDERS, (Field("outcome", "choice"), Field("reason", "words"))),
        Form(Close.name, _RESPONDERS),
    )
}
READERS = frozenset({Role.RESPONDER, Role.COORDINATOR})
"""Who may see that a case of their bodies exists, and how far it is."""
CONTENT_READERS = frozenset({Role.RESPONDER})
"""Who may read what was reported. An operator never may, and a coordinator has no need to."""


def permitted(case: Case, principal: Principal) -> list[Form]:
    """The commands that the case's state and the principal's role permit now."""
    forms = (FORMS.get(name) for name in permitted_in(case.state))
    return [form for form in forms if form and principal.role in form.roles]


def options_of(field: Field, policy: Policy) -> tuple[str, ...]:
    """What a `choice` offers; empty for the other kinds."""
    return policy.outcomes if field.kind == "choice" else ()


def describe(form: Form, policy: Policy) -> dict[str, object]:
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


def read(form: Form, values: Mapping[str, object], policy: Policy, principal: Principal) -> dict[str, str]:
    """The values of a command, tidied. Raises Problem 422 with a pointer to each field that is wrong."""
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
    if form.command == Assign.name and "assignee" not in found and not errors:
        if principal.role is not Role.RESPONDER:
            errors.append(FieldError("/assignee", "missing", "Say who takes the case."))
        found["assignee"] = principal.ref
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
    if field.kind == "reference" and not _is_reference(text):
        # A reference stands in events, where no name of a person may ever be.
        return "not_a_reference", "Write a reference such as responder:5f2c81aa, never a name."
    return None


def _limit(field: Field) -> int:
    return WORDS_LIMIT if field.kind == "words" else REFERENCE_LIMIT


def _is_reference(text: str) -> bool:
    role, colon, ref = text.partition(":")
    return role == Role.RESPONDER and bool(colon) and 4 <= len(ref) <= 64 and all(c in _REFERENCE for c in ref)


_REFERENCE = frozenset("abcdef0123456789-")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")[:REFERENCE_LIMIT]
