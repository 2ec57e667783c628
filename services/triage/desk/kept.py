"""What waits for the reader in the forms of a case: typed and never sent, or sent and refused."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from services.triage.case.forms import FORMS
from services.triage.desk.faults import unsent_of
from services.triage.sent import SentForm, parts_of, waits_in
from shared.sign_in.drafts import Draft


def values_of(command: str, form: Mapping[str, Sequence[str]]) -> dict[str, object]:
    """What a form says: all that was ticked, and of other fields the last value."""
    ticked = {field.name for field in FORMS[command].fields if field.kind == "choices"}
    given = {name: list(values) if name in ticked else values[-1] for name, values in form.items()}
    return {**{name: [] for name in ticked}, **given}


def kept_of(drafts: Sequence[Draft], permitted: Collection[str]) -> list[dict[str, Any]]:
    """The drafts of a case: the `name` of the command, its `path`, what was `typed` and when (`at`).

    `lost`: words of a form that is there no more.
    """
    found = []
    for draft in drafts:
        about = waits_in(draft)
        command = about["name"]
        if command not in FORMS:
            continue
        sent = SentForm(command, values_of(command, parts_of(draft.fields)[0]))
        lost = [] if command in permitted else unsent_of(sent, ())
        found.append({**about, "typed": sent.values, "lost": lost})
    return found
