"""The forms on the page of a community: which there are now, and what was typed into the one that came back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from services.triage.baseline.actions import Offer
from services.triage.baseline.forms import INPUTS
from services.triage.baseline.words import WORDS_LIMIT
from services.triage.sent import SentForm
from shared.events import Claim
from shared.i18n.messages import message_key
from shared.policy.baseline import Responsibility

FIELD = "field-"
"""Beginning of the names of the fields that a responsibility asks for, in forms."""
ABOUT = {
    "attest": "responsibility_id",
    "annotate": "responsibility_id",
    "withdraw": "attestation_id",
    "confirm": "attestation_id",
    "change_project": "project_id",
    "end_project": "project_id",
}
"""The field of each form that says what it is about."""
_FAULTS = {
    "missing": "field-required",
    "string_too_long": "desk-baseline-fault-too-long",
    "address": "desk-baseline-fault-address",
    "not_printable": "desk-baseline-fault-not-printable",
    "not_a_link": "desk-baseline-fault-not-a-link",
    "not_https": "desk-baseline-fault-not-https",
    "has_credentials": "desk-baseline-fault-not-public",
    "other_port": "desk-baseline-fault-not-public",
    "private_host": "desk-baseline-fault-not-public",
    "past_date": "roster-past-date",
    "future_date": "field-future-date",
    "too_late": "desk-baseline-fault-too-late",
    "too_short": "desk-baseline-fault-too-few",
    "not_a_reference": "desk-not-a-reference",
    "no_role_here": "desk-baseline-fault-no-role",
    "int_parsing": "desk-baseline-fault-number",
    "range_reversed": "roster-range-reversed",
    "literal_error": "field-unknown-choice",
    "always_applies": "desk-baseline-fault-always-applies",
    "needs_auditor": "desk-baseline-fault-needs-auditor",
    "not_taken": "desk-baseline-fault-not-taken",
}
"""The messages of faults of fields."""
_DATE_FAULTS = ("date_parsing", "datetime_parsing")
_LABELS = {
    ("annotate", "statement"): "desk-baseline-field-annotation",
    ("withdraw", "statement"): "desk-baseline-field-because",
    ("attest", "statement"): "desk-baseline-field-statement",
    ("attest", "claim"): "desk-baseline-field-claim",
    ("attest", "link"): "desk-baseline-field-link",
    ("attest", "valid_until"): "desk-baseline-field-until",
}
"""The labels of fields; those of projects follow from their names."""

Say = Callable[..., str]
"""Gives a message in the reader's language."""


@dataclass(frozen=True, slots=True)
class PageForms:
    """The forms that the reader may send now. `sent`: the one that came back; `say` gives messages."""

    offers: Mapping[str, Offer]
    sent: SentForm[Sequence[str]] | None
    say: Say

    def has(self, change: str, about: str = "") -> bool:
        """Whether there is such a form, about this responsibility, attestation or project."""
        offer = self.offers.get(change)
        return offer is not None and (change not in ABOUT or about in offer.options[ABOUT[change]])

    def is_back(self, change: str, about: str = "") -> bool:
        """Whether it is the form that came back."""
        return self.sent is not None and self.sent.name == change and about_of(change, self.sent.values) == about

    def typed(self, change: str, about: str, name: str, default: str = "") -> str:
        """What was typed into a field of it; `default` where it did not come back."""
        return "\n".join(self.chosen(change, about, name, [default]))

    def chosen(self, change: str, about: str, name: str, default: Sequence[str] = ()) -> Sequence[str]:
        """The values of a field of it."""
        return self.sent.values.get(name, []) if self.sent and self.is_back(change, about) else default

    def error(self, change: str, about: str, name: str) -> str | None:
        """What is wrong with a field of it."""
        return self.faults.get(name) if self.is_back(change, about) else None

    def claims(self, row: Responsibility) -> list[str]:
        """The claims that a responsibility allows."""
        allowed = [Claim.MET, Claim.NOT_MET] if row.attested else []
        return [*map(str, allowed), *([str(Claim.NOT_APPLICABLE)] if row.not_applicable == "with_reason" else [])]

    @property
    def faults(self) -> dict[str, str]:
        """The first fault of each field of the form that came back, by the name of the field in the form."""
        found: dict[str, str] = {}
        if self.sent and self.sent.problem:
            for error in self.sent.problem.errors:
                first, _, rest = error.pointer.removeprefix("/").partition("/")
                name = FIELD + rest.split("/")[0] if first == "fields" and rest else first
                found.setdefault(name, self._fault(self.sent.name, name, error.code))
        return found

    @property
    def summary(self) -> list[tuple[str, str]]:
        """The faults of fields that the page shows: the id of the field, and the fault behind its label."""
        if self.sent is None or not self._is_shown:
            return []
        change = self.sent.name
        place = "-".join(filter(None, (change, about_of(change, self.sent.values))))
        shown = [(name, text) for name, text in self.faults.items() if self._is_field(name)]
        return [(f"{place}-{name}", _after(self._label(change, name), text)) for name, text in shown]

    @property
    def elsewhere(self) -> list[str]:
        """The faults that belong to no field of the page."""
        return [text for name, text in self.faults.items() if not (self._is_shown and self._is_field(name))]

    @property
    def unsent(self) -> list[str]:
        """The words of a form that is not on the page any more."""
        if self.sent is None or self._is_shown:
            return []
        return [text for name in ("statement", "title") for text in self.sent.values.get(name, ()) if text.strip()]

    @property
    def _is_shown(self) -> bool:
        return self.sent is not None and self.has(self.sent.name, about_of(self.sent.name, self.sent.values))

    def _is_field(self, name: str) -> bool:
        taken = INPUTS[self.sent.name] if self.sent else ()
        return name.startswith(FIELD) or (name not in ABOUT.values() and any(one.name == name for one in taken))

    def _label(self, change: str, name: str) -> str:
        if name.startswith(FIELD):
            return self.say(message_key("baseline-field", name.removeprefix(FIELD)))
        return self.say(_LABELS.get((change, name)) or message_key("desk-baseline-project", name))

    def _fault(self, change: str, name: str, code: str) -> str:
        if code in _DATE_FAULTS:
            return self.say("field-not-a-date")
        limit = next((i.max_length for i in INPUTS[change] if i.name == name), None) or WORDS_LIMIT
        return self.say(_FAULTS.get(code, "desk-baseline-fault-now"), limit)


def _after(label: str, text: str) -> str:
    """A fault behind the label of its field, which may be a question."""
    return f"{label} {text}" if label.endswith(("?", "؟", "？")) else f"{label}: {text}"


def about_of(change: str, form: Mapping[str, Sequence[str]]) -> str:
    """What a form is about: the id of a responsibility, an attestation or a project. Empty for a new project."""
    return next(iter(reversed(form.get(ABOUT.get(change, ""), ()))), "")
