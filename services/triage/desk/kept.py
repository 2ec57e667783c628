"""What waits for the reader in the forms of a case: typed and never sent, or sent and refused."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.triage.case.commands.asking import AnswerRecusal
from services.triage.case.commands.inquiry import TakeAnswer
from services.triage.case.commands.joint import EndJoint
from services.triage.case.commands.linking import Unlink
from services.triage.case.commands.merging import Unmerge
from services.triage.case.commands.recusal import Withdraw
from services.triage.case.forms import FORMS
from services.triage.desk.faults import unsent_of
from services.triage.sent import SentForm, parts_of, waits_in
from shared.sign_in.drafts import Draft

ENTRIES: Mapping[str, str] = {
    **{name: field.name for name, form in FORMS.items() for field in form.fields if field.kind == "entry"},
    EndJoint.name: "body",
    Withdraw.name: "person",
    Unlink.name: "other",
    Unmerge.name: "other",
}
"""The commands about one entry of several, each with a form of its own on the page: the field that says which."""


@dataclass(frozen=True, slots=True)
class EntryForms:
    """The forms of the commands about one entry of several. `errors`: of the form that was `sent`, by its fields."""

    drafts: Sequence[Mapping[str, Any]]
    sent: SentForm[Any] | None
    errors: Mapping[str, str]

    def of(self, command: str, value: str) -> dict[str, Any]:
        """The form about the entry of this value: what is `typed` into it, and `here`, whether it was sent."""
        field, sent = ENTRIES[command], self.sent
        here = sent is not None and sent.name == command and sent.values.get(field) == value
        mine = (one for one in self.drafts if (one["name"], one["entry"]) == (command, value))
        draft = None if here else next(mine, None)
        return {
            "command": command,
            "field": field,
            "entry": value,
            "here": here,
            "typed": sent.values if sent and here else draft["typed"] if draft else {},
            "errors": self.errors if here else {},
            "suffix": "" if here else f"-{value}",
            "draft": draft,
        }


def values_of(command: str, form: Mapping[str, Sequence[str]]) -> dict[str, object]:
    """What a form says: all that was ticked, and of other fields the last value."""
    ticked = {field.name for field in FORMS[command].fields if field.kind == "choices"}
    given = {name: list(values) if name in ticked else values[-1] for name, values in form.items()}
    return {**{name: [] for name in ticked}, **given}


def kept_of(
    drafts: Sequence[Draft], permitted: Collection[str], entries: Collection[tuple[str, str]]
) -> list[dict[str, Any]]:
    """The drafts of a case: the `name` of the command, its `path` and `entry`, what was `typed` and when (`at`).

    `entries`: the commands about one entry of several that have a form on the page, each with its entry.
    `lost`: words of a form that is there no more.
    """
    found = []
    for draft in drafts:
        about = waits_in(draft)
        command = about["name"]
        if command not in FORMS:
            continue
        sent = SentForm(command, values_of(command, parts_of(draft.fields)[0]))
        stands = (command, draft.entry) in entries if command in ENTRIES else command in permitted
        lost = [] if stands else unsent_of(sent, ())
        found.append({**about, "typed": sent.values, "lost": lost, "stands": stands})
    return found


def entries_of(
    talk: Sequence[Mapping[str, Any]],
    measures: Sequence[Mapping[str, Any]],
    referrals: Sequence[Mapping[str, Any]],
    asks: Sequence[Mapping[str, Any]],
    others: Mapping[str, Any],
    permitted: Collection[str],
) -> set[tuple[str, str]]:
    """The commands with words about one entry of several that have a form on the page, each with its entry."""
    found = {
        *((TakeAnswer.name, one["id"]) for one in talk if not one["told"]),
        *((command, one["id"]) for one in measures for command in one["offers"]),
        *((AnswerRecusal.name, one["id"]) for one in asks if one["waits"]),
        *((EndJoint.name, one["ends"]) for one in referrals if one["ends"]),
        *((Unlink.name, one["code_name"]) for one in others["links"]),
        (Unmerge.name, others["survivor"] or ""),
    }
    return {(command, entry) for command, entry in found if command in permitted}
